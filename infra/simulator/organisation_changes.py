"""What happens to market entities day by day, and the register's state at the end of any day. All SYNTHETIC.

Owns the daily changes: new, renamed, merged, moved, revoked and cancelled entities, old ones that get a credit code, a
few deleted without trace, and now and then one that is given another's code. An entity changes once a day at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from infra.simulator.businesses import Businesses
from infra.simulator.identifiers import uscc_of
from infra.simulator.organisations import (
    ACTIVE,
    CANCELLED,
    COMPANY,
    MERGED,
    REVOKED,
    Cells,
    Entities,
    Ints,
    base_entities,
    capital,
    company_names,
    newcomers,
    people,
    towns,
)
from infra.simulator.rows import Texts
from infra.simulator.workdays import is_workday

PAST = 70
"""Days before the run's first with changes; before them the register stands still."""
NEW = 8
CHANGES = {"renamed": 4, "capital": 4, "moved": 3, "revoked": 2, "cancelled": 2, "merged": 1, "coded": 1}
"""Entities a workday and unit of scale; on other days only those of `NEW` and `QUIET_CHANGES` change."""
QUIET_CHANGES = 6
DELETED_WEEKDAYS = (0, 3)
CLAIM_EVERY, CLAIM_DAY = 21, 3
"""On days of the run that are `CLAIM_DAY` modulo `CLAIM_EVERY` an entity is given the code of another."""
_KEPT = 8
"""States that are kept, for files that look a few days back."""
_OPENS, _CLOSES = 8 * 3600 + 1800, 17 * 3600 + 1800


@dataclass(frozen=True)
class Change:
    """What one day changed: indices of entities in order, their cells after it, when (local second of the day), and
    what happened; `deleted` are gone without trace."""

    index: Ints
    cells: Cells
    second: Ints
    kinds: Mapping[str, Ints]
    deleted: Ints


@dataclass(frozen=True)
class State:
    """The register at the end of a day. `index` are the entities in it; cells, `changed` (local seconds since 1970 of
    the last change, 0 for none) and `quiet` are those of all entities up to then."""

    cells: Cells
    index: Ints
    changed: Ints
    quiet: np.ndarray


@dataclass
class Organisations:
    """Every entity and every change from the day `first` of the run on, which is not positive."""

    start: date
    first: int
    base: Entities
    entered: dict[int, Entities]
    changes: dict[int, Change]
    _recent: dict[int, State] = field(default_factory=dict, repr=False)

    def state(self, day_no: int) -> State:
        """The register at the end of a day; asking for days in a row costs one day's changes each."""
        if day_no < self.first:
            count = len(self.base)
            return State(dict(self.base.cells), np.arange(count), np.zeros(count, np.int64), self.base.quiet)
        number = max((known for known in self._recent if known <= day_no), default=self.first - 1)
        state = self._recent[number] if number in self._recent else self.state(number)
        for day in range(number + 1, day_no + 1):
            state = self._after(state, day)
        self._recent = {**dict(list(self._recent.items())[-_KEPT:]), day_no: state}
        return state

    def _after(self, state: State, day: int) -> State:
        entered, change = self.entered[day], self.changes[day]
        count = len(state.quiet)
        cells = {name: np.concatenate([column, entered.cells[name]]) for name, column in state.cells.items()}
        for name, column in cells.items():
            column[change.index] = change.cells[name]
        changed = np.concatenate([state.changed, np.zeros(len(entered), np.int64)])
        changed[change.index] = _seconds(self.start, day) + change.second
        index = np.concatenate([state.index, np.arange(count, count + len(entered))])
        index = index[~np.isin(index, change.deleted)]
        return State(cells, index, changed, np.concatenate([state.quiet, entered.quiet]))


def make_organisations(
    rng: Callable[..., np.random.Generator], register: Businesses, start: date, days: int, scale: int
) -> Organisations:
    """The entities and their changes up to the last of `days`; `rng` gives the generator of the names it is called
    with."""
    first = 1 - PAST
    base = base_entities(rng("organisations"), register, start + timedelta(days=first - 1), scale)
    made = Organisations(start, first, base, {}, {})
    total = len(base)
    for day_no in range(first, days + 1):
        day = start + timedelta(days=day_no - 1)
        draw = rng("organisations", day_no)
        # Before the run no business opens: those that were there (`opened` 0) are among the first entities.
        food = np.flatnonzero((register.opened == day_no) & (register.uscc != "") & (day_no > 0))
        made.entered[day_no] = newcomers(draw, register, day, food, max(NEW * scale, len(food)), total)
        before = made.state(day_no - 1)
        made.changes[day_no] = _Day(draw, day, day_no, before, base, made.entered[day_no], scale).change()
        total += len(made.entered[day_no])
    return made


