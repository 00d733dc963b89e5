"""The spelling of numbers, the same for every format and type (docs/adr/0017): ASCII digits, a point, an exponent.

Grouping, words and other digits are not accepted. `ingestion.conform.numbers` reads columns; here are the pattern, and
exact numbers for the values in contracts.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""Pattern of a number, for a full match with RE2 or Python's `re`."""

_NUMBER = re.compile(NUMBER)


def exact(value: str | float | Decimal) -> Decimal | None:
    """A text, or a number from a contract, as an exact Decimal; None where it is no number."""
    text = str(value)
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond any type
        return None


def canonical(number: Decimal) -> str:
    """A unique spelling of each number: sign, digits without outer zeros, `e`, position of the point; `0` for zero."""
    sign, digits, exponent = number.as_tuple()
    if not any(digits):
        return "0"
    text = "".join(map(str, digits)).lstrip("0")
    return f"{'-' if sign else ''}{text.rstrip('0')}e{len(text) + int(exponent)}"
