"""The word `expires` of a declaration: what must hold for it, and what it is in dbt's configuration (docs/adr/0030).

Types of columns are known to builds only, so that the date is one by its name here, and by its type where a release is
made (warehouse.publish.ended).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from warehouse.build.lineage import kind_of
from warehouse.modelling.declaration import Declaration
from warehouse.modelling.inheritance import Node

_DATE = "_date"
"""How the name of a DATE column ends in this project."""


def expires_meta(said: Declaration) -> dict[str, Any]:
    """What is written under `meta.citylake`: the declaration with the table's key; empty where nothing is declared."""
    if said.expires is None:
        return {}
    return {"expires": {**said.expires.model_dump(exclude_none=True), "key": said.key}}


def expiry_problems(model: str, nodes: Mapping[str, Node]) -> Iterator[tuple[str, str]]:
    """(key below `expires`, what is wrong) of one model."""
    said = nodes[model].said
    if said.expires is None:
        return
    column, ended_by = said.expires.column, said.expires.ended_by
    if kind_of(model) != "pub":
        yield "column", f"{model} is not in the open edition, and only its rows leave: declare it on a `pub_` model"
    if not column.endswith(_DATE):
        yield "column", f"{column} is no date by its name: the last day is a DATE column `<event>{_DATE}`"
    missing = _missing(nodes[model], [column, *said.key])
    if missing:
        yield "column", f"{model} does not select {missing}"
    if ended_by is None:
        return
    if ended_by not in nodes or kind_of(ended_by) == "pub":
        yield "ended_by", f"{ended_by} is not an internal model with a declaration"
    elif missing := _missing(nodes[ended_by], [column, *said.key]):
        yield (
            "ended_by",
            f"{ended_by} does not select {missing}: it has the key and the date of {model}, by their names",
        )


def _missing(node: Node, columns: list[str]) -> str:
    names = {column.name for column in node.selects}
    return ", ".join(column for column in columns if column not in names)
