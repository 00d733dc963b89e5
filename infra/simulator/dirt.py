"""Apply the plan's row entries to one table of one file.

Every entry gets rows of its own, so a planted row breaks one rule only. Which rows is drawn
from a generator given by the caller; an optional mask keeps rows out of reach.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from infra.simulator.planted import Planted
from infra.simulator.rows import CLEAN, CONFLICT, DUPLICATE, Rows

Index = NDArray[np.int64]


class PlanError(ValueError):
    """The plan asks for more rows than a file has; lower `count` or raise `scale`."""


def spoil(
    rows: Rows,
    plan: Sequence[Planted],
    rng: np.random.Generator,
    *,
    scale: int,
    day: str,
    reach: NDArray[np.bool_] | None = None,
) -> Rows:
    """Change `rows` in place by the row entries of `plan` and return them.

    `day` is the ISO date put for `{day}` in cells. Raises PlanError.
    """
    size = len(rows)
    free = rng.permutation(np.flatnonzero(np.ones(size, bool) if reach is None else reach))
    for entry in plan:
        apply = _KINDS.get(entry.kind)
        if apply is None:
            continue
        wanted = entry.count * scale if entry.share is None else round(entry.share * size)
        usable = free[_usable(rows, entry, free)]
        if len(usable) < wanted:
            what = f"{entry.feed} day {entry.day}: {wanted} rows for {entry.kind} {entry.rule}"
            raise PlanError(f"{what} wanted, {len(usable)} free")
        chosen = usable[:wanted]
        free = free[~np.isin(free, chosen)]
        apply(rows, entry, chosen, day)
    return rows


def lose(rows: Rows, plan: Sequence[Planted], rng: np.random.Generator) -> None:
    """Leave out the share of rows that the `lost` entries of `plan` say, whatever their fate; in place."""
    for entry in plan:
        if entry.kind == "lost" and entry.share is not None:
            kept = len(rows) - round(entry.share * len(rows))
            rows.keep(np.sort(rng.permutation(len(rows))[:kept]))


def _usable(rows: Rows, entry: Planted, index: Index) -> NDArray[np.bool_]:
    usable = rows.fate[index] == CLEAN
    if entry.kind == "check":
        for column in entry.cells:
            usable &= rows.cells[column][index] != ""
    return usable


def _cell(rows: Rows, entry: Planted, chosen: Index, day: str) -> None:
    for column, value in entry.cells.items():
        rows.cells[column][chosen] = value.replace("{day}", day)
    _mark(rows, entry, chosen)


def _check(rows: Rows, entry: Planted, chosen: Index, _day: str) -> None:
    for column in entry.cells:
        values = rows.cells[column][chosen].astype(str)
        last = np.array([value[-1:] for value in values])  # planted rows only: a handful
        stems = np.array([value[:-1] for value in values], dtype=object)
        rows.cells[column][chosen] = stems + np.where(last == "5", "6", "5").astype(object)
    _mark(rows, entry, chosen)


def _mark(rows: Rows, entry: Planted, chosen: Index) -> None:
    if entry.effect == "refuse":
        rows.fate[chosen] = entry.rule
        return
    remarks = rows.flagged if entry.effect == "flag" else rows.special
    remarks[entry.rule] = remarks.get(entry.rule, 0) + len(chosen)


def _duplicate(rows: Rows, _entry: Planted, chosen: Index, _day: str) -> None:
    rows.append(rows.take(chosen), DUPLICATE)


def _conflict(rows: Rows, entry: Planted, chosen: Index, day: str) -> None:
    other = rows.take(chosen)
    for column, value in entry.cells.items():
        other.cells[column][:] = value.replace("{day}", day)
    rows.fate[chosen] = CONFLICT
    rows.append(other, CONFLICT)
    rows.conflict_keys += len(chosen)


def _ragged(rows: Rows, entry: Planted, chosen: Index, _day: str) -> None:
    rows.raw.extend((line, entry.rule) for line in entry.cells.values() for _ in chosen)


_KINDS: dict[str, Callable[[Rows, Planted, Index, str], None]] = {
    "cell": _cell,
    "check": _check,
    "duplicate": _duplicate,
    "conflict": _conflict,
    "ragged": _ragged,
}
