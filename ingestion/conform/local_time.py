"""Local times as moments: which clock readings are none, and which are two (docs/adr/0018).

Where clocks go forward some readings never were: they are no value. Where clocks go back some came twice: the
contract's `ambiguous_time` takes the `earlier` or the `later` moment, or refuses (the default). DuckDB's own
`timezone()` moves the first kind on by the gap and takes the later of the second, without a word.

The time zone rules are those of DuckDB's ICU, which also turns moments back into local times everywhere in the
warehouse, so that a value read and shown again is what was sent. Most moments are far from a change of clocks:
`quiet` tells them by one comparison or two, and only the others are read exactly.
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
"""No zone changes its clocks twice within it (each zone of the database, 1900 to 2100, by test)."""
_RADIUS = 6 * 3_600_000_000 + _DAY + _DAY // 2
"""A change is known to half a day, and shifts clocks by a day at most (Pacific/Apia, 2011)."""
_BUCKET = 31_556_952_000_000
"""A mean year in microseconds: changes are looked up by it."""
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
"""The moment at which clocks in `zone` show `reading`: counted by the offset of the day before and of the day after,
and taken where it shows that reading."""

_STRICT_INSTANT = f"""
create or replace macro {STRICT_INSTANT}(zone, reading, choice, settled) as list_transform([reading], lambda r:
    case when r >= settled then timezone(zone, r) else coalesce(
        {INSTANT}(zone, r, choice),
        case when r is not null then cast('no such local time, or two: ' || cast(r as varchar) as timestamptz) end
    ) end
)[1]
"""
"""The same in an expression, where NULL is a value and what cannot be told has to fail."""

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
"""`make_timestamptz` takes 30 February for 2 March and month 13 for January; `make_timestamp` fails."""


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Define the macros on a connection."""
    for macro in (_INSTANT, _STRICT_INSTANT, _AS_INSTANT, _MADE_INSTANT):
        connection.execute(macro)


def quiet(value: str, zone: str) -> str | None:
    """SQL: whether the moment `value` (a column name) is so far from any change of clocks that its reading is one.

    None where the zone never changes.
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
    """The local time from which clocks in the zone never change again; None where they do."""
    changes = _changes(zone)
    if not changes.is_settled:
        return None
    return _moment(changes.settled + _DAY).replace(tzinfo=None) if changes.moments else datetime(1, 1, 1)  # noqa: DTZ001 - a reading of clocks


@dataclass(frozen=True)
class _Changes:
    """When clocks change, 1900 to 2100, to half a day, in microseconds since 1970; whether that was all."""

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
    """Changes by bucket: as many lists as the fullest bucket has changes near."""
    near: dict[int, list[int]] = {}
    for moment in moments:
        for bucket in {_bucket(moment - _RADIUS), _bucket(moment + _RADIUS)}:
            near.setdefault(bucket, []).append(moment)
    size = max(near) - first + 1
    depth = max(len(found) for found in near.values())
    return [[([*near.get(first + i, []), *[None] * depth])[k] for i in range(size)] for k in range(depth)]


def _bucket(microseconds: int) -> int:
    """From 1900: DuckDB's `//` rounds towards zero."""
    return (microseconds - _FIRST) // _BUCKET


def _moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
