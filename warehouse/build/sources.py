"""Source views: schema `bronze_<department>`, one view per bronze table over an explicit file list.

Owns the text of the views and the resolution of keys across deliveries. Which files are listed
is decided in warehouse.build.state; rows are typed and unique within a file by conform.

A list, never a glob: DuckDB opens what is named, and superseded files are not named. Where
several deliveries of a delta or events feed are listed, the view keeps per (interval, key) the
row of the latest delivery, or per (key, event day) the row of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import duckdb

from ingestion.contract.model import Contract, Table
from ingestion.sql import identifier, literal

SYSTEM_COLUMNS = {"_batch_id": "VARCHAR", "_loaded_at": "TIMESTAMP WITH TIME ZONE"}
RECORD_NUMBER = {"_record_number": "BIGINT"}
EVENT_DATE = {"_event_date": "DATE"}


@dataclass(frozen=True)
class Listed:
    """What one view lists: objects to open, in interval order; whether they need more than a plain read.

    A merged object stands for its members where all of them are listed (`batches` counts deliveries all the same).
    """

    keys: tuple[str, ...]
    batches: int
    is_current_revision: bool


def source_name(contract: Contract, table: Table) -> str:
    """`<feed>`, or `<feed>__<table>` where a feed has several tables."""
    return contract.feed if len(contract.tables) == 1 else f"{contract.feed}__{table.name}"


def view_columns(table: Table) -> dict[str, str]:
    """Column name to DuckDB type, in the order of the contract, then the lake's own."""
    return {column.name: column.bronze_type for column in table.bronze_columns} | lake_columns(table)


def lake_columns(table: Table) -> dict[str, str]:
    """The lake's own columns of a table, name to DuckDB type, in order."""
    numbered = RECORD_NUMBER if table.keeps_repeats else {}
    return SYSTEM_COLUMNS | numbered | (EVENT_DATE if table.event_time else {})


def row_key(table: Table) -> list[str]:
    """Columns that tell the rows of a source view apart: the key, or where a row is in which delivery (ADR 0020).

    Empty where the source has no key and repeats are dropped.
    """
    return ["_batch_id", *RECORD_NUMBER] if table.keeps_repeats else list(table.key)


def dated_tables(contracts: Iterable[Contract]) -> list[tuple[str, str]]:
    """(feed, table) of every table with an event time."""
    return [(contract.name, table.name) for contract in contracts for table in contract.tables if table.event_time]


def create_sources(
    connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract], url: Callable[[str], str]
) -> dict[str, Exception]:
    """Create every source view and the count of replaced rows, from `_citylake.listed_file`.

    `contracts` is keyed by `department.feed`; `url` turns a bronze key into what DuckDB opens. A feed whose bronze
    cannot be opened gets views that fail when they are read, so that its models fail and no others; what it met is
    in the answer, by feed. Where no feed's can be opened it is the store's failure, and raised.
    """
    listed = _listed(connection, contracts)
    connection.execute(
        "create or replace table _citylake.repeat_day (feed varchar, table_name varchar, day date, rows bigint)"
    )
    failed: dict[str, Exception] = {}
    for feed, contract in sorted(contracts.items()):
        connection.execute(f"create schema if not exists {identifier(f'bronze_{contract.department}')}")
        try:
            _create_views(connection, feed, contract, listed, url)
        except Exception as error:
            failed[feed] = error
            _create_failing_views(connection, contract)
    read = {feed for feed, _ in listed} & set(contracts)
    if failed and read <= set(failed):
        raise next(iter(failed.values()))
    return failed


def _create_views(
    connection: duckdb.DuckDBPyConnection,
    feed: str,
    contract: Contract,
    listed: Mapping[tuple[str, str], Listed],
    url: Callable[[str], str],
) -> None:
    for table in contract.tables:
        files = listed.get((feed, table.name), Listed((), 0, True))
        query = view_query(feed, contract, table, files, url)
        connection.execute(f"create or replace view {_view(contract, table)} as {query}")
        if _needs_resolving(contract, files) and table.event_time:
            connection.execute(_repeats(feed, contract, table, files, url))


