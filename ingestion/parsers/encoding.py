"""Bytes to UTF-8, and what is not in the declared encoding.

Transcoding happens here in a stream, block by block (docs/adr/0003): offsets stay those of the
original bytes, and a byte that cannot be decoded is a place in a record, not an exception.
"""

# ruff: noqa: PLR2004  (byte values are the byte classes of the encodings)
from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from itertools import chain
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from ingestion.errors import DeliveryRefused
from ingestion.parsers.blocks import Array, Block
from ingestion.parsers.pieces import pieces_of

WIDE_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}

_LF, _REPLACEMENT = 10, 0xFFFD
_CP1252_UNDEFINED = np.array([0x81, 0x8D, 0x8F, 0x90, 0x9D], np.uint8)


def to_utf8(data: bytes, encoding: str) -> bytes | None:
    """`data` as UTF-8, or None when some byte is not in `encoding`."""
    if encoding == "utf-8":
        return data if _is_utf8(data) else None
    if data.isascii():
        return data
    try:
        return data.decode(encoding).encode("utf-8")
    except UnicodeDecodeError:
        return None


def undecodable(data: bytes, encoding: str) -> Array:
    """A place in every line that holds bytes which are not `encoding`, ascending.

    They are the bytes' own; of an encoding that has only a sequential reading, each such line's first.
    """
    if encoding == "utf-8":
        return _not_utf8(np.frombuffer(data, np.uint8))
    if encoding == "windows-1252":
        return np.flatnonzero(np.isin(np.frombuffer(data, np.uint8), _CP1252_UNDEFINED))
    return _undecodable_lines(data, encoding)


def whole_characters(head: bytes, encoding: str) -> bytes:
    """The beginning of a text without the part of a character that cutting left at its end."""
    decoder = codecs.getincrementaldecoder(encoding)("ignore")
    decoder.decode(head)
    return head[: len(head) - len(decoder.getstate()[0])]


