"""Decode bytes to UTF-8, and find bytes that are not in the declared encoding.

Data is transcoded as a stream, block by block (docs/adr/0003), so that offsets remain those of the original bytes, and
a byte that cannot be decoded refuses its record instead of raising an exception.
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
from ingestion.parsers.block_limits import read_chunks
from ingestion.parsers.blocks import Array, Block

WIDE_BOMS = {
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
    """Offsets at which `data` is not in `encoding`, ascending, at least one for every line with such bytes.

    For UTF-8 and Windows-1252 every such byte; for encodings that can only be read sequentially (GB18030), the offset
    at which each such line begins.
    """
    if encoding == "utf-8":
        return _not_utf8(np.frombuffer(data, np.uint8))
    if encoding == "windows-1252":
        return np.flatnonzero(np.isin(np.frombuffer(data, np.uint8), _CP1252_UNDEFINED))
    return _undecodable_lines(data, encoding)


def without_cut_character(head: bytes, encoding: str) -> bytes:
    """`head`, the beginning of a longer text, without an incomplete character at its end."""
    decoder = codecs.getincrementaldecoder(encoding)("ignore")
    decoder.decode(head)
    return head[: len(head) - len(decoder.getstate()[0])]


def _is_utf8(data: bytes) -> bool:
    """Whether `data` is well-formed UTF-8, by Arrow's validator, which makes no decoded copy."""
    limits = pa.py_buffer(np.array([0, len(data)], np.int64))
    try:
        pa.LargeStringArray.from_buffers(1, limits, pa.py_buffer(data)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _undecodable_lines(data: bytes, encoding: str) -> Array:
    """Offsets of the lines that cannot be decoded, for encodings in which a line feed is never part of a character."""
    # Each undecodable byte becomes U+FFFD; a line may also contain that character itself, which is checked below.
    # Line feeds are appended so that an incomplete character at the end is decoded like one before it.
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
    """The rest of a stream transcoded to UTF-8, in chunks; a UTF-8 stream is passed through without validation.

    `place` is the offset of the stream's next byte in the payload; `refused` makes the exception for an offset that
    cannot be decoded. Raises DeliveryRefused (`encoding`) for UTF-8 declared as another encoding.
    """
    if encoding == "utf-8":
        yield from read_chunks(stream, chunk)
        return
    detector = Utf8Detector("utf-8" if encoding == "iso-8859-1" else encoding)  # in which any UTF-8 is text as well
    decoder = codecs.getincrementaldecoder(encoding)()
    for data in chain(read_chunks(stream, chunk), (b"",)):
        detector.add(data)
        before = len(decoder.getstate()[0])
        try:
            yield decoder.decode(data, not data).encode("utf-8")
        except UnicodeDecodeError as error:
            raise refused(place - before + error.start) from error
        place += len(data)
    detector.check()


def complete_utf8_length(data: bytes) -> int:
    """Length of `data` without an incomplete UTF-8 sequence at its end."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if back < needed else len(data)
        if byte < 0x80:
            break
    return len(data)


class Utf8Detector:
    """Detects, over a whole payload, that bytes declared as another encoding are really UTF-8.

    UTF-8 text usually decodes as Windows-1252 or GB18030 without an error, but into wrong characters. (The opposite
    mistake shows as undecodable bytes.)
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._may_be_utf8 = encoding != "utf-8"
        self._sequences = 0
        self._wide_sequences = 0
        self._cut_off = b""

    def add(self, data: bytes) -> None:
        """Add the next bytes of the payload; they may end within a character."""
        if not self._may_be_utf8:
            return
        data = self._cut_off + data
        end = complete_utf8_length(data)
        data, self._cut_off = data[:end], data[end:]
        if data.isascii():
            return
        view = np.frombuffer(data, np.uint8)
        self._may_be_utf8 = to_utf8(data, "utf-8") is not None
        self._sequences += int(np.count_nonzero(view >= 0xC2))
        self._wide_sequences += int(np.count_nonzero(view >= 0xE0))

    def add_records(self, block: Block) -> None:
        """Add the next records, except those that are too long to be held completely."""
        long = [rows for rule, rows in block.refused if rule == "record_too_long"]
        if not long:
            self.add(block.data)
            return
        for index in np.setdiff1d(np.arange(len(block)), np.concatenate(long)).tolist() if self._may_be_utf8 else ():
            self.add(block.text_of(index))

    def check(self) -> None:
        """Raise DeliveryRefused (rule `encoding`) where all bytes were valid UTF-8 beyond ASCII.

        A GB18030 file may hold a few two-byte characters that are also valid UTF-8. There the evidence must be a
        sequence of three bytes or at least four of two bytes.
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
