"""Schema `_citylake` of the build file: what counts now, what was applied, what this run must redo.

Owns the arithmetic of affected days. Every table is disposable: without the build file the
next run is a full refresh.

| table | rows |
|---|---|
| `run` | this run: build id, as-of date, whether everything is rebuilt |
| `whole_node` | models, seeds and checks that this run makes or judges over every day, not the affected ones |
| `last_build` | the last build that moved the watermark: project digest, is it complete, is a model dated |
| `effective_file`, `effective_day` | which bronze files count now, and the event days in them |
| `known_file`, `known_day` | every file that ever counted, so that the days of a superseded one are known |
| `applied_file` | the files (and their rank, where rank decides) in the tables as last built |
| `pending_day` | days attempted and not yet built and passed: after a crash or a failed check |
| `pending_feed` | feeds attempted and not yet built and passed |
| `affected_feed` | the feeds whose models are made and tested in this run |
| `affected_day` | the days each feed's models rebuild and test in this run |
| `listed_file` | the files the source views list in this run |
| `merged_file` | merged objects and their members |
| `repeat_day` | rows of listed files that another delivery's row replaces (delta, events) |
| `product_feed` | which feeds a data product reads, as of the last build |

Which tables were made of which code is kept by warehouse.build.kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import duckdb
import pyarrow as pa

SCHEMA = """
create schema if not exists _citylake;
create table if not exists _citylake.run (
    build_id varchar, as_of date, started_at timestamptz, full_refresh boolean
);
create table if not exists _citylake.last_build (
    build_id varchar, project_digest varchar, is_complete boolean, reads_date boolean, finished_at timestamptz
);
create table if not exists _citylake.whole_node (unique_id varchar);
create table if not exists _citylake.pending_feed (feed varchar);
create table if not exists _citylake.known_file (
    key varchar, feed varchar, table_name varchar, interval_start timestamptz, is_delta boolean
);
create table if not exists _citylake.known_day (key varchar, feed varchar, day date);
create table if not exists _citylake.applied_file (key varchar, rank bigint);
create table if not exists _citylake.pending_day (feed varchar, day date);
create table if not exists _citylake.product_feed (product varchar, feed varchar);
"""

# Rank is part of what was applied only where it decides which row counts.
_RANKED = "case when delivery = 'events' or correction = 'delta' then precedence end"

_REMEMBER = """
insert into _citylake.known_file
select key, feed, table_name, interval_start, coalesce(correction = 'delta', false)
from _citylake.effective_file
where key not in (select key from _citylake.known_file);
insert into _citylake.known_day
select key, feed, day
from _citylake.effective_day
where key not in (select key from _citylake.known_day);
"""

_CHANGED = f"""
create or replace temp table changed_file as
with now as (select key, {_RANKED} as rank from _citylake.effective_file),
applied as (select key, rank from _citylake.applied_file),
expected as (
    select product_feed.product, effective_file.key
    from _citylake.effective_file
    inner join _citylake.product_feed on effective_file.feed = product_feed.feed
    where product_feed.product in (select product from released_file)
),
difference as (
    select key from (from now except from applied)
    union
    select key from (from applied except from now)
    union
    select key from (from expected except select product, key from released_file)
    union
    select key from (select product, key from released_file except from expected)
)
-- A delta changes rows of the deliveries of its interval, wherever their days are.
select key from difference
union
select same.key
from difference
inner join _citylake.known_file as changed on difference.key = changed.key and changed.is_delta
inner join _citylake.known_file as same
    on changed.feed = same.feed and changed.table_name = same.table_name
    and changed.interval_start = same.interval_start
"""

_AFFECTED = """
create or replace table _citylake.affected_day as
select known_day.feed, known_day.day
from _citylake.known_day
inner join changed_file on known_day.key = changed_file.key
union
select feed, day from _citylake.pending_day
"""

_AFFECTED_FEED = """
create or replace table _citylake.affected_feed as
select known_file.feed
from _citylake.known_file
inner join changed_file on known_file.key = changed_file.key
union
select feed from _citylake.pending_feed
union
select feed from _citylake.affected_day
"""

_AFFECTED_ALL = """
create or replace table _citylake.affected_day as
select distinct feed, day from _citylake.effective_day;
create or replace table _citylake.affected_feed as
select distinct feed from _citylake.effective_file
"""

# The days of every feed: a model that joins two feeds needs both whole on a day that one of them changed.
# Deltas are listed by whole interval, or a superseded row would come back from the file that is listed.
_LISTED = """
create or replace table _citylake.listed_file as
with wanted as (
    select distinct key
    from _citylake.effective_day
    where day in (select day from _citylake.affected_day)
),
delta_interval as (
    select distinct effective_file.feed, effective_file.table_name, effective_file.interval_start
    from _citylake.effective_file
    inner join wanted on effective_file.key = wanted.key
    where effective_file.correction = 'delta'
)
select effective_file.*
from _citylake.effective_file
where (select full_refresh from _citylake.run)
    or feed in (select feed from whole_feed)
    or delivery = 'snapshot'
    or (feed, table_name) not in (select (feed, table_name) from dated_table)
    or key in (select key from wanted)
    or (feed, table_name, interval_start) in (select (feed, table_name, interval_start) from delta_interval)
