"""Numbers of JSON records as they were sent: `1.10` stays `1.10`, and every digit of a long one is kept.

The reader of members takes a number with a fraction or an exponent for a double, and writes it anew. So where that can
be seen in what a column makes of it, the records are read once more, every number of theirs a marked string. Only
those rows pay: a text column with such a number, and others where digits beyond a double's were sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.errors import IntegrityError
from ingestion.parsers.blocks import Array

_REAL = r"^-?[0-9][0-9.]*[.eE]"
"""How the reader writes a number that it took for a double, and one too long for that: `1.0`, `1e-07`, `1e400`."""
_REAL_INSIDE = r"^[\[{].*(?:[0-9][.eE]|\b0)"
_MINUS_ZERO = r"[:,\[]\s*-0\s*[,\]}]"
_LONG = r"(?:^|[\s:,\[])-?[0-9.]{16}"
_SURE = 16
"""A double keeps 15 digits; a number with more has this many places at least, its point with them."""
# Whatever stands before a number, strings whole; the last match ends with the number put at the end of the line.
_NUMBER = r'((?:"(?:[^"\\]|\\.)*"|[^"0-9-])*)(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)'
_LAST = " 0"
_MARKS = tuple(chr(code) for code in range(0xFDD0, 0xFDF0))
"""Noncharacters, which no text of others' should hold (Unicode, section 23.7)."""


class Exactly:
    """`texts` are VARCHAR columns, `numbers` those in which a number's value is all that counts."""

    def __init__(self, texts: Iterable[str], numbers: Iterable[str]) -> None:
        self._texts, self._numbers = tuple(texts), tuple(numbers)
        self._usual = False

    def read(self, lines: pa.Table, text: bytes, read: Callable[[pa.Table], pa.Table]) -> pa.Table:
        """The columns of `lines` (column `line`), numbers as sent. `read` gives the columns of such a table; `text` is
        what all lines were cut from, in any encoding."""
        if self._usual:  # most rows of the block before were read twice
            return self._as_sent(lines, read)
        columns = read(lines)
        rows = self._doubtful(columns, lines["line"], text)
        if not len(rows):
            return columns
        self._usual = 2 * len(rows) > lines.num_rows
        again = self._as_sent(lines.take(pa.array(rows)), read)
        mask = np.zeros(lines.num_rows, dtype=bool)
        mask[rows] = True
        for name in (*self._texts, *self._numbers):
            at = columns.column_names.index(name)
            found = pc.replace_with_mask(columns[name].combine_chunks(), pa.array(mask), again[name].combine_chunks())
            columns = columns.set_column(at, name, found)
        return columns

    def _as_sent(self, lines: pa.Table, read: Callable[[pa.Table], pa.Table]) -> pa.Table:
        mark = _unused(lines["line"])
        columns = read(pa.table({"line": quoted(lines["line"], mark)}))
        return pa.table({name: _unmarked(columns[name], mark) for name in columns.column_names})

    def _doubtful(self, columns: pa.Table, lines: pa.ChunkedArray, text: bytes) -> Array:
        """Rows with a value that may not be the number as it was sent."""
        found = [np.empty(0, np.int64)]
        for name in self._texts:
            found += self._respelled(columns[name], lines)
        long = bool(self._numbers) and _long_runs(text)
        for name in self._numbers if long else ():
            rows = _matching(columns[name], _REAL)
            found.append(rows[_matching(lines.take(pa.array(rows)), _LONG)] if len(rows) else rows)
        return np.unique(np.concatenate(found))

    @staticmethod
    def _respelled(column: pa.ChunkedArray, lines: pa.ChunkedArray) -> Iterator[Array]:
        """Rows of a text column that hold a number, or a list or object with one, spelled anew; `-0` became `0`."""
        yield _matching(column, _REAL)
        yield _matching(column, _REAL_INSIDE)
        zero = np.flatnonzero(np.asarray(pc.fill_null(pc.equal(column, "0"), False), dtype=bool))
        if len(zero):
            yield zero[_matching(lines.take(pa.array(zero)), _MINUS_ZERO)]


def quoted(lines: pa.ChunkedArray, mark: str = "") -> pa.ChunkedArray:
    """JSON texts with every number as a string that begins with `mark`."""
    ended = pc.binary_join_element_wise(lines.cast(pa.string()), _LAST, "")
    numbers = pc.replace_substring_regex(ended, _NUMBER, rf'\1"{mark}\2"')
    return pc.utf8_slice_codeunits(numbers, 0, -len(f'{_LAST[:-1]}"{mark}0"'))


def _unmarked(column: pa.ChunkedArray, mark: str) -> pa.ChunkedArray:
    """Numbers without marks; those inside JSON text without quotes too."""
    if not pc.any(pc.match_substring(column, mark)).as_py():
        return column
    bare = pc.replace_substring_regex(column, f'"{mark}([^"]*)"', r"\1")
    return pc.replace_substring(bare, mark, "")


def _unused(lines: pa.ChunkedArray) -> str:
    r"""A mark that stands nowhere in the texts, written out or as an escape such as `\uFDD0`."""
    for mark in _MARKS:
        if not len(_matching(lines, rf"{mark}|\\u(?i:{ord(mark):04x})")):
            return mark
    raise IntegrityError(
        "JSON records hold every noncharacter from U+FDD0 to U+FDEF",
        left="nothing was written",
        next_step="ask the department what writes these characters; no text should hold them",
    )


def _matching(column: pa.ChunkedArray, pattern: str) -> Array:
    return np.flatnonzero(np.asarray(pc.fill_null(pc.match_substring_regex(column, pattern), False), dtype=bool))


def _long_runs(text: bytes) -> bool:
    """Whether somewhere 16 digits and points stand together, in a string or not."""
    view = np.frombuffer(text, np.uint8)
    run = (view - np.uint8(ord("."))) <= ord("9") - ord(".")
    reach = 1
    while reach < _SURE and len(run) > reach:
        run = run[reach:] & run[:-reach]
        reach *= 2
    return reach >= _SURE and bool(run.any())
