"""Translate dbt's manifest and run results into `ModelBuilt` and `CheckRun` (warehouse.build.report).

Maps dbt's statuses to the project's: passed, warned, failed, error, skipped. What was not made or judged in this build
is told by what the build file keeps of it (warehouse.build.kept). Row counts come from warehouse.build.builder,
verdicts from warehouse.gate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from warehouse.build.lineage import (
    Lineage,
    arguments_of,
    check_of,
    citylake_meta,
    expires_of,
    group,
    is_restricted,
    kind_of,
    small_cells_of,
)
from warehouse.build.report import CheckRun, ModelBuilt, NodeResult, Relation, Status

_STATUS: dict[str, Status] = {
    "success": "passed",
    "pass": "passed",
    "warn": "warned",
    "fail": "failed",
    "error": "error",
    "runtime error": "error",
    "skipped": "skipped",
    "partial success": "error",
    "no-op": "skipped",
}
Results = Mapping[str, NodeResult]


@dataclass(frozen=True)
class Run:
    """One build: its id, identities of nodes, and what it left as it was: `standing` maps the models it did not make to
    the build that made them, `carried` the checks it did not run to their last result."""

    build_id: str
    identities: Mapping[str, str] = field(default_factory=dict)
    standing: Mapping[str, str] = field(default_factory=dict)
    carried: Mapping[str, CheckRun] = field(default_factory=dict)


def collect_models(lineage: Lineage, results: Results, rows: Mapping[str, int], run: Run) -> list[ModelBuilt]:
    """One entry for each model of the project. `results` are dbt's by node id, `rows` row counts by node id."""
    return [_model(lineage, name, results.get(name), rows.get(name), run) for name in lineage.models()]


def _model(lineage: Lineage, unique_id: str, result: NodeResult | None, rows: int | None, run: Run) -> ModelBuilt:
    node = lineage.node(unique_id)
    status: Status = "passed" if unique_id in run.standing else status_of(result)
    made_now = run.build_id if status == "passed" else None
    return ModelBuilt(
        name=node["name"],
        unique_id=unique_id,
        relation=f"{node['schema']}.{node['alias']}",
        product=group(node),
        kind=kind_of(node["name"]),
        public=node.get("access") == "public",
        restricted=is_restricted(node),
        materialized=node["config"]["materialized"],
        status=status,
        message=None if status == "passed" else _message(result),
        rows=rows,
        day_column=citylake_meta(node).get("day_column"),
        expires=expires_of(node),
        small_cells=small_cells_of(node),
        feeds=lineage.feeds(unique_id),
        upstream=[lineage.node(parent)["name"] for parent in lineage.upstream(unique_id)],
        upstream_products=lineage.products(unique_id),
        identity=run.identities.get(unique_id, ""),
        build_id=run.standing.get(unique_id, made_now),
        seconds=None if result is None else result.seconds,
        description=node.get("description") or "",
        columns={
            name: column["description"]
            for name, column in (node.get("columns") or {}).items()
            if column.get("description")
        },
    )


def collect_checks(lineage: Lineage, results: Results, built: Mapping[str, Status], run: Run) -> list[CheckRun]:
    """One entry for each data test. `built` maps node ids to statuses.

    A test that reads a model which was not built counts as skipped, because that model's table holds older rows.
    """
    return [_check(lineage, name, results.get(name), built, run) for name in lineage.tests()]


def _check(
    lineage: Lineage, unique_id: str, result: NodeResult | None, built: Mapping[str, Status], run: Run
) -> CheckRun:
    node = lineage.node(unique_id)
    read = [name for name in lineage.upstream(unique_id) if name.startswith(("model.", "seed."))]
    declared = node.get("attached_node") or next(iter(read), None)
    models = [name for name in (declared, *(name for name in read if name != declared)) if name]
    stale = [lineage.node(name)["name"] for name in models if built.get(name, "passed") != "passed"]
    kept = run.carried.get(unique_id)
    check = CheckRun(
        name=node["name"],
        unique_id=unique_id,
        check=check_of(node),
        product=group(lineage.node(declared)) if declared else None,
        models=[lineage.node(name)["name"] for name in models],
        severity=str(node["config"]["severity"]).lower(),
        status="skipped" if stale else status_of(result),
        failures=None if stale or result is None else result.failures,
        message=f"not built: {', '.join(stale)}" if stale else _format_message(node, _message(result)),
        column=node.get("column_name"),
        compiled_sql=None if result is None else result.compiled_sql,
        relation=_relation(lineage, node, declared, read),
        build_id=run.build_id,
        seconds=None if result is None else result.seconds,
    )
    if kept is None or stale:
        return check
    carried = ("status", "failures", "message", "compiled_sql", "build_id")
    return check.model_copy(update={name: getattr(kept, name) for name in carried})


def _relation(lineage: Lineage, node: Mapping[str, Any], declared: str | None, read: list[str]) -> Relation | None:
    """Child and parent of a `relationships` test that has no `where`; None for any other test.

    `declared` is the id of the model the test is declared on, `read` the ids it reads.
    """
    arguments = arguments_of(node)
    others = [name for name in read if name != declared]
    plain = check_of(node) == "relationship" and not node["config"].get("where")
    if not plain or declared is None or len(others) > 1 or not arguments.get("field") or not node.get("column_name"):
        return None
    return Relation(
        child=lineage.node(declared)["name"],
        column=node["column_name"],
        parent=lineage.node(others[0] if others else declared)["name"],
        parent_column=arguments["field"],
    )


def as_check(node: Mapping[str, Any], last: CheckRun, result: NodeResult, build_id: str) -> CheckRun:
    """A check's last result with what `result` says; `node` is the test in dbt's manifest, or the part that is kept."""
    return last.model_copy(
        update={
            "status": status_of(result),
            "failures": result.failures,
            "message": _format_message(node, _message(result)),
            "compiled_sql": result.compiled_sql,
            "build_id": build_id,
            "seconds": result.seconds,
        }
    )


def status_of(result: NodeResult | None) -> Status:
    """dbt's status as one of the project's: skipped without a result, error for a status that is not known."""
    if result is None:
        return "skipped"
    return _STATUS.get(result.status, "error")


def _format_message(node: Mapping[str, Any], message: str | None) -> str | None:
    """The message of a failed test with the arguments it was called with, since dbt only says how many rows it got."""
    test = node.get("test_metadata") or {}
    if message is None or not test:
        return message
    arguments = {k: v for k, v in arguments_of(node).items() if k not in ("model", "column_name")}
    if test.get("name") == "content_is_fresh":
        return f"no content within {arguments.get('within_days')} days before the day judged; {message}"
    described = ", ".join(f"{name} {value}" for name, value in arguments.items())
    return f"{test.get('name')} ({described}): {message}" if described else message


def _message(result: NodeResult | None) -> str | None:
    if result is None:
        return "not reached"
    return None if status_of(result) == "passed" else result.message


def by_id(results: Iterable[NodeResult]) -> dict[str, NodeResult]:
    """Results by node id."""
    return {result.unique_id: result for result in results}
