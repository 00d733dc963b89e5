"""The shipped dbt project, the one build of it in these tests: a day of the simulated city from files to checks.

Its unit tests, its shape and its portability too. How builds behave is shown on the fixture project.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot

from infra.simulator.city import City
from infra.simulator.deliver import deliver
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from tests.support.dbt_files import DbtFiles
from warehouse.build.dbt_runner import Dbt, DbtFolders
from warehouse.build.report import BuildReport
from warehouse.build.runner import build
from warehouse.capture import Captured, capture

PROJECT = Settings().dbt_project
FIRST = date(2026, 3, 2)
PRODUCTS = set(DbtFiles(PROJECT).groups)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, BuildReport]:
    """The city's first day, as its departments send it."""
    lake = open_lake(Settings(home=tmp_path_factory.mktemp("city")))
    deliver(City(), 1, lake.settings.root / "city")
    for contract in lake.contracts.values():
        capture(lake, contract, FIRST, taken := Captured())
        assert {delivery.outcome for delivery in taken.deliveries} == {"accepted"}
    return lake, build(lake, FIRST)


def target(lake: Lake) -> Path:
    return lake.settings.state_root / "dbt" / "target"


def opened(lake: Lake) -> Dbt:
    profile = lake.settings.state_root / "dbt" / "profile"
    return Dbt(DbtFolders(PROJECT, profile, target(lake), lake.settings.root / "logs"), print)


def manifest(lake: Lake) -> dict[str, Any]:
    return opened(lake).parse()


def query(lake: Lake, sql: str) -> list[tuple[Any, ...]]:
    with closing(duckdb.connect(lake.settings.build_path, read_only=True)) as connection:
        return connection.execute(sql).fetchall()


def test_every_model_is_built_and_every_check_runs_and_passes(built: tuple[Lake, BuildReport]) -> None:
    filled, report = built
    declared = {path.stem for path in (PROJECT / "models").rglob("*.sql")}
    assert {model.name: model.status for model in report.models} == dict.fromkeys(declared, "passed")
    nodes = manifest(filled)["nodes"].values()
    assert len(report.checks) == Counter(node["resource_type"] for node in nodes)["test"] > 50
    assert [check for check in report.checks if check.status != "passed"] == []
    # What counts people in the open shows weeks that are closed, and on the first day none is.
    closed_only = {model.name for model in report.models if model.small_cells is not None}
    assert {model.name for model in report.models if model.public and not model.rows} == closed_only


def test_every_product_is_whole_portable_and_its_unit_tests_pass(built: tuple[Lake, BuildReport]) -> None:
    filled, report = built
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")

    assert {m.product for m in report.models} == PRODUCTS

    assert (
        query(
            filled,
            "select table_name, column_name from information_schema.columns "
            "where table_schema = 'main' and data_type = 'HUGEINT'",
        )
        == []
    ), "Parquet has no HUGEINT: cast sums to bigint"

    snapshots = {name for name, contract in filled.contracts.items() if contract.citylake.delivery == "snapshot"}
    for node in manifest(filled)["nodes"].values():
        if node["resource_type"] != "model":
            continue
        settings = (node["config"]["meta"] or {}).get("citylake", {})
        model = next(m for m in report.models if m.unique_id == node["unique_id"])
        if model.materialized == "incremental":
            assert settings["feeds"] == model.feeds, f"{model.name} must declare the feeds it reads"
        elif model.public and model.feeds:
            budget = settings.get("full_rebuild", {})
            snapshot_only = set(model.feeds) <= snapshots
            assert snapshot_only or budget.get("why"), f"{model.name} is rebuilt whole: say why and with what budget"
            listed = f"| `{model.name}` | {budget.get('budget_seconds')} |" in readme
            assert listed or not budget, f"{model.name} is missing from the list in dbt_project/README.md"
        columns = query(filled, f"select column_name from information_schema.columns where table_name = '{model.name}'")
        described = {name: column["description"] for name, column in node["columns"].items()}
        assert set(described) == {name for (name,) in columns}, model.name
        sqlglot.parse_one(compiled(filled, node), dialect="spark")

    dbt = opened(filled)
    dbt.parse()
    results = dbt.execute("test", "--select", "test_type:unit")
    assert len(results) >= 3
    assert {result.status for result in results} == {"pass"}


def compiled(lake: Lake, node: dict[str, Any]) -> str:
    path = target(lake) / "compiled" / "citylake" / node["original_file_path"]
    return path.read_text(encoding="utf-8")
