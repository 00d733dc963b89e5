"""The planted outbreak: dengue in one town in one week before the run, where there is next to none else."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from infra.simulator.health.residents import Run, residents

DISEASE, TOWN = "DENG", "442000107"
WEEKS_BEFORE = 2
"""Weeks between the outbreak's Monday and that of the run's first day."""
CASES = (0, 3, 5, 6, 4, 3, 0)
"""Cases by day of that week, per unit of scale."""


def first_day(run: Run) -> date:
    """The Monday of the outbreak's week."""
    return run.start - timedelta(days=run.start.weekday() + 7 * WEEKS_BEFORE)


def ill_on(run: Run, day_no: int) -> np.ndarray:
    """The residents who are diagnosed on a day because of the outbreak."""
    place = (run.date_of(day_no) - first_day(run)).days
    if not 0 <= place < len(CASES):
        return np.array([], np.int64)
    people = residents(run)
    of_town = run.rng("outbreak").permutation(np.flatnonzero(people.town_code == TOWN))
    before = sum(CASES[:place]) * run.scale
    return of_town[before : before + CASES[place] * run.scale]
