"""Which PostgreSQL types a column of a contract may be read from, so that a change of type at the source is seen.

Values travel as PostgreSQL's own text. A type is accepted where that text is what the contract's type reads without
loss: a number column made of identifiers has lost their leading zeros, a floating-point number is no exact amount.
"""

from __future__ import annotations

from ingestion.contract.column_types import ColumnType, column_type

_TEXT = frozenset(("text", "character varying", "character", "name", "citext", "enum"))
_WHOLE = frozenset(("smallint", "integer", "bigint"))
_EXACT = _WHOLE | {"numeric"}
ACCEPTED: dict[str, frozenset[str]] = {
    "VARCHAR": _TEXT | {"uuid"},
    "BOOLEAN": _TEXT | _WHOLE | {"boolean"},
    "INTEGER": _TEXT | _EXACT,
    "BIGINT": _TEXT | _EXACT,
    "DECIMAL": _TEXT | _EXACT,
    "DOUBLE": _TEXT | _EXACT | {"real", "double precision"},
    "DATE": _TEXT | {"date"},
    "TIMESTAMP": _TEXT | {"date", "timestamp without time zone"},
    "TIMESTAMPTZ": _TEXT | {"timestamp without time zone", "timestamp with time zone"},
}
"""By physicalType (without precision) the types of the source, as `format_type` names them without modifiers; `enum`
stands for every enumeration, a domain for the type it is made of. Text is always accepted, and read by conform."""


def accepts(physical_type: str, source_type: str) -> bool:
    """Whether a column of the contract may be read from a PostgreSQL type."""
    kind = column_type(physical_type)
    return isinstance(kind, ColumnType) and source_type in ACCEPTED[kind.name]


def accepted_types(physical_type: str) -> str:
    """The accepted types other than text, for messages."""
    kind = column_type(physical_type)
    found = ACCEPTED[kind.name] if isinstance(kind, ColumnType) else frozenset()
    return ", ".join(["text", *sorted(found - _TEXT)])
