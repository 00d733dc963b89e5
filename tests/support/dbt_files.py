"""The dbt project as files: what each model reads, its group and access, its tests and its columns; nothing is run.

dbt's own manifest says the same and takes ten seconds to make. What is read here is what the project's files say in
the form its conventions ask for: `ref()` and `source()` with quoted names, groups by folder or in a model's entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from warehouse.build.collect import check_of
from warehouse.build.report import CheckKind

_REF = re.compile(r"\bref\(\s*'(\w+)'\s*\)")
_SOURCE = re.compile(r"\bsource\(\s*'(\w+)'\s*,\s*'(\w+)'\s*\)")
_SOURCE_TAG = re.compile(r"\{\{\s*source\(\s*'(\w+)'\s*,\s*'(\w+)'\s*\)\s*\}\}")


@dataclass(frozen=True)
class Model:
    """One model: its SQL file, what dbt_project.yml and its own yml say of it (`described` is the yml entry)."""

    path: Path
    layer: str
    group: str | None
    public: bool
    described: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The model's name: its file's."""
        return self.path.stem

    @cached_property
    def text(self) -> str:
        """Its SQL with the Jinja in it."""
        return self.path.read_text(encoding="utf-8")

    @property
    def refs(self) -> set[str]:
        """Models and seeds it reads."""
        return set(_REF.findall(self.text))

    @property
    def sources(self) -> set[tuple[str, str]]:
        """Sources it reads: name of the source, name of the table."""
        return set(_SOURCE.findall(self.text))

    @property
    def sql(self) -> str:
        """Its SQL with each source's name in place of the call; for a model that uses no other Jinja."""
        return _SOURCE_TAG.sub(r"\1.\2", self.text)

    @property
    def citylake(self) -> Mapping[str, Any]:
        """What is declared of it for the lake: its edition, small cells, expiry."""
        found: Mapping[str, Any] = self.described.get("config", {}).get("meta", {}).get("citylake", {})
        return found

    @property
    def columns(self) -> dict[str, str]:
        """Described columns and their description."""
        return {column["name"]: column.get("description", "") for column in self.described.get("columns", [])}

    def checks(self) -> Iterator[CheckKind]:
        """Kinds of its data tests that fail a build (severity error), as the gate counts them."""
        given = [*self.described.get("data_tests", [])]
        given += [test for column in self.described.get("columns", []) for test in column.get("data_tests", [])]
        for test in given:
            name, facts = (test, {}) if isinstance(test, str) else next(iter(test.items()))
            config = (facts or {}).get("config") or {}
            if config.get("severity", "error") == "error":
                yield check_of({"test_metadata": {"name": name}, "config": config})


@dataclass(frozen=True)
class DbtFiles:
    """A dbt project's folder."""

    folder: Path

    @cached_property
    def declared(self) -> Mapping[str, Any]:
        """What dbt_project.yml says."""
        found: Mapping[str, Any] = yaml.safe_load((self.folder / "dbt_project.yml").read_text(encoding="utf-8"))
        return found

    @cached_property
    def groups(self) -> list[str]:
        """The data products."""
        text = (self.folder / "models" / "_groups.yml").read_text(encoding="utf-8")
        return [group["name"] for group in yaml.safe_load(text)["groups"]]

    @cached_property
    def described(self) -> dict[str, tuple[Path, dict[str, Any]]]:
        """Model to its yml file and its entry there."""
        found: dict[str, tuple[Path, dict[str, Any]]] = {}
        for path in sorted((self.folder / "models").rglob("*.yml")):
            body = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) or {}
            found |= {model["name"]: (path, model) for model in body.get("models", [])}
        return found

    @cached_property
    def models(self) -> dict[str, Model]:
        """Every model by name."""
        root = self.folder / "models"
        return {path.stem: self._model(path, path.relative_to(root).parts) for path in sorted(root.rglob("*.sql"))}

    def _model(self, path: Path, parts: tuple[str, ...]) -> Model:
        """dbt_project.yml says group and access by folder, the innermost one last; a model's own yml says it after."""
        level: Mapping[str, Any] = self.declared["models"][self.declared["name"]]
        said: dict[str, Any] = {}
        for part in parts:
            said |= {key.removeprefix("+"): value for key, value in level.items() if key.startswith("+")}
            level = level.get(part) or {}
        _, described = self.described.get(path.stem, (None, {}))
        said |= described.get("config") or {}
        return Model(path, parts[0], said.get("group"), said.get("access") == "public", described)

    def readers(self, sources: set[tuple[str, str]]) -> set[str]:
        """Models that read one of the sources, through any number of models."""
        found = {name for name, model in self.models.items() if model.sources & sources}
        while more := {name for name, model in self.models.items() if model.refs & found} - found:
            found |= more
        return found
