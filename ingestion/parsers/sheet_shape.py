"""What one pass over a worksheet's text must tell before its cells are read: how far it reaches, and which cells lie.

The reader of cells takes a rectangle and trusts where cells say they are. So what would fall outside of it, stand
elsewhere than it says, or be read as another cell's text is found here, on the bytes. Opening
the workbook is left to `workbook`, reading cells to `xlsx`.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ingestion.errors import DeliveryRefused
from ingestion.parsers.blocks import Array

_END = b"</c>"
_FORMULA = re.compile(
    rb"<c\b([^>]*)>\s*<f\b(?:[^>]*/>|[^>]*>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>"
)  # a formula whose cell has no value; `t="str"` with an empty one is the empty text
_NO_TEXT = re.compile(rb"""<c\s([^>]*\bt\s*=\s*["']s["'][^>/]*)(?:/>|>\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>)""")
_REF = re.compile(rb"""\br\s*=\s*["']([A-Z]{1,3})([0-9]{1,7})["']""")
_FILLED = re.compile(rb"""<c\s(?:[^>]*?\s)??r\s*=\s*["']([A-Z]{1,3})[0-9]{1,7}["'][^>]*(?<!/)>""")
_ROW = re.compile(rb"""<row(?=[\s/>])(?:[^>]*?\sr\s*=\s*["']([0-9]{1,7})["'])?""")
_CELL = re.compile(rb"<c[\s/>]")
_LOOSE_CELL = re.compile(rb"<c(?:/?>|\s(?![^>]*\br\s*=))")
_PREFIXED = re.compile(rb"<[\w.\-]+:sheetData\b")
_MERGED = re.compile(rb"""<mergeCell ref=["']([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})["']""")


@dataclass
class Shape:
    """What a pass over a sheet's text finds. Columns count from 0, rows from 1.

    `columns` and `rows` reach to the last filled cell and the last row. `unvalued` maps a column to the rows in which
    it has a formula without a saved value (four bytes each), `wordless` to those in which it has a cell of shared
    text that names none: the reader would give it the workbook's first one.
    `merged` has (first column, first row, last column, last row). `begun` counts the cells of the row it ends in.
    """

    columns: int = 0
    rows: int = 0
    unvalued: dict[int, array[int]] = field(default_factory=dict)
    wordless: dict[int, array[int]] = field(default_factory=dict)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    begun: int = 0


def shape_of(chunks: Iterable[bytes], name: str) -> Shape:
    """One pass over a sheet's text, cut at ends of cells; `name` is how messages call the sheet.

    A row or a cell that does not say where it is comes next after the one before.
    Raises DeliveryRefused (`sheet_order`).
    """
    shape, rest = Shape(), b""
    for chunk in chunks:
        text = rest + chunk
        stop = text.rfind(_END) + len(_END)
        text, rest = (text[:stop], text[stop:]) if stop > len(_END) else (b"", text)
        _measure(text, shape, name)
    _measure(rest, shape, name)
    return shape


def column_letters(index: int) -> str:
    """0 → A, 25 → Z, 26 → AA."""
    letters = ""
    index += 1
    while index:
        index, place = divmod(index - 1, 26)
        letters = chr(ord("A") + place) + letters
    return letters


def column_index(letters: str) -> int:
    """A → 0, AA → 26."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def _measure(text: bytes, shape: Shape, name: str) -> None:
    rows = _row_numbers(text, shape.rows)
    back = np.flatnonzero(np.diff(rows) <= 0)
    if len(back):
        raise _unplaced(f"rows of sheet {name!r} do not ascend: row {rows[back[0] + 1]} after row {rows[back[0]]}")
    if _PREFIXED.search(text):
        raise _unplaced(f"the elements of sheet {name!r} are written under a prefix")
    shape.rows = int(rows[-1])
    letters = {match.decode() for match in _FILLED.findall(text)}
    shape.columns = max([shape.columns, *(column_index(word) + 1 for word in letters)])
    if _LOOSE_CELL.search(text):
        if letters:
            raise _unplaced(f"some cells of sheet {name!r} say where they are and some do not")
        shape.columns = max(shape.columns, _widest(text, shape.begun))
    last = text.rfind(b"<row")
    shape.begun = len(_CELL.findall(text, max(last, 0))) + (shape.begun if last < 0 else 0)
    for merged in _MERGED.findall(text):
        first, top, last, bottom = (part.decode() for part in merged)
        shape.merged.append((column_index(first), int(top), column_index(last), int(bottom)))
    for match in _NO_TEXT.finditer(text):
        _note(shape.wordless, match[1])
    if b"<f" in text:
        for match in _FORMULA.finditer(text):
            if not (b't="str"' in match[1] and b"<v" in match[0]):
                _note(shape.unvalued, match[1])


def _row_numbers(text: bytes, before: int) -> Array:
    """The number of the row before, then of every row of the text; one without is the next."""
    said = np.array([b"%d" % before, *_ROW.findall(text)])
    known = said != b""
    known[0] = True
    place = np.arange(len(said))
    last = np.maximum.accumulate(np.where(known, place, 0))
    return np.asarray(said[last].astype(np.int64) + place - last)


def _widest(text: bytes, begun: int) -> int:
    """Most cells of a row that ends or goes on in the text; the one it begins in has `begun` cells already."""
    places = [0, *(match.start() for match in _ROW.finditer(text)), len(text)]
    counts = np.diff(np.searchsorted([match.start() for match in _CELL.finditer(text)], places))
    counts[0] += begun
    return int(counts.max())


def _unplaced(problem: str) -> DeliveryRefused:
    return DeliveryRefused(
        f"{problem}: the program that wrote the workbook leaves it to guess where cells are",
        rule="sheet_order",
        next_step="ask the department to open the workbook in Excel, save it, and send it again",
    )


def _note(found: dict[int, array[int]], attributes: bytes) -> None:
    ref = _REF.search(attributes)
    if ref:
        found.setdefault(column_index(ref[1].decode()), array("I")).append(int(ref[2]))
