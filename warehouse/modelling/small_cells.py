"""The word `small_cells` of a declaration: what must hold for it, and what it is in dbt's configuration (ADR 0041).

What a table's rows must be is judged where they are known: warehouse.gate.small_cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from warehouse.build.lineage import kind_of
from warehouse.modelling.declaration import Declaration
from warehouse.modelling.inheritance import Node


def small_cells_meta(said: Declaration) -> dict[str, Any]:
    """What is written under `meta.citylake`; empty where nothing is declared."""
    return {} if said.small_cells is None else {"small_cells": said.small_cells.model_dump()}


def small_cells_problems(model: str, nodes: Mapping[str, Node]) -> Iterator[tuple[str, str]]:
    """(key below `small_cells`, what is wrong) of one model."""
    node = nodes[model]
    said = node.said.small_cells
    if said is None:
        return
    if kind_of(model) != "pub":
        yield "count", f"{model} is not in the open edition: declare it on a `pub_` model"
    names = {column.name for column in node.selects}
    for key, columns in {"count": [said.count], "by": said.by, "cell": [said.cell], "ratios": said.ratios}.items():
        missing = ", ".join(column for column in columns if column not in names)
        if missing:
            yield key, f"{model} does not select {missing}"
