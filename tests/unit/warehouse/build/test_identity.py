"""What changes the identity of a node, and what does not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingestion.contract.model import Contract
from tests.support.lakes import contract
from warehouse.build import identity
from warehouse.build.identity import Identities, identify
from warehouse.build.lineage import Lineage

MANIFEST: dict[str, Any] = {
    "nodes": {
        "seed.ref": {"name": "ref", "resource_type": "seed", "original_file_path": "seeds/ref.csv"},
        "model.stg": {"name": "stg", "resource_type": "model", "raw_code": "select * from source", "description": "d"},
        "model.fct": {
            "name": "fct", "resource_type": "model", "raw_code": "select {{ days() }}",
            "depends_on": {"macros": ["macro.city.days"]},
        },
        "model.mart": {"name": "mart", "resource_type": "model", "raw_code": "select 1 from fct, ref"},
        "model.today": {
            "name": "today", "resource_type": "model", "raw_code": "select {{ as_of() }}",
            "depends_on": {"macros": ["macro.city.as_of"]},
        },
        "test.key": {
            "name": "key", "resource_type": "test", "raw_code": "{{ test_key() }}", "attached_node": "model.fct",
            "test_metadata": {"name": "key", "kwargs": {"columns": ["a"]}},
            "depends_on": {"macros": ["macro.city.test_key"]},
        },
        "test.fresh": {
            "name": "fresh", "resource_type": "test", "raw_code": "{{ test_fresh() }}", "attached_node": "model.stg",
            "depends_on": {"macros": ["macro.city.test_fresh"]},
        },
    },
    "sources": {
        "source.s": {
            "name": "readings", "source_name": "office", "schema": "bronze_office", "identifier": "readings",
            "config": {"meta": {"feed": "office.readings", "table": "reading"}},
        }
    },
    "macros": {},
    "parent_map": {
        "model.stg": ["source.s"], "model.fct": ["model.stg"], "model.mart": ["model.fct", "seed.ref"],
        "test.key": ["model.fct"], "test.fresh": ["model.stg"],
    },
}  # fmt: skip
MACROS = {
    "days": ["as_text"], "as_text": [], "as_of": ["run"], "run": [], "test_key": [], "test_fresh": ["as_of"],
    "get_where_subquery": [], "get_incremental_by_days_sql": [], "spark__days": [],
}  # fmt: skip
MODELS = {"model.stg", "model.fct", "model.mart", "model.today"}
EVERYTHING = MODELS | {"seed.ref", "test.key", "test.fresh"}


class Project:
    """A manifest, a folder and contracts, to be changed one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "seeds").mkdir()
        (folder / "seeds" / "ref.csv").write_text("a\n1\n", encoding="utf-8")
        (folder / "dbt_project.yml").write_text("name: city\nmodels: {}\n", encoding="utf-8")
        self.manifest = copy.deepcopy(MANIFEST)
        for name, node in self.manifest["nodes"].items():
            node |= {"schema": "main", "alias": name.split(".")[1], "unique_id": name}
            node["config"] = {"materialized": "table", "meta": {}, "tags": [], "group": "city", "access": "public"}
        for name, called in MACROS.items():
            self.macro(f"macro.city.{name}", [f"macro.city.{c}" for c in called])
        self.macro("macro.dbt.get_where_subquery", [])
        self.contracts: dict[str, Contract] = {"office.readings": replace(contract(), name="office.readings")}
        self.as_of = "2026-03-02"

    def macro(self, name: str, called: list[str]) -> None:
        _, package, macro = name.split(".")
        text = f"{{% macro {macro}() %}}{{% endmacro %}}"
        self.manifest["macros"][name] = {
            "name": macro, "package_name": package, "macro_sql": text, "depends_on": {"macros": called}
        }  # fmt: skip

    def node(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.manifest["nodes"][name]
        return found

    def identities(self) -> Identities:
        return identify(Lineage(self.manifest), self.folder, self.contracts, self.as_of)

    def edit_macro(self, name: str) -> None:
        self.manifest["macros"][f"macro.city.{name}"]["macro_sql"] += "-- edited"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def changed(project: Project, change: Callable[[Project], object]) -> set[str]:
    before = project.identities()
    change(project)
    after = project.identities()
    old, new = {**before.nodes, **before.checks}, {**after.nodes, **after.checks}
    assert set(old) == set(new) == EVERYTHING
    return {name for name in old if old[name] != new[name]}


def set_config(name: str, **settings: Any) -> Callable[[Project], object]:
    return lambda project: project.node(name)["config"].update(settings)


def set_citylake(name: str, **settings: Any) -> Callable[[Project], object]:
    return set_config(name, meta={"citylake": settings})


def write(name: str, text: str) -> Callable[[Project], object]:
    return lambda project: (project.folder / name).write_text(text, encoding="utf-8")


def correct_by_key(project: Project) -> None:
    one = project.contracts["office.readings"]
    delta = one.citylake.model_copy(update={"correction": "delta"})
    project.contracts["office.readings"] = replace(one, citylake=delta)


def rename_column(project: Project) -> None:
    one = project.contracts["office.readings"]
    table = replace(one.tables[0], columns=one.tables[0].columns[::-1])
    project.contracts["office.readings"] = replace(one, tables=(table,))


FCT = {"model.fct", "model.mart"}
STG = {"model.stg", *FCT}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda p: p.node("model.fct").update(raw_code="select 2"), FCT, id="SQL, and what is below"),
        pytest.param(lambda p: p.edit_macro("as_text"), FCT, id="a macro that a macro calls"),
        pytest.param(lambda p: p.edit_macro("test_key"), {"test.key"}, id="the macro of a check"),
        pytest.param(lambda p: p.edit_macro("get_where_subquery"), {"test.key", "test.fresh"}, id="what tests read"),
        pytest.param(lambda p: p.edit_macro("get_incremental_by_days_sql"), EVERYTHING, id="a macro no node names"),
        pytest.param(lambda p: p.edit_macro("spark__days"), set(), id="a macro of another engine"),
        pytest.param(set_config("model.fct", materialized="view"), FCT, id="a setting"),
        pytest.param(set_citylake("model.fct", day_column="d"), FCT, id="how it grows"),
        pytest.param(set_citylake("model.fct", full_rebuild={"why": "small"}), set(), id="a budget"),
        pytest.param(set_config("model.fct", group="b", access="private", tags=["x"]), set(), id="whose it is"),
        pytest.param(lambda p: p.node("model.fct").update(description="new"), set(), id="a description"),
        pytest.param(lambda p: p.node("model.fct").update(alias="fact"), FCT, id="the table's name"),
        pytest.param(set_config("test.key", severity="warn"), {"test.key"}, id="a severity"),
        pytest.param(set_config("test.key", where="a > 1"), {"test.key"}, id="the rows of a check"),
        pytest.param(
            lambda p: p.node("test.key")["test_metadata"].update(kwargs={"columns": ["b"]}),
            {"test.key"},
            id="arguments",
        ),
        pytest.param(write("seeds/ref.csv", "a\n2\n"), {"seed.ref", "model.mart"}, id="a seed"),
        pytest.param(rename_column, STG, id="a contract"),
        pytest.param(correct_by_key, STG, id="how a feed is corrected"),
        pytest.param(lambda p: setattr(p, "as_of", "2026-03-03"), {"model.today"}, id="the date"),
        pytest.param(write("dbt_project.yml", "name: city\nmodels: {}\nvars: {a: 1}\n"), EVERYTHING, id="a variable"),
        pytest.param(write("dbt_project.yml", "name: city # new\nmodels: {}\n"), set(), id="a comment of the project"),
    ],
)
def test_what_a_change_reaches(project: Project, change: Callable[[Project], object], expected: set[str]) -> None:
    assert changed(project, change) == expected


def test_versions_and_the_code_of_source_views_reach_everything(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = identity.version
    monkeypatch.setattr(identity, "version", lambda package: real(package) + ".post1")
    after = project.identities()
    monkeypatch.undo()
    before = project.identities()
    assert all(after.nodes[name] != before.nodes[name] for name in before.nodes)
    assert all(after.checks[name] != before.checks[name] for name in before.checks)


def test_what_asks_for_the_date_is_known(project: Project) -> None:
    assert project.identities().dated == {"model.today", "test.fresh"}