def _create_failing_views(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Views with the contract's columns that no query can read, since the table below them is gone.

    Its name is what the message of a model that tries says. An expression that fails would not do: a filter that is
    false whatever the row lets DuckDB leave it out.
    """
    for table in contract.tables:
        gone = identifier("_citylake", f"bronze of {contract.name} cannot be opened")
        columns = ", ".join(f"{identifier(name)} {kind}" for name, kind in view_columns(table).items())
        connection.execute(f"create or replace table {gone} ({columns})")
        connection.execute(f"create or replace view {_view(contract, table)} as select * from {gone}")
        connection.execute(f"drop table {gone}")


def _view(contract: Contract, table: Table) -> str:
    return identifier(f"bronze_{contract.department}", source_name(contract, table))


def view_query(feed: str, contract: Contract, table: Table, files: Listed, url: Callable[[str], str]) -> str:
    """The select of one source view."""
    columns = view_columns(table)
    if not files.keys:
        return f"select {_typed_nulls(columns)} where false"
    names = ", ".join(identifier(name) for name in columns)
    if not _needs_resolving(contract, files):
        return f"select {names} from {_scan(columns, files, url)}"
    if contract.citylake.delivery == "events":
        order = f"partition by {_key(table)}{', _event_date' if table.event_time else ''} order by _precedence"
    else:
        order = f"partition by _interval_start, {_key(table)} order by _precedence desc"
    return (
        f"select {names} from {_ranked_scan(feed, columns, table, files, url)} qualify row_number() over ({order}) = 1"
    )


def _listed(connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract]) -> dict[tuple[str, str], Listed]:
    rows = connection.execute(
        """
        with complete as (
            select merged, count(*) as members
            from _citylake.merged_file left join _citylake.listed_file as listed using (key)
            group by merged
            having count(*) = count(listed.key)
        ),
        best as (
            select merged, members, key
            from _citylake.merged_file inner join complete using (merged)
            qualify row_number() over (partition by key order by members desc, merged) = 1
        ),
        -- Objects may overlap (a month and its days): one is read only where every member chose it, so none twice.
        chosen as (
            select key, merged from best qualify count(*) over (partition by merged) = members
        ),
        opened as (
            select feed, table_name, coalesce(merged, key) as object, min(interval_start) as interval_start,
                min(precedence) as precedence
            from _citylake.listed_file left join chosen using (key)
            group by all
        ),
        totals as (
            select feed, table_name, count(distinct batch) as batches, list(distinct revision) as revisions
            from _citylake.listed_file
            group by feed, table_name
        )
        select feed, table_name, list(object order by interval_start, precedence, object), any_value(batches),
            any_value(revisions)
        from opened inner join totals using (feed, table_name)
        group by feed, table_name
        """
    ).fetchall()
    return {
        (feed, name): Listed(tuple(keys), batches, feed in contracts and revisions == [contracts[feed].revision])
        for feed, name, keys, batches, revisions in rows
    }


def _needs_resolving(contract: Contract, files: Listed) -> bool:
    several = contract.citylake.delivery == "events" or contract.citylake.correction == "delta"
    return several and files.batches > 1


def _scan(columns: Mapping[str, str], files: Listed, url: Callable[[str], str]) -> str:
    paths = literal([url(key) for key in files.keys])
    if files.is_current_revision:
        return f"read_parquet({paths}, hive_partitioning = false)"
    # Files of an older contract revision may lack a column: it is then null.
    return (
        f"(select {_typed_nulls(columns)} where false union all by name "
        f"from read_parquet({paths}, union_by_name = true, hive_partitioning = false))"
    )


def _ranked_scan(feed: str, columns: Mapping[str, str], table: Table, files: Listed, url: Callable[[str], str]) -> str:
    return (
        f"(select bronze.*, delivered.interval_start as _interval_start, delivered.precedence as _precedence "
        f"from {_scan(columns, files, url)} as bronze inner join (select distinct batch, interval_start, precedence "
        f"from _citylake.listed_file where feed = {literal(feed)} and table_name = {literal(table.name)}) as delivered "
        f"on bronze._batch_id = delivered.batch)"
    )


def _repeats(feed: str, contract: Contract, table: Table, files: Listed, url: Callable[[str], str]) -> str:
    """Rows that lose to another delivery's, by day: what reconciliation subtracts from the receipts."""
    if contract.citylake.delivery == "events":
        loses = f"_precedence > min(_precedence) over (partition by {_key(table)}, _event_date)"
    else:
        loses = f"_precedence < max(_precedence) over (partition by _interval_start, {_key(table)})"
    return (
        f"insert into _citylake.repeat_day select {literal(feed)}, {literal(table.name)}, _event_date, count(*) from "
        f"(select _event_date, {loses} as is_replaced from "
        f"{_ranked_scan(feed, view_columns(table), table, files, url)}) where is_replaced group by _event_date"
    )


def _key(table: Table) -> str:
    return ", ".join(identifier(name) for name in table.key)


def _typed_nulls(columns: Mapping[str, str]) -> str:
    return ", ".join(f"cast(null as {kind}) as {identifier(name)}" for name, kind in columns.items())
