"""Split a JSON document into the records of one list in it, and count them, without holding the whole document.

The text around the records (`{"next": …, "data": [` … `]}`) is kept. With an empty list in it, DuckDB checks that it is
well-formed and has the list at the declared path. Within the list only strings, brackets and commas are examined,
set-based; `json_records` checks whether each record is JSON.
"""

# ruff: noqa: PLR2004  (byte values are JSON's own characters)
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np

from ingestion.errors import DeliveryRefused
from ingestion.parsers import block_limits
from ingestion.parsers.blocks import Array, Block
from ingestion.parsers.encoding import complete_utf8_length, to_utf8, undecodable
from ingestion.parsers.records import kept_ends, kept_head

_STEP = re.compile(r"""\.([^\W\d]\w*|"[^"]+")""")
_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_DELTA = np.zeros(256, np.int8)
_DELTA[[0x7B, 0x5B]] = 1
_DELTA[[0x7D, 0x5D]] = -1
_MARKS = _DELTA != 0
_MARKS[0x2C] = True
_BLANK_BYTES = b" \t\r\n"
_FEW_BLANKS = 64
_NOTHING = np.empty(0, np.int64)
_BLANKS = np.zeros(256, bool)
_BLANKS[[0x20, 0x09, 0x0A, 0x0D]] = True


