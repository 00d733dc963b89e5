"""Read a worksheet in the XML form that nearly every program writes, with array operations on its bytes.

Tags are found by their brackets and identified by their first letters; a table says which tag may follow which. Any
other form raises `NotPlain` and is read by `sheet_exact`: comments, prefixes, single quotes, other attributes, rich
text, references that are missing or out of order. Both readers give the same cells for the same sheet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.parsers.blocks import Array
from ingestion.parsers.sheet_cells import KINDS, MAX_COLUMNS, MAX_ROWS, Cells, Kind, NotPlain, descending
from ingestion.parsers.sheet_text import PLAIN_ENTITY, spans, without_entities

_BEGIN, _FINISH, _ROW_END = b"<sheetData>", b"</sheetData>", b"</row>"
_LONGEST_FRAME = 4 * 2**20
_LONGEST_ROWS = 64 * 2**20
_PIECE = 2**20
_REFERENCE = re.compile(PLAIN_ENTITY)
_MARKED = re.compile(rb"<!|<\?(?!xml )")
_PADDING = bytes(32)
_LT, _GT, _SLASH, _SPACE, _QUOTE, _EQUALS = (ord(c) for c in '<>/ "=')
_PRESERVE = b' xml:space="preserve"'
_CODES = 17
_ALPHABET, _NINE, _DIGITS = 26, 9, 7

ROW, ROW0, ROW_, C, C0, C_, V, V0, V_, F, F0, F_, IS, IS_, T, T_ = range(1, _CODES)
"""Codes of tags: start tag, `0` empty-element tag (one more than its start tag), `_` end tag. 0 is any other tag."""

_FOLLOWS = np.zeros((_CODES, _CODES), bool)
for _before, _after in (
    (ROW, (C, C0, ROW_)), (ROW0, (ROW, ROW0)), (ROW_, (ROW, ROW0)), (C, (V, V0, F, F0, IS, C_)), (C0, (C, C0, ROW_)),
    (C_, (C, C0, ROW_)), (V, (V_,)), (V_, (C_,)), (V0, (C_,)), (F, (F_,)), (F_, (V, V0, C_)), (F0, (V, V0, C_)),
    (IS, (T,)), (T, (T_,)), (T_, (IS_,)), (IS_, (C_,)),
):  # fmt: skip
    _FOLLOWS[_before, list(_after)] = True

_LETTERS = np.zeros(2**16, np.uint8)
_SIZE = np.zeros(_CODES, np.int64)
for _code, _spelt, _whole in (
    (ROW, b"ro", 0), (ROW_, b"/r", 4), (C, b"c ", 0), (C_, b"/c", 2), (V, b"v>", 1), (V0, b"v/", 0), (V0, b"v ", 0),
    (V_, b"/v", 2), (F, b"f ", 0), (F, b"f>", 0), (F0, b"f/", 2), (F_, b"/f", 2), (IS, b"is", 2), (IS_, b"/i", 3),
    (T, b"t>", 0), (T, b"t ", 0), (T_, b"/t", 2),
):  # fmt: skip
    _LETTERS[_spelt[0] | _spelt[1] << 8] = _code
    _SIZE[_code] = _whole
"""Code of a tag by its first two letters, and its required length (0: any length, or checked elsewhere)."""


def plain_cells(chunks: Iterator[bytes], name: str, frame: Callable[[bytes], None]) -> Iterator[Cells]:
    """Cells of whole rows, in order. `frame` gets the bytes before and after the rows; `name` is for messages.

    Raises NotPlain, possibly after some cells, and DeliveryRefused (`sheet_order`).
    """
    head = b""
    while _BEGIN not in head:
        chunk = next(chunks, b"")
        head += chunk
        if not chunk or len(head) > _LONGEST_FRAME + len(chunk):
            raise NotPlain
    before, _, rest = head.partition(_BEGIN)
    if _MARKED.search(before):
        raise NotPlain
    frame(before + _BEGIN)
    row = 0
    while _FINISH not in rest:
        stop = rest.rfind(_ROW_END) + len(_ROW_END)
        if stop >= len(_ROW_END):
            found = _cells(rest[:stop], row, name)
            row, rest = found.last, rest[stop:]
            yield found
        chunk = next(chunks, b"")
        rest += chunk
        if not chunk or len(rest) > _LONGEST_ROWS + len(chunk):
            raise NotPlain
    text, _, after = rest.partition(_FINISH)
    if text:
        yield _cells(text, row, name)
    frame(_FINISH + after)
    for chunk in chunks:
        frame(chunk)


class _Tags:
    """All tags of a text: offsets of begin and end, and code. `quotes`: offsets of quotes in tags; `of`: their tags."""

    def __init__(self, text: bytes) -> None:
        self.data = data = np.frombuffer(text + _PADDING, np.uint8)
        marks = np.flatnonzero(_MARKS[data])
        sort = data[marks]
        opens, closes = sort == _LT, sort == _GT
        self.begin, self.end = marks[opens], marks[closes]
        if not len(self.begin) or len(self.begin) != len(self.end) or self.begin[0] != 0:
            raise NotPlain
        if not (self.begin < self.end).all() or not (self.end[:-1] < self.begin[1:]).all():
            raise NotPlain
        self.code = code = self._codes()
        if not _FOLLOWS.ravel()[code[:-1].astype(np.intp) * _CODES + code[1:]].all() or code[0] not in (ROW, ROW0):
            raise NotPlain
        if code[-1] not in (ROW_, ROW0) or self.end[-1] != len(text) - 1:
            raise NotPlain
        if not _SPOKEN[code[:-1][self.begin[1:] - self.end[:-1] > 1]].all():
            raise NotPlain
        level = np.cumsum(opens, dtype=np.int32)
        inside = (sort == _QUOTE) & (level > np.cumsum(closes, dtype=np.int32))
        self.quotes, self.of = marks[inside], level[inside] - 1

    def _codes(self) -> Array:
        data, begin, end = self.data, self.begin, self.end
        code = _LETTERS[data[begin + 1] | data[begin + 2].astype(np.uint16) << 8]
        whole = _SIZE[code]
        if ((whole > 0) & (whole != end - begin - 1)).any():
            raise NotPlain
        code += _OPENS[code] & (data[end - 1] == _SLASH)
        for each, third in ((ROW, "w"), (ROW0, "w"), (ROW_, "o"), (IS_, "s")):
            if (data[begin[code == each] + 3] != ord(third)).any():
                raise NotPlain
        if (data[begin[(code == ROW) | (code == ROW0)] + 4] != _SPACE).any():
            raise NotPlain
        if (data[begin[code == ROW_] + 4] != ord("w")).any():
            raise NotPlain
        hollow = (code == V0) & (end - begin > len("<v/"))
        if ((end - begin)[hollow] != len("<v />") - 1).any() or (data[end[hollow] - 1] != _SLASH).any():
            raise NotPlain
        self._check_kept(np.flatnonzero((code == T) & (end - begin > len("<t"))))
        return np.asarray(code)

    def _check_kept(self, at: Array) -> None:
        """Check that `t` tags with attributes have `xml:space="preserve"` and nothing else."""
        size = len(_PRESERVE)
        said = self.data[self.begin[at][:, None] + 2 + np.arange(size)] == np.frombuffer(_PRESERVE, np.uint8)
        if not said.all() or (self.end[at] - self.begin[at] != size + 2).any():
            raise NotPlain


_MARKS = np.zeros(256, bool)
_MARKS[[_LT, _GT, _QUOTE]] = True
_SPOKEN = np.isin(np.arange(_CODES), (V, T, F))
_OPENS = np.isin(np.arange(_CODES), (ROW, C, F))


def _check_letters(text: bytes) -> None:
    """Check for UTF-8 without control characters (but tab and line feed), namespaces and unusual references."""
    data = np.frombuffer(text, np.uint8)
    low = data[data < ord(" ")]
    if ((low != ord("\n")) & (low != ord("\t"))).any() or b"xmlns" in text:
        raise NotPlain
    if b"&" in text and _REFERENCE.search(text):
        raise NotPlain
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotPlain from error


def _cells(text: bytes, before: int, name: str) -> Cells:
    """The cells of whole rows; `before` is the number of the last row before them."""
    _check_letters(text)
    tags = _Tags(text)
    code = tags.code
    is_row, is_cell = (code == ROW) | (code == ROW0), (code == C) | (code == C0)
    numbers = _row_numbers(tags, np.flatnonzero(is_row))
    back = np.flatnonzero(np.diff(numbers, prepend=before) <= 0)
    if len(back):
        at = int(back[0])
        raise descending(name, int(numbers[at]), int(numbers[at - 1]) if at else before)
    cells = np.flatnonzero(is_cell)
    index = np.cumsum(is_cell, dtype=np.int32) - 1
    row, column, style, kind = _attributes(tags, cells, index)
    if not np.array_equal(row, numbers[np.cumsum(is_row, dtype=np.int32)[cells] - 1]):
        raise NotPlain
    if not (np.diff(row * MAX_COLUMNS + column) > 0).all():
        raise NotPlain
    values = np.flatnonzero((code == V) | (code == V0) | (code == T))
    owner = index[values]
    if not np.array_equal(kind[owner] == Kind.INLINE, code[values] == T):  # a value of another type's element
        raise NotPlain
    valued, formula = np.zeros(len(cells), bool), np.zeros(len(cells), bool)
    valued[owner] = True
    formula[index[(code == F) | (code == F0)]] = True
    texts = partial(_texts, tags, values, owner, len(cells))
    return Cells(
        row, column, kind, style, valued, formula, np.zeros(len(cells), np.int64), int(numbers[-1]), texts
    )  # fmt: skip


def _texts(tags: _Tags, values: Array, owner: Array, count: int) -> pa.LargeStringArray:
    """The value elements as text, NULL for cells without one."""
    starts = tags.end[values] + 1
    empty = tags.code[values] == V0
    ends = np.where(empty, starts, tags.begin[np.minimum(values + 1, len(tags.begin) - 1)])
    found = without_entities(spans(tags.data, starts, ends).cast(pa.large_string()))
    if len(owner) == count:
        return found
    place = np.full(count, -1, np.int64)
    place[owner] = np.arange(len(owner))
    return found.take(pa.array(place, mask=place < 0))


def _row_numbers(tags: _Tags, rows: Array) -> Array:
    """Row numbers from `<row r="…"`; the attribute must come first."""
    begin = tags.begin[rows] + len("<row ")
    at = np.searchsorted(tags.quotes, begin)
    if at[-1] + 1 >= len(tags.quotes) or (tags.quotes[at] != begin + 2).any():
        raise NotPlain
    if (tags.data[begin] != ord("r")).any() or (tags.data[begin + 1] != _EQUALS).any():
        raise NotPlain
    return _number(tags.data, tags.quotes[at] + 1, tags.quotes[at + 1])


def _attributes(tags: _Tags, cells: Array, index: Array) -> tuple[Array, Array, Array, Array]:
    """Row, column, style and kind of every cell, from `r`, `s` and `t` in any order and nothing else."""
    data = tags.data
    code = tags.code[tags.of]
    ours = (code == C) | (code == C0)
    quotes, tag = tags.quotes[ours], tags.of[ours]
    if len(quotes) % 2:
        raise NotPlain
    opens, closes, owner = quotes[0::2], quotes[1::2], tag[0::2]
    if not np.array_equal(owner, tag[1::2]) or (data[opens - 1] != _EQUALS).any() or (data[opens - 3] != _SPACE).any():
        raise NotPlain
    first = np.diff(owner, prepend=-1) > 0
    before = np.where(first, tags.begin[owner] + 1, np.concatenate((np.zeros(1, np.int64), closes[:-1])))
    final = np.append(first[1:], True)[: len(first)]
    empty = tags.code[owner[final]] == C0
    room = tags.end[owner[final]] - closes[final] - 1 - empty
    tidy = (room == 0) | ((room == 1) & (data[closes[final] + 1] == _SPACE) & empty)
    if (opens - 4 != before).any() or not tidy.all():
        raise NotPlain
    name, place = data[opens - 2], index[owner]
    said, styled, kinds = (np.flatnonzero(name == ord(letter)) for letter in "rst")
    if len(said) + len(styled) + len(kinds) < len(name) or not np.array_equal(place[said], np.arange(len(cells))):
        raise NotPlain
    if any((np.diff(place[at]) <= 0).any() for at in (styled, kinds)):
        raise NotPlain
    row, column = _reference(data, opens[said] + 1, closes[said])
    style = np.zeros(len(cells), np.int64)
    style[place[styled]] = _number(data, opens[styled] + 1, closes[styled])
    return row, column, style, _kinds(data, opens[kinds] + 1, closes[kinds], place[kinds], len(cells))


def _kinds(data: Array, starts: Array, ends: Array, index: Array, count: int) -> Array:
    kind = np.full(count, int(Kind.NUMBER), np.int64)
    if len(index):
        words = pa.array([word.encode() for word in KINDS], pa.large_binary())
        place = pc.index_in(spans(data, starts, ends), words)
        if place.null_count:
            raise NotPlain
        kind[index] = np.array([int(each) for each in KINDS.values()])[place.to_numpy()]
    return kind


def _reference(data: Array, starts: Array, ends: Array) -> tuple[Array, Array]:
    """Row and column of references such as `AB12`."""
    column, letters = np.zeros(len(starts), np.int64), np.zeros(len(starts), np.int64)
    for step in range(3):
        letter = data[starts + step] - np.uint8(ord("A"))  # what is no letter wraps around to more than 25
        here = (letter < _ALPHABET) & (letters == step)
        if not here.any():
            break
        column = np.where(here, column * 26 + letter + 1, column)
        letters += here
    if (letters == 0).any() or (column > MAX_COLUMNS).any() or (data[starts + letters] == ord("0")).any():
        raise NotPlain
    row = _number(data, starts + letters, ends)
    if (row > MAX_ROWS).any():
        raise NotPlain
    return row, column - 1


def _number(data: Array, starts: Array, ends: Array) -> Array:
    """The integers, of up to seven digits, at these byte ranges. Raises NotPlain."""
    size = ends - starts
    if not len(size):
        return np.zeros(0, np.int64)
    if size.min() < 1 or size.max() > _DIGITS:
        raise NotPlain
    number = np.zeros(len(starts), np.int32)
    for step in range(int(size.max())):
        digit = data[ends - 1 - step] - np.uint8(ord("0"))
        if size.min() <= step:
            digit = np.where(step < size, digit, np.uint8(0))
        if digit.max() > _NINE:
            raise NotPlain
        number += digit.astype(np.int32) * np.int32(10**step)
    return number.astype(np.int64)
