"""The identity of every node of the dbt project: a digest that is another whenever its rows could be.

Owns what counts as a change of code. A model's identity covers its SQL, the macros it calls, its settings, the
identities of what it reads, and the city's date where its SQL asks for it; a source's the contract's revision and the
code that makes source views; a seed's its file. Prose does not count: descriptions, budgets, groups, tags, who may
read. A check's identity covers its own SQL, arguments and settings, not what it reads.

Which nodes are built again is decided in warehouse.build.selection; that SQL asks no other clock for the time is
checked in warehouse.build.clock_rule.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from ingestion.contract.model import Contract
from warehouse.build.lineage import Lineage, citylake_meta

DATE_MACRO = "as_of"
"""The macro that gives the city's date; whatever calls it follows the date."""

PACKAGES = ("dbt-core", "dbt-duckdb", "duckdb")
CODE = ("sources.py", "state.py", "identity.py")
"""Files of this folder that decide which rows a source view gives."""

_PROJECT_KEYS = ("vars", "dispatch", "quoting", "on-run-start", "on-run-end")
"""Settings of dbt_project.yml that no node's own settings hold."""
_PROSE = ("docs", "tags", "group", "access", "meta", "persist_docs", "enabled")
_META_PROSE = ("full_rebuild",)
_INTERNAL = ("dbt", "dbt_duckdb")
_TESTS_ONLY = "get_where_subquery"
_VARIANT = re.compile(r"^(?!default__|duckdb__)[a-z0-9]+__(?P<base>.+)$")


@dataclass(frozen=True)
class Identities:
    """Identities by node id: `nodes` of models and seeds, `checks` of data tests. `dated` are the models and checks
    that ask for the city's date."""

    nodes: Mapping[str, str]
    checks: Mapping[str, str]
    dated: frozenset[str]


def identify(lineage: Lineage, project: Path, contracts: Mapping[str, Contract], as_of: str) -> Identities:
    """Identities of the project's nodes on the day `as_of` (ISO). `project` is dbt's project folder."""
    return _Identifier(lineage, project, contracts, as_of).all()


def code_version() -> str:
    """Digest of what changes every node: versions of dbt and DuckDB, and the code behind source views."""
    parts = [f"{package} {version(package)}" for package in PACKAGES]
    parts += [_digest(Path(__file__).with_name(name).read_text(encoding="utf-8")) for name in CODE]
    return _digest(*parts)


