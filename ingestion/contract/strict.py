"""Validate a contract document strictly: unknown keys are errors at every level.

The `open-data-contract-standard` models ignore unknown keys below the first level. Here every mapping is compared with
the model that describes it; unknown keys are reported with the nearest spelling and removed, so that one run finds all
problems. Pydantic then reports wrong types.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from ingestion.contract.problem import KeyPath, Report, choices
from ingestion.values.document import Document

Model = TypeVar("Model", bound=BaseModel)


class Declared(Document):
    """Base of what a contract declares: as Document; a field with an alias can also be given by its Python name."""

    model_config = ConfigDict(populate_by_name=True)


def validate(
    model: type[Model], raw: Any, path: KeyPath, report: Report, unread: Mapping[str, Mapping[str, str]] | None = None
) -> Model | None:
    """`raw` as an instance of `model`; None where types are wrong. All problems are added to the report.

    `unread` maps a model's name to keys of the standard that are not supported here, each with what to write instead;
    they are refused, so that no declaration is silently ignored.
    """
    if not isinstance(raw, dict):
        report.add(path, f"must be a mapping of keys, not {_kind(raw)}")
        return None
    pruned = _prune(model, raw, path, report, unread or {})
    try:
        return model.model_validate(pruned)
    except ValidationError as error:
        for item in error.errors():
            _explain(item, raw, path, report)
        return None


@cache
def _keys(model: type[BaseModel]) -> dict[str, Any]:
    """Annotation of each key, as it is written in YAML."""
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}


@cache
def _members(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of an annotation, without None and Annotated wrappers."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(m for part in get_args(annotation) if part is not type(None) for m in _members(part))
    return (annotation,)


def _prune(
    model: type[BaseModel], raw: dict[Any, Any], path: KeyPath, report: Report, unread: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    known = _keys(model)
    refused = unread.get(model.__name__, {})
    kept = {}
    for key, value in raw.items():
        here = (*path, str(key))
        if key in refused:
            report.add(here, f"nothing acts on this key; {refused[key]}")
        elif key in known:
            kept[key] = _descend(known[key], value, here, report, unread)
        else:
            report.add(here, f"unknown key; {choices(key, [k for k in known if k not in refused])}")
    return kept


def _descend(annotation: Any, raw: Any, path: KeyPath, report: Report, unread: Mapping[str, Mapping[str, str]]) -> Any:
    if isinstance(raw, dict):
        members = _members(annotation)
        models = [m for m in members if isinstance(m, type) and issubclass(m, BaseModel)]
        if models:
            return _prune(_pick(models, raw), raw, path, report, unread)
        values = next((get_args(m)[1] for m in members if get_origin(m) is dict), Any)
        return {key: _descend(values, value, (*path, str(key)), report, unread) for key, value in raw.items()}
    if isinstance(raw, list):
        items = next((get_args(m)[0] for m in _members(annotation) if get_origin(m) is list), Any)
        return [_descend(items, value, (*path, index), report, unread) for index, value in enumerate(raw)]
    return raw


def _pick(models: list[type[BaseModel]], raw: dict[Any, Any]) -> type[BaseModel]:
    """The model of a union that accepts the document's `type` or `connector`; else the first one."""
    for model in models:
        for tag in ("type", "connector"):
            annotation = _keys(model).get(tag)
            if get_origin(annotation) is Literal and raw.get(tag) in get_args(annotation):
                return model
    return models[0]


def _explain(item: Any, raw: Any, path: KeyPath, report: Report) -> None:
    """Report one pydantic error, with the key path as it is in the document."""
    here = path + _visible(item["loc"], raw, missing=item["type"] == "missing")
    context = item.get("ctx", {})
    if item["type"] == "missing":
        report.add(here, "required key is missing")
    elif item["type"] == "literal_error":
        allowed = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
        report.add(here, f"{item['input']!r} is not allowed; {choices(item['input'], allowed)}")
    elif item["type"] == "union_tag_invalid":
        allowed = [word.strip("'") for word in context["expected_tags"].split(", ")]
        tag = str(context["discriminator"]).strip("'()")
        report.add((*here, tag), f"{context['tag']!r} is not allowed; {choices(context['tag'], allowed)}")
    elif item["type"] == "string_type":
        report.add(here, f"must be text, not {_kind(item['input'])}; put it in quotes")
    else:
        report.add(here, item["msg"].removeprefix("Value error, "))


def _visible(loc: tuple[str | int, ...], raw: Any, *, missing: bool) -> KeyPath:
    """The key path of a pydantic error location, without the union tags that it contains."""
    path: list[str | int] = []
    for index, part in enumerate(loc):
        present = (isinstance(raw, dict) and part in raw) or (
            isinstance(raw, list) and isinstance(part, int) and part < len(raw)
        )
        if present:
            raw = raw[part]
            path.append(part)
        elif missing and index == len(loc) - 1:
            path.append(part)
    return tuple(path)


def _kind(value: Any) -> str:
    names = {
        Decimal: "a number",
        float: "a number",
        dict: "a mapping",
        list: "a list",
        bool: "a yes/no value",
        type(None): "nothing",
        str: "text",
    }
    return names.get(type(value), f"a {type(value).__name__}")
