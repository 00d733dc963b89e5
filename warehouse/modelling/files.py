"""Every generated file of the dbt project: sources, staging SQL, and `_<folder>__models.yml` with all texts and checks.

Owns which file is written from what, a model's data product (the contract's `dataProduct` for staging, else the folder)
and what is wrong with declarations. `infra.generate` writes the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ingestion.contract.model import Contract
from ingestion.contract.problem import InvalidContract, Problem, Report
from ingestion.errors import ConfigurationError
from warehouse.modelling.checks import column_tests, key_test, model_tests
from warehouse.modelling.declaration import Declaration, read_declaration
from warehouse.modelling.expiry import expires_meta, expiry_problems
from warehouse.modelling.facts import CALENDAR, facts
from warehouse.modelling.inheritance import Inheritance, Node, Texts
from warehouse.modelling.restricted import Restricted
from warehouse.modelling.select_list import NotReadable, refs, selected
from warehouse.modelling.small_cells import small_cells_meta, small_cells_problems
from warehouse.modelling.sources import source_files
from warehouse.modelling.staging import Described, Staging, bronze, staging_models
from warehouse.modelling.texts import REPAIR, Compact, is_generated, yaml_text

Entry = dict[str, Any]


def generated_files(contracts: Mapping[str, Contract], project: Path) -> dict[Path, str]:
    """Path to text of every file of a dbt project that is written from contracts and declarations.

    Raises ConfigurationError with every problem of the declarations.
    """
    return _Project(contracts, project).files()


def generated_paths(project: Path) -> set[Path]:
    """The files of a project that say they are generated."""
    models = project / "models"
    found = [path for pattern in ("_*.yml", "stg_*.sql", "fct_*.sql") for path in models.rglob(pattern)]
    return {path for path in found if is_generated(path.read_text(encoding="utf-8"))}


def write_generated(contracts: Mapping[str, Contract], project: Path) -> list[Path]:
    """Write what differs from `generated_files` and give its paths. Raises ConfigurationError before it writes."""
    files = generated_files(contracts, project)
    old = [path for path, text in files.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in old:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path], encoding="utf-8")
    return old


class _Project:
    """One dbt project as it is declared, its problems collected."""

    def __init__(self, contracts: Mapping[str, Contract], project: Path) -> None:
        self.contracts, self.project, self.models = contracts, project, project / "models"
        self.problems: list[Problem] = []
        self.reports: dict[str, Report] = {}
        self.staging = staging_models(contracts.values())
        written = generated_paths(project)  # those nobody asks for any more are no models
        self.sql = {path.stem: path for path in sorted(self.models.rglob("*.sql")) if path not in written}
        self.facts = facts(self.staging)
        generated = {name for name, one in self.staging.items() if not one.spec.hand_written}
        for name in generated & self.sql.keys():
            self._wrong(
                self.sql[name], "", "is written by hand: say `hand_written: true` in the contract, or remove it"
            )
        self.nodes = {name: node for name in self.sql if name not in generated and (node := self._node(name))}
        calendar = CALENDAR in self.sql
        for name, fact in self.facts.items():
            if name in self.sql:
                self._wrong(self.sql[name], "", f"{fact.staging.contract.name} asks for a fact of this name: keep one")
            self.sql[name] = self.models / "marts" / fact.staging.contract.product / f"{name}.sql"
            self.nodes[name] = Node(selected(fact.sql()), [fact.staging.name], fact.declared(calendar=calendar))
        known = {name: _texts(self.staging[name]) for name in generated} | self._seeds()
        received = {bronze(name): _texts(one) for name, one in self.staging.items() if one.spec.hand_written}
        self.inheritance = Inheritance(known | received, self.nodes)

    def files(self) -> dict[Path, str]:
        folders: dict[Path, list[Entry]] = {}
        texts = dict(source_files(self.contracts, self.project))
        for name, one in sorted(self.staging.items()):
            folder = self.models / "staging" / one.contract.department
            if not one.spec.hand_written:
                texts[folder / f"{name}.sql"] = one.sql()
                folders.setdefault(folder, []).append(_staging_entry(one))
            elif name not in self.sql:
                self._wrong(one.contract.path, f"tables.{one.table.name}.staging", f"write {name}.sql by hand")
        texts |= {self.sql[name]: fact.sql() for name, fact in self.facts.items()}
        restricted = Restricted(self.staging, self.nodes)
        for name, node in sorted(self.nodes.items()):
            folders.setdefault(self.sql[name].parent, []).append(self._entry(name, node))
            for key, message in expiry_problems(name, self.nodes):
                self._wrong(self.sql[name].with_suffix(".yml"), f"expires.{key}", message)
            for key, message in restricted.problems(name):
                self._wrong(self.sql[name].with_suffix(".yml"), key, message)
            for key, message in small_cells_problems(name, self.nodes):
                self._wrong(self.sql[name].with_suffix(".yml"), f"small_cells.{key}", message)
        self._raise()
        for folder, entries in folders.items():
            origin = "contracts and declarations" if folder.parent.name == "staging" else "declarations (<model>.yml)"
            edit = "the contract or <model>.yml" if folder.parent.name == "staging" else "<model>.yml"
            body = {"models": sorted(entries, key=lambda entry: str(entry["name"]))}
            texts[folder / f"_{folder.name}__models.yml"] = yaml_text(origin, edit, body)
        return texts

    def _node(self, name: str) -> Node | None:
        """A model with a declaration; a problem is noted where it has none or its SQL cannot be read."""
        path = self.sql[name].with_suffix(".yml")
        if not path.is_file():
            self._wrong(path, "", f"{name} is not described: say description, grain and key here")
            return None
        try:
            said, report = read_declaration(path)
            self.reports[name] = report
            sql = self.sql[name].read_text(encoding="utf-8")
            selects = selected(sql)
        except InvalidContract as error:
            self.problems += error.problems
            return None
        except NotReadable as error:
            self._wrong(self.sql[name], "", str(error))
            return None
        reads = refs(sql) + [bronze(name)] * (name in self.staging)
        return Node(selects, reads, said) if said else None

    def _seeds(self) -> dict[str, Texts]:
        found: dict[str, Texts] = {}
        for path in sorted((self.project / "seeds").glob("_*.yml")):
            for seed in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("seeds", []):
                found[seed["name"]] = {c["name"]: Described(c["description"]) for c in seed.get("columns", [])}
        return found

    def _entry(self, name: str, node: Node) -> Entry:
        said, texts = node.said, self.inheritance.columns(name)
        one = self.staging.get(name)
        config = _merged(_config(said, self._feeds(name)), said.config)
        return {
            "name": name,
            "description": f"{said.description}\nGrain: {said.grain.removesuffix('.')}.\n",
            "config": {"group": one.contract.product if one else self.sql[name].parent.name, **config},
            "data_tests": model_tests(said),
            "columns": [
                _column(column, text, column_tests(column, said.columns.get(column))) for column, text in texts.items()
            ],
        }

    def _feeds(self, name: str) -> list[str]:
        """Feeds with an event time that a model reads, through any number of models."""
        seen, ahead = set(), [name]
        while ahead:
            model = ahead.pop()
            if model not in seen:
                seen.add(model)
                ahead += self.nodes[model].reads if model in self.nodes else []
        read = [self.staging[model] for model in seen if model in self.staging]
        growing = [one for one in read if one.table.event_time and one.contract.citylake.delivery != "snapshot"]
        return sorted({one.contract.name for one in growing})

    def _wrong(self, path: Path, key: str, message: str) -> None:
        self.problems.append(Problem(str(path), key, message))

    def _raise(self) -> None:
        for model, column, message in self.inheritance.problems:
            if model in self.reports:
                self.reports[model].add(("columns", column), message)
            else:
                self._wrong(self.facts[model].staging.contract.path, f"columns.{column}", message)
        found = self.problems + [problem for report in self.reports.values() for problem in report.problems]
        if found:
            raise ConfigurationError(
                "\n".join(["models are not described:", *(f"  {problem}" for problem in sorted(found, key=str))]),
                left="no file was written",
                next_step=f"correct the lines above, then: {REPAIR}",
            )


def _texts(one: Staging) -> Texts:
    return {name: said for name, (_, said) in one.columns.items()}


def _staging_entry(one: Staging) -> Entry:
    return {
        "name": one.name,
        "description": one.description,
        "config": {"group": one.contract.product},
        "data_tests": [key_test(one.key)],
        "columns": [_column(name, said, []) for name, said in _texts(one).items()],
    }


def _column(name: str, said: Described, tests: list[Any]) -> Entry:
    config = {"config": Compact(meta={"classification": said.classification})} if said.classification else {}
    return {"name": name, "description": said.text, **config, **({"data_tests": tests} if tests else {})}


def _merged(generated: Entry, said: Entry) -> Entry:
    """dbt's configuration: what is said goes before, but below `meta` both stand beside each other."""
    meta = {**generated.get("meta", {}), **said.get("meta", {})}
    return {**generated, **said, **({"meta": meta} if meta else {})}


def _config(said: Declaration, feeds: list[str]) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    if said.day_column:
        meta |= {"feeds": said.feeds or feeds, "day_column": said.day_column}
        meta |= {"spread": said.spread} if said.spread else {}
    if said.full_rebuild:
        meta["full_rebuild"] = said.full_rebuild.model_dump()
    meta |= expires_meta(said) | small_cells_meta(said)
    meta |= {"edition": said.edition} if said.edition else {}
    grows = {"materialized": "incremental", "incremental_strategy": "affected_days"} if said.day_column else {}
    return {**grows, **({"meta": {"citylake": meta}} if meta else {})}
