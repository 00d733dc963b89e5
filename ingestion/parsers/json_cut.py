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
from typing import NamedTuple

import numpy as np

from ingestion.errors import DeliveryRefused
from ingestion.parsers.blocks import Array, Block
from ingestion.parsers.encoding import to_utf8, undecodable

_STEP = re.compile(r"""\.([^\W\d]\w*|"[^"]+")""")
_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_DELTA = np.zeros(256, np.int8)
_DELTA[[0x7B, 0x5B]] = 1
_DELTA[[0x7D, 0x5D]] = -1
_MARKS = _DELTA != 0
_MARKS[0x2C] = True
_BLANKS = np.zeros(256, bool)
_BLANKS[[0x20, 0x09, 0x0A, 0x0D]] = True


class _Cut(NamedTuple):
    """Separators of records in a text, and where the list ends in it (-1: not yet)."""

    commas: Array
    end: int


class JsonCutter:
    """Blocks of the records at `path`. `chunks` is the document as UTF-8; `offset` where it begins, None: transcoded.

    `envelope` is, after the last block, the document with the list emptied; None where there is no such list within
    `max_document_bytes` and the document ended: then `head` is the whole of it.
    """

    def __init__(
        self, chunks: Iterator[bytes], path: str, *, offset: int | None, max_record_bytes: int, max_document_bytes: int
    ) -> None:
        self._chunks = chunks
        self._steps = [step.strip('"') for step in _STEP.findall(path)]
        self._path = path
        self._offset = offset
        self._max_record = max_record_bytes
        self._max_document = max_document_bytes
        self._base = 0
        self.head = b""
        self.envelope: bytes | None = None
        self.count = 0

    def blocks(self) -> Iterator[Block]:
        """Every record in order. Raises DeliveryRefused: `document_too_long`, `json_malformed`, `encoding`."""
        begin = self._begin()
        if begin is None:
            return
        text, self.head = self.head[begin:], self.head[:begin]
        self._base = begin
        while (cut := _cut(text)).end < 0:
            stop = int(cut.commas[-1]) + 1 if len(cut.commas) else 0
            if stop:
                yield self._block(text[:stop], cut.commas)
            self._base, text = self._base + stop, text[stop:]
            if len(text) > self._max_record:
                raise self._too_long(f"record {self.count + 1:,}", self._max_record, "CITYLAKE_MAX_RECORD_BYTES")
            more = next(self._chunks, b"")
            if not more:
                raise malformed(f"it ends within the list, after {self.count:,} whole records")
            text += more
        if len(cut.commas) or text[: cut.end].strip():
            yield self._block(text[: cut.end] + b",", np.append(cut.commas, cut.end))
        rest = self._rest(text[cut.end + 1 :])
        for place, around in ((0, self.head), (self._base + cut.end + 1, rest)):
            self._check_encoding(around, place)
        self.envelope = self.head + b"]" + rest

    def _begin(self) -> int | None:
        """Read on until the list begins; just after its bracket."""
        while True:
            more = next(self._chunks, b"")
            self.head += more
            if not more:
                self._check_encoding(self.head, 0)
            begin = _list_begins(self.head.decode("latin-1"), self._steps)
            if begin is not None or not more:
                return begin
            if len(self.head) > self._max_document:
                raise self._too_long("what stands before its records", self._max_document, _DOCUMENT)

    def _rest(self, tail: bytes) -> bytes:
        for more in self._chunks:
            tail += more
            if len(tail) > self._max_document:
                raise self._too_long("what stands after its records", self._max_document, _DOCUMENT)
        return tail

    def _block(self, text: bytes, commas: Array) -> Block:
        """The records before each comma; commas become blanks, so that what is between records means nothing."""
        self._check_encoding(text, self._base)
        view = np.frombuffer(text, np.uint8).copy()
        view[commas] = 0x20
        starts = np.concatenate((np.zeros(1, np.int64), commas[:-1] + 1))
        ends = commas.astype(np.int64)
        while (blank := (starts < ends) & _BLANKS[view[np.minimum(starts, len(view) - 1)]]).any():
            starts = starts + blank
        while (blank := (ends > starts) & _BLANKS[view[ends - 1]]).any():
            ends = ends - blank
        hollow = np.flatnonzero(starts >= ends)
        if len(hollow) or b"\x00" in text:
            raise malformed(f"nothing, or a NUL, where record {self.count + 1 + int((*hollow, 0)[0]):,} should be")
        low = int(starts[0])
        first, self.count = self.count + 1, self.count + len(commas)
        long = np.flatnonzero(ends - starts > self._max_record)
        base = None if self._offset is None else self._offset + self._base + low
        return Block(
            view[low : int(ends[-1])].tobytes(), base, first, starts - low, ends - low, ends - starts, "utf-8",
            (("record_too_long", long),) if len(long) else (),
        )  # fmt: skip

    def _check_encoding(self, text: bytes, place: int) -> None:
        if to_utf8(text, "utf-8") is None:
            raise undecodable_document("utf-8", (self._offset or 0) + place + int(undecodable(text, "utf-8")[0]))

    def _too_long(self, what: str, limit: int, setting: str) -> DeliveryRefused:
        return DeliveryRefused(
            f"{what} of the JSON document is longer than {limit:,} bytes",
            rule="document_too_long",
            next_step=f"ask for one object a line (NDJSON), or raise {setting}",
        )


_DOCUMENT = "CITYLAKE_MAX_DOCUMENT_BYTES"


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


def _cut(text: bytes) -> _Cut:
    """Commas between records in a text that begins inside the list and outside any record."""
    view = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(view == 0x22)
    if b"\\" in text and len(quotes):
        quotes = quotes[~_escaped(view, quotes)]
    marks = np.flatnonzero(_MARKS[view])
    marks = marks[np.searchsorted(quotes, marks) % 2 == 0]
    depth = np.cumsum(_DELTA[view[marks]], dtype=np.int64)
    closed = np.flatnonzero(depth < 0)
    if len(closed):
        end = int(marks[closed[0]])
        if view[end] != 0x5D:
            raise malformed("a brace closes the list of records")
        marks, depth = marks[: closed[0]], depth[: closed[0]]
    else:
        end = -1
    return _Cut(marks[(depth == 0) & (view[marks] == 0x2C)], end)


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
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        if key.encode("latin-1", "replace").decode("utf-8", "replace") == name:
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
