"""Which rows of an open table are not to be shown on a day, and what is left of the table without them (docs/adr/0030).

A row's last day is over from the date in its table's end column on; or from an earlier date that an internal model of
the build gives for its key (`ended_by`). A row without a date stays, and a key that the internal model does not have
changes nothing: a lost file removes no record. Without a build only the rows' own dates are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import duckdb

from ingestion.sql import identifier, literal
from warehouse.build.report import BuildReport, Expires
from warehouse.content.measure import columns_of_build, content_of, relation
from warehouse.release.manifest import Expiry, FactDay, TableEntry

_DATE = "DATE"


@dataclass(frozen=True)
class Shown:
    """A table as it is shown: its entry, and SQL for its rows."""

    entry: TableEntry
    query: str


@dataclass(frozen=True)
class Ended:
    """Rows that have ended on the local day `today`.

    `declared` maps tables to what the project says of them now, `built` tables of the build to their columns; both are
    empty where no whole build is at hand.
    """

    connection: duckdb.DuckDBPyConnection
    today: date
    declared: Mapping[str, Expires] = field(default_factory=dict)
    built: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def by_build(cls, connection: duckdb.DuckDBPyConnection, report: BuildReport, today: date) -> Ended:
        """As the build of the report knows it; `connection` is of warehouse.content.measure.open_build."""
        declared = {model.name: model.expires for model in report.models if model.expires}
        return cls(connection, today, declared, columns_of_build(connection) if declared else {})

    def rule(self, table: str, entry: TableEntry) -> Expires | None:
        """When the rows of a released table leave: as declared now where it has such columns, else as released."""
        declared = self.declared.get(table)
        if declared is not None and _lacks(declared, entry.columns) is None:
            return declared
        return entry.expiry.rule if entry.expiry else None

    def defect(self, table: str, columns: Mapping[str, str]) -> str | None:
        """Why what is declared of a table of the build cannot be applied; None where it can, or nothing is declared."""
        rule = self.declared.get(table)
        if rule is None:
            return None
        lack = _lacks(rule, columns)
        if lack is None and rule.ended_by is not None:
            lack = f"{rule.ended_by}: {self._lack_of_ending(rule)}" if self._lack_of_ending(rule) else None
        return f"{table} expires by {rule.column}, which cannot be applied: {lack}" if lack else None

    def may_hold(self, table: str, entry: TableEntry) -> bool:
        """Could a released table hold rows that have ended? By its entry alone, as far as that says so."""
        rule = self.rule(table, entry)
        if rule is None:
            return False
        return entry.expiry is None or entry.expiry.rule != rule or entry.is_due(self.today) or self._is_ended_by(rule)

    def count(self, rule: Expires, query: str) -> int:
        """How many of the query's rows have ended."""
        row = self.connection.execute(
            f"select count(*) from ({query}) as shown where {self._condition(rule)}"
        ).fetchone()
        return int(row[0]) if row else 0

    def without(self, entry: TableEntry, rule: Expires, query: str) -> Shown:
        """The table without the rows that have ended. `entry` describes the rows of `query`."""
        remaining = f"select * from ({query}) as shown where not ({self._condition(rule)})"
        row = self.connection.execute(f"select count(*), min({identifier(rule.column)}) from ({remaining})").fetchone()
        rows, next_end = row or (0, None)
        expiry = Expiry(rule=rule, next_end=next_end, built_rows=entry.built_rows, built_content=entry.built_content)
        if rows == entry.rows:
            return Shown(entry.model_copy(update={"expiry": expiry}), query)
        content, by_day = content_of(self.connection, remaining, entry.columns, entry.day_column)
        days = [FactDay(day=day, rows=of_day.rows, content=of_day.content) for day, of_day in sorted(by_day.items())]
        changes = {"rows": rows, "content": content, "days": days, "expiry": expiry}
        return Shown(entry.model_copy(update=changes), remaining)

    def _condition(self, rule: Expires) -> str:
        """SQL, never NULL: the row of `shown` has ended."""
        has_come = f"{identifier(rule.column)} <= date {literal(self.today.isoformat())}"
        own = f"coalesce(shown.{has_come}, false)"
        if rule.ended_by is None or not self._is_ended_by(rule):
            return own
        same_key = " and ".join(f"ending.{identifier(key)} = shown.{identifier(key)}" for key in rule.key)
        ending = f"select 1 from {relation(rule.ended_by)} as ending where ending.{has_come} and {same_key}"
        return f"({own} or exists ({ending}))"

    def _is_ended_by(self, rule: Expires) -> bool:
        """Does the build have the model that ends rows earlier?"""
        return rule.ended_by is not None and self._lack_of_ending(rule) is None

    def _lack_of_ending(self, rule: Expires) -> str | None:
        columns = self.built.get(rule.ended_by or "")
        return "the build has no such table" if columns is None else _lacks(rule, columns)


def _lacks(rule: Expires, columns: Mapping[str, str]) -> str | None:
    """What a table with these columns lacks for the rule; None where it has all."""
    missing = [name for name in (rule.column, *rule.key) if name not in columns]
    if missing:
        return f"it has no column {', '.join(missing)}"
    kind = columns[rule.column]
    return None if kind == _DATE else f"column {rule.column} is {kind}, and a last day is a {_DATE}"
