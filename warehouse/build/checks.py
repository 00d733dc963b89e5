"""Run the selected checks of a build, each in the cheapest way that gives dbt's own result.

Column checks of one model in one scan; a key by the statement its macro gives; a test whose SQL would be compiled to
the same text as before, from that text; any other by `dbt test`. What a result means is read in
warehouse.build.collect.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import duckdb

from warehouse.build.collect import status_of
from warehouse.build.column_checks import column_checks, key_checks
from warehouse.build.dbt_runner import Dbt
from warehouse.build.direct_checks import asks_for_date, on_date, run_column_checks, run_key_check, run_statement
from warehouse.build.kept import Kept, lost_parent_keys
from warehouse.build.limits import add_whole, whole_nodes
from warehouse.build.lineage import Lineage
from warehouse.build.report import ModelsMade, NodeResult

Opened = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]


def run_checks(opened: Opened, dbt: Dbt, lineage: Lineage, made: ModelsMade, kept: Kept) -> list[NodeResult]:
    """Results of the checks in `made`, but for those that read a model which was not made. `opened` opens the build
    file, which dbt must find closed."""
    names = _runnable(lineage, made)
    with opened() as connection:
        add_whole(connection, lost_parent_keys(connection, lineage))
        whole = whole_nodes(connection)
        results: list[NodeResult] = []
        dbt.progress(f"{len(names)} checks: test what needs no dbt")
        for model, checks in column_checks(lineage, names).items():
            results += run_column_checks(connection, lineage, model, checks, whole)
        results += [run_key_check(connection, lineage, name, whole) for name in key_checks(lineage, names)]
        texts = _Texts(lineage, made, kept, whole)
        for name in sorted(names - {result.unique_id for result in results}):
            sql = texts.of(name)
            if sql is not None:
                results.append(run_statement(connection, lineage.node(name), sql))
    left = names - {result.unique_id for result in results}
    if left:
        results += dbt.test([lineage.node(name)["name"] for name in left])
    return results


def _runnable(lineage: Lineage, made: ModelsMade) -> set[str]:
    """The selected checks of which every model and seed they read was made."""
    passed = {result.unique_id for result in made.results if status_of(result) == "passed"}
    failed = set(made.selected) - passed
    known = set(made.checks).intersection(lineage.tests())
    return {name for name in known if failed.isdisjoint(lineage.upstream(name))}


@dataclass(frozen=True)
class _Texts:
    """The compiled SQL of checks, as it is kept from earlier builds."""

    lineage: Lineage
    made: ModelsMade
    kept: Kept
    whole: set[str]

    def of(self, check: str) -> str | None:
        """What dbt would compile the check to; None where that is not known."""
        kept = self.kept.checks.get(check)
        if kept is None or kept.identity != self.made.identities[check] or kept.result.compiled_sql is None:
            return None
        if self._has_days(check) or not self.whole.isdisjoint(self.lineage.upstream(check)):
            return None
        sql = kept.result.compiled_sql
        if check not in self.made.dated:
            return sql
        return on_date(sql, self.made.as_of) if asks_for_date(sql) else None

    def _has_days(self, check: str) -> bool:
        """May its text name affected days, now or when it was compiled? Checks of the date look at every day."""
        if check in self.made.dated:
            return False
        attached = self.lineage.node(check).get("attached_node")
        is_generic = attached is not None and "affected_days" not in self.lineage.sql_of_check(check)
        return not is_generic or self.lineage.is_incremental(attached)
