"""The dbt project itself: its unit tests, its shape, its portability, and one model that fails."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import sqlglot

from ingestion.settings import Settings
from tests.integration.build.small_lake import SmallLake
from warehouse.build.dbt_runner import Dbt, DbtFolders
from warehouse.build.report import BuildReport

PROJECT = Settings().dbt_project
PRODUCTS = {"core", "weather", "transport", "food_safety", "town_brief"}


def target(lake: SmallLake) -> Path:
    return lake.settings.state_root / "dbt" / "target"


def test_every_product_is_whole_portable_and_its_unit_tests_pass(built: tuple[SmallLake, BuildReport]) -> None:
    filled, report = built
    manifest: dict[str, Any] = json.loads((target(filled) / "manifest.json").read_text(encoding="utf-8"))

    readme = (PROJECT / "README.md").read_text(encoding="utf-8")

    assert {m.product for m in report.models} == PRODUCTS

    assert (
        filled.query(
            "select table_name, column_name from information_schema.columns "
            "where table_schema = 'main' and data_type = 'HUGEINT'"
        )
        == []
    ), "Parquet has no HUGEINT: cast sums to bigint"

    for node in manifest["nodes"].values():
        if node["resource_type"] != "model":
            continue
        settings = (node["config"]["meta"] or {}).get("citylake", {})
        model = next(m for m in report.models if m.unique_id == node["unique_id"])
        if model.materialized == "incremental":
            assert settings["feeds"] == model.feeds, f"{model.name} must declare the feeds it reads"
        elif model.public and model.feeds:
            budget = settings.get("full_rebuild", {})
            snapshot_only = set(model.feeds) <= {"jtj.gtfs_static", "syj.food_licence"}
            assert snapshot_only or budget.get("why"), f"{model.name} is rebuilt whole: say why and with what budget"
            listed = f"| `{model.name}` | {budget.get('budget_seconds')} |" in readme
            assert listed or not budget, f"{model.name} is missing from the list in dbt_project/README.md"
        built = filled.query(f"select column_name from information_schema.columns where table_name = '{model.name}'")
        described = {name: column["description"] for name, column in node["columns"].items()}
        assert set(described) == {name for (name,) in built}, model.name
        sqlglot.parse_one(compiled(filled, node), dialect="spark")

    dbt = Dbt(
        DbtFolders(PROJECT, filled.settings.state_root / "dbt" / "profile", target(filled), filled.home / "logs"),
        filled.said.append,
    )
    dbt.parse()
    results = dbt.execute("test", "--select", "test_type:unit")["results"]
    assert len(results) >= 3
    assert {result["status"] for result in results} == {"pass"}


def compiled(lake: SmallLake, node: dict[str, Any]) -> str:
    path = target(lake) / "compiled" / "citylake" / node["original_file_path"]
    return path.read_text(encoding="utf-8")


def test_a_failing_model_stops_its_product_only(built: tuple[SmallLake, BuildReport], tmp_path: Path) -> None:
    filled, _ = built
    project = tmp_path / "dbt_project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    broken = project / "models" / "marts" / "food_safety" / "fct_food_complaint.sql"
    broken.write_text(
        broken.read_text(encoding="utf-8").replace("from complaints", "from complaints where 1 / 'x' > 0")
    )
    filled.project = project

    report = filled.build(date(2026, 3, 3))

    status = {m.name: m.status for m in report.models}
    assert status["fct_food_complaint"] == "error"
    assert status["mart_town_daily_brief"] == "skipped"
    assert status["fct_weather_hourly"] == status["pub_bus_route"] == "passed"
    skipped = [c for c in report.checks if c.models[0] == "fct_food_complaint"]
    assert skipped
    assert {c.status for c in skipped} == {"skipped"}
    assert all("not built" in str(c.message) for c in skipped)

    filled.project = PROJECT
    repaired = filled.build(date(2026, 3, 3))
    assert repaired.full_refresh
    assert {m.status for m in repaired.models} == {"passed"}
