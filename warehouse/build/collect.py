"""Translate dbt's manifest and run results into `ModelBuilt` and `CheckRun` (warehouse.build.report).

Also finds the feeds and products behind a model by walking dbt's graph, and maps dbt's statuses to the project's:
passed, warned, failed, error, skipped. Row counts come from warehouse.build.runner, verdicts from warehouse.gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

from warehouse.build.errors import BuildFailed
from warehouse.build.report import CheckKind, CheckRun, Kind, ModelBuilt, Relation, Status

_KINDS: dict[str, Kind] = {"dim": "dimension", "fct": "fact", "mart": "mart", "pub": "pub", "gov": "gov"}
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
_CHECKS: dict[str, CheckKind] = {
    "primary_key": "key",
    "content_is_fresh": "freshness",
    "covers_as_of": "freshness",
    "row_count_equals_receipts": "reconciliation",
    "row_count_equals": "reconciliation",
    "total_equals": "reconciliation",
    "relationships": "relationship",
}
Results = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Lineage:
    """Which nodes of the dbt project read which. `manifest` is dbt's manifest.json as data."""

    manifest: Mapping[str, Any]

    @cached_property
    def _ancestors(self) -> dict[str, frozenset[str]]:
        return {}

    def node(self, unique_id: str) -> Mapping[str, Any]:
        """A model, seed, test or source by its id."""
        node: Mapping[str, Any] = self.manifest["nodes"].get(unique_id) or self.manifest["sources"][unique_id]
        return node

    def upstream(self, unique_id: str) -> list[str]:
        """Ids of the nodes that a node reads directly, sorted."""
        return sorted(self.manifest["parent_map"].get(unique_id, []))

    def ancestors(self, unique_id: str) -> frozenset[str]:
        """Ids of every node that a node reads, directly or through others."""
        if unique_id not in self._ancestors:
            direct = self.upstream(unique_id)
            self._ancestors[unique_id] = frozenset(direct).union(*(self.ancestors(parent) for parent in direct))
        return self._ancestors[unique_id]

    def feeds(self, unique_id: str) -> list[str]:
        """`department.feed` of every source that a node reads, directly or through others, sorted."""
        sources = {name for name in self.ancestors(unique_id) | {unique_id} if name.startswith("source.")}
        return sorted({_feed(self.node(name)) for name in sources})

    def products(self, unique_id: str) -> list[str]:
        """dbt groups (data products) of the models that a node reads, without its own group, sorted."""
        own = group(self.node(unique_id))
        groups = {group(self.node(name)) for name in self.ancestors(unique_id)}
        return sorted(name for name in groups if name is not None and name != own)

    @property
    def has_seeds(self) -> bool:
        """Whether the project has dbt seeds (reference tables) to load."""
        return any(node["resource_type"] == "seed" for node in self.manifest["nodes"].values())

    def models(self) -> list[str]:
        """Ids of the project's models, sorted."""
        return sorted(name for name, node in self.manifest["nodes"].items() if node["resource_type"] == "model")


def _feed(source: Mapping[str, Any]) -> str:
    """`department.feed` of a source, from its `config.meta`. Raises BuildFailed where it names none."""
    feed = ((source.get("config") or {}).get("meta") or {}).get("feed")
    if feed is None:
        raise BuildFailed(
            f"source {source['source_name']}.{source['name']} does not say which feed it is (config.meta.feed)",
            left="tables were built, the watermark was not moved",
            next_step="make generate",
        )
    return str(feed)


