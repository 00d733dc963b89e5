"""An attack on open tables of counts: what a reader can tell of the numbers that are left out, by linear programmes.

The reader has every table, with totals and ratios, of every release together, and knows the rules: a number left out is
at least 1, since zeros are shown, and the cells of a total add up to it. Everything known is one sparse system; each
number left out, and each difference between releases, is made as small and as large as the system allows.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack
from scipy.sparse.csgraph import connected_components

from warehouse.build.report import SmallCells

_EPSILON = 1e-6
_UNBOUNDED = 3


@dataclass(frozen=True)
class Row:
    """A row of a table: the columns of its total, its cell, the number or None, a ratio in percent or None."""

    whole: tuple[Any, ...]
    cell: str
    people: int | None
    ratio: float | None = None


@dataclass(frozen=True)
class Leak:
    """A number of people that a reader can tell, or knows to be small: what it is, from `low` to `high`."""

    what: str
    low: float
    high: float


class Attack:
    """Collect tables with `add`, then ask for `leaks`."""

    def __init__(self) -> None:
        self.index: dict[tuple[Any, ...], int] = {}
        self.low: list[float] = []
        self.high: list[float] = []
        self.equal: list[dict[int, float]] = []
        self.below: list[dict[int, float]] = []
        self.hidden: dict[int, tuple[str, int]] = {}
        self.differences: list[tuple[str, dict[int, float], int]] = []

    def add(self, table: str, declared: SmallCells, releases: Sequence[Sequence[Row]], rounded_to: float = 1) -> None:
        """One table in all its releases, oldest first. `rounded_to`: the step that ratios are rounded to."""
        wholes: dict[tuple[Any, ...], dict[int, dict[str, Row]]] = defaultdict(dict)
        for number, rows in enumerate(releases):
            for row in rows:
                wholes[row.whole].setdefault(number, {})[row.cell] = row
        for whole, versions in wholes.items():
            self._whole(f"{table} {whole}", declared, versions, rounded_to)

    def _whole(self, name: str, declared: SmallCells, versions: dict[int, dict[str, Row]], step: float) -> None:
        shown: dict[str, set[int]] = defaultdict(set)
        for rows in versions.values():
            for cell, row in rows.items():
                shown[cell] |= set() if row.people is None else {row.people}
        is_same = all(len(numbers) <= 1 for numbers in shown.values())
        for number, rows in versions.items():
            version = 0 if is_same else number
            at = {cell: self._variable(name, cell, version, row, declared.k) for cell, row in rows.items()}
            total = at[declared.total]
            self.equal.append({total: -1.0} | {at[cell]: 1.0 for cell in at if cell != declared.total})
            for cell, row in rows.items():
                if row.ratio is not None and cell != declared.total:
                    self.below.append({at[cell]: 100.0, total: -(row.ratio + step / 2)})
                    self.below.append({at[cell]: -100.0, total: row.ratio - step / 2})
        if not is_same:
            self._compare(name, declared, versions)

    def _variable(self, name: str, cell: str, version: int, row: Row, k: int) -> int:
        key = (name, cell, version)
        if key not in self.index:
            self.index[key] = len(self.index)
            self.low.append(0.0)
            self.high.append(math.inf)
        at = self.index[key]
        if row.people is None:
            self.low[at] = max(self.low[at], 1.0)
            self.hidden[at] = (f"{name} {cell}", k)
        else:
            self.low[at] = self.high[at] = row.people
        return at

    def _compare(self, name: str, declared: SmallCells, versions: dict[int, dict[str, Row]]) -> None:
        """People by whom a cell differs between two releases, and all cells together that both leave out."""
        for before, after in pairwise(sorted(versions)):
            both = versions[before].keys() & versions[after].keys()
            out = [
                cell
                for cell in both - {declared.total}
                if versions[before][cell].people is None and versions[after][cell].people is None
            ]
            for cells in ([cell] for cell in both):
                self._difference(f"{name} {cells[0]} since release {before}", cells, name, before, after, declared.k)
            if out:
                self._difference(f"{name} left out since release {before}", out, name, before, after, declared.k)

    def _difference(self, what: str, cells: list[str], name: str, before: int, after: int, k: int) -> None:
        terms = {self.index[name, cell, after]: 1.0 for cell in cells}
        terms |= {self.index[name, cell, before]: -1.0 for cell in cells}
        self.differences.append((what, terms, k))

    def leaks(self) -> Iterator[Leak]:
        """Numbers left out that are pinned or known to be below k; differences between releases below k."""
        yield from self._of_differences()
        yield from self._of_cells()

    def _of_cells(self) -> Iterator[Leak]:
        for at, (what, k) in self.hidden.items():
            if self.low[at] == self.high[at]:  # another release shows it
                low = high = self.low[at]
                if 0 < high < k:
                    yield Leak(what, low, high)
                continue
            low, high = self.range({at: 1.0})
            if high < k or low == high:
                yield Leak(what, low, high)

    def _of_differences(self) -> Iterator[Leak]:
        for what, terms, k in self.differences:
            low, high = self.range(terms)
            if low == high and 0 < abs(low) < k:
                yield Leak(what, low, high)

    def range(self, terms: dict[int, float]) -> tuple[float, float]:
        """The smallest and largest whole number that a sum can be. Raises ValueError where the tables contradict."""
        low, high = self._extreme(terms, 1.0), self._extreme(terms, -1.0)
        return math.ceil(low - _EPSILON) if math.isfinite(low) else low, (
            math.floor(high + _EPSILON) if math.isfinite(high) else high
        )

    def _extreme(self, terms: dict[int, float], sign: float) -> float:
        columns, equal, below = self._component(next(iter(terms)))
        for at in terms:
            if at not in columns:
                columns, equal, below = self._joined(columns, equal, below, at)
        place = {at: position for position, at in enumerate(columns)}
        cost = np.zeros(len(columns))
        for at, factor in terms.items():
            cost[place[at]] = sign * factor
        found = linprog(
            cost,
            A_ub=self._matrix(below, self.below, place),
            b_ub=np.zeros(len(below)) if below else None,
            A_eq=self._matrix(equal, self.equal, place),
            b_eq=np.zeros(len(equal)) if equal else None,
            bounds=[(self.low[at], self.high[at]) for at in columns],
            method="highs",
        )
        if found.status == _UNBOUNDED:
            return -math.inf * sign
        if found.status != 0:
            raise ValueError(f"the tables contradict each other: {found.message}")
        return sign * float(found.fun)

    @staticmethod
    def _matrix(chosen: list[int], rows: list[dict[int, float]], place: dict[int, int]) -> csr_array | None:
        if not chosen:
            return None
        line = [number for number, row in enumerate(chosen) for _ in rows[row]]
        column = [place[at] for row in chosen for at in rows[row]]
        value = [factor for row in chosen for factor in rows[row].values()]
        return csr_array((value, (line, column)), shape=(len(chosen), len(place)))

    def _component(self, at: int) -> tuple[list[int], list[int], list[int]]:
        """Variables that anything ties to one, and the numbers of the equations and inequalities between them."""
        if not hasattr(self, "_parts"):
            self._parts = self._split()
        labels, members, equal, below = self._parts
        label = labels[at]
        return members[label], equal[label], below[label]

    def _joined(
        self, columns: list[int], equal: list[int], below: list[int], at: int
    ) -> tuple[list[int], list[int], list[int]]:
        more = self._component(at)
        return columns + more[0], equal + more[1], below + more[2]

    def _split(self) -> Any:
        place = {at: at for at in range(len(self.index))}
        rows = [*self.equal, *self.below]
        matrix = self._matrix(list(range(len(rows))), rows, place)
        assert matrix is not None
        ties = vstack([matrix])
        labels = connected_components(abs(ties).T @ abs(ties), directed=False)[1]
        members, equal, below = defaultdict(list), defaultdict(list), defaultdict(list)
        for at, label in enumerate(labels):
            members[label].append(at)
        for number, row in enumerate(self.equal):
            equal[labels[next(iter(row))]].append(number)
        for number, row in enumerate(self.below):
            below[labels[next(iter(row))]].append(number)
        return labels, members, equal, below