"""


MERGED_SCHEMA = pa.schema([("merged", pa.string()), ("key", pa.string())])


@dataclass(frozen=True)
class Effective:
    """The relations of warehouse.effective as Arrow tables: one row a bronze file, one row a file and event day.

    `merged` says which merged objects there are (`merged`, `key` of a member): views may read one in place of
    its members. It is no input: what counts is told by files alone.
    """

    files: pa.Table
    days: pa.Table
    merged: pa.Table = field(default_factory=MERGED_SCHEMA.empty_table)


@dataclass(frozen=True)
class Run:
    """Facts of one run that models and tests read from `_citylake.run`."""

    build_id: str
    as_of: date
    started_at: datetime
    full_refresh: bool


@dataclass(frozen=True)
class Standing:
    """What the build file says of itself before a run. `build_id` is the last completed build's, None where another
    began since and did not complete; `is_current` says whether its tables hold exactly the effective files."""

    exists: bool
    is_complete: bool = False
    project_digest: str | None = None
    is_current: bool = False
    reads_date: bool = True
    build_id: str | None = None


def standing(connection: duckdb.DuckDBPyConnection, effective: Effective) -> Standing:
    """Whether the tables of the build file hold exactly the effective files. Changes nothing."""
    try:
        last = connection.execute(
            """select project_digest, is_complete, reads_date, last_build.build_id, run.build_id
               from _citylake.last_build cross join _citylake.run"""
        ).fetchone()
    except (duckdb.CatalogException, duckdb.BinderException):  # an empty file, or one of an earlier version
        last = None
    if last is None:
        return Standing(exists=False)
    connection.register("effective_now", effective.files)
    differing = connection.execute(
        f"""
        with now as (select key, {_RANKED} as rank from effective_now),
        applied as (select key, rank from _citylake.applied_file)
        select count(*) from ((from now except from applied) union all (from applied except from now))
        """
    ).fetchone()
    connection.unregister("effective_now")
    return Standing(
        exists=True,
        is_complete=bool(last[1]),
        project_digest=str(last[0]),
        is_current=differing is not None and differing[0] == 0,
        reads_date=bool(last[2]),
        build_id=str(last[3]) if last[3] == last[4] else None,
    )


def begin(
    connection: duckdb.DuckDBPyConnection,
    effective: Effective,
    run: Run,
    *,
    dated_tables: Iterable[tuple[str, str]],
    released: Mapping[str, Collection[str]] | None = None,
) -> None:
    """Write what this run must do: effective files, affected feeds and days, listed files; feeds and days become
    pending. The caller's transaction.

    `dated_tables` are the (feed, table) pairs with an event time. `released` gives per product the
    bronze keys its last release was made from; a product that is absent adds nothing.
    """
    connection.execute(SCHEMA)
    connection.register("files_now", effective.files)
    connection.register("days_now", effective.days)
    connection.execute("create or replace table _citylake.effective_file as from files_now")
    connection.execute("create or replace table _citylake.effective_day as from days_now")
    connection.register("merged_now", effective.merged)
    connection.execute("create or replace table _citylake.merged_file as select merged, key from merged_now")
    connection.unregister("merged_now")
    connection.execute(_REMEMBER)
    _temporary(connection, "released_file", ("product", "key"), _pairs(released or {}))
    _temporary(connection, "dated_table", ("feed", "table_name"), dated_tables)
    connection.execute("delete from _citylake.run")
    connection.execute(
        "insert into _citylake.run values ($build, $as_of, $started, $full)",
        {"build": run.build_id, "as_of": run.as_of, "started": run.started_at, "full": run.full_refresh},
    )
    if run.full_refresh:
        # Until this run completes the tables are not whole: the next run must be full as well.
        connection.execute("delete from _citylake.last_build")
        connection.execute(_AFFECTED_ALL)
    else:
        connection.execute(_CHANGED)
        connection.execute(_AFFECTED)
        connection.execute(_AFFECTED_FEED)
    connection.execute("create or replace table _citylake.pending_day as from _citylake.affected_day")
    connection.execute("create or replace table _citylake.pending_feed as from _citylake.affected_feed")
    connection.execute("delete from _citylake.whole_node")
    list_files(connection)
    connection.unregister("files_now")
    connection.unregister("days_now")


def list_files(connection: duckdb.DuckDBPyConnection, whole: Iterable[str] = ()) -> None:
    """Decide again which files the source views list; of the feeds in `whole` every file that counts."""
    _temporary(connection, "whole_feed", ("feed", "why"), ((feed, "") for feed in whole))
    connection.execute(_LISTED)


@dataclass(frozen=True)
class Outcome:
    """What a finished build leaves: `product_feeds` are (product, feed) pairs by lineage, `unpassed_feeds` the feeds
    that a model or check reads that is not good. `reads_date` says whether a model asks for the city's date."""

    project_digest: str
    is_complete: bool
    product_feeds: Collection[tuple[str, str]]
    unpassed_feeds: Collection[str]
    finished_at: datetime
    reads_date: bool = False


