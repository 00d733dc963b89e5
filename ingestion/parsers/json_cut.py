"""Cuts one JSON document into the records of a list in it, and by that counts them, without holding the document.

What surrounds the records (`{"next": …, "data": [` … `]}`) is kept and, with the list emptied, judged as JSON by
DuckDB: it must be well-formed and have the list at the declared path. Between the brackets only strings, brackets
and commas are looked at, set-based; whether each record is JSON is for `json_records` to judge.
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
from ingestion.parsers import pieces
from ingestion.parsers.blocks import Array, Block
from ingestion.parsers.encoding import to_utf8, undecodable, whole_utf8
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


MARKS = {byte: pieces.MAX_MARKS // 2 for byte in (0x22, 0x2C, 0x5B, 0x5C, 0x5D, 0x7B, 0x7D)}
"""How many of the characters that cutting looks at may be looked at together."""


class _State(NamedTuple):
    """What stands before a text within the list: brackets open, and whether a string is."""

    depth: int = 0
    in_string: bool = False


class _Cut(NamedTuple):
    """Separators of records in a text, where the list ends in it (-1: not yet), and what the text leaves open."""

    commas: Array
    end: int
    after: _State


class JsonCutter:
    """Blocks of the records at `path`. `chunks` is the document as UTF-8; `offset` where it begins, None: transcoded.

    `envelope` is, after the last block, the document with the list emptied; None where there is no such list within
    `max_document_bytes` and the document ended: then `head` is the whole of it.
    """

    def __init__(
        self, chunks: Iterator[bytes], path: str, *, offset: int | None, max_record_bytes: int, max_document_bytes: int,
        most: int = pieces.MAX_RECORDS,
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
        """Skip to the end of a record longer than memory allows; it counts as one refused record.

        Gives the text after its comma, or, of the last record (True), from the bracket on that ends the list.
        """
        begin = self._base + len(text) - len(text.lstrip(_BLANK_BYTES))
        text = text.lstrip(_BLANK_BYTES)
        head, passed, length, state = kept_head(text, self._max_record, "utf-8"), 0, 0, _State()
        while True:
            whole = _settled(text)
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
        """Read on until the list begins; just after its bracket."""
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
        """The records before each comma; commas become blanks, so that what is between records means nothing."""
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
    """Commas between records in a text that begins inside the list, outside any record or in `state`."""
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


def _settled(text: bytes) -> int:
    """How much of a text can be read without what follows: no half character, no escape without what it escapes."""
    end = whole_utf8(text)
    slashes = end - len(text[:end].rstrip(b"\\"))
    return end - slashes % 2


def _without_blanks(view: Array, starts: Array, ends: Array) -> tuple[Array, Array]:
    """The same stretches of text without the blanks at their ends; an empty one where there is nothing else."""
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
    """Which quotes stand after an odd number of backslashes."""
    slashes = np.flatnonzero(view == 0x5C)
    begins = np.ones(len(slashes), bool)
    begins[1:] = slashes[1:] != slashes[:-1] + 1
    run = slashes[np.maximum.accumulate(np.where(begins, np.arange(len(slashes)), 0))]
    at = np.minimum(np.searchsorted(slashes, quotes - 1), len(slashes) - 1)
    return np.asarray((slashes[at] == quotes - 1) & ((quotes - run[at]) % 2 == 1))


def _list_begins(text: str, steps: list[str]) -> int | None:
    """Just after the bracket of the list under the steps; None where the text has none, or not yet.

    `text` has one character a byte, so that places are those of the bytes.
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
    """Where the value of the first member of that name begins, in the object that begins at `at`."""
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
