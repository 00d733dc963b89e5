"""Appointments: booked on a day, kept, missed or cancelled up to a week later. All SYNTHETIC.

Each is sent on the day it is booked and again on the day its status changes for the last time.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from infra.simulator.health import places
from infra.simulator.health.lines import seconds
from infra.simulator.health.residents import Run, residents
from infra.simulator.rows import Texts

A_DAY = 118
"""Appointments booked on an average day per unit of scale."""
LEADS = (0, 0, 1, 1, 1, 2, 2, 3, 4, 7)
"""Days from booking to the visit, by turns."""
LONGEST = max(LEADS)
CHANNELS = {"微信": 0.46, "APP": 0.2, "网站": 0.1, "电话": 0.08, "现场": 0.16}
BOOKED, KEPT, CANCELLED, MISSED = "已预约", "已就诊", "已取消", "爽约"
_ENDS = {KEPT: 0.78, CANCELLED: 0.14, MISSED: 0.08}
_WEEK = (1.2, 1.1, 1.0, 1.0, 0.96, 0.7, 0.64)
_HALF_HOUR = 1800


@dataclass(frozen=True)
class Appointments:
    """Parallel columns; `ends_after` is in days from booking, `end` the last status, `ended` when it was set."""

    booked_on: Texts
    serial: np.ndarray
    resident: np.ndarray
    channel: Texts
    facility: Texts
    clinic: Texts
    booked: np.ndarray
    scheduled: np.ndarray
    ends_after: np.ndarray
    end: Texts
    ended: np.ndarray

    def __len__(self) -> int:
        """Appointments."""
        return len(self.serial)

    def take(self, index: np.ndarray) -> Appointments:
        """Some of the appointments."""
        return Appointments(**{one.name: getattr(self, one.name)[index] for one in fields(Appointments)})


@lru_cache(maxsize=128)
def booked_on(run: Run, day_no: int) -> Appointments:
    """The appointments booked on a day, in order."""
    rng, people, day = run.rng("appointments", day_no), residents(run), run.date_of(day_no)
    count = (int(A_DAY * _WEEK[day.weekday()]) + int(rng.integers(-5, 6))) * run.scale
    who = rng.permutation(len(people))[:count]
    lead = np.array(LEADS)[np.arange(count) % len(LEADS)]
    end = np.array(list(_ENDS), dtype=object)[rng.choice(len(_ENDS), count, p=list(_ENDS.values()))]
    end[(end == CANCELLED) & (lead == 0)] = KEPT
    midnight = run.midnight(day_no)
    booked = midnight + seconds(np.sort(rng.integers(6 * 3600, 13 * 3600, count)))
    slot = np.where(lead == 0, rng.integers(28, 42, count), rng.integers(16, 34, count))
    scheduled = midnight + lead.astype("timedelta64[D]") + seconds(slot * _HALF_HOUR)
    given_up = rng.integers(1, np.maximum(lead, 1) + 1)
    ends_after = np.where(end == CANCELLED, given_up, lead)
    early, late = seconds(rng.integers(3600, 7 * 3600, count)), seconds(rng.integers(0, 40, count) * 60)
    ended = np.where(end == CANCELLED, midnight + ends_after.astype("timedelta64[D]") + early, scheduled + late)
    clinics = np.array(list(places.CLINICS), dtype=object)
    facility, clinic = _facility(rng, count), clinics[rng.integers(0, len(clinics), count)]
    return Appointments(
        booked_on=np.full(count, f"{day:%Y%m%d}", object), serial=np.arange(1, count + 1), resident=who,
        channel=np.array(list(CHANNELS), dtype=object)[rng.choice(len(CHANNELS), count, p=list(CHANNELS.values()))],
        facility=facility, clinic=np.where(np.char.startswith(facility.astype(str), "C"), places.GENERAL, clinic)
        .astype(object), booked=booked, scheduled=scheduled, ends_after=ends_after, end=end, ended=ended,
    )  # fmt: skip


def sent_on(run: Run, day_no: int) -> tuple[Appointments, np.ndarray]:
    """What a day's file says: the appointments, and which of them have their last status."""
    today = booked_on(run, day_no)
    parts, last = [today], [today.ends_after == 0]
    for days in range(1, LONGEST + 1):
        before = booked_on(run, day_no - days)
        ending = before.take(np.flatnonzero(before.ends_after == days))
        parts.append(ending)
        last.append(np.ones(len(ending), bool))
    joined = {one.name: np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Appointments)}
    return Appointments(**joined), np.concatenate(last)


def _facility(rng: np.random.Generator, count: int) -> Texts:
    codes = [places.HOSPITAL_A, places.HOSPITAL_B, *(one.code for one in places.CENTRES)]
    weights = np.array([0.36, 0.34, *([0.3 / len(places.CENTRES)] * len(places.CENTRES))])
    return np.array(codes, dtype=object)[rng.choice(len(codes), count, p=weights / weights.sum())]
