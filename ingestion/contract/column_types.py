"""The DuckDB types a contract may use, and how ODCS logical types agree with them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ingestion.contract.problem import choices

LOGICAL = {
    "VARCHAR": "string",
    "BOOLEAN": "boolean",
    "INTEGER": "integer",
    "BIGINT": "integer",
    "DOUBLE": "number",
    "DECIMAL": "number",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMPTZ": "timestamp",
}
"""Type name → ODCS logicalType."""

SPELLINGS = [name if name != "DECIMAL" else "DECIMAL(p,s)" for name in LOGICAL]
_DECIMAL = re.compile(r"DECIMAL\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_MAX_PRECISION = 38


@dataclass(frozen=True)
class ColumnType:
    """An allowed type. `text` is how DuckDB spells it, `name` is without precision."""

    text: str
    name: str

    @property
    def logical(self) -> str:
        """The ODCS logicalType that agrees."""
        return LOGICAL[self.name]

    @property
    def is_numeric(self) -> bool:
        """Whether minimum and maximum apply."""
        return self.logical in ("integer", "number")

    @property
    def is_temporal(self) -> bool:
        """Whether a strptime format applies."""
        return self.logical in ("date", "timestamp")


def column_type(text: str | None) -> ColumnType | str:
    """The type, or what is wrong with it."""
    if text is None:
        return f"required key is missing; {choices('', SPELLINGS)}"
    upper = text.strip().upper()
    decimal = _DECIMAL.fullmatch(upper)
    if decimal:
        precision, scale = int(decimal[1]), int(decimal[2])
        if not 1 <= precision <= _MAX_PRECISION or scale > precision:
            return f"{text!r}: precision is 1-{_MAX_PRECISION} and scale at most the precision"
        return ColumnType(f"DECIMAL({precision},{scale})", "DECIMAL")
    if upper in LOGICAL and upper != "DECIMAL":
        return ColumnType(upper, upper)
    return f"{text!r} is not an allowed type; {choices(upper, SPELLINGS)}"
