"""Convert local times to moments exactly, refusing those that do not exist or are ambiguous (docs/adr/0018).

Where clocks are set forward, some local times do not exist: they are not values. Where clocks are set back, some occur
twice: by the contract's `ambiguous_time` the `earlier` or `later` moment is taken, or the value refused (the default).
DuckDB's own `timezone()` shifts the first kind by the gap and silently takes the later of the second.

The time zone rules are those of DuckDB's ICU, which also converts moments back to local times everywhere in the
warehouse, so that the local time shown is the one that was sent. Most moments are far from any change of the clocks:
`is_far_from_change` recognises them with one or two comparisons, and only the others are converted exactly.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import duckdb

from ingestion.sql import literal

INSTANT, STRICT_INSTANT = "citylake_instant", "citylake_strict_instant"
AS_INSTANT, MADE_INSTANT = "citylake_as_instant", "citylake_made_instant"

_DAY = 86_400_000_000
_STEP = 4 * _DAY
"""Within four days no zone changes its clocks twice (tested for all zones of the database, 1900 to 2100)."""
_RADIUS = 6 * 3_600_000_000 + _DAY + _DAY // 2
"""Distance from a change considered near: changes are located to half a day and shift clocks by at most a day."""
_BUCKET = 31_556_952_000_000
"""A mean year in microseconds: changes are looked up by year."""
_FIRST, _LAST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000 for year in (1900, 2100))

_INSTANT = f"""
create or replace macro {INSTANT}(zone, reading, choice) as list_transform([epoch_us(reading)], lambda r:
    list_transform([[
        r - (epoch_us(timezone(zone, make_timestamptz(r - {_DAY}))) - (r - {_DAY})),
        r - (epoch_us(timezone(zone, make_timestamptz(r + {_DAY}))) - (r + {_DAY}))
    ]], lambda m:
        list_transform([[
            epoch_us(timezone(zone, make_timestamptz(m[1]))) = r, epoch_us(timezone(zone, make_timestamptz(m[2]))) = r
        ]], lambda real: make_timestamptz(case
            when m[1] = m[2] or not real[2] then case when real[1] then m[1] end
            when not real[1] then m[2]
            when choice = 'earlier' then least(m[1], m[2])
            when choice = 'later' then greatest(m[1], m[2])
        end))[1]
    )[1]
)[1]
"""
"""The moment of the local time `reading` in `zone`: computed with the offsets of the day before and the day after; a
result counts only if converting it back gives `reading`."""

_STRICT_INSTANT = f"""
create or replace macro {STRICT_INSTANT}(zone, reading, choice, settled) as list_transform([reading], lambda r:
    case when r >= settled then timezone(zone, r) else coalesce(
        {INSTANT}(zone, r, choice),
        case when r is not null then cast('no such local time, or two: ' || cast(r as varchar) as timestamptz) end
    ) end
)[1]
"""
"""The same for expressions: NULL stays NULL, and a local time that does not exist or is ambiguous raises an error."""

_OWN_OFFSET = r"[0-9]{2}:[0-9]{2}.*(Z| UTC|[+-][0-9]{2}(:?[0-9]{2})?)\s*$"

_AS_INSTANT = f"""
create or replace macro {AS_INSTANT}(thing, zone, choice, settled) as list_transform([thing], lambda t: case
    when typeof(t) = 'TIMESTAMP WITH TIME ZONE' then cast(t as timestamptz)
    when typeof(t) = 'VARCHAR' and regexp_matches(cast(t as varchar), {literal(_OWN_OFFSET)})
        then cast(t as timestamptz)
    else {STRICT_INSTANT}(zone, cast(t as timestamp), choice, settled)
end)[1]
"""

_MADE_INSTANT = f"""
create or replace macro {MADE_INSTANT}(y, m, d, h, mi, s, zone, choice, settled) as
    {STRICT_INSTANT}(zone, make_timestamp(y, m, d, h, mi, s), choice, settled)
"""
"""`make_timestamptz` reads 30 February as 2 March and month 13 as January; `make_timestamp` fails."""


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Define the macros on a connection."""
    for macro in (_INSTANT, _STRICT_INSTANT, _AS_INSTANT, _MADE_INSTANT):
        connection.execute(macro)


def is_far_from_change(value: str, zone: str) -> str | None:
    """SQL: whether the moment `value` (a column name) is so far from any change of clocks that it is unambiguous.

    None where clocks in the zone never change.
    """
    changes = _changes(zone)
    if not changes.moments:
        return None if changes.is_settled else "false"
    at = f"epoch_us({value})"
    first = _bucket(min(changes.moments)) - 1
    columns = _columns(changes.moments, first)
    index = f"cast(({at} - {_FIRST}) // {_BUCKET} - {first - 1} as integer)"
    far = [f"coalesce(abs({at} - {literal(column)}[{index}]) > {_RADIUS}, true)" for column in columns]
    listed = " and ".join([f"{at} >= {_FIRST} and {at} < {_LAST}", *far])
    if not changes.is_settled:
        return f"({listed})"
    return f"case when {value} >= {literal(_moment(changes.settled))} then true else ({listed}) end"


def settled_from(zone: str) -> datetime | None:
    """The local time after which clocks in the zone no longer change; None where they still do."""
    changes = _changes(zone)
    if not changes.is_settled:
        return None
    return _moment(changes.settled + _DAY).replace(tzinfo=None) if changes.moments else datetime(1, 1, 1)  # noqa: DTZ001 - a reading of clocks


@dataclass(frozen=True)
class _Changes:
    """Changes of clocks, 1900 to 2100, in microseconds since 1970, to half a day; `is_settled`: none will follow."""

    moments: tuple[int, ...]
    is_settled: bool

    @property
    def settled(self) -> int:
        return max(self.moments) + _RADIUS


@cache
def _changes(zone: str) -> _Changes:
    with closing(duckdb.connect(config={"threads": 1})) as engine:
        rows = engine.execute(
            f"""
            with known as (
                select u, epoch_us(timezone($zone, make_timestamptz(u))) - u as ahead
                from (select unnest(range({_FIRST}, {_LAST}, {_STEP})) as u)
            ),
            changed as (select u, ahead from known qualify ahead <> lag(ahead) over (order by u)),
            days as (select u - k * {_DAY} as day, u, ahead from changed, (select unnest(range(4)) as k))
            select min(day) - {_DAY // 2}
            from days
            where epoch_us(timezone($zone, make_timestamptz(day))) - day = ahead
            group by u order by u
            """,
            {"zone": zone},
        ).fetchall()
    moments = tuple(int(row[0]) for row in rows)
    return _Changes(moments, not moments or max(moments) < _LAST - 10 * _BUCKET)


def _columns(moments: tuple[int, ...], first: int) -> list[list[int | None]]:
    """Changes near each bucket (year), as lists indexed by bucket; as many lists as the fullest bucket has changes."""
    near: dict[int, list[int]] = {}
    for moment in moments:
        for bucket in {_bucket(moment - _RADIUS), _bucket(moment + _RADIUS)}:
            near.setdefault(bucket, []).append(moment)
    size = max(near) - first + 1
    depth = max(len(found) for found in near.values())
    return [[([*near.get(first + i, []), *[None] * depth])[k] for i in range(size)] for k in range(depth)]


def _bucket(microseconds: int) -> int:
    """Index of the bucket (year) of a moment, counted from 1900, as DuckDB's `//` rounds towards zero."""
    return (microseconds - _FIRST) // _BUCKET


def _moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
