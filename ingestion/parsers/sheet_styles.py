"""Which cell formats show a number as a date or a time of day.

Source: ECMA-376 part 1, 18.8.30 (built-in formats, with those of the Chinese, Japanese and Korean editions) and 18.8.31
(format codes). The numbers stay what the file says; what a date in a column means is decided in `sheet_types`.
"""

from __future__ import annotations

import re

import numpy as np

from ingestion.parsers.blocks import Array
from ingestion.parsers.opc import Package, xml_parser

_BUILT_IN = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
_NO_PART = re.compile(r'"[^"]*"?|\\.|[_*].|\[(?!h+\]|m+\]|s+\])[^\]]*\]|general', re.I | re.S)
"""What stands in a format code for itself: quoted and escaped text, widths, colours, conditions, locales, General."""
_DATED = re.compile(r"[ymdhsg]|e(?![+-])", re.I)


def shows_date(code: str) -> bool:
    """Whether a format code shows a date or a time."""
    return _DATED.search(_NO_PART.sub("", code)) is not None


def dated_styles(package: Package, part: str | None, limit: int) -> Array:
    """One truth per cell style, by its number. Raises DeliveryRefused (`workbook_damaged`, `workbook_unsafe`)."""
    if part is None:
        return np.zeros(0, bool)
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
    built_in = {str(number) for number in _BUILT_IN}
    shown = {
        number: shows_date(codes[number]) if number in codes else number in built_in for number in set(numbers)
    }
    return np.array([shown[number] for number in numbers], bool)
