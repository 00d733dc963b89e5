"""dbt sources from contracts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ingestion.contract.extension import ColumnSpec, Deidentify
from ingestion.contract.load import load_contracts
from ingestion.contract.model import Contract
from ingestion.settings import Settings
from tests.support import lakes
from warehouse.modelling.sources import source_files

CONTRACTS = load_contracts(Settings().contracts)
Tables = dict[tuple[str, str], dict[str, Any]]


def made_up() -> Contract:
    return replace(lakes.contract(), name="office.readings")


def tables_of(contracts: dict[str, Contract], folder: Path) -> Tables:
    """Source tables by feed and table."""
    found: Tables = {}
    for path, text in source_files(contracts, folder).items():
        (source,) = yaml.safe_load(text)["sources"]
        assert path.name == f"_{source['name']}__sources.yml"
        assert path.parent.name == source["name"]
        assert source["schema"] == f"bronze_{source['name']}"
        for table in source["tables"]:
            meta = table["config"]["meta"]
            assert meta["feed"].startswith(f"{source['name']}.")
            found[meta["feed"], meta["table"]] = table
    return found


def test_every_bronze_table_is_a_source_with_its_feed_and_columns(tmp_path: Path) -> None:
    tables = tables_of(CONTRACTS, tmp_path)
    assert set(tables) == {(name, table.name) for name, contract in CONTRACTS.items() for table in contract.tables}
    for contract in CONTRACTS.values():
        for table in contract.tables:
            columns = {column["name"]: column for column in tables[contract.name, table.name]["columns"]}
            dated = ["_event_date"] if table.event_time else []
            assert list(columns) == [*(c.name for c in table.bronze_columns), "_batch_id", "_loaded_at", *dated]
            for column in table.bronze_columns:
                assert columns[column.name]["config"]["meta"]["classification"] == column.classification
            assert all(" · " in column["description"] for column in columns.values())


def test_a_table_among_several_is_named_after_its_feed_too(tmp_path: Path) -> None:
    one = made_up()
    two = replace(one, tables=(one.tables[0], replace(one.tables[0], name="station")))
    assert [table["name"] for table in tables_of({one.name: one}, tmp_path).values()] == ["readings"]
    names = [table["name"] for table in tables_of({two.name: two}, tmp_path).values()]
    assert names == ["readings__reading", "readings__station"]


def test_the_text_is_deterministic_and_does_not_depend_on_order(tmp_path: Path) -> None:
    backwards = dict(reversed(list(CONTRACTS.items())))
    assert source_files(CONTRACTS, tmp_path) == source_files(backwards, tmp_path)


def test_a_dropped_column_is_no_source_column(tmp_path: Path) -> None:
    one = made_up()
    *kept, value = one.tables[0].columns
    dropped = replace(value, spec=ColumnSpec(deidentify=Deidentify(method="drop")))
    without = replace(one, tables=(replace(one.tables[0], columns=(*kept, dropped)),))
    (table,) = tables_of({one.name: without}, tmp_path).values()
    assert [column["name"] for column in table["columns"]] == ["id", "seen", "_batch_id", "_loaded_at", "_event_date"]


def test_a_table_that_keeps_repeats_has_its_record_number_and_key(tmp_path: Path) -> None:
    contract = made_up()
    columns = tuple(replace(column, primary_key=None) for column in contract.tables[0].columns)
    keeping = replace(contract, tables=(replace(contract.tables[0], columns=columns, repeats="keep"),))
    (table,) = tables_of({contract.name: keeping}, tmp_path).values()
    assert [column["name"] for column in table["columns"]][-4:] == [
        "_batch_id", "_loaded_at", "_record_number", "_event_date",
    ]  # fmt: skip
    assert table["config"]["meta"]["key"] == ["_batch_id", "_record_number"]
    assert " · " in table["columns"][-2]["description"]
