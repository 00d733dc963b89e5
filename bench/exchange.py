"""What reading a table of an exchange database takes: the connector against a bare COPY of the same table.

The bare side throws away what the server sends. The connector reads in the order of the key, casts every value to text,
and writes a packed file; COPY of its own statement says how much of that is the server's part.

usage: python -m bench.exchange [--rows 1000000] [--times 3]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from ingestion.connectors.exchange import DatabaseConnector
from ingestion.connectors.exchange_query import Query
from ingestion.connectors.exchange_session import Sessions
from ingestion.contract.model import Column, Table
from ingestion.contract.sources import Database
from ingestion.database_connection import DatabaseConnection
from ingestion.lake import Lake
from tests.support.exchange_database import ExchangeDatabase, exchange_database
from tests.support.lakes import contract, day, lake

TEXTS = ("tyshxydm", "zch", "zzjgdm", "swdjh", "qymc", "cym", "qylx", "hydm", "zjdm", "djzt", "fddbr", "frzjhm")
FILL = (
    "create table qzk.market_entity as select lpad(cast(i * 7919 %% %(rows)s as text), 12, '0') as ztsfdm, "
    + ", ".join(f"left(md5(cast(i * {n + 1} as text)), 18) as {name}" for n, name in enumerate(TEXTS))
    + ", date '1990-01-01' + cast(i %% 12000 as integer) as clrq, cast(i as numeric(18, 4)) / 7 as zczb, "
    "timestamptz '2026-03-02' + i * interval '1 millisecond' as gxsj from generate_series(bigint '1', %(rows)s) as i"
)


def feed() -> Any:
    """A snapshot of the table."""
    source = {"connector": "database", "connection": "office", "schema": "qzk", "table": "market_entity"}
    names = ("ztsfdm", *TEXTS, "clrq", "zczb", "gxsj")
    columns = tuple(
        Column(name, "VARCHAR", name, "", "", primary_key=1 if name == names[0] else None) for name in names
    )
    table = Table("reading", "", "", "one entity", None, columns, None, ())
    return replace(contract("snapshot", source=source, format={"type": "parquet"}), tables=(table,))


class Sink:
    """Counts what it is given and keeps nothing."""

    size = 0

    def write(self, data: bytes) -> int:
        """Take the bytes."""
        self.size += len(data)
        return len(data)


def copied(database: ExchangeDatabase, statement: str) -> float:
    """Seconds in which the server sends a statement's rows as text."""
    with closing(psycopg2.connect(database.reader)) as session, session.cursor() as cursor:
        begun = time.perf_counter()
        cursor.copy_expert(f"copy ({statement}) to stdout", Sink())
        return time.perf_counter() - begun


def fetched(made: Lake, rows: int) -> tuple[float, int]:
    """Seconds in which the connector reads the table into a file; bytes of the file."""
    contract = feed()
    source = contract.citylake.source
    if not isinstance(source, Database):
        raise TypeError(source)
    begun = time.perf_counter()
    (found,) = DatabaseConnector(made, contract, source).fetch(contract, day(0), datetime.now(UTC))
    seconds = time.perf_counter() - begun
    if found.headers["rows"] != str(rows):
        raise RuntimeError(f"{found.headers['rows']} rows of {rows:,}")
    return seconds, found.path.stat().st_size


def ordered(made: Lake) -> str:
    """The connector's own statement."""
    contract = feed()
    query = Query(contract, contract.citylake.source, day(0))
    with Sessions(query.source, made.database("office")).snapshot(time.monotonic() + 60) as snapshot:
        return query.statement(query.chosen(snapshot.columns()))


def main() -> None:
    """Read in turns, and print rows a second of each side and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="citylake-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        with exchange_database(root / "server") as database:
            with closing(psycopg2.connect(database.writer)) as session, session, session.cursor() as cursor:
                cursor.execute(FILL, {"rows": given.rows})
            database.execute("vacuum analyze qzk.market_entity")
            connection = DatabaseConnection.from_text(database.reader, name="office")
            made = lake(root / "lake", databases={"office": connection}.__getitem__)
            statement = ordered(made)
            sides: dict[str, Callable[[], float]] = {
                "bare COPY": lambda: copied(database, "select * from qzk.market_entity"),
                "COPY of the connector's statement": lambda: copied(database, statement),
                "connector": lambda: fetched(made, given.rows)[0],
            }
            taken: dict[str, list[float]] = {name: [] for name in sides}
            for _ in range(given.times):
                for name, side in sides.items():
                    taken[name].append(side())
            size = fetched(made, given.rows)[1]
    bare = statistics.median(taken["bare COPY"])
    for name, seconds in taken.items():
        middle = statistics.median(seconds)
        sys.stdout.write(f"{name:36} {middle:6.2f} s  {given.rows / middle:10,.0f} rows/s  {middle / bare:5.2f} x\n")
    peak = psutil.Process().memory_info().rss // 2**20
    sys.stdout.write(f"{size / 2**20:.0f} MB of Parquet; this process {peak} MB\n")


if __name__ == "__main__":
    main()
