"""ZIP archives that cannot hurt: names, links, sizes and checksums are checked, nothing is written to disk.

Sizes are counted while unpacking; what the archive's own directory claims is never trusted. Only deflated and stored
members are read: Python unpacks the other methods a whole piece at a time, before anything could be counted.
Archives inside archives are not opened.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from ingestion.errors import DeliveryRefused

_ENCRYPTED = 0x1
_RATIO_FROM = 2**20
_PIECE = 2**20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAX_DIRECTORY = 8 * 2**20
"""Of the directory, which is held in memory many times over: enough for the 99,999 pages of a paged delivery."""
_END, _END_BYTES, _LONGEST_COMMENT = b"PK\x05\x06", 22, 2**16
_LOCATOR64, _LOCATOR64_BYTES = b"PK\x06\x07", 20
_END64, _END64_BYTES = b"PK\x06\x06", 56
"""APPNOTE 6.3.10, 4.3.14 to 4.3.16."""
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError)


class Archive:
    """The members of one ZIP payload. Raises DeliveryRefused: `zip_damaged`, `zip_unsafe`, `empty`."""

    def __init__(self, path: Path, *, max_bytes: int, max_ratio: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._max_ratio = max_ratio
        self._unpacked = 0
        if path.stat().st_size == 0:
            raise DeliveryRefused("the archive is empty (0 bytes)", rule="empty", next_step=_AGAIN)
        listed = _directory_bytes(path)
        if listed > _MAX_DIRECTORY:
            raise _unsafe(f"the archive's directory has {listed:,} bytes; at most {_MAX_DIRECTORY:,} are read")
        try:
            with zipfile.ZipFile(path) as opened:
                self._members = {info.filename: info for info in self._checked(opened.infolist())}
        except _DAMAGED as error:
            raise _damaged(f"the archive cannot be read: {error}") from error

    @property
    def names(self) -> tuple[str, ...]:
        """Every file in the archive, folders left out."""
        return tuple(self._members)

    def size(self, name: str) -> int:
        """What the directory claims; a hint only."""
        return self._members[name].file_size

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """The member's bytes; damage and excess are found while they are read."""
        with zipfile.ZipFile(self._path) as opened, self._stream(opened, name) as stream:
            yield stream

    def each(self, names: Iterable[str], *, max_bytes: int) -> Iterator[bytes]:
        """The bytes of many small members, each whole; the directory is read once. A longer member is refused."""
        with zipfile.ZipFile(self._path) as opened:
            for name in names:
                content = bytearray()
                with self._stream(opened, name) as stream:
                    while piece := stream.read(_PIECE):
                        content += piece
                        if len(content) > max_bytes:
                            raise _unsafe(f"member {name!r} has more than {max_bytes:,} bytes")
                yield bytes(content)

    @contextmanager
    def _stream(self, opened: zipfile.ZipFile, name: str) -> Iterator[BinaryIO]:
        info = self._members[name]
        try:
            stream = opened.open(info)
        except _DAMAGED as error:
            raise _damaged(f"member {name!r} cannot be unpacked: {error}") from error
        with stream:
            yield cast(BinaryIO, _Counted(self, stream, info))

    def count(self, info: zipfile.ZipInfo, unpacked: int, added: int) -> None:
        """Account for `added` bytes of a member of which `unpacked` are out by now."""
        self._unpacked += added
        if self._unpacked > self._max_bytes:
            raise _unsafe(f"the archive unpacks to more than {self._max_bytes:,} bytes")
        if unpacked > max(_RATIO_FROM, self._max_ratio * max(info.compress_size, 1)):
            raise _unsafe(f"member {info.filename!r} unpacks to more than {self._max_ratio} times its packed size")

    def _checked(self, infos: list[zipfile.ZipInfo]) -> Iterator[zipfile.ZipInfo]:
        seen: set[str] = set()
        for info in infos:
            name = info.orig_filename.replace("\\", "/")
            parts = PurePosixPath(name).parts
            if name.startswith("/") or ".." in parts or "\x00" in name or (parts and ":" in parts[0]):
                raise _unsafe(f"member {info.orig_filename!r} points outside the archive")
            if stat.S_ISLNK(info.external_attr >> 16):
                raise _unsafe(f"member {name!r} is a symbolic link")
            if info.flag_bits & _ENCRYPTED:
                raise _unsafe(f"member {name!r} is encrypted")
            if info.compress_type not in _METHODS:
                raise _unsafe(f"member {name!r} is packed by another method than Deflate ({_method(info)})")
            if name in seen:
                raise _unsafe(f"member {name!r} is there twice")
            seen.add(name)
            if not info.is_dir():
                yield info


class _Counted(io.RawIOBase):
    """A member's stream that reports every byte it gives out."""

    def __init__(self, archive: Archive, stream: IO[bytes], info: zipfile.ZipInfo) -> None:
        self._archive = archive
        self._stream = stream
        self._info = info
        self._out = 0

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; short only at the end."""
        try:
            data = self._stream.read(size)
        except _DAMAGED as error:
            raise _damaged(f"member {self._info.filename!r} cannot be unpacked: {error}") from error
        self._out += len(data)
        self._archive.count(self._info, self._out, len(data))
        return data


_AGAIN = "ask the department to send the archive again"


def _method(info: zipfile.ZipInfo) -> str:
    return {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA"}.get(info.compress_type, f"no. {info.compress_type}")


def _directory_bytes(path: Path) -> int:
    """Size of the directory that `zipfile` would read whole, as the archive's end declares it; 0 without an end."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LONGEST_COMMENT - _END_BYTES - _LOCATOR64_BYTES - _END64_BYTES))
        tail = file.read()
    at = len(tail) - _END_BYTES
    if not (tail[at:].startswith(_END) and tail.endswith(b"\x00\x00")):
        at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        return 0
    locator = at - _LOCATOR64_BYTES
    record = locator - _END64_BYTES
    if record >= 0 and tail.startswith(_LOCATOR64, locator) and tail.startswith(_END64, record):
        return int(struct.unpack_from("<Q", tail, record + 40)[0])
    return int(struct.unpack_from("<L", tail, at + 12)[0])


def _damaged(message: str) -> DeliveryRefused:
    return DeliveryRefused(message, rule="zip_damaged", next_step=_AGAIN)


def _unsafe(message: str) -> DeliveryRefused:
    return DeliveryRefused(message, rule="zip_unsafe", next_step="ask the department how the archive was made")
