"""A contract's `minimum` and `maximum` against typed values, as SQL, to the last digit of either."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from ingestion.conform.typing import kind
from ingestion.contract.model import Column
from ingestion.sql import literal

_EXACT = Context(prec=2000)


def outside(column: Column, value: str) -> str:
    """Whether a number lies beyond its column's bounds.

    A bound between two values of an exact type is moved to the nearer of them inside, so that both sides are of
    one type: DuckDB would compare a DECIMAL with a longer number as doubles, or not at all.
    """
    tests = []
    if column.minimum is not None:
        tests.append(_beyond(column, value, "<", column.minimum, ROUND_CEILING))
    if column.maximum is not None:
        tests.append(_beyond(column, value, ">", column.maximum, ROUND_FLOOR))
    return " or ".join(tests)


def _beyond(column: Column, value: str, sign: str, bound: Decimal | float, inward: str) -> str:
    if kind(column) == "float":
        return f"{value} {sign} cast({literal(str(bound))} as double)"
    precision, scale = 38, 0
    if kind(column) == "decimal":
        precision, scale = (int(part) for part in re.findall(r"\d+", column.type))
    number = Decimal(str(bound)).quantize(Decimal(1).scaleb(-scale), inward, _EXACT)
    if number.copy_abs() >= Decimal(10) ** (precision - scale):  # no value reaches it, or every one is beyond
        return "false" if (number < 0) == (sign == "<") else f"{value} is not null"
    return f"{value} {sign} cast({literal(f'{number:f}')} as decimal({precision},{scale}))"
