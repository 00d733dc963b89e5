"""dbt sources from contracts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import yaml

from ingestion.contract.load import load_contracts
from ingestion.settings import Settings
from warehouse.build.generate import source_files


def test_every_bronze_table_is_a_source_with_its_feed_and_columns(tmp_path: Path) -> None:
    contracts = load_contracts(Settings().contracts)
    files = source_files(contracts, tmp_path)
    assert {path.parent.name for path in files} == {contract.department for contract in contracts.values()}
    tables = {}
    for path, text in files.items():
        (source,) = yaml.safe_load(text)["sources"]
        assert path.name == f"_{source['name']}__sources.yml"
        assert source["schema"] == f"bronze_{source['name']}"
        tables |= {
            (table["config"]["meta"]["feed"], table["config"]["meta"]["table"]): table for table in source["tables"]
        }
    assert set(tables) == {(name, table.name) for name, contract in contracts.items() for table in contract.tables}
    assert tables["jtj.gtfs_static", "stops"]["name"] == "gtfs_static__stops"
    inspection = tables["syj.food_inspection", "food_inspection"]
    assert inspection["name"] == "food_inspection"
    columns = {column["name"]: column for column in inspection["columns"]}
    assert list(columns)[-3:] == ["_batch_id", "_loaded_at", "_event_date"]
    assert columns["inspector_badge"]["config"]["meta"]["classification"] == "personal"
    assert " · " in columns["score"]["description"]


def test_the_text_is_deterministic_and_does_not_depend_on_order(tmp_path: Path) -> None:
    contracts = load_contracts(Settings().contracts)
    backwards = dict(reversed(list(contracts.items())))
    assert source_files(contracts, tmp_path) == source_files(backwards, tmp_path)


def test_a_dropped_column_is_no_source_column(tmp_path: Path) -> None:
    text = "".join(source_files(load_contracts(Settings().contracts), tmp_path).values())
    assert "complainant" not in text


def test_a_table_that_keeps_repeats_has_its_record_number_and_key(tmp_path: Path) -> None:
    contract = load_contracts(Settings().contracts)["syj.food_inspection"]
    columns = tuple(replace(column, primary_key=None) for column in contract.tables[0].columns)
    keeping = replace(contract, tables=(replace(contract.tables[0], columns=columns, repeats="keep"),))
    (text,) = source_files({contract.name: keeping}, tmp_path).values()
    (table,) = yaml.safe_load(text)["sources"][0]["tables"]
    assert [column["name"] for column in table["columns"]][-4:] == [
        "_batch_id", "_loaded_at", "_record_number", "_event_date",
    ]  # fmt: skip
    assert table["config"]["meta"]["key"] == ["_batch_id", "_record_number"]
    assert " · " in table["columns"][-2]["description"]
