"""Which nodes of the dbt project read which, and what they declare: dbt's manifest in the project's vocabulary.

Finds the feeds and products behind a node by walking dbt's graph. What dbt says of a run is translated in
warehouse.build.collect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

from pydantic import ValidationError

from warehouse.build.errors import BuildFailed
from warehouse.build.report import CheckKind, Expires, Kind, SmallCells

_KINDS: dict[str, Kind] = {"dim": "dimension", "fct": "fact", "mart": "mart", "pub": "pub", "gov": "gov"}
_CHECKS: dict[str, CheckKind] = {
    "primary_key": "key",
    "content_is_fresh": "freshness",
    "covers_as_of": "freshness",
    "row_count_equals_receipts": "reconciliation",
    "row_count_equals": "reconciliation",
    "total_equals": "reconciliation",
    "relationships": "relationship",
}


@dataclass(frozen=True)
class Lineage:
    """Which nodes of the dbt project read which. `manifest` is dbt's manifest.json as data, or the part of it that
    warehouse.build.dbt_runner reads."""

    manifest: Mapping[str, Any]

    @cached_property
    def _ancestors(self) -> dict[str, frozenset[str]]:
        return {}

    @cached_property
    def _feeds(self) -> dict[str, list[str]]:
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
        if unique_id not in self._feeds:
            sources = {name for name in self.ancestors(unique_id) | {unique_id} if name.startswith("source.")}
            self._feeds[unique_id] = sorted({_feed(self.node(name)) for name in sources})
        return self._feeds[unique_id]

    def products(self, unique_id: str) -> list[str]:
        """dbt groups (data products) of the models that a node reads, without its own group, sorted."""
        own = group(self.node(unique_id))
        groups = {group(self.node(name)) for name in self.ancestors(unique_id)}
        return sorted(name for name in groups if name is not None and name != own)

    def models(self) -> list[str]:
        """Ids of the project's models, sorted."""
        return self._of_type("model")

    def tests(self) -> list[str]:
        """Ids of the project's data tests, sorted."""
        return self._of_type("test")

    def tables(self) -> list[str]:
        """Ids of what has a table or view in the build file: models and seeds, sorted."""
        return sorted([*self.models(), *self._of_type("seed")])

    def _of_type(self, kind: str) -> list[str]:
        return self._by_type.get(kind, [])

    @cached_property
    def _by_type(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, node in sorted(self.manifest["nodes"].items()):
            found.setdefault(node["resource_type"], []).append(name)
        return found

    def is_incremental(self, unique_id: str | None) -> bool:
        """Is it a model that grows by affected days?"""
        return unique_id is not None and self.node(unique_id)["config"]["materialized"] == "incremental"

    def parent_of(self, check: str) -> tuple[str, str]:
        """Of a relationship check the model it refers to, by id, and the column there, as SQL."""
        node = self.node(check)
        others = [name for name in self.upstream(check) if name != node.get("attached_node")]
        return next(iter(others), str(node.get("attached_node"))), str(arguments_of(node)["field"])

    def feed_argument(self, check: str) -> str | None:
        """The feed that a check names as its argument `feed`; None where it names none."""
        feed = arguments_of(self.node(check)).get("feed")
        return None if feed is None else str(feed)

    def sql_of_check(self, check: str) -> str:
        """The SQL of a check and of the macros it names, before it is compiled."""
        node = self.node(check)
        macros = self.manifest["macros"]
        named = (node.get("depends_on") or {}).get("macros") or []
        return "\n".join([node["raw_code"], *(macros[name]["macro_sql"] for name in named if name in macros)])


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


def expires_of(node: Mapping[str, Any]) -> Expires | None:
    """When rows of a model leave the open edition; None where they stay. Raises BuildFailed where it cannot be read."""
    declared = citylake_meta(node).get("expires")
    try:
        return None if declared is None else Expires.model_validate(declared)
    except ValidationError as error:
        raise BuildFailed(
            f"model {node['name']} says what cannot be read under config.meta.citylake.expires: {declared}",
            left="tables were built, the watermark was not moved",
            next_step="say `expires: {column: …}` in <model>.yml, then: make generate",
        ) from error


def is_restricted(node: Mapping[str, Any]) -> bool:
    """Is a model declared `edition: restricted`? Raises BuildFailed for another word, since it would be shown wider."""
    declared = citylake_meta(node).get("edition")
    if declared not in (None, "restricted"):
        raise BuildFailed(
            f"model {node['name']} says an edition that there is not under config.meta.citylake.edition: {declared!r}",
            left="tables were built, the watermark was not moved",
            next_step="say `edition: restricted` in <model>.yml or nothing, then: make generate",
        )
    return declared is not None


def small_cells_of(node: Mapping[str, Any]) -> SmallCells | None:
    """Which counts of a model may not be small; None where it says nothing. Raises BuildFailed where it cannot be
    read."""
    declared = citylake_meta(node).get("small_cells")
    try:
        return None if declared is None else SmallCells.model_validate(declared)
    except ValidationError as error:
        raise BuildFailed(
            f"model {node['name']} says what cannot be read under config.meta.citylake.small_cells: {declared}",
            left="tables were built, the watermark was not moved",
            next_step="say `small_cells: {count: …, by: […], cell: …, total: …}` in <model>.yml, then: make generate",
        ) from error


def group(node: Mapping[str, Any]) -> str | None:
    """A node's dbt group, which is its data product; None without a group."""
    name: str | None = (node.get("config") or {}).get("group")
    return name


def kind_of(name: str) -> Kind | None:
    """The kind of a model by the prefix of its name (`fct_` is a fact); None for staging and intermediate models."""
    return _KINDS.get(name.split("_", 1)[0])


def check_of(node: Mapping[str, Any]) -> CheckKind:
    """The kind of a check: what `meta.citylake.check` declares, else by the name of its generic test, else `rule`."""
    declared: CheckKind | None = citylake_meta(node).get("check")
    if declared is not None and declared in get_args(CheckKind):
        return declared
    name = (node.get("test_metadata") or {}).get("name")
    return _CHECKS.get(str(name), "rule")


def arguments_of(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments of a generic test; none of any other node."""
    arguments: Mapping[str, Any] = (node.get("test_metadata") or {}).get("kwargs") or {}
    return arguments


def is_relationship(node: Mapping[str, Any]) -> bool:
    """Is it dbt's own `relationships` test?"""
    return (node.get("test_metadata") or {}).get("name") == "relationships"
