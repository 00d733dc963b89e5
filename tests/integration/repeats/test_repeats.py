"""A feed whose equal rows are as many facts (`repeats: keep`), by command line from files to a release and beyond."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from ingestion.contract.load import load_contracts
from ingestion.lake import Lake, open_lake
from ingestion.settings import PROJECT_ROOT, Settings
from ingestion.upkeep.compaction.compact import compact
from warehouse.cli import main
from warehouse.modelling.sources import source_files

DAY = "2026-03-02"
SALES = [
    "2026-03-02,面包,3.50",
    "2026-03-02,面包,3.50",
    "2026-03-02,面包,3.50",
    "2026-03-02,牛奶,6.00",
    "bad,牛奶,6.00",
]

_PROPERTIES = [
    {"name": "sold_on", "businessName": "日期", "logicalType": "date", "physicalType": "DATE", "required": True},
    {"name": "item", "businessName": "商品", "logicalType": "string", "physicalType": "VARCHAR"},
    {"name": "price", "businessName": "价格", "logicalType": "number", "physicalType": "DECIMAL(9,2)"},
]
_CONTRACT: dict[str, Any] = {
    "apiVersion": "v3.2.0", "kind": "DataContract", "id": "scj.sale", "version": "1.0.0", "status": "active",
    "name": "销售", "domain": "market", "dataProduct": "market", "description": {"purpose": "Sales of a market."},
    "schema": [{
        "name": "sale", "physicalType": "table", "businessName": "销售", "description": "Goods sold over the counter.",
        "dataGranularityDescription": "One row per article sold.",
        "properties": [
            {**p, "physicalName": p["name"], "description": f"The {p['name']} of a sale.", "classification": "public"}
            for p in _PROPERTIES
        ],
    }],
    "customProperties": [{"property": "citylake", "value": {
        "department": "scj", "feed": "sale", "delivery": "interval", "correction": "full", "max_refused_share": 0.5,
        "calendar": {"every": "day", "start": date(2026, 3, 1)}, "schedule": "0 8 * * *", "deadline": "PT12H",
        "steward": {"name": "管理员", "email": "steward.scj@example.org"},
        "source": {"path": "scj/sale_{interval:%Y%m%d}*.csv"}, "format": {"type": "csv"},
        "tables": {"sale": {"event_time": "sold_on", "repeats": "keep"}},
        "catalogue": {
            "resource_code": "2/08", "category": "市场", "provider": "市场局", "provider_code": "11442000000000035J",
            "share_type": "无条件共享", "open_attribute": "无条件开放", "update_cycle": "每日",
            "published": date(2026, 3, 1),
        },
        "licence": "CC-BY-4.0", "retention": {"raw": "P365D", "quarantine": "P90D", "basis": "Records schedule 3."},
    }}],
}  # fmt: skip
_PROJECT = {
    "name": "market", "version": "1.0.0", "config-version": 2, "profile": "citylake", "model-paths": ["models"],
    "flags": {"send_anonymous_usage_stats": False, "use_colors": False},
    "macro-paths": [str(PROJECT_ROOT / "dbt_project" / "macros")],
    "test-paths": [str(PROJECT_ROOT / "dbt_project" / "tests")],
    "models": {"market": {"staging": {"+materialized": "view", "+schema": "staging"}}},
}  # fmt: skip
_FACT = """
select * from {{ ref('stg_scj__sales') }}
where {{ only_affected_days('sold_on') }}
"""
_COUNTED = {"feed": "scj.sale", "table_name": "sale", "day_column": "sold_on"}
_MODELS = {
    "groups": [{"name": "market", "owner": {"name": "market", "email": "market@example.org"}}],
    "models": [
        {"name": "stg_scj__sales", "data_tests": ["primary_key"]},
        {
            "name": "fct_sale",
            "config": {
                "group": "market",
                "access": "public",
                "materialized": "incremental",
                "incremental_strategy": "affected_days",
                "on_schema_change": "fail",
                "meta": {"citylake": {"feeds": ["scj.sale"], "day_column": "sold_on"}},
            },
            "data_tests": [
                {"primary_key": {"arguments": {"columns": ["_batch_id", "_record_number"]}}},
                {"content_is_fresh": {"arguments": {"day_column": "sold_on", "within_days": 3}}},
                {"row_count_equals_receipts": {"arguments": _COUNTED}},
            ],
        },
    ],
}


@pytest.fixture
def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one keyless feed and a project that reads it; commands find both by the environment."""
    contract = tmp_path / "contracts" / "scj" / "sale.yaml"
    models = tmp_path / "project" / "models"
    for path, content in {
        contract: _CONTRACT,
        tmp_path / "project" / "dbt_project.yml": _PROJECT,
        models / "marts" / "_models.yml": _MODELS,
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    texts = source_files(load_contracts(tmp_path / "contracts"), tmp_path / "project")
    texts[models / "staging" / "stg_scj__sales.sql"] = "select * from {{ source('scj', 'sale') }}\n"
    texts[models / "marts" / "fct_sale.sql"] = _FACT
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name, value in {
        "HOME": tmp_path / "home", "DROP": tmp_path / "drop", "CONTRACTS": tmp_path / "contracts",
        "DBT_PROJECT": tmp_path / "project", "PSEUDONYM_KEY": "00" * 32,
    }.items():  # fmt: skip
        monkeypatch.setenv(f"CITYLAKE_{name}", str(value))
    return tmp_path


def _drop(home: Path, name: str, rows: list[str], hour: int) -> Path:
    path = home / "drop" / "scj" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["sold_on,item,price", *rows, ""]), encoding="utf-8")
    os.utime(path, (1772500000 + hour * 3600,) * 2)
    return path


