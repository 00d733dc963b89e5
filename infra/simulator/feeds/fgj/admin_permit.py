"""双公示行政许可: the permits that units report through the platform's interface, NDJSON and the paged API."""

from __future__ import annotations

from datetime import timedelta

from infra.simulator.city import City
from infra.simulator.decisions import reported
from infra.simulator.feed import Feed
from infra.simulator.model import Slot, TableTruth
from infra.simulator.permits import BY_INTERFACE, JSON
from infra.simulator.writers import json_bytes


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    rows = reported(city, BY_INTERFACE, slot)
    return json_bytes(rows, JSON), {"admin_permit": rows.truth()}


FEED = Feed(
    department="fgj",
    name="admin_permit",
    every="day",
    filename="admin_permit_{start:%Y%m%d}{suffix}.ndjson",
    arrives=timedelta(hours=20, minutes=30),
    render=_render,
    dirt=BY_INTERFACE.plan,
)
