"""What a number is written like, the same in every format and for every type (docs/adr/0017).

ASCII digits, a point, an exponent: no grouping, no words, no other digits. Reading columns is
`ingestion.conform.numbers`'; here are the pattern and numbers of a contract, exactly.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""A whole text, for RE2 and for Python's `re`."""

_NUMBER = re.compile(NUMBER)


def exact(value: str | float | Decimal) -> Decimal | None:
    """The number that a text, or a number of a contract, stands for; None where it is no number."""
    text = str(value)
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond any type
        return None


def canonical(number: Decimal) -> str:
    """One spelling per number: sign, digits without zeros around them, `e`, place of the point; 0 is `0`."""
    sign, digits, exponent = number.as_tuple()
    if not any(digits):
        return "0"
    text = "".join(map(str, digits)).lstrip("0")
    return f"{'-' if sign else ''}{text.rstrip('0')}e{len(text) + int(exponent)}"
