"""Deliveries of a small office for the fixture project (tests/fixture_project), and the lake that takes them in.

`deliver` writes a day's files; equal arguments give equal bytes. The day's readings hold one row out of range and one
row twice, so that something is refused and something repeated on every day.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
from pydantic import SecretStr

from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from ingestion.sql import literal

PROJECT = Path(__file__).parents[1] / "fixture_project"
CONTRACTS, DBT_PROJECT = PROJECT / "contracts", PROJECT / "dbt_project"
FEEDS = REGISTER, READING, CALL = "office.register", "office.reading", "office.call"
PRODUCTS = OFFICES, READINGS, CALLS = "offices", "readings", "calls"
FIRST = date(2026, 3, 2)
REFUSED_DAY = 2
"""The day, counted from `FIRST` as 0, whose calls are refused (`arrive`)."""
NOW = datetime(2026, 3, 20, 4, tzinfo=UTC)
KEY = "5a" * 32
LOCAL = ZoneInfo("Asia/Shanghai")

OFFICE_COUNT, READING_COUNT, CALL_COUNT, REPEATED_CALLS = 8, 48, 20, 3
"""Accepted rows of a day's file by feed; calls of the day before that the file repeats."""

_OFFICES = "from range(1, 9) as offices (i)"
_CODE = "'OF' || lpad(cast(i as varchar), 2, '0')"


def deliver(
    drop: Path,
    day: date,
    *,
    feeds: Collection[str] = FEEDS,
    correction: int = 0,
    above_range: Collection[str] = (),
    refused: Collection[str] = (),
) -> dict[str, Path]:
    """Write the day's files of `feeds` below `drop`; the file by feed, each modified one hour after the day.

    `correction` n writes the n-th later file of the day, modified n hours after the first, with other readings and
    managers and n more calls. Of the feeds in `refused` every row breaks a rule, so that the file is refused.
    With `office.reading` in `above_range` one reading passes the contract and fails a check of the fact.
    """
    made = {}
    for feed in feeds:
        name = feed.removeprefix("office.")
        query = _QUERIES[feed](day, correction, feed in above_range)
        if feed in refused:
            query = f"select * replace ({_REFUSED[feed]}) from ({query})"
        modified = datetime(day.year, day.month, day.day, 1, tzinfo=LOCAL) + timedelta(days=1, hours=correction)
        later = f"_r{correction}" if correction else ""
        made[feed] = write(drop / "office" / name, feed, f"{name}_{day:%Y%m%d}{later}", query, modified)
    return made


def write(folder: Path, feed: str, name: str, query: str, modified: datetime) -> Path:
    """The query's rows as a file of the feed, `name` without its suffix; the file."""
    options, suffix = ("format json", "ndjson") if feed == CALL else ("header true", "csv")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.{suffix}"
    with duckdb.connect() as connection:
        connection.execute(f"copy ({query}) to {literal(str(path))} ({options})")
    os.utime(path, (modified.timestamp(),) * 2)
    return path


def _register(day: date, correction: int, above_range: bool) -> str:
    return f"""
        select {_CODE} as office_code, '办公点' || i as office_name,
            ['东区', '西区'][1 + i % 2] as district, '负责人' || (i + {correction}) as manager,
            date '2020-01-01' + cast(i as integer) as opened_date
        {_OFFICES} order by i
    """


def _reading(day: date, correction: int, above_range: bool) -> str:
    """Six readings of each office, from 01:00 to 21:00; one of another office out of range, and the first again."""
    energy = f"(i * 7 + hour + {day.day} + {correction}) % 50 + i / 8.0"
    if above_range:
        energy = f"case when i = 1 and hour = 5 then 500 else {energy} end"
    return f"""
        with readings as (
            select i, hour, {_CODE} as office_code,
                strftime(timestamp '{day}' + to_hours(hour), '%Y-%m-%dT%H:%M:%S+08:00') as read_at,
                cast({energy} as decimal(10, 3)) as energy_kwh
            {_OFFICES}, range(1, 24, 4) as hours (hour)
        )
        select office_code, read_at, energy_kwh from (
            select *, 0 as part from readings
            union all by name select * replace ('OF09' as office_code, -1 as energy_kwh), 1 as part
            from readings where i = 1 and hour = 1
            union all by name select *, 2 as part from readings where i = 1 and hour = 1
        ) order by part, hour, i
    """


def _call(day: date, correction: int, above_range: bool) -> str:
    """Calls of the day, the last ones of the day before again."""

    def calls(on: date, first: int, last: int) -> str:
        return f"""
            select 'C{on:%Y%m%d}-' || lpad(cast(n as varchar), 3, '0') as call_id,
                'OF0' || (1 + n % 8) as office_code,
                strftime(timestamp '{on} 08:00:00' + to_minutes(cast(n * 17 as integer)), '%Y-%m-%dT%H:%M:%S+08:00')
                    as called_at,
                ['咨询', '投诉', '求助'][1 + n % 3] as topic, n % 15 as minutes
            from range({first}, {last + 1}) as numbers (n)
        """

    before = calls(day - timedelta(days=1), CALL_COUNT - REPEATED_CALLS + 1, CALL_COUNT)
    return f"{calls(day, 1, CALL_COUNT + correction)} union all {before if day > FIRST else calls(day, 1, 0)}"


_REFUSED = {REGISTER: "'南区' as district", READING: "-1 as energy_kwh", CALL: "'其他' as topic"}
_QUERIES = {REGISTER: _register, READING: _reading, CALL: _call}


def arrive(drop: Path, number: int) -> date:
    """Write what comes on the `number`-th day from `FIRST`, 0 the first; the day.

    The second brings late calls and corrected readings of the first, the third a file of calls that is refused, the
    fourth that file as it should have been.
    """
    day = FIRST + timedelta(days=number)
    deliver(drop, day, refused=[CALL] if number == REFUSED_DAY else [])
    if number == 1:
        deliver(drop, FIRST, feeds=[READING, CALL], correction=1)
    if number == REFUSED_DAY + 1:
        deliver(drop, day - timedelta(days=1), feeds=[CALL], correction=1)
    return day


def fixture(settings: Settings, drop: Path) -> Settings:
    """These settings with the fixture project, deliveries from `drop` and a known pseudonym key."""
    fixed = {"contracts": CONTRACTS, "dbt_project": DBT_PROJECT, "drop": drop, "pseudonym_key": SecretStr(KEY)}
    return settings.model_copy(update=fixed)


def settings(home: Path, drop: Path | None = None) -> Settings:
    """The fixture project's settings on a folder store; `drop` is by default `<home>/drop`."""
    return fixture(Settings(home=home), drop or home / "drop")


def opened(settings: Settings, *, now: datetime = NOW) -> Lake:
    """The lake of these settings as seen at `now`: equal input, equal rows."""
    return replace(open_lake(settings), clock=lambda: now)


def lake(home: Path, drop: Path | None = None, *, now: datetime = NOW) -> Lake:
    """`opened` on a folder store."""
    return opened(settings(home, drop), now=now)
