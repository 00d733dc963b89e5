"""传染病报告卡: what was reported or revised within an hour, NDJSON ten minutes after it."""

from __future__ import annotations

from datetime import time, timedelta

import numpy as np

from infra.simulator.city import City
from infra.simulator.feed import Feed
from infra.simulator.health.cards import CARD, HOUR, STORY, cards
from infra.simulator.health.planned import spoiled
from infra.simulator.health.residents import Run
from infra.simulator.model import Slot, TableTruth
from infra.simulator.planted import Planted
from infra.simulator.rows import Rows
from infra.simulator.writers import json_bytes

_ID = "wjj.notifiable_disease_card"
BUSY = 10
"""The hour with the most cards, in which dirt is planted."""
_DIRT = (
    Planted(_ID, 1, "cell", 1, "disease_code.allowed", {"disease_code": "UNKNOWN"}, hour=BUSY),
    Planted(_ID, 1, "duplicate", 1, hour=9),
    Planted(_ID, 2, "cell", 1, "onset_date.required", {"onset_date": ""}, hour=BUSY),
    Planted(_ID, 2, "late", hour=15, arrives_day=3, arrives=time(8, 30)),
    Planted(_ID, 3, "cell", 1, "onset_by_diagnosis", {"onset_date": "2099-01-01"}, hour=BUSY),
    Planted(_ID, 4, "cell", 1, "case_class.allowed", {"case_class": "待定"}, hour=BUSY),
    Planted(_ID, 5, "cell", 1, "diagnosed_at.type", {"diagnosed_at": "{day}T25:00:00+08:00"}, hour=BUSY),
)


def card_rows(city: City, slot: Slot) -> Rows:
    """The rows of a file, dirt included; it falls on first reports that nobody revises."""
    day_no, hour = city.day_no(slot.start), slot.start.hour
    rows = cards(Run.of(city), day_no)
    rows.keep(np.flatnonzero(rows.cells[HOUR] == str(hour)))
    return spoiled(city, _ID, _DIRT, slot, rows, story=rows.cells[STORY])


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    rows = card_rows(city, slot)
    members = {name: name for name in CARD}
    content = json_bytes(rows, members, numbers=("revision",), booleans=("is_withdrawn",))
    return content, {"notifiable_disease_card": rows.truth()}


FEED = Feed(
    department="wjj",
    name="notifiable_disease_card",
    every="hour",
    filename="notifiable_disease_card_{start:%Y%m%d%H}{suffix}.ndjson",
    arrives=timedelta(hours=1, minutes=10),
    render=_render,
    dirt=_DIRT,
)