MARKS = {byte: block_limits.MAX_MARKS // 2 for byte in (0x22, 0x2C, 0x5B, 0x5C, 0x5D, 0x7B, 0x7D)}
"""Limit, for each byte value that splitting examines, of occurrences processed together."""


class _State(NamedTuple):
    """Parser state at the beginning of a text within the list: number of open brackets, and whether in a string."""

    depth: int = 0
    in_string: bool = False


class _Cut(NamedTuple):
    """Offsets of the commas between records, offset of the list's closing bracket (-1: not yet), state at the end."""

    commas: Array
    end: int
    after: _State


class JsonCutter:
    """Gives blocks of the records at `path`. `chunks` is the document in UTF-8.

    `offset` is the position of the document's first byte in the payload; None where it was transcoded.
    After the last block, `envelope` is the document with an empty list; None where the document has no such list: then
    `head` is the whole document. `max_document_bytes` limits the text before and after the list.
    """

    def __init__(
        self, chunks: Iterator[bytes], path: str, *, offset: int | None, max_record_bytes: int, max_document_bytes: int,
        most: int = block_limits.MAX_RECORDS,
    ) -> None:  # fmt: skip
        self._chunks = chunks
        self._steps = [step.strip('"') for step in _STEP.findall(path)]
        self._path = path
        self._offset = offset
        self._max_record = max_record_bytes
        self._max_document = max_document_bytes
        self._most = most
        self._base = 0
        self.head = b""
        self.envelope: bytes | None = None
        self.count = 0

    def blocks(self) -> Iterator[Block]:
        """Every record in order. A record that is too long is a refused row, as in every format.

        Raises DeliveryRefused: `document_too_long` (what is around the records), `json_malformed`, `encoding`.
        """
        begin = self._begin()
        if begin is None:
            return
        text, self.head, ended = self.head[begin:], self.head[:begin], False
        self._base = begin
        while (cut := _cut(text)).end < 0:
            stop = int(cut.commas[-1]) + 1 if len(cut.commas) else 0
            if stop:
                yield from self._block(text[:stop], cut.commas).parts(self._most)
            self._base, text = self._base + stop, text[stop:]
            if len(text.strip(_BLANK_BYTES)) > self._max_record:
                block, text, ended = self._skip_long(text)
                yield block
                if ended:
                    cut = _Cut(_NOTHING, 0, _State())
                    break
            else:
                text += self._more()
        if not ended and (self.count or len(cut.commas) or text[: cut.end].strip()):
            yield from self._block(text[: cut.end] + b",", np.append(cut.commas, cut.end)).parts(self._most)
        rest = self._rest(text[cut.end + 1 :])
        for place, around in ((0, self.head), (self._base + cut.end + 1, rest)):
            self._check_encoding(around, place)
        self.envelope = self.head + b"]" + rest

    def _more(self) -> bytes:
        more = next(self._chunks, b"")
        if not more:
            raise malformed(f"it ends within the list, after {self.count:,} whole records")
        return more

    def _skip_long(self, text: bytes) -> tuple[Block, bytes, bool]:
        """Skip to the end of a record longer than `max_record_bytes`; it counts as one refused record.

        Returns its block, the text after its comma, and False; after the last record the text from the list's closing
        bracket on, and True.
        """
        begin = self._base + len(text) - len(text.lstrip(_BLANK_BYTES))
        text = text.lstrip(_BLANK_BYTES)
        head, passed, length, state = kept_head(text, self._max_record, "utf-8"), 0, 0, _State()
        while True:
            whole = _complete_length(text)
            text, held = text[:whole], text[whole:]
            cut = _cut(text, state)
            stop = int(cut.commas[0]) if len(cut.commas) else cut.end
            part = text[:stop] if stop >= 0 else text
            self._check_text(part, begin + passed)
            length = passed + len(kept) if (kept := part.rstrip(_BLANK_BYTES)) else length
            if stop >= 0:
                break
            passed, state, text = passed + len(part), cut.after, held + self._more()
        last = not len(cut.commas)
        self._base = begin + passed + stop + (0 if last else 1)
        self.count += 1
        zero = np.zeros(1, np.int64)
        block = Block(
            head, None if self._offset is None else self._offset + begin, self.count, zero, zero + len(head),
            zero + length, "utf-8", (("record_too_long", zero),),
        )  # fmt: skip
        return block, text[stop if last else stop + 1 :] + held, last

    def _begin(self) -> int | None:
        """Read until the list begins. Returns the offset just after its bracket; None where there is no list."""
        while True:
            more = next(self._chunks, b"")
            self.head += more
            if not more:
                self._check_encoding(self.head, 0)
            begin = _list_begins(self.head.decode("latin-1"), self._steps)
            if (len(self.head) if begin is None else begin) > self._max_document:
                raise self._too_long("what stands before its records")
            if begin is not None or not more:
                return begin

    def _rest(self, tail: bytes) -> bytes:
        for more in chain((b"",), self._chunks):
            tail += more
            if len(tail) > self._max_document:
                raise self._too_long("what stands after its records")
        return tail

    def _block(self, text: bytes, commas: Array) -> Block:
        """A block of the records before each comma. The commas are replaced by spaces."""
        self._check_text(text, self._base)
        view = np.frombuffer(text, np.uint8).copy()
        view[commas] = 0x20
        starts, ends = _without_blanks(view, np.concatenate((np.zeros(1, np.int64), commas[:-1] + 1)), commas)
        hollow = np.flatnonzero(starts >= ends)
        if len(hollow):
            raise malformed(f"nothing where record {self.count + 1 + int(hollow[0]):,} should be")
        low = int(starts[0])
        first, self.count = self.count + 1, self.count + len(commas)
        long = np.flatnonzero(ends - starts > self._max_record)
        kept = kept_ends(text, starts, ends, self._max_record, "utf-8")
        base = None if self._offset is None else self._offset + self._base + low
        return Block(
            view[low : int(ends[-1])].tobytes(), base, first, starts - low, kept - low, ends - starts, "utf-8",
            (("record_too_long", long),) if len(long) else (),
        )  # fmt: skip

    def _check_text(self, text: bytes, place: int) -> None:
        self._check_encoding(text, place)
        if b"\x00" in text:
            raise malformed(f"a NUL at byte {place + text.index(0):,} of its text")

    def _check_encoding(self, text: bytes, place: int) -> None:
        if to_utf8(text, "utf-8") is None:
            raise undecodable_document("utf-8", (self._offset or 0) + place + int(undecodable(text, "utf-8")[0]))

    def _too_long(self, what: str) -> DeliveryRefused:
        return DeliveryRefused(
            f"{what} of the JSON document is longer than {self._max_document:,} bytes",
            rule="document_too_long",
            next_step="ask for one object a line (NDJSON), or raise CITYLAKE_MAX_DOCUMENT_BYTES",
        )


def malformed(what: str) -> DeliveryRefused:
    """The refusal of a document that is not JSON."""
    return DeliveryRefused(
        f"the document is not well-formed JSON: {what} (cut off in transfer?)",
        rule="json_malformed",
        next_step="ask the department to send it again",
    )


def undecodable_document(encoding: str, place: int) -> DeliveryRefused:
    """The refusal of a document with a byte that is not of its encoding."""
    return DeliveryRefused(
        f"the document is not {encoding}: byte {place} cannot be decoded",
        rule="encoding",
        next_step="correct `encoding` in the contract, or ask the department to send the declared encoding",
    )


def _cut(text: bytes, state: _State | None = None) -> _Cut:
    """Find the commas between records in a text within the list that begins in `state` (default: between records)."""
    state = state or _State()
    view = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(view == 0x22)
    if b"\\" in text and len(quotes):
        quotes = quotes[~_escaped(view, quotes)]
    marks = np.flatnonzero(_MARKS[view])
    marks = marks[np.searchsorted(quotes, marks) % 2 == int(state.in_string)]
    depth = np.cumsum(_DELTA[view[marks]], dtype=np.int64) + state.depth
    after = _State(int(depth[-1]) if len(depth) else state.depth, (len(quotes) + state.in_string) % 2 == 1)
    closed = np.flatnonzero(depth < 0)
    if len(closed):
        end = int(marks[closed[0]])
        if view[end] != 0x5D:
            raise malformed("a brace closes the list of records")
        marks, depth = marks[: closed[0]], depth[: closed[0]]
    else:
        end = -1
    return _Cut(marks[(depth == 0) & (view[marks] == 0x2C)], end, after)


def _complete_length(text: bytes) -> int:
    """Length of the text without an incomplete character, or a backslash whose next byte is missing, at its end."""
    end = complete_utf8_length(text)
    slashes = end - len(text[:end].rstrip(b"\\"))
    return end - slashes % 2


def _without_blanks(view: Array, starts: Array, ends: Array) -> tuple[Array, Array]:
    """Strip JSON white space from the texts `[start, end)`; start equals end where nothing else is there."""
    starts, ends = starts.astype(np.int64), ends.astype(np.int64)
    for move, at, step in ((starts, 0, 1), (ends, -1, -1)):
        some = np.arange(len(starts))
        for _ in range(_FEW_BLANKS):
            some = some[starts[some] < ends[some]]
            some = some[_BLANKS[view[move[some] + at]]]
            if not len(some):
                break
            move[some] += step
    if len(some := np.flatnonzero((starts < ends) & (_BLANKS[view[starts % len(view)]] | _BLANKS[view[ends - 1]]))):
        filled = np.append(np.flatnonzero(~_BLANKS[view]), len(view))
        starts[some] = np.minimum(filled[np.searchsorted(filled, starts[some])], ends[some])
        last = np.searchsorted(filled, ends[some]) - 1
        ends[some] = np.maximum(np.where(last >= 0, filled[last] + 1, 0), starts[some])
    return starts, ends


def _escaped(view: Array, quotes: Array) -> Array:
    """Mask of the quotes that follow an odd number of backslashes."""
    slashes = np.flatnonzero(view == 0x5C)
    begins = np.ones(len(slashes), bool)
    begins[1:] = slashes[1:] != slashes[:-1] + 1
    run = slashes[np.maximum.accumulate(np.where(begins, np.arange(len(slashes)), 0))]
    at = np.minimum(np.searchsorted(slashes, quotes - 1), len(slashes) - 1)
    return np.asarray((slashes[at] == quotes - 1) & ((quotes - run[at]) % 2 == 1))


def _list_begins(text: str, steps: list[str]) -> int | None:
    """Offset just after the opening bracket of the list at the path `steps`; None where the text lacks it (yet).

    `text` is decoded as Latin-1: one character per byte, so that positions are byte offsets.
    """
    at = _skip(text, 0)
    try:
        for step in steps:
            found = _member(text, at, step)
            if found is None:
                return None
            at = found
    except (ValueError, IndexError, RecursionError):
        return None
    return at + 1 if text[at : at + 1] == "[" else None


def _member(text: str, at: int, name: str) -> int | None:
    """Offset of the value of the first member `name` of the object that begins at `at`; None where there is none."""
    if text[at] != "{":
        return None
    at = _skip(text, at + 1)
    while text[at] == '"':
        begin, (_, at) = at, _DECODER.raw_decode(text, at)
        key = json.loads(text[begin:at].encode("latin-1").decode("utf-8", "replace"))
        at = _skip(text, _skip(text, at) + 1)
        if key == name:
            return at
        _, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] != ",":
            return None
        at = _skip(text, at + 1)
    return None


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at
