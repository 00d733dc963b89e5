"""Determine which cell styles display a number as a date or a time of day.

Source: ECMA-376 part 1, 18.8.30 (built-in formats, with those of the Chinese, Japanese and Korean editions) and 18.8.31
(format codes). The numbers are not changed; `sheet_types` decides what a date in a column means.
"""

from __future__ import annotations

import re
from enum import IntEnum

import numpy as np

from ingestion.parsers.blocks import Array
from ingestion.parsers.opc import Package, xml_parser

_TIMES = frozenset((*range(18, 22), 32, 33, 45, 47))
_LONG = 4
_ELAPSED = frozenset((46,))
_DATES = frozenset((*range(14, 23), *range(27, 37), *range(50, 59))) - _TIMES
_NO_PART = re.compile(r'"[^"]*"?|\\.|[_*].|\[(?!h+\]|m+\]|s+\])[^\]]*\]|general|am/pm|a/p', re.I | re.S)
"""Parts of a format code without date or time meaning: quoted text, widths, colours, conditions, locales, General."""
_OF_DAYS = re.compile(r"[ydg]|e(?![+-])", re.I)
_OF_TIMES = re.compile(r"[hs]", re.I)


class NumberDisplay(IntEnum):
    """How a cell displays its number."""

    NUMBER = 0
    DATE = 1
    TIME = 2
    ELAPSED = 3


def display_of_format(code: str) -> NumberDisplay:
    """How a format code displays a number."""
    plain = _NO_PART.sub("", code).lower()
    if "[" in plain:
        return NumberDisplay.ELAPSED
    if _OF_DAYS.search(plain):
        return NumberDisplay.DATE
    if _OF_TIMES.search(plain):
        return NumberDisplay.TIME
    return NumberDisplay.DATE if "m" in plain else NumberDisplay.NUMBER


def _built_in(number: str) -> NumberDisplay:
    known = int(number) if number.isdecimal() and len(number) < _LONG else 0
    for numbers, shown in (
        (_DATES, NumberDisplay.DATE),
        (_TIMES, NumberDisplay.TIME),
        (_ELAPSED, NumberDisplay.ELAPSED),
    ):
        if known in numbers:
            return shown
    return NumberDisplay.NUMBER


def style_displays(package: Package, part: str | None, limit: int) -> Array:
    """The `NumberDisplay` of each cell style. Raises DeliveryRefused (`workbook_damaged`, `workbook_unsafe`)."""
    if part is None:
        return np.zeros(0, np.int64)
    codes: dict[str, str] = {}
    numbers: list[str] = []
    inside: list[str] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(" ")[2]
        if name == "numFmt" and inside[-1:] == ["numFmts"]:
            codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "xf" and inside[-1:] == ["cellXfs"]:
            numbers.append(attributes.get("numFmtId", "0"))
        inside.append(name)

    def end(tag: str) -> None:
        inside.pop()

    parser = xml_parser(part)
    parser.StartElementHandler, parser.EndElementHandler = start, end
    package.parse(part, parser, limit)
    shown = {
        number: display_of_format(codes[number]) if number in codes else _built_in(number) for number in set(numbers)
    }
    return np.array([int(shown[number]) for number in numbers], np.int64)