def _digest(*parts: object) -> str:
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass
class _Identifier:
    lineage: Lineage
    project: Path
    contracts: Mapping[str, Contract]
    as_of: str

    def __post_init__(self) -> None:
        self._known: dict[str, str] = {}

    def all(self) -> Identities:
        nodes = self.lineage.manifest["nodes"]
        tables = [name for name, node in nodes.items() if node["resource_type"] in ("model", "seed")]
        tests = [name for name, node in nodes.items() if node["resource_type"] == "test"]
        return Identities(
            {name: self._node(name) for name in tables},
            {name: self._check(nodes[name]) for name in tests},
            frozenset(name for name in [*tables, *tests] if self._is_dated(nodes[name])),
        )

    def _node(self, unique_id: str) -> str:
        if unique_id not in self._known:
            self._known[unique_id] = self._identity(unique_id)
        return self._known[unique_id]

    def _identity(self, unique_id: str) -> str:
        if unique_id.startswith("source."):
            return self._source(self.lineage.node(unique_id))
        node = self.lineage.node(unique_id)
        if node["resource_type"] == "seed":
            file = (self.project / node["original_file_path"]).read_bytes()
            own: object = hashlib.sha256(file).hexdigest()
        else:
            own = [node["raw_code"], self._macros(node), node.get("contract"), self._types(node)]
        below = [self._node(parent) for parent in self.lineage.upstream(unique_id)]
        return _digest(
            self._common, own, _settings(node), node["schema"], node["alias"], below, self.as_of * self._is_dated(node)
        )

    def _source(self, source: Mapping[str, Any]) -> str:
        meta = (source.get("config") or {}).get("meta") or {}
        contract = self.contracts.get(str(meta.get("feed")))
        revision = (contract.revision, contract.citylake.correction) if contract else None
        return _digest(code_version(), source["schema"], source["identifier"], meta, revision)

    def _check(self, node: Mapping[str, Any]) -> str:
        own = [node["raw_code"], node.get("column_name"), node.get("attached_node"), node.get("test_metadata")]
        return _digest(self._common_of_tests, own, self._macros(node), _settings(node))

    def _is_dated(self, node: Mapping[str, Any]) -> bool:
        called = self._closure((node.get("depends_on") or {}).get("macros") or [])
        return any(self._all_macros[name]["name"] == DATE_MACRO for name in called)

    def _macros(self, node: Mapping[str, Any]) -> list[str]:
        return self._texts((node.get("depends_on") or {}).get("macros") or [])

    def _types(self, node: Mapping[str, Any]) -> object:
        """Types of columns, where dbt enforces them."""
        if not (node["config"].get("contract") or {}).get("enforced"):
            return None
        return {name: [c.get("data_type"), c.get("constraints")] for name, c in node.get("columns", {}).items()}

    @property
    def _all_macros(self) -> Mapping[str, Mapping[str, Any]]:
        macros: Mapping[str, Mapping[str, Any]] = self.lineage.manifest["macros"]
        return macros

    def _closure(self, names: Iterable[str]) -> set[str]:
        """The project's own macros among `names`, and those that they call."""
        waiting, found = list(names), set[str]()
        while waiting:
            name = waiting.pop()
            macro = self._all_macros.get(name)
            if name not in found and macro is not None and macro["package_name"] not in _INTERNAL:
                found.add(name)
                waiting += macro["depends_on"]["macros"]
        return found

    def _texts(self, names: Iterable[str]) -> list[str]:
        return sorted(self._all_macros[name]["macro_sql"] for name in self._closure(names))

    @cached_property
    def _common(self) -> str:
        """What may change any node: versions, settings, and the macros that no node names. dbt calls these by their
        name (an incremental strategy, a macro that replaces one of dbt's own)."""
        settings = yaml.safe_load((self.project / "dbt_project.yml").read_text(encoding="utf-8"))
        own = {key: settings.get(key) for key in _PROJECT_KEYS}
        return _digest(code_version(), own, self._texts(self._unnamed()))

    @cached_property
    def _common_of_tests(self) -> str:
        found = [name for name, macro in self._all_macros.items() if macro["name"] == _TESTS_ONLY]
        return _digest(self._common, self._texts(found))

    def _unnamed(self) -> list[str]:
        nodes = self.lineage.manifest["nodes"].values()
        named = self._closure(name for node in nodes for name in (node.get("depends_on") or {}).get("macros") or [])
        own = {name: macro for name, macro in self._all_macros.items() if macro["package_name"] not in _INTERNAL}
        dbts = {macro["name"] for macro in self._all_macros.values() if macro["package_name"] in _INTERNAL}
        names = {macro["name"] for macro in own.values()}
        return [
            name
            for name, macro in own.items()
            if (name not in named or macro["name"] in dbts)
            and macro["name"] != _TESTS_ONLY
            and not macro["name"].startswith("test_")
            and not _is_for_another_engine(macro["name"], names)
        ]


def _is_for_another_engine(name: str, names: set[str]) -> bool:
    """Is it a variant (`spark__date_spine`) of one of `names` that DuckDB does not use?"""
    variant = _VARIANT.match(name)
    return variant is not None and variant["base"] in names


def _settings(node: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a node that can change its rows."""
    config = {key: value for key, value in (node.get("config") or {}).items() if key not in _PROSE}
    return config | {"citylake": {k: v for k, v in citylake_meta(node).items() if k not in _META_PROSE}}
