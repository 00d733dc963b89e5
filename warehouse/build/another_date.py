"""Judge the last build for another date where nothing else is new: the checks that ask for the date, without dbt.

Their SQL is kept in the build file. Where one cannot be judged from it, nothing is done here, and dbt does it.
"""

from __future__ import annotations

from dataclasses import replace

import duckdb

from ingestion import clocks
from warehouse.build import kept, state
from warehouse.build.collect import as_check
from warehouse.build.direct_checks import asks_for_date, on_date, run_statement
from warehouse.build.report import BuildReport

JUDGED = ("passed", "warned", "failed")
"""Statuses of a check that ran."""


def judge_another_date(connection: duckdb.DuckDBPyConnection, last: BuildReport, run: state.Run) -> BuildReport | None:
    """The report of `run` on the tables of `last`, noted in the build file in a transaction that the caller commits;
    None where a check did not run last time or cannot be judged without dbt."""
    known = kept.read(connection)
    if any(check.status not in JUDGED for check in last.checks) or len(known.checks) != len(last.checks):
        return None
    texts = {name: check.result.compiled_sql for name, check in known.checks.items() if check.is_dated}
    if not all(sql is not None and asks_for_date(sql) for sql in texts.values()):
        return None
    judged = {}
    for name, sql in texts.items():
        result = run_statement(connection, known.checks[name].node, on_date(sql or "", run.as_of))
        checked = as_check(known.checks[name].node, known.checks[name].result, result, run.build_id)
        judged[name] = replace(known.checks[name], result=checked)
    connection.begin()
    state.move_date(connection, run)
    kept.keep_checks(connection, judged)
    checks = {name: kept_check.result for name, kept_check in judged.items()}
    return last.model_copy(
        update={
            "build_id": run.build_id,
            "as_of": run.as_of,
            "started_at": run.started_at,
            "finished_at": clocks.now(),
            "full_refresh": False,
            "nothing_new": False,
            "checks": [checks.get(check.unique_id, check) for check in last.checks],
            "affected": {feed: [] for feed, days in last.affected.items() if not days},
            "messages": [f"judged {len(judged)} checks for another date; no file or model is new"],
        }
    )
