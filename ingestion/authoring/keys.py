"""Guess the natural key of a sampled table: the columns that identify its rows.

Identical rows are repeats and do not speak against a key. Only the rows of the sample are tested, and the draft says
so.
"""

from __future__ import annotations

import re
from itertools import combinations

import duckdb

from ingestion.authoring.profile import Profile
from ingestion.authoring.tables import SampledTable
from ingestion.sql import identifier
from ingestion.values import row_identity

MAX_PAIRED = 12
MAX_TRIPLED = 8
IDENTIFYING = re.compile(
    r"(^|[_. ])(id|key|code|no|nr|number|uuid|lei)($|[_. $])|编号|代码|号码|证号|标识", re.IGNORECASE
)
_RUNNING = re.compile(r"(no|nr|row|index|序号|行号)[ _.]?(no|id|number)?", re.IGNORECASE)
_SEQUENCE = re.compile(r"sequence|(^|_)seq(_|$)|序号", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_identifying(name: str) -> bool:
    """Whether a column's name suggests an identifier rather than just a row number."""
    return bool(IDENTIFYING.search(_CAMEL.sub("_", name))) and not _RUNNING.fullmatch(name)


def likely_key(
    connection: duckdb.DuckDBPyConnection, table: SampledTable, profiles: list[Profile], moment: tuple[str, ...] = ()
) -> tuple[tuple[str, ...], str]:
    """Table columns of the key, and why; empty where nothing up to three columns is unique.

    `moment` are columns that together are one time (year, month, day, hour): they count as one.
    """
    if not table.rows:
        return (), "the sample has no rows"
    rows = _count(connection, table, [tuple(s.column for s in table.sources)])[0]
    usable = [p for p in profiles if p.filled == table.rows and p.type != "DOUBLE" and p.source.column not in moment]
    groups: list[tuple[str, ...]] = [(p.source.column,) for p in sorted(usable, key=_rank)]
    counters = {p.source.column for p in usable if p.counter and not is_identifying(p.source.name)}
    times = {p.source.column for p in usable if p.type in ("DATE", "TIMESTAMP", "TIMESTAMPTZ")}
    if moment:
        groups.insert(min(2, len(groups)), moment)
        times |= set(moment)
    plain = [group for group in groups if not set(group) <= counters]
    for size, limit in ((1, len(plain)), (2, MAX_PAIRED), (3, MAX_TRIPLED)):
        found = _unique(connection, table, plain[:limit], size, rows)
        single = [group for group in found if not set(group) <= times]
        if single:
            return _in_file_order(single[0]), _why(size, table, rows)
        if found:
            return _with_place(found[0], usable, times), _why(size, table, rows)
    if counters:
        return (min(counters),), "only a running number is unique in the sample"
    return (), "no set of up to three columns is unique in the sample"


def _rank(profile: Profile) -> tuple[bool, bool, bool, int]:
    """Sequence numbers first (they only make sense in a key), then identifying names, then file order."""
    name = profile.source.name
    return (
        not _SEQUENCE.search(name),
        not is_identifying(name),
        profile.identifier is not None,
        int(profile.source.column[1:]),
    )


def _unique(
    connection: duckdb.DuckDBPyConnection, table: SampledTable, groups: list[tuple[str, ...]], size: int, rows: int
) -> list[tuple[str, ...]]:
    candidates = [tuple(c for group in chosen for c in group) for chosen in combinations(groups, size)]
    counts = _count(connection, table, candidates) if candidates else []
    return [columns for columns, count in zip(candidates, counts, strict=True) if count == rows]


def _count(connection: duckdb.DuckDBPyConnection, table: SampledTable, groups: list[tuple[str, ...]]) -> list[int]:
    """The number of distinct rows for each group of columns."""
    texts = [dict.fromkeys(columns, "VARCHAR") for columns in groups]
    wanted = ", ".join(f"count(distinct {row_identity.of_columns(columns)})" for columns in texts)
    row = connection.execute(f"select {wanted} from {identifier(table.relation)}").fetchone()
    return list(row or ())


def _in_file_order(key: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(key, key=lambda column: int(column[1:])))


def _with_place(key: tuple[str, ...], usable: list[Profile], times: set[str]) -> tuple[str, ...]:
    """A time alone seldom identifies: the first text column that is constant here joins it (one station's file)."""
    constant = [
        p.source.column for p in usable if p.distinct == 1 and p.type == "VARCHAR" and p.source.column not in times
    ]
    return (*constant[:1], *key)


def _why(size: int, table: SampledTable, rows: int) -> str:
    scope = f"{'all' if table.whole else 'the first'} {table.rows} rows"
    repeats = f", {table.rows - rows} of them repeats" if rows < table.rows else ""
    return f"{'unique' if size == 1 else 'unique together'} over {scope}{repeats}"
