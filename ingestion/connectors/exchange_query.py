"""The statements that read a table: what columns it has, and its rows as text in the order of the key.

Names and values are quoted by `ingestion.sql`. Running them is left to `exchange_session`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ingestion.connectors.exchange_file import SourceColumn
from ingestion.contract.database_checks import cursor_column
from ingestion.contract.model import Contract, Table
from ingestion.contract.sources import Database
from ingestion.intervals import Interval
from ingestion.sql import identifier, literal

SESSION = (
    "set local timezone = 'UTC'",
    "set local datestyle = 'ISO, YMD'",
    "set local intervalstyle = 'postgres'",
    "set local extra_float_digits = 1",
    "set local bytea_output = 'hex'",
)
"""Settings on which the text of values depends."""
IDENTITY = (
    "select cast(pg_current_snapshot() as text), "
    "to_char(statement_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), "
    "current_setting('server_version')"
)
CURSOR_TYPES = ("date", "timestamp without time zone", "timestamp with time zone")


def relation_statement(source: Database) -> str:
    """Whether schema and table are there and may be read: three values, `t` or `f`."""
    name = literal(identifier(source.schema_name, source.table))
    return (
        f"select cast(to_regnamespace({literal(identifier(source.schema_name))}) is not null as text), "
        f"cast(to_regclass({name}) is not null as text), "
        f"cast(coalesce(has_table_privilege(to_regclass({name}), 'select'), false) "
        f"or coalesce(has_any_column_privilege(to_regclass({name}), 'select'), false) as text)"
    )


def columns_statement(source: Database) -> str:
    """Name, type as spelled, and base type of each column, in the table's order."""
    return (
        "select cast(attname as text), format_type(atttypid, atttypmod), "
        "case typtype when 'e' then 'enum' when 'd' then format_type(typbasetype, null) "
        "else format_type(atttypid, null) end "
        "from pg_catalog.pg_attribute inner join pg_catalog.pg_type on pg_type.oid = atttypid "
        f"where attrelid = to_regclass({literal(identifier(source.schema_name, source.table))}) "
        "and attnum > 0 and not attisdropped order by attnum"
    )


@dataclass(frozen=True)
class Query:
    """How an interval of a feed is read from its table."""

    contract: Contract
    source: Database
    interval: Interval

    @property
    def table(self) -> Table:
        """The feed's one table."""
        return self.contract.tables[0]

    @property
    def cursor(self) -> str | None:
        """Physical name of the cursor; None for a snapshot."""
        column = cursor_column(self.table, self.source.cursor) if self.source.cursor else None
        return str(column.source) if column else None

    def chosen(self, columns: Sequence[SourceColumn]) -> list[SourceColumn]:
        """The columns to read: the contract's in its order, then, unless `columns: declared`, the table's others."""
        there = {column.name: column for column in columns}
        declared = dict.fromkeys(str(column.source) for column in self.table.source_columns)
        others = [] if self.source.columns == "declared" else [name for name in there if name not in declared]
        return [there[name] for name in (*declared, *others) if name in there]

    def statement(self, columns: Sequence[SourceColumn]) -> str:
        """Every chosen column as text, ordered by the key, then by the rest, byte by byte."""
        names = [column.name for column in columns]
        key = [str(self.table.column(name).source) for name in self.table.key]
        first = [name for name in key if name in names]
        text = {name: f"cast({identifier(name)} as text)" for name in names}
        read = ", ".join(f"{text[name]} as {identifier(name)}" for name in names)
        order = ", ".join(f'{text[name]} collate "C"' for name in dict.fromkeys((*first, *names)))
        where = f" where {condition}" if (condition := self.condition(columns)) else ""
        return f"select {read} from {identifier(self.source.schema_name, self.source.table)}{where} order by {order}"

    def condition(self, columns: Sequence[SourceColumn]) -> str:
        """Which rows are of the interval; empty for a snapshot. The calendar's first interval has no beginning."""
        if self.cursor is None:
            return ""
        kind = next(column.type.base for column in columns if column.name == self.cursor)
        name = identifier(self.cursor)
        below = f"{name} < {self._moment(self.interval.end, kind)}"
        if self.interval == self.contract.calendar.at(self._first_moment):
            return below
        return f"{name} >= {self._moment(self.interval.start - self.source.overlap, kind)} and {below}"

    @property
    def _first_moment(self) -> datetime:
        calendar = self.contract.calendar
        return datetime.combine(calendar.start, datetime.min.time())

    def _moment(self, moment: datetime, kind: str) -> str:
        """The moment as a value of the cursor's type; local where that has no zone."""
        column = cursor_column(self.table, self.source.cursor or "")
        zone = ZoneInfo((column.spec.timezone if column else None) or self.contract.calendar.timezone)
        local = moment.astimezone(zone)
        if kind == "date":
            # A row of a day that the interval touches from its middle on is read, too.
            return literal(local.date())
        return literal(local.replace(tzinfo=None) if kind == "timestamp without time zone" else moment)
