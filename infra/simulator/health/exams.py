"""Examinations and prescriptions made in the visits of a day. All SYNTHETIC."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infra.simulator.health import places
from infra.simulator.health.residents import Run
from infra.simulator.health.visits import System, Visits, visits
from infra.simulator.rows import Texts

OWN_LABORATORY = 0.6
"""Share of hospital B's examinations that it makes itself; laboratories make the others and those of the centres."""
LATEST = np.timedelta64(22 * 3600 + 1200, "s")
"""Past midnight: reports of a day are issued before."""
PRELIMINARY = 2
"""Reports a day and unit of scale that are sent as preliminary, and as final on the next day."""
PRESCRIBED: dict[System, int] = {"A": 60, "B": 75}
"""Visits with a prescription of two lines, per unit of scale."""
LINES = 2


@dataclass(frozen=True)
class Exams:
    """Parallel columns in order of the visit: `visit` is an index of the day's visits, `number` 1 or 2 within it."""

    of: Visits
    visit: np.ndarray
    number: np.ndarray
    item: Texts
    performer: Texts
    examined: np.ndarray
    issued: np.ndarray
    preliminary: np.ndarray
    story: Texts


def exams(run: Run, system: System, day_no: int) -> Exams:
    """What was examined in the visits that began on a day."""
    of, rng = visits(run, system, day_no), run.rng("health", system, day_no, "exams")
    first, second = np.flatnonzero(of.item != ""), np.flatnonzero(of.second != "")
    visit = np.concatenate([first, second])
    order = np.argsort(visit, kind="stable")
    item = np.concatenate([of.item[first], of.second[second]])[order]
    number = np.concatenate([np.ones(len(first), np.int64), np.full(len(second), 2, np.int64)])[order]
    visit, count = visit[order], len(visit)
    examined = of.started[visit] + (rng.integers(10, 60, count) * 60).astype("timedelta64[s]")
    issued = examined + (rng.integers(20, 240, count) * 60).astype("timedelta64[s]")
    latest = run.midnight(day_no) + LATEST
    # Who comes late in the evening gets the result at once.
    issued = np.where(issued > latest, examined + np.timedelta64(300, "s"), issued)
    preliminary = np.zeros(count, bool)
    may = rng.permutation(np.flatnonzero((of.story[visit] == "") & (number == 1)))
    preliminary[may[: PRELIMINARY * run.scale]] = system == "B"
    return Exams(of, visit, number, item, _performers(rng, of, visit, system), examined, issued, preliminary,
                 of.story[visit])  # fmt: skip


def _performers(rng: np.random.Generator, of: Visits, visit: np.ndarray, system: System) -> Texts:
    """Facilities that examined: of system A where the visit was, of system B the hospital or a laboratory.

    Examinations of one visit are made at one place.
    """
    facility = of.facility[visit]
    if system == "A":
        return facility
    by_itself = (rng.random(len(of)) < OWN_LABORATORY)[visit] & (facility == places.HOSPITAL_B)
    laboratory = np.array(places.LABORATORIES, dtype=object)[rng.integers(0, len(places.LABORATORIES), len(of))[visit]]
    return np.where(by_itself, places.HOSPITAL_B, laboratory).astype(object)


@dataclass(frozen=True)
class Prescriptions:
    """Parallel columns, a row a line: the `visit` is an index of the day's visits, `line` 1 or 2 within it."""

    of: Visits
    visit: np.ndarray
    line: np.ndarray
    drug: np.ndarray
    quantity: np.ndarray
    days: np.ndarray
    prescribed: np.ndarray
    status: np.ndarray


def prescriptions(run: Run, system: System, day_no: int) -> Prescriptions:
    """What was prescribed in the visits that began on a day; `status` is 0 open, 1 dispensed, 2 cancelled."""
    of, rng = visits(run, system, day_no), run.rng("health", system, day_no, "prescriptions")
    chosen = np.sort(rng.permutation(len(of))[: PRESCRIBED[system] * run.scale])
    visit = np.repeat(chosen, LINES)
    line = np.tile(np.arange(1, LINES + 1), len(chosen))
    count, drugs = len(visit), len(places.DRUGS)
    first = rng.integers(0, drugs, len(chosen))
    drug = (np.repeat(first, LINES) + (line - 1) * np.repeat(rng.integers(1, drugs, len(chosen)), LINES)) % drugs
    prescribed = of.started[visit] + np.timedelta64(480, "s")
    status = np.repeat(rng.choice(3, len(chosen), p=(0.24, 0.72, 0.04)), LINES)
    return Prescriptions(
        of, visit, line, drug, rng.integers(1, 5, count), rng.integers(3, 15, count), prescribed, status
    )
