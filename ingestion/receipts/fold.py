"""SQL that turns receipt and decision objects into the tables of the log, and copies of these tables.

Owns table shapes and reading of JSON. Which objects are new is the business of
ingestion.receipts.log; what receipts mean together, of ingestion.receipts.standing.
All statements are set-based: cost follows the objects given, not those folded before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from ingestion.receipts.model import Decision, Receipt
from ingestion.values.document import Document

TABLES = ("receipt", "part", "table_receipt", "bronze_file", "bronze_day", "decision")

SCHEMA = """
create table if not exists receipt (
    key varchar primary key, partition varchar not null, department varchar not null, feed varchar not null,
    batch varchar not null, attempt varchar not null, outcome varchar not null, rule varchar, message varchar,
    confirms varchar, delivery varchar not null, correction varchar, interval_start timestamptz not null,
    interval_end timestamptz not null, dt date not null, contract varchar not null, revision varchar not null,
    key_version integer not null, raw_key varchar, raw_sha256 varchar, raw_bytes bigint,
    content_as_of timestamptz not null, loaded_at timestamptz not null, committed_at timestamptz not null,
    is_bulk boolean not null default false
);
create table if not exists part (
    receipt_key varchar not null, department varchar not null, feed varchar not null, batch varchar not null,
    interval_start timestamptz not null, interval_end timestamptz not null, dt date not null,
    content_as_of timestamptz not null, confirms varchar
);
create table if not exists table_receipt (
    receipt_key varchar not null, department varchar not null, feed varchar not null, batch varchar not null,
    table_name varchar not null, received bigint not null, accepted bigint not null, quarantined bigint not null,
    duplicates bigint not null, rules map(varchar, bigint), flags map(varchar, bigint), quarantine varchar[]
);
create table if not exists bronze_file (
    receipt_key varchar not null, batch varchar not null, table_name varchar not null, key varchar not null,
    bytes bigint not null, sha256 varchar not null, rows bigint not null, row_hash varchar not null
);
create table if not exists bronze_day (
    receipt_key varchar not null, batch varchar not null, table_name varchar not null, key varchar not null,
    day date not null, rows bigint not null
);
create table if not exists decision (
    key varchar primary key, department varchar not null, feed varchar not null, batch varchar not null,
    verb varchar not null, reason varchar not null, decided_by varchar not null, decided_at timestamptz not null
);
create table if not exists shape (digest varchar not null);
"""

_FILE_SHAPE = (
    "struct(key varchar, bytes bigint, sha256 varchar, rows bigint, row_hash varchar, days map(varchar, bigint))"
)
_TABLE_SHAPE = (
    "map(varchar, struct(received bigint, accepted bigint, quarantined bigint, duplicates bigint, "
    f"rules map(varchar, bigint), flags map(varchar, bigint), bronze {_FILE_SHAPE}[], quarantine varchar[]))"
)
_PART_SHAPE = (
    'struct(batch varchar, interval struct(start timestamptz, "end" timestamptz), dt date, '
    f"content_as_of timestamptz, confirms varchar, bronze map(varchar, {_FILE_SHAPE}[]))[]"
)

# `opened(url, key)` and the variable `urls` hold what to read. Everything is cast with try_cast, so that one bad
# object becomes a null that `Kind.unreadable` finds and names, instead of an error that names none.
PARSE_RECEIPTS = f"""
create or replace temp table parsed as
select
    opened.key, split_part(opened.key, '/', 2) as partition, json->>'schema_version' as schema_version,
    json->>'department' as department, json->>'feed' as feed, json->>'batch' as batch,
    json->>'attempt' as attempt, json->>'outcome' as outcome, json->>'rule' as rule, json->>'message' as message,
    json->>'confirms' as confirms, json->>'delivery' as delivery, json->>'correction' as correction,
    try_cast(json->>'$.interval.start' as timestamptz) as interval_start,
    try_cast(json->>'$.interval.end' as timestamptz) as interval_end, try_cast(json->>'dt' as date) as dt,
    json->>'contract' as contract, json->>'revision' as revision,
    try_cast(json->>'key_version' as integer) as key_version, json->>'raw_key' as raw_key,
    json->>'raw_sha256' as raw_sha256, try_cast(json->>'raw_bytes' as bigint) as raw_bytes,
    try_cast(json->>'content_as_of' as timestamptz) as content_as_of,
    try_cast(json->>'loaded_at' as timestamptz) as loaded_at,
    try_cast(json->>'committed_at' as timestamptz) as committed_at,
    try_cast(json->'tables' as {_TABLE_SHAPE}) as tables,
    coalesce(try_cast(json->>'bulk' as boolean), false) as is_bulk,
    case when (json->'parts') is null then [] else try_cast(json->'parts' as {_PART_SHAPE}) end as parts
from read_json_objects(
    getvariable('urls'), format = 'unstructured', filename = true, maximum_object_size = 67108864
) as objects
inner join opened on objects.filename = opened.url
"""

PARSE_DECISIONS = """
create or replace temp table parsed as
select
    opened.key, json->>'schema_version' as schema_version, json->>'department' as department,
    json->>'feed' as feed, json->>'batch' as batch, json->>'verb' as verb, json->>'reason' as reason,
    json->>'decided_by' as decided_by, try_cast(json->>'decided_at' as timestamptz) as decided_at