def citylake_meta(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a node declares under `config.meta.citylake`."""
    meta: Mapping[str, Any] = ((node.get("config") or {}).get("meta") or {}).get("citylake") or {}
    return meta


def group(node: Mapping[str, Any]) -> str | None:
    """A node's dbt group, which is its data product; None without a group."""
    name: str | None = (node.get("config") or {}).get("group")
    return name


def kind_of(name: str) -> Kind | None:
    """The kind of a model by the prefix of its name (`fct_` is a fact); None for staging and intermediate models."""
    return _KINDS.get(name.split("_", 1)[0])


def collect_models(lineage: Lineage, results: Results, rows: Mapping[str, int]) -> list[ModelBuilt]:
    """One entry for each model of the project. `results` are dbt's by node id, `rows` row counts by node id."""
    return [_model(lineage, name, results.get(name), rows.get(name)) for name in lineage.models()]


def _model(lineage: Lineage, unique_id: str, result: Mapping[str, Any] | None, rows: int | None) -> ModelBuilt:
    node = lineage.node(unique_id)
    return ModelBuilt(
        name=node["name"],
        unique_id=unique_id,
        relation=f"{node['schema']}.{node['alias']}",
        product=group(node),
        kind=kind_of(node["name"]),
        public=node.get("access") == "public",
        materialized=node["config"]["materialized"],
        status=status_of(result),
        message=_message(result),
        rows=rows,
        day_column=citylake_meta(node).get("day_column"),
        feeds=lineage.feeds(unique_id),
        upstream=[lineage.node(parent)["name"] for parent in lineage.upstream(unique_id)],
        upstream_products=lineage.products(unique_id),
    )


def collect_checks(lineage: Lineage, results: Results, built: Mapping[str, Status]) -> list[CheckRun]:
    """One entry for each data test. `built` maps node ids to statuses.

    A test that reads a model which was not built counts as skipped, because that model's table holds older rows.
    """
    tests = sorted(name for name, node in lineage.manifest["nodes"].items() if node["resource_type"] == "test")
    return [_check(lineage, name, results.get(name), built) for name in tests]


def _check(lineage: Lineage, unique_id: str, result: Mapping[str, Any] | None, built: Mapping[str, Status]) -> CheckRun:
    node = lineage.node(unique_id)
    read = [name for name in lineage.upstream(unique_id) if name.startswith(("model.", "seed."))]
    declared = node.get("attached_node") or next(iter(read), None)
    models = [name for name in (declared, *(name for name in read if name != declared)) if name]
    stale = [lineage.node(name)["name"] for name in models if built.get(name, "passed") != "passed"]
    return CheckRun(
        name=node["name"],
        unique_id=unique_id,
        check=check_of(node),
        product=group(lineage.node(declared)) if declared else None,
        models=[lineage.node(name)["name"] for name in models],
        severity=str(node["config"]["severity"]).lower(),
        status="skipped" if stale else status_of(result),
        failures=None if stale or result is None else result.get("failures"),
        message=f"not built: {', '.join(stale)}" if stale else _format_message(node, _message(result)),
        column=node.get("column_name"),
        compiled_sql=None if result is None else result.get("compiled_code"),
        relation=_relation(lineage, node, declared, read),
    )


def _relation(lineage: Lineage, node: Mapping[str, Any], declared: str | None, read: list[str]) -> Relation | None:
    """Child and parent of a `relationships` test that has no `where`; None for any other test.

    `declared` is the id of the model the test is declared on, `read` the ids it reads.
    """
    arguments = (node.get("test_metadata") or {}).get("kwargs") or {}
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


def check_of(node: Mapping[str, Any]) -> CheckKind:
    """The kind of a check: what `meta.citylake.check` declares, else by the name of its generic test, else `rule`."""
    declared: CheckKind | None = citylake_meta(node).get("check")
    if declared is not None and declared in get_args(CheckKind):
        return declared
    name = (node.get("test_metadata") or {}).get("name")
    return _CHECKS.get(str(name), "rule")


def status_of(result: Mapping[str, Any] | None) -> Status:
    """dbt's status as one of the project's: skipped without a result, error for a status that is not known."""
    if result is None:
        return "skipped"
    return _STATUS.get(str(result["status"]), "error")


def _format_message(node: Mapping[str, Any], message: str | None) -> str | None:
    """The message of a failed test with the arguments it was called with, since dbt only says how many rows it got."""
    test = node.get("test_metadata") or {}
    if message is None or not test:
        return message
    arguments = {k: v for k, v in (test.get("kwargs") or {}).items() if k not in ("model", "column_name")}
    if test.get("name") == "content_is_fresh":
        return f"no content within {arguments.get('within_days')} days before the day judged; {message}"
    described = ", ".join(f"{name} {value}" for name, value in arguments.items())
    return f"{test.get('name')} ({described}): {message}" if described else message


def _message(result: Mapping[str, Any] | None) -> str | None:
    if result is None:
        return "not reached"
    message = result.get("message")
    return None if message is None or status_of(result) == "passed" else str(message)


def by_id(run_results: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """dbt's run results (run_results.json) as a mapping from node id to result."""
    return {str(result["unique_id"]): result for result in run_results["results"]}