def complete(connection: duckdb.DuckDBPyConnection, outcome: Outcome) -> None:
    """Move the watermark: the effective files are applied. The caller's transaction is the last step of a build.

    Feeds that a model or check reads that is not good stay pending with their affected days, so that checks see them
    again until they pass.
    """
    _temporary(connection, "product_feed_now", ("product", "feed"), outcome.product_feeds)
    _temporary(connection, "unpassed", ("feed", "why"), ((feed, "") for feed in outcome.unpassed_feeds))
    connection.execute(
        f"""
        create or replace table _citylake.product_feed as from product_feed_now;
        create or replace table _citylake.applied_file as
        select key, {_RANKED} as rank from _citylake.effective_file;
        delete from _citylake.pending_day where feed not in (select feed from unpassed);
        delete from _citylake.pending_feed where feed not in (select feed from unpassed);
        delete from _citylake.last_build;
        """
    )
    connection.execute(
        """
        insert into _citylake.last_build
        select build_id, $digest, $complete, $reads_date, $finished
        from _citylake.run
        """,
        {
            "digest": outcome.project_digest,
            "complete": outcome.is_complete,
            "reads_date": outcome.reads_date,
            "finished": outcome.finished_at,
        },
    )


def move_date(connection: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Note that the tables, as they are, were judged for another day by `run`. The caller's transaction."""
    connection.execute(
        "update _citylake.run set build_id = $build, as_of = $as_of, started_at = $started, full_refresh = false",
        {"build": run.build_id, "as_of": run.as_of, "started": run.started_at},
    )
    connection.execute("update _citylake.last_build set build_id = $build", {"build": run.build_id})


def affected_feeds(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Feeds whose models this run makes again, sorted."""
    rows = connection.execute("select distinct feed from _citylake.affected_feed order by feed").fetchall()
    return [feed for (feed,) in rows]


def affected_days(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Feed to the event days of this run, ISO, sorted."""
    rows = connection.execute(
        "select feed, list(cast(day as varchar) order by day) from _citylake.affected_day group by feed order by feed"
    ).fetchall()
    return {feed: days for feed, days in rows}


def inputs(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Feed to the bronze keys that count now, sorted."""
    rows = connection.execute(
        "select feed, list(key order by key) from _citylake.effective_file group by feed order by feed"
    ).fetchall()
    return {feed: keys for feed, keys in rows}


def _pairs(groups: Mapping[str, Collection[str]]) -> Iterable[tuple[str, str]]:
    return ((name, member) for name, members in groups.items() for member in members)


def _temporary(
    connection: duckdb.DuckDBPyConnection, name: str, columns: tuple[str, str], pairs: Iterable[tuple[str, str]]
) -> None:
    """A temporary two-column table of text."""
    listed = list(pairs)
    table = pa.table({column: pa.array([pair[i] for pair in listed], pa.string()) for i, column in enumerate(columns)})
    connection.register("pairs_now", table)
    connection.execute(f"create or replace temp table {name} as from pairs_now")
    connection.unregister("pairs_now")