from read_json_objects(getvariable('urls'), format = 'unstructured', filename = true) as objects
inner join opened on objects.filename = opened.url
"""

_KNOWN = "coalesce(schema_version, '') = '1'"
_REQUIRED_RECEIPT = (
    "department", "feed", "batch", "attempt", "outcome", "delivery", "interval_start", "interval_end", "dt",
    "contract", "revision", "key_version", "content_as_of", "loaded_at", "committed_at", "tables", "parts",
)  # fmt: skip
_REQUIRED_DECISION = ("department", "feed", "batch", "verb", "reason", "decided_by", "decided_at")


def _unreadable(required: tuple[str, ...]) -> str:
    missing = " or ".join(f"{name} is null" for name in required)
    return f"""
select opened.key from opened left join parsed using (key)
where parsed.key is null or not {_KNOWN} or {missing} order by 1 limit 1
"""


ADD_RECEIPTS = """
insert into receipt
select
    key, partition, department, feed, batch, attempt, outcome, rule, message, confirms, delivery, correction,
    interval_start, interval_end, dt, contract, revision, key_version, raw_key, raw_sha256, raw_bytes,
    content_as_of, loaded_at, committed_at, is_bulk
from parsed;
create or replace temp table parsed_part as
select key as receipt_key, department, feed, unnest(parts) as part from parsed;
insert into part
select
    receipt_key, department, feed, part.batch, part.interval.start, part.interval."end", part.dt, part.content_as_of,
    part.confirms
from parsed_part;
insert into table_receipt
with entries as (select key, department, feed, batch, unnest(map_entries(tables)) as entry from parsed)
select
    key, department, feed, batch, entry.key, entry.value.received, entry.value.accepted, entry.value.quarantined,
    entry.value.duplicates, entry.value.rules, entry.value.flags, entry.value.quarantine
from entries;
create or replace temp table parsed_file as
with entries as (
    select key as receipt_key, batch, unnest(map_entries(tables)) as entry from parsed
),
parts as (
    select receipt_key, part.batch as batch, unnest(map_entries(part.bronze)) as entry from parsed_part
)
select receipt_key, batch, entry.key as table_name, unnest(entry.value.bronze) as file from entries
union all
select receipt_key, batch, entry.key, unnest(entry.value) from parts;
insert into bronze_file
select receipt_key, batch, table_name, file.key, file.bytes, file.sha256, file.rows, file.row_hash from parsed_file;
insert into bronze_day
with days as (
    select receipt_key, batch, table_name, file.key as key, unnest(map_entries(file.days)) as entry from parsed_file
)
select receipt_key, batch, table_name, key, cast(entry.key as date), entry.value from days;
"""

ADD_DECISIONS = """
insert into decision select key, department, feed, batch, verb, reason, decided_by, decided_at from parsed;
"""


@dataclass(frozen=True)
class Kind:
    """One kind of object: how it is parsed, which key is unreadable, how it is added, and its full model."""

    parse: str
    unreadable: str
    add: str
    model: type[Document]


RECEIPTS = Kind(PARSE_RECEIPTS, _unreadable(_REQUIRED_RECEIPT), ADD_RECEIPTS, Receipt)
DECISIONS = Kind(PARSE_DECISIONS, _unreadable(_REQUIRED_DECISION), ADD_DECISIONS, Decision)

# Of a bulk delivery the parts say which intervals it has; only one without any stands for its whole span.
_COPY_SINCE = """
create temp table scope as
select feeds.department, feeds.feed, feeds.since, newest.delivery = 'snapshot' as is_snapshot
from scoped_feeds as feeds
inner join (
    select department, feed, arg_max(delivery, key) as delivery from folded.receipt group by department, feed
) as newest on feeds.department = newest.department and feeds.feed = newest.feed;
create table log.part as
select part.* from folded.part as part
inner join scope on part.department = scope.department and part.feed = scope.feed
where scope.is_snapshot or part.interval_end >= scope.since;
create table log.receipt as
select receipt.* from folded.receipt as receipt
inner join scope on receipt.department = scope.department and receipt.feed = scope.feed
where case
    when receipt.is_bulk and receipt.key in (select receipt_key from folded.part)
        then receipt.key in (select receipt_key from log.part)
    else scope.is_snapshot or receipt.interval_end >= scope.since
end;
create table log.decision as
select decision.* from folded.decision as decision
inner join scope on decision.department = scope.department and decision.feed = scope.feed;
create table log.table_receipt as
from folded.table_receipt where receipt_key in (select key from log.receipt);
create table log.bronze_file as from folded.bronze_file limit 0;
create table log.bronze_day as from folded.bronze_day limit 0;
drop table scope;
"""


def copy_all(connection: duckdb.DuckDBPyConnection) -> None:
    """Copy every table of the catalogue `folded` to the catalogue `log`."""
    for table in TABLES:
        connection.execute(f"create table log.{table} as from folded.{table}")


def copy_since(connection: duckdb.DuckDBPyConnection, since: Mapping[str, datetime]) -> None:
    """As `copy_all`, of these feeds (`department.feed`) only, and of intervals that end at that moment or later;
    without bronze files."""
    names = [name.split(".", 1) for name in since]
    feeds = pa.table(
        {
            "department": pa.array([department for department, _ in names], pa.string()),
            "feed": pa.array([feed for _, feed in names], pa.string()),
            "since": pa.array(list(since.values()), pa.timestamp("us", tz="UTC")),
        }
    )
    connection.register("scoped_feeds", feeds)
    connection.execute(_COPY_SINCE)
    connection.unregister("scoped_feeds")


SHAPE_DIGEST = hashlib.sha256((SCHEMA + PARSE_RECEIPTS + ADD_RECEIPTS + PARSE_DECISIONS).encode()).hexdigest()[:16]
"""Names the shape a folded file has; a file of another shape is folded again from nothing."""
