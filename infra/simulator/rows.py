"""Rows as columns of text, each row with its fate (clean, or why it must be refused); made by feeds, spoiled by
`dirt`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from infra.simulator.model import TableTruth

Texts = NDArray[np.object_]

CLEAN, DUPLICATE, REPEAT, CONFLICT = "", "=duplicate", "=repeat", "=conflict"
"""Fates; any other fate is the id of the rule for which a row must be refused."""


def texts(values: object, pattern: str = "%s") -> Texts:
    """Any array as an object array of texts."""
    return np.char.mod(pattern, np.asarray(values)).astype(object)


@dataclass
class Rows:
    """Equal-length columns of cell text (JSON literals for NDJSON) and what is true of each row.

    `raw` are lines written as they stand after the rows, with the rule each must break.
    `event_day` is the local ISO day of each row's event, or None for a table without one.
    """

    cells: dict[str, Texts]
    event_day: Texts | None = None
    fate: Texts = field(default_factory=lambda: np.array([], dtype=object))
    raw: list[tuple[str, str]] = field(default_factory=list)
    conflict_keys: int = 0
    flagged: dict[str, int] = field(default_factory=dict)
    special: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Every row starts clean."""
        if not len(self.fate):
            self.fate = np.full(len(next(iter(self.cells.values()))), CLEAN, dtype=object)

    def __len__(self) -> int:
        """Rows."""
        return len(self.fate)

    def take(self, index: NDArray[np.int64]) -> Rows:
        """Copies of some rows, with their fates and without the file's remarks."""
        day = None if self.event_day is None else self.event_day[index]
        return Rows({name: column[index] for name, column in self.cells.items()}, day, self.fate[index])

    def keep(self, index: NDArray[np.int64]) -> None:
        """Leave out every row but these; remarks about the whole file stay."""
        kept = self.take(index)
        self.cells, self.event_day, self.fate = kept.cells, kept.event_day, kept.fate

    def append(self, other: Rows, fate: str | None = None) -> None:
        """Put rows of the same columns at the end, all with `fate` if one is given."""
        self.cells = {name: np.concatenate([column, other.cells[name]]) for name, column in self.cells.items()}
        if self.event_day is not None and other.event_day is not None:
            self.event_day = np.concatenate([self.event_day, other.event_day])
        added = other.fate if fate is None else np.full(len(other), fate, dtype=object)
        self.fate = np.concatenate([self.fate, added])

    def truth(self) -> TableTruth:
        """Counts by fate."""
        counts = _counts(self.fate)
        duplicates, repeats, conflicts = (counts.pop(fate, 0) for fate in (DUPLICATE, REPEAT, CONFLICT))
        clean = counts.pop(CLEAN, 0)
        for _, rule in self.raw:
            counts[rule] = counts.get(rule, 0) + 1
        return TableTruth(
            rows=len(self) + len(self.raw),
            clean=clean,
            duplicates=duplicates,
            repeats=repeats,
            conflict_keys=self.conflict_keys,
            conflict_rows=conflicts,
            refused=counts,
            flagged=dict(self.flagged),
            special=dict(self.special),
            days={} if self.event_day is None else _counts(self.event_day[np.isin(self.fate, (CLEAN, REPEAT))]),
        )


def _counts(values: Texts) -> dict[str, int]:
    names, numbers = np.unique(values.astype(str), return_counts=True)
    return dict(zip(names.tolist(), numbers.tolist(), strict=True))
