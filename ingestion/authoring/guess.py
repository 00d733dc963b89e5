"""From profiles to a drafted table: names, types, keys, event time, personal columns, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, replace

import duckdb

from ingestion.authoring.keys import is_identifying, likely_key
from ingestion.authoring.names import column_names, snake
from ingestion.authoring.privacy import PUBLIC, Guess, guesses
from ingestion.authoring.profile import Identifier, Profile, profile
from ingestion.authoring.tables import SampledTable

_CHECK_RULES: dict[Identifier, str] = {"uscc": "uscc", "food_licence_no": "food_licence_no"}
_NOT_EVENTS = ("birth", "valid", "expir", "end_", "start_", "_to", "出生", "有效", "截止")
_MOMENT = {"year": "year", "month": "month", "mon": "month", "day": "day", "hour": "hour", "hr": "hour"}
ENOUGH_ROWS = 100
"""Fewest rows of a sample from which a column that is never empty is guessed to be required."""


@dataclass(frozen=True)
class Drafted:
    """One drafted column. `why` and `decide` become comments, `privacy` its classification and de-identification."""

    name: str
    type: str
    source: str | None
    path: str | None = None
    why: str = ""
    decide: str = ""
    format: str | None = None
    missing: tuple[float, ...] = ()
    key: int | None = None
    required: bool = False
    privacy: Guess = PUBLIC
    check: str | None = None
    transform: str | None = None
    note: str | None = None
    filled: int = 0

    @property
    def method(self) -> str | None:
        """How the column is de-identified, None where it is not."""
        return self.privacy.method


@dataclass(frozen=True)
class DraftedTable:
    """One drafted table, and facts about the sample it was drafted from."""

    name: str
    sampled: SampledTable
    columns: tuple[Drafted, ...]
    key_why: str
    event_time: str | None
    null_codes: tuple[str, ...]


def draft_table(connection: duckdb.DuckDBPyConnection, table: SampledTable, name: str) -> DraftedTable:
    """Draft one table from its sample."""
    profiles = profile(connection, table)
    names = column_names([source.name for source in table.sources])
    columns = [
        replace(_column(p, name, from_header, guess), required=p.filled == table.rows >= ENOUGH_ROWS)
        for p, (name, from_header), guess in zip(profiles, names, guesses(connection, table, profiles), strict=True)
    ]
    moment = _moment(columns)
    by_column = {p.source.column: index for index, p in enumerate(profiles)}
    at = [table.sources[index].column for index in moment]
    key, why = likely_key(connection, table, profiles, tuple(at))
    if moment:
        columns.append(_observed_at([columns[index].name for index in moment]))
    indexes = list(dict.fromkeys(len(columns) - 1 if column in at else by_column[column] for column in key))
    for position, index in enumerate(indexes, start=1):
        columns[index] = _keyed(columns[index], position)
    codes = sorted({code for p in profiles for code in p.codes})
    return DraftedTable(name, table, tuple(columns), why, _event_time(columns, table.rows), tuple(codes))


def with_serials(table: DraftedTable, serials: dict[str, str]) -> DraftedTable:
    """The table with date formats for columns that a workbook holds as serials; `serials`: format by source name."""
    columns = tuple(
        replace(column, format=serials[column.source], why="cells shown as dates")
        if column.source in serials and column.type in ("DATE", "TIMESTAMP", "TIMESTAMPTZ")
        else column
        for column in table.columns
    )
    return replace(table, columns=columns)


def table_name(member: str, taken: set[str]) -> str:
    """A table name from a member's file name."""
    base = snake(member.rsplit("/", 1)[-1].rsplit(".", 1)[0]) or "table"
    name, count = base, 2
    while name in taken:
        name, count = f"{base}_{count}", count + 1
    return name


def _keyed(column: Drafted, position: int) -> Drafted:
    """The column as part of the key: if de-identified, by a pseudonym, so that different keys stay different."""
    column = replace(column, key=position)
    if column.method in (None, "pseudonym"):
        return column
    privacy = replace(column.privacy, method="pseudonym")
    return replace(column, privacy=privacy, type="VARCHAR", format=None, missing=())


def _column(found: Profile, name: str, from_header: bool, guess: Guess) -> Drafted:
    column = Drafted(
        name=name,
        type=found.type,
        source=found.source.name,
        path=found.source.path,
        why=found.why,
        decide="" if from_header else "an English name",
        format=found.format,
        missing=found.missing,
        note=found.source.note,
        filled=found.filled,
        check=_CHECK_RULES.get(found.identifier) if found.identifier else None,
    )
    if found.type == "VARCHAR" and found.filled == 0:
        column = replace(column, why="no value in the sample", decide=column.decide or "the type")
    if found.format == "gtfs_time":
        column = replace(column, name=_seconds(name))
    if found.type in ("INTEGER", "BIGINT") and found.format is None and is_identifying(found.source.name):
        column = replace(column, type="VARCHAR", why="digits, but the name announces an identifier", missing=())
    if column.check:
        column = replace(column, type="VARCHAR", why=f"nine of ten values pass the check digit of {column.check}")
    column = replace(column, privacy=guess)
    # A pseudonym is made of text.
    return replace(column, type="VARCHAR", format=None, missing=()) if guess.is_text else column


def _seconds(name: str) -> str:
    return f"{name.removesuffix('_time')}_seconds"


def _moment(columns: list[Drafted]) -> list[int]:
    """Positions of whole-number columns named year, month, day and perhaps hour."""
    found: dict[str, int] = {}
    for index, column in enumerate(columns):
        part = _MOMENT.get(column.name)
        if part and column.type == "INTEGER":
            found.setdefault(part, index)
    wanted = ["year", "month", "day", "hour"] if "hour" in found else ["year", "month", "day"]
    return [found[part] for part in wanted] if set(wanted) <= set(found) else []


def _observed_at(parts: list[str]) -> Drafted:
    if len(parts) == 3:  # noqa: PLR2004 - year, month, day
        return Drafted(
            "observed_on", "DATE", None, transform=f"make_date({', '.join(parts)})", why="the date is split in columns"
        )
    return Drafted(
        "observed_at",
        "TIMESTAMPTZ",
        None,
        transform=f"make_timestamptz({', '.join(parts)}, 0, 0, '{{timezone}}')",
        why="the time is split in columns; local time assumed",
    )


def _event_time(columns: list[Drafted], rows: int) -> str | None:
    """The first time column that is never empty and, by its name, is neither an expiry date nor a date of birth."""
    usable = [
        c
        for c in columns
        if c.type in ("DATE", "TIMESTAMPTZ")
        and c.method is None
        and (c.filled == rows or c.transform)
        and rows
        and not any(word in f"{c.name} {c.source}".lower() for word in _NOT_EVENTS)
    ]
    ranked = sorted(usable, key=lambda c: (c.transform is None, c.type == "DATE"))
    return ranked[0].name if ranked else None
