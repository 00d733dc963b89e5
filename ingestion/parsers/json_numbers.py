"""Keep numbers of JSON records exactly as they were sent: `1.10` stays `1.10`, and long numbers keep every digit.

DuckDB's JSON reader converts a number with a fraction or an exponent to a double and formats it again. Where that can
change the value of a column, the record is read a second time with every number turned into a marked string. This is
done only for rows with such a number in a text column, or with more digits than a double holds in any other column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.errors import IntegrityError
from ingestion.parsers.blocks import Array

_REAL = r"^-?[0-9][0-9.]*[.eE]"
"""Numbers as DuckDB formats doubles, and ones too large for a double: `1.0`, `1e-07`, `1e400`."""
_REAL_MARKS = (b".", b"e", b"E")
_REAL_INSIDE = r"^[\[{].*(?:[0-9][.eE]|\b0)"
_MINUS_ZERO = r"[:,\[]\s*-0\s*[,\]}]"
_LONG = r"(?:^|[\s:,\[])-?[0-9.]{16}"
_SURE = 16
"""A double keeps 15 digits; a number with more has at least this many characters, counting its point."""
# Group 1: any text before a number, with complete strings. The last match ends with the number appended to each line.
_NUMBER = r'((?:"(?:[^"\\]|\\.)*"|[^"0-9-])*)(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)'
_LAST = " 0"
_FIRST = np.isin(np.arange(256), np.frombuffer(b"-0123456789[{", np.uint8))
_MARKS = tuple(chr(code) for code in range(0xFDD0, 0xFDF0))
"""Noncharacters, which exchanged text should not contain (Unicode, section 23.7)."""


class ExactNumbers:
    """Reads columns with exact numbers. `texts`: VARCHAR columns; `numbers`: columns where only the value counts."""

    def __init__(self, texts: Iterable[str], numbers: Iterable[str]) -> None:
        self._texts, self._numbers = tuple(texts), tuple(numbers)
        self._usual = False

    def read(self, lines: pa.Table, text: bytes, read: Callable[[pa.Table], pa.Table]) -> pa.Table:
        """The columns of `lines` (JSON texts in the column `line`), with numbers as sent.

        `read` extracts the columns of such a table; `text` is the data that the lines were cut from, in any encoding.
        """
        if self._usual:  # most rows of the previous block had to be read twice
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
        columns = read(pa.table({"line": quote_numbers(lines["line"], mark)}))
        return pa.table({name: _unmarked(columns[name], mark) for name in columns.column_names})

    def _doubtful(self, columns: pa.Table, lines: pa.ChunkedArray, text: bytes) -> Array:
        """Rows in which some value may differ from the number as it was sent."""
        found = [np.empty(0, np.int64)]
        for name in self._texts:
            found += self._respelled(columns[name], lines)
        real = [rows for rows in (_reals(columns[name]) for name in self._numbers) if len(rows)]
        if real and _long_runs(text):
            found += [rows[_matching(lines.take(pa.array(rows)), _LONG)] for rows in real]
        return np.unique(np.concatenate(found))

    @staticmethod
    def _respelled(column: pa.ChunkedArray, lines: pa.ChunkedArray) -> Iterator[Array]:
        """Rows of a text column with a reformatted number, alone or in a list or object, or with a `-0` read as `0`."""
        begun = _beginning_like_numbers(column)
        if not len(begun):
            return
        column = column.take(pa.array(begun))
        yield begun[_matching(column, _REAL)]
        yield begun[_matching(column, _REAL_INSIDE)]
        zero = begun[np.asarray(pc.fill_null(pc.equal(column, "0"), False), dtype=bool)]
        if len(zero):
            yield zero[_matching(lines.take(pa.array(zero)), _MINUS_ZERO)]


def quote_numbers(lines: pa.ChunkedArray, mark: str = "") -> pa.ChunkedArray:
    """JSON texts with every number replaced by a string that begins with `mark`."""
    ended = pc.binary_join_element_wise(lines.cast(pa.string()), _LAST, "")
    numbers = pc.replace_substring_regex(ended, _NUMBER, rf'\1"{mark}\2"')
    return pc.utf8_slice_codeunits(numbers, 0, -len(f'{_LAST[:-1]}"{mark}0"'))


def _unmarked(column: pa.ChunkedArray, mark: str) -> pa.ChunkedArray:
    """Remove the marks from numbers, and the quotes of those inside JSON text."""
    if not pc.any(pc.match_substring(column, mark)).as_py():
        return column
    bare = pc.replace_substring_regex(column, f'"{mark}([^"]*)"', r"\1")
    return pc.replace_substring(bare, mark, "")


def _unused(lines: pa.ChunkedArray) -> str:
    r"""A noncharacter that occurs in none of the texts, neither literally nor as an escape such as `\uFDD0`."""
    for mark in _MARKS:
        if not len(_matching(lines, rf"{mark}|\\u(?i:{ord(mark):04x})")):
            return mark
    raise IntegrityError(
        "JSON records hold every noncharacter from U+FDD0 to U+FDEF",
        left="nothing was written",
        next_step="ask the department what writes these characters; no text should hold them",
    )


def _reals(column: pa.ChunkedArray) -> Array:
    """Rows whose text matches `_REAL`; columns without a point or an `e` in them are not looked through."""
    begun = _beginning_like_numbers(column)
    letters = [chunk.buffers()[2] for chunk in column.chunks]
    if not len(begun) or not any(mark in memory for memory in map(_bytes, letters) for mark in _REAL_MARKS):
        return np.empty(0, np.int64)
    return begun[_matching(column.take(pa.array(begun)), _REAL)]


def _bytes(buffer: pa.Buffer | None) -> bytes:
    return b"" if buffer is None else buffer.to_pybytes()


def _beginning_like_numbers(column: pa.ChunkedArray) -> Array:
    """Rows whose text begins like a number, a list or an object: the first byte tells, without a regular expression."""
    text = column.cast(pa.large_string()).combine_chunks()
    _, offsets, letters = text.buffers()
    if not len(text) or letters is None or not letters.size:
        return np.empty(0, np.int64)
    data = np.frombuffer(letters, np.uint8)
    begins = np.frombuffer(offsets, np.int64)[text.offset : text.offset + len(text)]
    # NULL and empty texts read their neighbour's first byte, which does no harm: the patterns decide.
    return np.flatnonzero(_FIRST[data[np.minimum(begins, len(data) - 1)]])


def _matching(column: pa.ChunkedArray, pattern: str) -> Array:
    return np.flatnonzero(np.asarray(pc.fill_null(pc.match_substring_regex(column, pattern), False), dtype=bool))


def _long_runs(text: bytes) -> bool:
    """Whether `text` contains 16 digits and points in a row, in a string or not."""
    view = np.frombuffer(text, np.uint8)
    run = (view - np.uint8(ord("."))) <= ord("9") - ord(".")
    reach = 1
    while reach < _SURE and len(run) > reach:
        run = run[reach:] & run[:-reach]
        reach *= 2
    return reach >= _SURE and bool(run.any())
