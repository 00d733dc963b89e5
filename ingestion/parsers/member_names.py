"""Decode the names of ZIP members, whatever the UTF-8 flag of their directory entries says.

By the standard a flag decides between UTF-8 and code page 437 (APPNOTE 6.3.10, 4.4.4 and appendix D). In practice
Chinese Windows writes GBK without the flag, some programs write GBK with it, and macOS writes UTF-8 without it. So a
name is decoded as UTF-8 where its bytes are valid, else as GB18030, else as code page 437. `zipfile` trusts the flag
and fails on names that are not UTF-8; it is given the archive with the flag cleared for those.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

_UTF8 = 0x800
_ENCODINGS = ("utf-8", "gb18030", "cp437")
_END, _END_BYTES, _LONGEST_COMMENT = b"PK\x05\x06", 22, 2**16
_LOCATOR64, _LOCATOR64_BYTES = b"PK\x06\x07", 20
_END64, _END64_BYTES = b"PK\x06\x06", 56
"""APPNOTE 6.3.10, 4.3.14 to 4.3.16."""
_ENTRY, _ENTRY_BYTES, _FLAGS_AT, _LENGTHS_AT = b"PK\x01\x02", 46, 8, 28
_UTF8_BYTE, _OWN_UTF8_BYTE, _OFFSET_AT = 9, 7, 42
"""Offset of the flag's byte in a directory entry and in a member's local header; the flag is its bit 3."""


def raw_name(info: zipfile.ZipInfo) -> bytes:
    """The bytes of a member's name as they are in the archive."""
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")


def decoded_name(raw: bytes) -> str | None:
    """The bytes of a name as text; None where no known encoding decodes them."""
    return next(_decodings(raw), None)


def other_decodings(names: Mapping[str, bytes]) -> dict[str, str]:
    """Other decodings of each name, mapped to that name, where they are unambiguous."""
    found: dict[str, list[str]] = {}
    for name, raw in names.items():
        for other in set(_decodings(raw)) - {name}:
            found.setdefault(other, []).append(name)
    return {other: owners[0] for other, owners in found.items() if len(owners) == 1 and other not in names}


def _decodings(raw: bytes) -> Iterator[str]:
    for encoding in _ENCODINGS:
        try:
            yield raw.decode(encoding)
        except UnicodeDecodeError:
            continue


@contextmanager
def with_readable_names(path: Path) -> Iterator[BinaryIO]:
    """The archive's bytes, with the UTF-8 flag cleared for members whose names are not UTF-8."""
    with path.open("rb") as file:
        flags = _wrong_utf8_flags(file)
        yield cast(BinaryIO, io.BufferedReader(_Unflagged(file, flags))) if flags else file


class _Unflagged(io.RawIOBase):
    """A file that is read with bit 3 cleared in the bytes at some offsets."""

    def __init__(self, file: BinaryIO, places: list[int]) -> None:
        self._file = file
        self._places = places

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        at = self._file.tell()
        data = bytearray(self._file.read(len(buffer)))
        for place in self._places:
            if at <= place < at + len(data):
                data[place - at] &= ~(_UTF8 >> 8) & 0xFF
        buffer[: len(data)] = data
        return len(data)


def _wrong_utf8_flags(file: BinaryIO) -> list[int]:
    """Offsets of flag bytes, in directory entries and local headers, that claim UTF-8 for a name that is not."""
    end, size, declared_start = _directory(file)
    base = max(0, end - size)
    file.seek(base)
    data = file.read(size)
    file.seek(0)
    places: list[int] = []
    at = 0
    while data.startswith(_ENTRY, at) and at + _ENTRY_BYTES <= len(data):
        name, extra, comment = struct.unpack_from("<3H", data, at + _LENGTHS_AT)
        if data[at + _UTF8_BYTE] & (_UTF8 >> 8):
            try:
                data[at + _ENTRY_BYTES : at + _ENTRY_BYTES + name].decode("utf-8")
            except UnicodeDecodeError:
                own = struct.unpack_from("<L", data, at + _OFFSET_AT)[0] + base - declared_start
                places += [base + at + _UTF8_BYTE, own + _OWN_UTF8_BYTE]
        at += _ENTRY_BYTES + name + extra + comment
    return places


def directory_bytes(path: Path) -> int:
    """Size in bytes of the central directory, as the archive's end record declares it; 0 without an end record."""
    with path.open("rb") as file:
        return _directory(file)[1]


def _directory(file: BinaryIO) -> tuple[int, int, int]:
    """End offset of the central directory, its declared size, and its declared start offset."""
    size = file.seek(0, os.SEEK_END)
    begin = max(0, size - _LONGEST_COMMENT - _END_BYTES - _LOCATOR64_BYTES - _END64_BYTES)
    file.seek(begin)
    tail = file.read()
    at = len(tail) - _END_BYTES
    if at < 0 or not (tail[at:].startswith(_END) and tail.endswith(b"\x00\x00")):
        at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        return 0, 0, 0
    locator = at - _LOCATOR64_BYTES
    record = locator - _END64_BYTES
    if record >= 0 and tail.startswith(_LOCATOR64, locator) and tail.startswith(_END64, record):
        listed, declared_start = struct.unpack_from("<2Q", tail, record + 40)
        return begin + record, int(listed), int(declared_start)
    listed, declared_start = struct.unpack_from("<2L", tail, at + 12)
    return begin + at, int(listed), int(declared_start)