def _is_utf8(data: bytes) -> bool:
    """Whether all of it is well-formed; Arrow's validator needs no decoded copy."""
    limits = pa.py_buffer(np.array([0, len(data)], np.int64))
    try:
        pa.LargeStringArray.from_buffers(1, limits, pa.py_buffer(data)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _undecodable_lines(data: bytes, encoding: str) -> Array:
    """For encodings in which a line feed is never part of a character: where the lines begin that cannot be decoded."""
    # Every undecodable byte becomes U+FFFD, which a line may hold by itself too; the end decodes as all before it does.
    text = np.frombuffer((data + b"\n" * 4).decode(encoding, "replace").encode("utf-32-le"), np.uint32)
    ends = np.flatnonzero(text == _LF)
    suspect = np.unique(np.searchsorted(ends, np.flatnonzero(text == _REPLACEMENT)))
    del text
    breaks = np.append(np.flatnonzero(np.frombuffer(data, np.uint8) == _LF), len(data))
    begins = np.concatenate((np.zeros(1, np.int64), breaks[:-1] + 1))
    if "\ufffd".encode(encoding) in data:
        lines = ((line, data[begins[line] : breaks[line]]) for line in suspect.tolist())
        suspect = np.array([line for line, found in lines if to_utf8(found, encoding) is None], np.int64)
    return np.asarray(begins[suspect])


def _not_utf8(view: Array) -> Array:
    """Offsets of bytes outside well-formed UTF-8 (Unicode 15, table 3-7)."""
    high = np.flatnonzero(view >= 0x80)
    value = view[high].astype(np.int16)
    padded = np.concatenate((view, np.zeros(3, np.uint8)))
    follow = [(padded[high + step] & 0xC0) == 0x80 for step in (1, 2, 3)]
    second = padded[high + 1]
    two = (value >= 0xC2) & (value <= 0xDF) & follow[0]
    three = (value >= 0xE0) & (value <= 0xEF) & follow[0] & follow[1]
    three &= ~((value == 0xE0) & (second < 0xA0)) & ~((value == 0xED) & (second > 0x9F))
    four = (value >= 0xF0) & (value <= 0xF4) & follow[0] & follow[1] & follow[2]
    four &= ~((value == 0xF0) & (second < 0x90)) & ~((value == 0xF4) & (second > 0x8F))
    good = np.zeros(len(padded), dtype=bool)
    for leads, length in ((two, 2), (three, 3), (four, 4)):
        for step in range(length):
            good[high[leads] + step] = True
    return high[~good[high]]


def utf8_chunks(
    stream: BinaryIO, encoding: str, *, chunk: int, place: int, refused: Callable[[int], Exception]
) -> Iterator[bytes]:
    """The rest of a stream as UTF-8, a chunk at a time; UTF-8 itself passes unlooked at.

    `place` is the offset of the stream's first byte, and `refused` makes what is raised for a byte that cannot be
    decoded. Raises DeliveryRefused (`encoding`) for UTF-8 declared as something else.
    """
    if encoding == "utf-8":
        yield from pieces_of(stream, chunk)
        return
    watch = Watch("utf-8" if encoding == "iso-8859-1" else encoding)  # in which any UTF-8 is text as well
    decoder = codecs.getincrementaldecoder(encoding)()
    for data in chain(pieces_of(stream, chunk), (b"",)):
        watch.see(data)
        before = len(decoder.getstate()[0])
        try:
            yield decoder.decode(data, not data).encode("utf-8")
        except UnicodeDecodeError as error:
            raise refused(place - before + error.start) from error
        place += len(data)
    watch.check()


def whole_utf8(data: bytes) -> int:
    """Where a sequence begins that the end of the data cuts off; else the length of the data."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if back < needed else len(data)
        if byte < 0x80:
            break
    return len(data)


class Watch:
    """Notices over a whole payload that bytes declared as something else are really UTF-8.

    UTF-8 text read as Windows-1252 or GB18030 mostly decodes without an error, into nonsense.
    The other way round shows as undecodable bytes.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._may_be_utf8 = encoding != "utf-8"
        self._sequences = 0
        self._wide_sequences = 0
        self._cut_off = b""

    def see(self, data: bytes) -> None:
        """Take the next bytes, cut anywhere."""
        if not self._may_be_utf8:
            return
        data = self._cut_off + data
        end = whole_utf8(data)
        data, self._cut_off = data[:end], data[end:]
        if data.isascii():
            return
        view = np.frombuffer(data, np.uint8)
        self._may_be_utf8 = to_utf8(data, "utf-8") is not None
        self._sequences += int(np.count_nonzero(view >= 0xC2))
        self._wide_sequences += int(np.count_nonzero(view >= 0xE0))

    def see_records(self, block: Block) -> None:
        """Take the next records, without those that are too long to be held whole."""
        long = [rows for rule, rows in block.refused if rule == "record_too_long"]
        if not long:
            self.see(block.data)
            return
        for index in np.setdiff1d(np.arange(len(block)), np.concatenate(long)).tolist() if self._may_be_utf8 else ():
            self.see(block.text_of(index))

    def check(self) -> None:
        """Raise `DeliveryRefused` (rule `encoding`) when all of it was UTF-8.

        A GB18030 file may hold a few two-byte words that are also valid UTF-8, so there the
        evidence must be a three-byte sequence or at least four two-byte ones.
        """
        enough = self._sequences >= 4 or self._wide_sequences >= 1
        if self._encoding == "windows-1252":
            enough = self._sequences >= 1
        if self._may_be_utf8 and not self._cut_off and enough:
            raise DeliveryRefused(
                f"the file is declared {self._encoding}, but every character outside ASCII is valid UTF-8",
                rule="encoding",
                next_step="correct `encoding` in the contract, or ask the department to send the declared encoding",
            )
