"""What conform makes of a payload: counts and files of every table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingestion.conform.split import OUTSIDE, PartFile, Split
from ingestion.values.hashes import sha256_of_bytes


@dataclass(frozen=True)
class ConformedTable:
    """Result for one table of a delivery. `bronze` and `quarantine` are paths, None where there are no rows.

    `rules`: refused rows by rule id (a row may break several); `flags`: accepted rows by broken rule of severity
    `flag`; `days`: accepted rows by event day (ISO date). `parts`, in a bulk delivery: bronze by the interval's number.
    """

    name: str
    received: int
    accepted: int
    quarantined: int
    duplicates: int
    rules: dict[str, int]
    flags: dict[str, int]
    bronze: Path | None
    quarantine: Path | None
    row_hash: str
    days: dict[str, int]
    parts: Mapping[int, PartFile] = field(default_factory=dict)

    @property
    def refused_share(self) -> float:
        """Rows that broke a rule of the contract, divided by received rows; 0 where nothing was received.

        Rows outside the span that a bulk delivery was declared for are no fault of its file.
        """
        refused = self.quarantined - self.rules.get(OUTSIDE, 0)
        return refused / self.received if self.received else 0.0


@dataclass(frozen=True)
class Conformed:
    """Result of conforming one payload. `row_hash` is over all tables and independent of the order of rows.

    `doubt`: why the payload may be incomplete, by what it says itself.
    """

    tables: dict[str, ConformedTable]
    ignored_members: tuple[str, ...]
    key_version: int
    row_hash: str
    split: Split | None = None
    doubt: str | None = None

    @property
    def part_numbers(self) -> list[int]:
        """Numbers of the intervals of a bulk delivery that have rows, ascending."""
        return sorted({number for table in self.tables.values() for number in table.parts})


def without_bronze(conformed: Conformed) -> Conformed:
    """The same result without bronze files, for a refused delivery."""
    tables = {name: replace(table, bronze=None, parts={}) for name, table in conformed.tables.items()}
    return replace(conformed, tables=tables)


def rows_of_all(tables: dict[str, ConformedTable]) -> str:
    """The `row_hash` of a delivery, from those of its tables."""
    text = "\n".join(f"{name} {table.row_hash}" for name, table in sorted(tables.items()))
    return sha256_of_bytes(text.encode())
