"""SQL that finds the text of a column in a JSON record, by the path of its contract.

`json_records` runs it over many records. What is asked for by plain paths is read together, in one pass over a record.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ingestion.contract.json_columns import EVERY, form
from ingestion.contract.model import Column
from ingestion.sql import identifier, literal

_REFERENCE = ".reference"
_LOGICAL = (".identifier.value", ".identifier.system", ".type")
"""Members of a FHIR reference without a literal one (R4, 2.3.0.2)."""
_DEFINITION = "http://hl7.org/fhir/StructureDefinition/"
"""Of FHIR's own types: `Reference.type` may be the URL of one."""


def extract_statement(columns: Sequence[Column]) -> str:
    """SQL that gives each column of the relation `lines` (JSON objects in `line`), named as in bronze.

    Top-level members are read by one `from_json`, all other paths by one `json_extract_string`; a path with `[*]` gives
    the chosen element's value, or without `choose` a JSON list as text. No column is named like the helper columns
    `_members` and `_paths`: names begin with a letter.
    """
    methods = {c.name: _read_method(c) for c in columns}
    folded = [str(c.source).casefold() for c in columns]
    if len(set(folded)) < len(folded):  # fields of a struct are one whatever their case
        methods = {name: "path" if method == "member" else method for name, method in methods.items()}
    members = {str(c.source): "VARCHAR" for c in columns if methods[c.name] == "member"}
    paths: list[str] = []
    inner, found = [], []
    for column in columns:
        name, path = identifier(column.name), member_path(column)
        if methods[column.name] == "member":
            value = f"_members.{identifier(str(column.source))}"
        elif methods[column.name] == "path":
            value = _place(paths, path)
        elif methods[column.name] == "reference":
            value = _reference(paths, path, str(column.spec.reference))
        else:
            inner.append(f"{_of_list(column, path)} as {name}")
            value = name
        found.append(f"{value} as {name}")
    if members:
        inner.append(f"from_json(line, {literal(json.dumps(members, ensure_ascii=False))}) as _members")
    if paths:
        inner.append(f"json_extract_string(line, {literal(paths)}) as _paths")
    return f"select {', '.join(found)} from (select {', '.join(inner)} from lines)"


def member_path(column: Column) -> str:
    """The JSON path of a column: its declared `path`, else its source name as a top-level member."""
    if column.spec.path:
        return column.spec.path
    return '$."' + str(column.source).replace('"', '\\"') + '"'


def _read_method(column: Column) -> str:
    """How a column is read: as a top-level `member`, by a `path`, as a `reference`, or from a `list` of values."""
    path = member_path(column)
    if EVERY in path:
        return "list"
    if column.spec.reference is not None and form(path, column.spec) == "reference":
        return "reference"
    name = str(column.source)
    # A source name may hold dots: `$.a.b` is then a path through two objects, not a member of that name.
    return "member" if path == f'$."{name}"' or (path == f"$.{name}" and name.isidentifier()) else "path"


def _place(paths: list[str], path: str) -> str:
    """SQL for the text at a path, which is added to `paths`."""
    if path not in paths:
        paths.append(path)
    return f"_paths[{paths.index(path) + 1}]"


def _reference(paths: list[str], path: str, kind: str) -> str:
    """SQL for a FHIR reference: the literal one, else the logical one written as a conditional one."""
    target = path.removesuffix(_REFERENCE)
    value, system, its_type = (_place(paths, target + member) for member in _LOGICAL)
    its_type = f"regexp_replace({its_type}, {literal('^' + _DEFINITION)}, '')"
    logical = (
        f"coalesce({its_type}, {literal(kind)}) || '?identifier=' || url_encode(coalesce({system}, '')) || '|' || "
        f"url_encode({value})"
    )
    return f"coalesce({_place(paths, path)}, {logical})"


def _of_list(column: Column, path: str) -> str:
    """SQL for the value in the first element that `choose` describes; without it, for all values as a JSON list."""
    choose = column.spec.choose
    if choose is None:
        return f"nullif(cast(to_json(json_extract(line, {literal(path)})) as varchar), '[]')"
    before, _, after = path.partition(EVERY)
    elements = f"json_extract(line, {literal(before + EVERY)})"
    member = f"json_extract_string(e, {literal('$.' + choose.member)})"
    chosen = f"list_filter({elements}, lambda e: {member} = {literal(choose.equals)})[1]"
    return f"json_extract_string({chosen}, {literal('$' + after)})"