def _ingest(file: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["ingest", "scj.sale", str(file), "--interval", DAY, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def _released(capsys: pytest.CaptureFixture[str], query: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["sql", "-c", query, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def _lake() -> Lake:
    return open_lake(Settings.at(None))


def test_every_row_reaches_the_release(market: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _drop(market, "sale_20260302.csv", SALES, 1)
    assert main(["contracts", "check"]) == 0
    assert main(["run", "--day", DAY]) == 0, capsys.readouterr()

    listed = _released(capsys, "select item, _record_number as n from fct_sale order by n")
    assert [(row["item"], row["n"]) for row in listed] == [("面包", 1), ("面包", 2), ("面包", 3), ("牛奶", 4)]
    assert main(["deliveries", "--json"]) == 0
    (receipt,) = json.loads(capsys.readouterr().out)
    counts = {name: receipt[name] for name in ("received", "accepted", "quarantined", "duplicates")}
    assert counts == {"received": 5, "accepted": 4, "quarantined": 1, "duplicates": 0}
    assert main(["reconcile", "--deep"]) == 0, capsys.readouterr()
    assert main(["gate", "--explain", "market"]) == 0
    explained = capsys.readouterr().out
    assert "primary_key_stg_scj__sales_" in explained, "the key of the staging model comes from the contract"

    # The same bytes are known, the same rows in other bytes confirm them, one row more or less is a correction.
    again = _ingest(_drop(market, "again.csv", SALES, 2), capsys)
    assert [d["outcome"] for d in again] == ["duplicate"]
    turned = _ingest(_drop(market, "turned.csv", list(reversed(SALES)), 3), capsys)
    assert [d["outcome"] for d in turned] == ["unchanged"]
    twice = _ingest(_drop(market, "twice.csv", [*SALES[1:], "2026-03-02,牛奶,6.00"], 4), capsys)
    assert [d["outcome"] for d in twice] == ["accepted"]
    fewer = _ingest(_drop(market, "fewer.csv", SALES[:2], 5), capsys)
    assert [d["outcome"] for d in fewer] == ["held"]
    assert "would lose 2 of 4 rows of sale (50%)" in fewer[0]["message"]

    assert main(["run", "--day", DAY]) == 0, capsys.readouterr()
    counted = _released(capsys, "select item, count(*) as n from fct_sale group by item order by item")
    assert {row["item"]: row["n"] for row in counted} == {"面包": 2, "牛奶": 2}
    assert main(["trace", "fct_sale", "--day", DAY]) == 0
    assert "made from 1 deliveries" in capsys.readouterr().out


def test_merged_copies_keep_every_row(market: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for day in ("20260302", "20260303"):
        rows = [row.replace("2026-03-02", f"2026-03-{day[-2:]}") for row in SALES]
        _drop(market, f"sale_{day}.csv", rows, 1)
        assert main(["ingest", "scj.sale", "--day", f"2026-03-{day[-2:]}"]) == 0, capsys.readouterr()
    lake = _lake()
    made = compact(lake, lake.contracts["scj.sale"])
    assert (made.files, made.rows, made.left) == (2, 8, [])
    with duckdb.connect() as connection:
        query = f"select count(*), count(distinct (_batch_id, _record_number)) from '{lake.store.url(made.merged[0])}'"
        assert connection.execute(query).fetchone() == (8, 8)
