"""The last step of a build: its report, and the watermark that says which files and which code the tables are made of.

The report is saved before the watermark moves: where it does not, the next build repeats this one. What stays pending,
so that checks see it again, is decided here; how, in warehouse.build.state.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingestion import clocks
from ingestion.contract.model import Contract
from ingestion.sql import identifier, literal
from warehouse.build import collect, kept, state
from warehouse.build.limits import whole_nodes
from warehouse.build.lineage import Lineage
from warehouse.build.report import BuildReport, CheckRun, ModelBuilt, ModelsMade, Status
from warehouse.build.selection import GOOD
from warehouse.build.sources import dated_tables


@dataclass(frozen=True)
class Tested:
    """A build after its checks: `results` are those of the checks that ran, by id, `warnings` dbt's of the tests."""

    lineage: Lineage
    made: ModelsMade
    known: kept.Kept
    results: collect.Results
    contracts: Mapping[str, Contract]
    warnings: Collection[str]


def move_watermark(connection: duckdb.DuckDBPyConnection, tested: Tested, path: Path) -> BuildReport:
    """The report of the build, saved to `path`; then the watermark moves, in one transaction."""
    lineage, made = tested.lineage, tested.made
    ran = set(made.checks)
    run = collect.Run(
        made.build_id,
        made.identities,
        {name: node.build_id for name, node in tested.known.nodes.items() if name not in made.selected},
        {name: check.result for name, check in tested.known.checks.items() if name not in ran},
    )
    results = collect.by_id(made.results)
    models = collect.collect_models(lineage, results, {}, run)
    counts = _rows(connection, models)
    models = [model.model_copy(update={"rows": counts.get(model.unique_id)}) for model in models]
    status: dict[str, Status] = {model.unique_id: model.status for model in models}
    checks = collect.collect_checks(lineage, tested.results, status, run)
    report = BuildReport(
        build_id=made.build_id,
        as_of=made.as_of,
        started_at=made.started_at,
        finished_at=clocks.now(),
        full_refresh=made.full_refresh,
        nothing_new=False,
        dbt_version=made.dbt_version,
        invocation_id=made.invocation_id,
        project_digest=made.project_digest,
        models=models,
        checks=checks,
        affected=_affected(connection, tested.contracts),
        inputs=state.inputs(connection),
        messages=made.messages,
        warnings=[*made.warnings, *(warning for warning in tested.warnings if warning not in made.warnings)],
    )
    report.save(path)
    outcome = state.Outcome(
        project_digest=made.project_digest,
        is_complete=all(model.status == "passed" for model in models),
        product_feeds=sorted({(m.product, feed) for m in models if m.product for feed in m.feeds}),
        unpassed_feeds=_unpassed_feeds(tested, models, checks),
        finished_at=report.finished_at,
        reads_date=not set(made.dated).isdisjoint(lineage.models()),
    )
    connection.begin()
    kept.complete(connection, _nodes(tested), _checks(connection, tested, checks))
    state.complete(connection, outcome)
    connection.commit()
    return report


def _nodes(tested: Tested) -> dict[str, kept.KeptNode]:
    """The models and seeds that this build made."""
    made, lineage = tested.made, tested.lineage
    passed = [r.unique_id for r in made.results if collect.status_of(r) == "passed" and r.unique_id in made.selected]
    return {
        name: kept.KeptNode(made.identities[name], made.build_id, kept.relation_of(lineage, name)) for name in passed
    }


def _checks(connection: duckdb.DuckDBPyConnection, tested: Tested, checks: list[CheckRun]) -> dict[str, kept.KeptCheck]:
    """The results of the checks that were to run."""
    made, lineage, whole = tested.made, tested.lineage, whole_nodes(connection)
    ran = {check.unique_id: check for check in checks if check.unique_id in made.checks}
    return {
        name: kept.KeptCheck(
            identity=made.identities[name],
            is_whole=made.full_refresh or not whole.isdisjoint({name, lineage.node(name).get("attached_node")}),
            is_dated=name in made.dated,
            result=check,
            node=kept.judged_node(lineage.node(name)),
        )
        for name, check in ran.items()
    }


def _unpassed_feeds(tested: Tested, models: list[ModelBuilt], checks: list[CheckRun]) -> set[str]:
    """Feeds that a model reads that was not built, or a check that is not good. Checks of the date are judged in every
    build, over every day, so they keep nothing pending."""
    feeds = {feed for model in models if model.status != "passed" for feed in model.feeds}
    failing = [c.unique_id for c in checks if c.status not in GOOD and c.unique_id not in tested.made.dated]
    return feeds | {feed for name in failing for feed in tested.lineage.feeds(name)}


def _rows(connection: duckdb.DuckDBPyConnection, models: list[ModelBuilt]) -> dict[str, int]:
    """Row counts of the tables that are as the project has them, by node id; views are not counted."""
    counted = [m for m in models if m.materialized in ("table", "incremental") and m.status == "passed"]
    if not counted:
        return {}
    query = " union all ".join(
        f"select {literal(m.unique_id)}, count(*) from {identifier(*m.relation.split('.', 1))}" for m in counted
    )
    return {str(name): int(rows) for name, rows in connection.execute(query).fetchall()}


def _affected(connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract]) -> dict[str, list[str]]:
    """Event days rebuilt, by feed; `[]` for feeds without event days. Feeds of which no day was rebuilt are absent."""
    dated = {feed for feed, _ in dated_tables(contracts.values())}
    undated: dict[str, list[str]] = {feed: [] for feed in contracts if feed not in dated}
    return dict(sorted((undated | state.affected_days(connection)).items()))
