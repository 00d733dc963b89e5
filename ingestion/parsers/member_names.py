"""Names of ZIP members, whose bytes are what counts: which text they are, and where the directory that holds them is.

A name is UTF-8 or code page 437 by a flag (APPNOTE 6.3.10, 4.4.4 and appendix D). Chinese Windows writes GBK without
the flag, some programs with it, macOS UTF-8 without it; so a name is UTF-8 where its bytes are, else GB18030, else code
page 437. Python's reader decodes by the flag alone and fails on what is not UTF-8: it is given such a directory with
the flag off.
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
"""Place of the flag's byte in an entry of the directory and in a member's own header; the flag is its bit 3."""


def raw_name(info: zipfile.ZipInfo) -> bytes:
    """A member's name as the archive holds it."""
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")


def reading(raw: bytes) -> str | None:
    """A name as text."""
    return next(_readings(raw), None)


def aliases(names: Mapping[str, bytes]) -> dict[str, str]:
    """Every other reading of each name, where it is of one member only."""
    found: dict[str, list[str]] = {}
    for name, raw in names.items():
        for other in set(_readings(raw)) - {name}:
            found.setdefault(other, []).append(name)
    return {other: owners[0] for other, owners in found.items() if len(owners) == 1 and other not in names}


def _readings(raw: bytes) -> Iterator[str]:
    for encoding in _ENCODINGS:
        try:
            yield raw.decode(encoding)
        except UnicodeDecodeError:
            continue


@contextmanager
def with_readable_names(path: Path) -> Iterator[BinaryIO]:
    """The archive's bytes, with the UTF-8 flag off in entries whose names are no UTF-8."""
    with path.open("rb") as file:
        flags = _untrue_flags(file)
        yield cast(BinaryIO, io.BufferedReader(_Unflagged(file, flags))) if flags else file


class _Unflagged(io.RawIOBase):
    """A file of which the bytes at some places have bit 3 off."""

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


def _untrue_flags(file: BinaryIO) -> list[int]:
    """Places of the flag bytes of entries, and of their members, that promise UTF-8 and are none."""
    end, size, said = _directory(file)
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
                own = struct.unpack_from("<L", data, at + _OFFSET_AT)[0] + base - said
                places += [base + at + _UTF8_BYTE, own + _OWN_UTF8_BYTE]
        at += _ENTRY_BYTES + name + extra + comment
    return places


def directory_bytes(path: Path) -> int:
    """Size of the directory that `zipfile` would read whole, as the archive's end declares it; 0 without an end."""
    with path.open("rb") as file:
        return _directory(file)[1]


def _directory(file: BinaryIO) -> tuple[int, int, int]:
    """Where the directory ends, its size, and where it is said to begin."""
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
        listed, said = struct.unpack_from("<2Q", tail, record + 40)
        return begin + record, int(listed), int(said)
    listed, said = struct.unpack_from("<2L", tail, at + 12)
    return begin + at, int(listed), int(said)
