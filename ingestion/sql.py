"""Quote values and names for SQL text. All SQL in the project is composed with these two functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

Value = str | int | float | bool | date | datetime | Decimal | Path | None


def literal(value: Value | Iterable[Value] | Mapping[str, Value]) -> str:
    """A SQL literal: scalars, lists `[…]`, and structs `{'k': v}` for options such as `columns`.

    Raises ValueError for a NUL character, which no SQL text can carry.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, datetime):
        return f"timestamp{'tz' if value.tzinfo else ''} '{value.isoformat(sep=' ')}'"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    if isinstance(value, str | Path):
        text = str(value)
        if "\x00" in text:
            raise ValueError("a SQL literal cannot hold a NUL character")
        return "'" + text.replace("'", "''") + "'"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(str(k))}: {literal(v)}" for k, v in value.items()) + "}"
    return "[" + ", ".join(literal(item) for item in value) + "]"


def identifier(*names: str) -> str:
    """A quoted, dotted identifier."""
    if any("\x00" in name or not name for name in names):
        raise ValueError("a SQL identifier cannot be empty or hold a NUL character")
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)
