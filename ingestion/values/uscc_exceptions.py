"""Credit codes that were issued although their check character is wrong: `uscc_exceptions.csv`, each with its days.

A listed code raises no flag and is not refused by the check `uscc`. `make generate` copies the list to the dbt project
as the seed `ref_uscc_exception`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from ingestion.sql import literal

LIST = Path(__file__).with_name("uscc_exceptions.csv")


@dataclass(frozen=True)
class UsccException:
    """A code that counts as right from `valid_from` until before `valid_to` (None: without end), and who says so."""

    uscc: str
    valid_from: date
    valid_to: date | None
    source: str


@cache
def exceptions(path: Path = LIST) -> tuple[UsccException, ...]:
    """The list. Raises KeyError or ValueError where a column or a date is missing."""
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            UsccException(
                row["uscc"],
                date.fromisoformat(row["valid_from"]),
                date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
                row["source"],
            )
            for row in csv.DictReader(file)
        )


def is_listed(code: str, day: str, listed: tuple[UsccException, ...] | None = None) -> str:
    """SQL (boolean, never NULL): whether the VARCHAR expression `code` is in the list on the DATE expression `day`."""
    spans: dict[tuple[date, date | None], list[str]] = {}
    for one in exceptions() if listed is None else listed:
        spans.setdefault((one.valid_from, one.valid_to), []).append(one.uscc)
    tests = []
    for (first, end), codes in spans.items():
        until = f" and {day} < {literal(end)}" if end else ""
        among = ", ".join(literal(one) for one in codes)
        tests.append(f"({code} in ({among}) and {day} >= {literal(first)}{until})")
    return f"coalesce({' or '.join(tests) or 'false'}, false)"