class _Day:
    """The changes of one day, drawn from the state before it."""

    def __init__(
        self,
        rng: np.random.Generator,
        day: date,
        day_no: int,
        before: State,
        base: Entities,
        entered: Entities,
        scale: int,
    ) -> None:
        self.rng, self.day, self.day_no, self.scale = rng, day, day_no, scale
        self.before, self.entered = before, entered
        here = np.zeros(len(before.quiet), bool)
        here[before.index] = True
        cells = before.cells
        food = np.zeros(len(here), bool)
        food[: len(base)] = base.food >= 0
        self.active = here & (cells["status"] == ACTIVE)
        self.free = self.active & ~before.quiet & ~food
        self.company = cells["entity_kind"] == COMPANY
        self.coded = cells["uscc"] != ""

    def change(self) -> Change:
        """Newcomers first, then who changed, by entity."""
        kinds: dict[str, Ints] = {"quiet": self._taken(self.active & self.before.quiet, QUIET_CHANGES)}
        deleted = np.empty(0, np.int64)
        if is_workday(self.day):
            for kind, count in CHANGES.items():
                pool = self.free & ~self.coded if kind == "coded" else self.free & self.company & self.coded
                kinds[kind] = self._taken(pool, count)
            if self.day.weekday() in DELETED_WEEKDAYS:
                deleted = self._taken(self.free & self.company, 1)
        if self.day_no % CLAIM_EVERY == CLAIM_DAY:
            kinds["claimed"] = self._taken(self.free & self.company & ~self.coded, 1)
        known = np.sort(np.concatenate(list(kinds.values())))
        rows = {name: column[known] for name, column in self.before.cells.items()}
        rows["approved_date"][:] = self.day.isoformat()
        for kind, index in kinds.items():
            getattr(self, f"_{kind}")(rows, np.searchsorted(known, index))
        count = len(self.before.quiet)
        index = np.concatenate([known, np.arange(count, count + len(self.entered))])
        cells = {name: np.concatenate([rows[name], column]) for name, column in self.entered.cells.items()}
        kinds["new"] = index[len(known) :]
        return Change(index, cells, self.rng.integers(_OPENS, _CLOSES, len(index)), kinds, deleted)

    def _taken(self, pool: np.ndarray, count: int) -> Ints:
        """Some of the pool, which from now on are in no other."""
        chosen = np.sort(self.rng.permutation(np.flatnonzero(pool))[: count * self.scale])
        self.free[chosen] = self.active[chosen] = False
        return chosen

    def _another(self, count: int) -> Texts:
        """Codes of active companies that do not change today."""
        pool = np.flatnonzero(self.free & self.company & self.coded)
        return self.before.cells["uscc"][self.rng.permutation(pool)[:count]]

    def _quiet(self, rows: Cells, at: Ints) -> None:
        rows["legal_rep"][at], rows["legal_rep_id"][at] = people(self.rng, len(at))

    def _renamed(self, rows: Cells, at: Ints) -> None:
        rows["former_name"][at] = rows["entity_name"][at]
        rows["entity_name"][at] = company_names(self.rng, len(at))

    def _capital(self, rows: Cells, at: Ints) -> None:
        rows["capital_wan"][at] = capital(self.rng, len(at))
        self._quiet(rows, at)

    def _moved(self, rows: Cells, at: Ints) -> None:
        rows["town_code"][at] = towns(self.rng, len(at))

    def _revoked(self, rows: Cells, at: Ints) -> None:
        self._ended(rows, at, REVOKED)

    def _cancelled(self, rows: Cells, at: Ints) -> None:
        self._ended(rows, at, CANCELLED)

    def _merged(self, rows: Cells, at: Ints) -> None:
        self._ended(rows, at, MERGED)
        rows["successor_uscc"][at] = self._another(len(at))

    def _coded(self, rows: Cells, at: Ints) -> None:
        rows["uscc"][at] = uscc_of(rows["organisation_code"][at])

    def _claimed(self, rows: Cells, at: Ints) -> None:
        rows["uscc"][at] = self._another(len(at))
        rows["organisation_code"][at] = ""

    def _ended(self, rows: Cells, at: Ints, status: str) -> None:
        rows["status"][at] = status
        rows["status_date"][at] = self.day.isoformat()


def _seconds(start: date, day_no: int) -> int:
    return int((np.datetime64(start, "s") - np.datetime64(0, "s")).astype(np.int64)) + (day_no - 1) * 86_400
