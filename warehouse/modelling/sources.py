"""dbt's source files from the contracts: `models/staging/<department>/_<department>__sources.yml`.

The files are committed so that dbt parses without contracts; `make generate` writes them, and its check finds stale
ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ingestion.contract.model import Column, Contract, Table
from warehouse.build.sources import lake_columns, row_key, source_name
from warehouse.modelling.texts import yaml_text

LAKE_COLUMNS = {
    "_batch_id": "批次编号 · Batch the row came from: interval start and content hash.",
    "_loaded_at": "入湖时间 · When the delivery was fetched, UTC.",
    "_record_number": "记录序号 · Number of the record in its delivery, from 1, header excluded.",
    "_event_date": "事件日期 · Local date of the event time.",
}


def source_files(contracts: Mapping[str, Contract], project: Path) -> dict[Path, str]:
    """The text of every source file by its path; one file for each department."""
    departments = sorted({contract.department for contract in contracts.values()})
    return {
        project / "models" / "staging" / department / f"_{department}__sources.yml": _text(
            department, [c for _, c in sorted(contracts.items()) if c.department == department]
        )
        for department in departments
    }


def _text(department: str, contracts: Iterable[Contract]) -> str:
    tables = [_table(contract, table) for contract in contracts for table in contract.tables]
    source = {"name": department, "schema": f"bronze_{department}", "tables": tables}
    return yaml_text("contracts", "the contract", {"sources": [source]})


def _table(contract: Contract, table: Table) -> dict[str, Any]:
    key = {"key": row_key(table)} if table.keeps_repeats else {}
    return {
        "name": source_name(contract, table),
        "description": f"{table.title} · {table.description}",
        "config": {"meta": {"feed": contract.name, "table": table.name, **key}},
        "columns": [
            *(_column(column) for column in table.bronze_columns),
            *({"name": name, "description": LAKE_COLUMNS[name]} for name in lake_columns(table)),
        ],
    }


def _column(column: Column) -> dict[str, Any]:
    described: dict[str, Any] = {"name": column.name, "description": f"{column.title} · {column.description}"}
    if column.classification:
        described["config"] = {"meta": {"classification": column.classification}}
    return described
