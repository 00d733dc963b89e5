"""Handle merged cells among a sheet's data: refuse the rows they touch, or fill them where the contract says `fill`.

A merged range has its value in its first cell; its other cells have none, or one that no program displays (ECMA-376
part 1, 18.3.1.55). So each row in the range lacks a value, or has one that is also meant for other rows. Merged
headings are handled by `xlsx`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.parsers.blocks import Array
from ingestion.parsers.sheet_cells import MAX_COLUMNS, Fault
from ingestion.parsers.sheet_values import Values, concat_values


class Merges:
    """Merged ranges that touch the declared `columns` from row `first` on; `merged` as in `Shape`."""

    def __init__(self, merged: Array, columns: Sequence[int], first: int, last: int, *, fill: bool) -> None:
        self._columns = np.array(sorted(columns), np.int64)
        begun = np.searchsorted(self._columns, merged[:, 0])
        ended = np.searchsorted(self._columns, merged[:, 2], "right")
        ours = (ended > begun) & (merged[:, 3] >= first)
        filled = ours & (merged[:, 1] >= first) if fill else np.zeros(len(merged), bool)
        refused = merged[ours & ~filled]
        self._tops, self._bottoms = np.sort(refused[:, 1]), np.sort(refused[:, 3])
        order = np.flatnonzero(filled)[np.argsort(merged[filled][:, 1], kind="stable")]
        self._merged = merged[order]
        self._begun, self._width = begun[order], (ended - begun)[order]
        self._last = last
        self._before: Values | None = None
        self._after = first - 1

    def touched(self, rows: Array) -> Array:
        """Mask of the rows that are touched by a merged range which is not to be filled."""
        begun = np.searchsorted(self._tops, rows, "right")
        return np.asarray(begun > np.searchsorted(self._bottoms, rows, "left"))

    def filled(self, values: Values) -> Values:
        """The cells with the value of every merged range copied into all its cells. Call it with all cells in order.

        A cell that is in two merged ranges, or has a different value of its own, gets the fault MERGED.
        """
        first, last = self._after + 1, min(values.last, self._last)
        self._after = last
        live = np.flatnonzero((self._merged[:, 1] <= last) & (self._merged[:, 3] >= first))
        known = values if self._before is None else concat_values([self._before, values])
        if not len(live) or not len(known):
            self._before = None
            return values
        source = self._sources(known, live)
        made, of, own = self._covered(live, first, last)
        result = self._placed(values, known, made[~own], source[of[~own]], _overlapping(made, of)[~own])
        goes_on = (self._merged[live, 3] > last) & (source >= 0)
        self._before = known.take(np.unique(source[goes_on])) if goes_on.any() else None
        return result

    def _sources(self, known: Values, live: Array) -> Array:
        """Index in `known` of the first cell of each live merged range; -1 where that is empty."""
        keys = known.row * MAX_COLUMNS + known.column
        wanted = self._merged[live, 1] * MAX_COLUMNS + self._merged[live, 0]
        order = np.argsort(keys, kind="stable")
        at = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
        found = order[at]
        holds = np.asarray(pc.is_valid(known.text)) | (known.fault != Fault.NONE)
        return np.where((keys[found] == wanted) & holds[found], found, -1)

    def _covered(self, live: Array, first: int, last: int) -> tuple[Array, Array, Array]:
        """For each declared cell of a live merged range in these rows: key, range, and whether it is the first cell."""
        top = np.maximum(self._merged[live, 1], first)
        count = (np.minimum(self._merged[live, 3], last) - top + 1) * self._width[live]
        of = np.repeat(np.arange(len(live)), count)
        step = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
        row = top[of] + step // self._width[live][of]
        column = self._columns[self._begun[live][of] + step % self._width[live][of]]
        own = (row == self._merged[live, 1][of]) & (column == self._merged[live, 0][of])
        return row * MAX_COLUMNS + column, of, own

    def _placed(self, values: Values, known: Values, made: Array, source: Array, twice: Array) -> Values:
        own = values.row * MAX_COLUMNS + values.column
        place = np.minimum(np.searchsorted(own, made), max(len(own) - 1, 0))
        there = (own[place] == made) if len(own) else np.zeros(len(made), bool)
        given = known.text.take(pa.array(source, mask=source < 0))
        mine = values.text.take(pa.array(place, mask=~there))
        alike = pc.fill_null(pc.equal(given, mine), False)
        apart = np.asarray(pc.and_not(pc.is_valid(mine), alike))
        kept = known.take(np.maximum(source, 0)).at(made // MAX_COLUMNS, made % MAX_COLUMNS)
        kept.fault[twice | apart] = Fault.MERGED
        kept = kept.take(np.flatnonzero((source >= 0) | apart | twice))
        rest = values.take(np.flatnonzero(~np.isin(own, made)))
        both = concat_values([rest, kept])
        return both.take(np.argsort(both.row * MAX_COLUMNS + both.column, kind="stable"))


def _overlapping(made: Array, of: Array) -> Array:
    """Mask of the cells that belong to a merged range which overlaps another one."""
    keys, times = np.unique(made, return_counts=True)
    return np.asarray(np.isin(of, of[np.isin(made, keys[times > 1])]))
