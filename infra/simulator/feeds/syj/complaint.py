"""投诉举报: complaints up to half past ten at night, NDJSON with names and phone numbers.

The file of a day holds what was opened since the file before, so its first rows belong to
the evening before: an event's day is not its file's day.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from infra.simulator import identifiers as ids
from infra.simulator import words
from infra.simulator.businesses import person_names
from infra.simulator.city import City
from infra.simulator.dirt import PlanError, spoil
from infra.simulator.effects import CLUSTER
from infra.simulator.feed import Feed
from infra.simulator.model import Slot, TableTruth
from infra.simulator.planted import COMPLAINT
from infra.simulator.rows import CLEAN, REPEAT, Rows, Texts, texts
from infra.simulator.towns import TOWNS
from infra.simulator.writers import Template, json_texts, ndjson_bytes

A_DAY = 80
CLOSES = timedelta(hours=22, minutes=30)
NAMES_A_BUSINESS, HIDES_A_PHONE, CLOSED_AT_ONCE = 0.7, 0.3, 0.45
"""Shares: licence number given (the rest name a town only); a phone number inside the free text; closed soon."""
CHANNELS = ("12345", "12331", "微信", "现场", "信函")

_COLUMNS = (
    "complaint_id", "channel", "opened_at", "closed_at", "topic", "phone", "complainant", "town_code", "licence_no",
    "text",
)  # fmt: skip
TEMPLATE: Template = {name: name for name in _COLUMNS}


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    rows = _own(city, city.day_no(slot.start))
    for entry in city.planted(COMPLAINT, slot.start):
        if entry.kind == "repeat":
            rows.append(_repeats(city, slot, entry.count * city.scale), REPEAT)
    return ndjson_bytes(rows, TEMPLATE), {"complaint": rows.truth()}


def _own(city: City, day_no: int) -> Rows:
    """The rows that are new in the file of a day, dirt included."""
    midnight = city.midnight(day_no)
    rows = _day(city, day_no)
    rng = city.rng(COMPLAINT, day_no, "dirt")
    return spoil(rows, city.planted(COMPLAINT, midnight), rng, scale=city.scale, day=midnight.date().isoformat())


def _repeats(city: City, slot: Slot, wanted: int) -> Rows:
    """Clean rows of the day before, unchanged."""
    day_no = city.day_no(slot.start)
    if day_no == 1:
        raise PlanError(f"{COMPLAINT}: the first day has nothing to repeat")
    before = _own(city, day_no - 1)
    rng = city.rng(COMPLAINT, day_no, "repeat")
    return before.take(np.sort(rng.permutation(np.flatnonzero(before.fate == CLEAN))[:wanted]))


def _day(city: City, day_no: int) -> Rows:
    rng = city.rng(COMPLAINT, day_no)
    register = city.businesses
    ill = CLUSTER.complaints_a_day * city.scale if city.plan_day(day_no) >= CLUSTER.first_day else 0
    count = (A_DAY + int(rng.integers(-6, 7))) * city.scale + ill
    opened = _opened(city, day_no, count, rng)
    about = rng.choice(register.visible(day_no), count)
    names_a_business = rng.random(count) < NAMES_A_BUSINESS
    topic = np.array(words.TOPICS, dtype=object)[rng.choice(len(words.TOPICS), count)]
    failing = rng.permutation(count)[:ill]
    about[failing] = rng.choice(register.cluster(), ill)
    names_a_business[failing] = True
    topic[failing] = words.ILLNESS
    elsewhere = np.array([town.code for town in TOWNS], dtype=object)[rng.integers(0, len(TOWNS), count)]
    phone = ids.mobile(rng, count)
    wording = np.array(words.COMPLAINT_TEXTS, dtype=object)[rng.integers(0, len(words.COMPLAINT_TEXTS), count)]
    contact = np.where(rng.random(count) < HIDES_A_PHONE, "回电" + phone + "。", "").astype(object)
    day = city.date_of(day_no)
    cells = {
        "complaint_id": json_texts(f"TS{day:%Y%m%d}" + texts(np.arange(1, count + 1), "%06d")),
        "channel": json_texts(np.array(CHANNELS, dtype=object)[rng.choice(5, count, p=[0.5, 0.2, 0.2, 0.07, 0.03])]),
        "opened_at": _stamp(opened),
        "closed_at": _closed(city, day_no, opened, rng),
        "topic": json_texts(topic),
        "phone": json_texts(phone),
        "complainant": json_texts(person_names(rng, count)),
        "town_code": json_texts(np.where(names_a_business, register.town_code[about], elsewhere).astype(object)),
        "licence_no": np.where(names_a_business, json_texts(register.licence_no[about]), "null").astype(object),
        "text": json_texts(words.MARK + wording + contact),
    }
    return Rows(cells, event_day=opened.astype("datetime64[D]").astype(str).astype(object))


def _export(city: City, day_no: int) -> np.datetime64:
    return np.datetime64((city.midnight(day_no) + CLOSES).replace(tzinfo=None), "s")


def _opened(city: City, day_no: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Moments since the export before (on the first day since midnight), busiest by day, sorted."""
    midnight = np.datetime64(city.date_of(day_no), "s")
    earliest = midnight if day_no == 1 else _export(city, day_no - 1)
    window = int((_export(city, day_no) - earliest).astype(np.int64))
    offset = np.floor(rng.beta(1.6, 1.2, count) * (window - 1)).astype(np.int64)
    # A few every evening come just after the export, so each later file starts with the day before.
    offset[: 3 if day_no > 1 else 0] = np.array([300, 1500, 3600])[: 3 if day_no > 1 else 0]
    return earliest + np.sort(offset).astype("timedelta64[s]")


def _closed(city: City, day_no: int, opened: np.ndarray, rng: np.random.Generator) -> Texts:
    """Closed within hours where that was before the export; the rest are open."""
    closed = opened + rng.integers(600, 6 * 3600, len(opened)).astype("timedelta64[s]")
    done = (closed < _export(city, day_no)) & (rng.random(len(opened)) < CLOSED_AT_ONCE)
    return np.where(done, _stamp(closed), "null").astype(object)


def _stamp(moments: np.ndarray) -> Texts:
    return json_texts(moments.astype(str).astype(object) + "+08:00")


FEED = Feed(
    department="syj",
    name="complaint",
    every="day",
    filename="complaint_{start:%Y%m%d}{suffix}.ndjson",
    arrives=CLOSES + timedelta(minutes=15),
    render=_render,
)
