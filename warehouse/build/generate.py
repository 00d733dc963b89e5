"""dbt source files written from contracts: `make generate`.

Owns the text of `models/staging/<department>/_<department>__sources.yml`. The files are committed
so that the project parses without contracts; `stale` finds those that no longer say what the
contracts say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from ingestion.contract.load import load_contracts
from ingestion.contract.model import Column, Contract, Table
from ingestion.settings import Settings
from warehouse.build.sources import EVENT_DATE, SYSTEM_COLUMNS, source_name

REPAIR = "make generate"
_HEADER = f"# Written from the contracts by `{REPAIR}`; edit the contract, not this file.\n"
_LAKE_COLUMNS = {
    "_batch_id": "批次编号 · Batch the row came from: interval start and content hash.",
    "_loaded_at": "入湖时间 · When the delivery was fetched, UTC.",
    "_event_date": "事件日期 · Local date of the event time.",
}


def source_files(contracts: Mapping[str, Contract], project: Path) -> dict[Path, str]:
    """Path to text, one file a department."""
    departments = sorted({contract.department for contract in contracts.values()})
    return {
        project / "models" / "staging" / department / f"_{department}__sources.yml": _text(
            department, [c for _, c in sorted(contracts.items()) if c.department == department]
        )
        for department in departments
    }


def stale(contracts: Mapping[str, Contract], project: Path) -> list[Path]:
    """Source files that are missing, differ from the contracts, or belong to no contract."""
    expected = source_files(contracts, project)
    present = set((project / "models" / "staging").glob("*/_*__sources.yml"))
    differing = [
        path for path, text in expected.items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    return sorted({*differing, *(present - expected.keys())})


def generate(contracts: Mapping[str, Contract], project: Path) -> list[Path]:
    """Write what is stale and remove what belongs to no contract; the paths that changed."""
    changed = stale(contracts, project)
    expected = source_files(contracts, project)
    for path in changed:
        if path in expected:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(expected[path], encoding="utf-8")
        else:
            path.unlink()
    return changed


def _text(department: str, contracts: Iterable[Contract]) -> str:
    tables = [_table(contract, table) for contract in contracts for table in contract.tables]
    source = {"name": department, "schema": f"bronze_{department}", "tables": tables}
    body = yaml.dump({"sources": [source]}, Dumper=_Indented, allow_unicode=True, sort_keys=False, width=110)
    return _HEADER + body


def _table(contract: Contract, table: Table) -> dict[str, Any]:
    lake = [*SYSTEM_COLUMNS, *(EVENT_DATE if table.event_time else {})]
    return {
        "name": source_name(contract, table),
        "description": f"{table.title} · {table.description}",
        "config": {"meta": {"feed": contract.name, "table": table.name}},
        "columns": [
            *(_column(column) for column in table.bronze_columns),
            *({"name": name, "description": _LAKE_COLUMNS[name]} for name in lake),
        ],
    }


def _column(column: Column) -> dict[str, Any]:
    described: dict[str, Any] = {"name": column.name, "description": f"{column.title} · {column.description}"}
    if column.classification:
        described["config"] = {"meta": {"classification": column.classification}}
    return described


class _Indented(yaml.SafeDumper):
    """Lists indented below their key, as the hand-written files have them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def main() -> None:
    """`python -m warehouse.build.generate`: repair the files of the configured project."""
    settings = Settings()
    changed = generate(load_contracts(settings.contracts), settings.dbt_project)
    console = Console()
    for path in changed:
        console.print(f"wrote {path.name}" if path.is_file() else f"removed {path.name}")
    if not changed:
        console.print("dbt sources say what the contracts say")


if __name__ == "__main__":
    main()
