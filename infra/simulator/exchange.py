"""The department's exchange database (前置库): its table of market entities in PostgreSQL as it stands on a day.

All SYNTHETIC. The rows are those of the files in the drop folder without their planted dirt: types and a key keep most
of it out of a database. A day is one transaction, so that a reader sees a whole day.
"""

from __future__ import annotations

import io
from datetime import date

import psycopg2
from psycopg2 import sql

from infra.simulator.city import City
from infra.simulator.market_register import PHYSICAL, table
from infra.simulator.writers import csv_bytes

SCHEMA, TABLE, KEY = "qzk", "market_entity", "ztsfdm"
_TYPES = {"clrq": "date", "hzrq": "date", "ztrq": "date", "zczb": "numeric(18,4)", "gxsj": "timestamptz"}
"""Of columns that are no text."""
_COMMENT = "市场主体（模拟）· SYNTHETIC: market entities of the simulated city"


def write_day(dsn: str, city: City, day: date) -> None:
    """Bring the table to its state at the end of a local day; writing a day again changes nothing.

    Changes are made in place and deleted entities are deleted. Raises psycopg2.Error.
    """
    rows = table(city, city.day_no(day))
    target, staged = sql.Identifier(SCHEMA, TABLE), sql.Identifier("_staged")
    columns = [sql.Identifier(name) for name in PHYSICAL]
    named = sql.SQL(", ").join(columns)
    declared = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(_TYPES.get(name, "text"))) for name in PHYSICAL
    )
    changes = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(column) for column in columns)
    steps = (
        sql.SQL("create schema if not exists {}").format(sql.Identifier(SCHEMA)),
        sql.SQL("create table if not exists {} ({}, primary key ({}))").format(target, declared, sql.Identifier(KEY)),
        sql.SQL("comment on table {} is {}").format(target, sql.Literal(_COMMENT)),
        sql.SQL("create temporary table {} (like {}) on commit drop").format(staged, target),
    )
    merge = (
        sql.SQL(
            "insert into {0} as present ({1}) select {1} from {2} on conflict ({3}) do update set {4} "
            "where present is distinct from excluded"
        ).format(target, named, staged, sql.Identifier(KEY), changes),
        sql.SQL("delete from {0} where not exists (select 1 from {1} where {1}.{2} = {0}.{2})").format(
            target, staged, sql.Identifier(KEY)
        ),
    )
    connection = psycopg2.connect(dsn)
    try:
        with connection, connection.cursor() as cursor:
            for step in steps:
                cursor.execute(step)
            copy = sql.SQL("copy {} ({}) from stdin (format csv, header)").format(staged, named)
            cursor.copy_expert(copy, io.BytesIO(csv_bytes(rows, tuple(PHYSICAL))))
            for step in merge:
                cursor.execute(step)
    finally:
        connection.close()
