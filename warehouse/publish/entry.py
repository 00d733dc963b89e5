"""Entries in a manifest of tables as the build made them."""

from __future__ import annotations

from warehouse.content.measure import TableContent
from warehouse.release.manifest import FactDay, TableEntry


def table_entry(table: TableContent) -> TableEntry:
    """Entry of a table; of a fact without its files."""
    return TableEntry(
        product=table.product,
        kind=table.kind,
        rows=table.rows,
        content=table.content,
        columns=table.columns,
        feeds=table.feeds,
        day_column=table.day_column,
        identity=table.identity,
    )


def materialised(table: TableContent) -> tuple[str, TableEntry]:
    """Name and entry of a table of a public edition: its rows are in the release file, whatever its kind."""
    if not table.day_column:
        return table.name, table_entry(table)
    days = [FactDay(day=day, rows=c.rows, content=c.content) for day, c in sorted(table.days.items())]
    return table.name, table_entry(table).model_copy(update={"materialised": True, "days": days})
