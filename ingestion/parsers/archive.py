"""Read the members of a ZIP archive safely: names, links, sizes, ratios and checksums are checked.

Nothing is written to disk. Sizes are counted while unpacking; the sizes in the archive's directory are not trusted.
Only stored and deflated members are read, because Python decompresses other methods in large steps, before their output
can be counted. Archives inside archives are not opened. Decoding member names is left to `member_names`.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from ingestion.errors import DeliveryRefused
from ingestion.parsers.member_names import decoded_name, directory_bytes, other_decodings, raw_name, with_readable_names

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_ENCRYPTED = 0x1
_RATIO_FROM = 2**20
_PIECE = 2**20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAX_DIRECTORY = 8 * 2**20
"""Limit of the central directory, of which memory holds several copies: enough for a delivery of 99,999 pages."""
_LOCAL_BYTES = 30
_LOCAL_HEADER = b"PK\x03\x04"
_DAMAGED = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError, RuntimeError, OSError, ValueError,
    OverflowError, IndexError,
)  # fmt: skip
"""Exceptions of `zipfile` for damaged archives; a name that cannot be decoded is a ValueError."""


class Archive:
    """The members of one ZIP payload. Raises DeliveryRefused: `zip_damaged`, `zip_unsafe`, `empty`."""

    def __init__(self, path: Path, *, max_bytes: int, max_ratio: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._max_ratio = max_ratio
        self._unpacked = 0
        if path.stat().st_size == 0:
            raise DeliveryRefused("the archive is empty (0 bytes)", rule="empty", next_step=_AGAIN)
        if _is_cut_off(path):
            size = path.stat().st_size
            raise _damaged(f"the archive cannot be read: its end is missing ({size:,} bytes were received)")
        listed = directory_bytes(path)
        if listed > _MAX_DIRECTORY:
            raise _unsafe(f"the archive's directory has {listed:,} bytes; at most {_MAX_DIRECTORY:,} are read")
        with self._opened() as opened, _as_damage("the archive cannot be read"):
            infos = opened.infolist()
            _check_overlap(infos, opened.start_dir)
            self._members: dict[str, zipfile.ZipInfo] = {}
            for name, info in self._checked(infos):
                self._members[name] = info
        self._aliases = other_decodings({name: raw_name(info) for name, info in self._members.items()})

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        with ExitStack() as stack:
            with _as_damage("the archive cannot be read"):
                file = stack.enter_context(with_readable_names(self._path))
                opened = stack.enter_context(zipfile.ZipFile(file))
            yield opened

    def find(self, name: str) -> str | None:
        """The member with a contract's name, in whichever encoding the archive stores it; None where there is none."""
        return name if name in self._members else self._aliases.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all files in the archive, without folders."""
        return tuple(self._members)

    def size(self, name: str) -> int:
        """Unpacked size in bytes as the archive's directory declares it; not verified."""
        return self._members[name].file_size

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """The member's bytes as a stream, which raises DeliveryRefused where they are damaged or too many."""
        with self._opened() as opened, self._stream(opened, name) as stream:
            yield stream

    @contextmanager
    def streams(self) -> Iterator[Callable[[str], AbstractContextManager[BinaryIO]]]:
        """`open` for many members; the directory is read once."""
        with self._opened() as opened:
            yield partial(self._stream, opened)

    def read_members(self, names: Iterable[str], *, max_bytes: int) -> Iterator[bytes]:
        """The complete bytes of each member; one longer than `max_bytes` is refused. The directory is read once."""
        with self._opened() as opened:
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
        with _as_damage(f"member {name!r} cannot be unpacked"):
            stream = opened.open(info)
        with stream:
            yield cast(BinaryIO, _CountingStream(self, stream, info))

    def count(self, info: zipfile.ZipInfo, unpacked: int, added: int) -> None:
        """Count `added` more bytes of a member, of which `unpacked` have been read in all. Raises DeliveryRefused."""
        self._unpacked += added
        if self._unpacked > self._max_bytes:
            raise _unsafe(f"the archive unpacks to more than {self._max_bytes:,} bytes")
        if unpacked > max(_RATIO_FROM, self._max_ratio * max(info.compress_size, 1)):
            raise _unsafe(f"member {info.filename!r} unpacks to more than {self._max_ratio} times its packed size")

    def _checked(self, infos: list[zipfile.ZipInfo]) -> Iterator[tuple[str, zipfile.ZipInfo]]:
        """Check every member; yields the files (not folders) with their decoded names."""
        seen: set[str] = set()
        for info in infos:
            own = decoded_name(raw_name(info))
            if own is None:
                raise _damaged(f"the name of member {info.orig_filename!r} is text in no encoding this reader knows")
            name = own.replace("\\", "/")
            parts = PurePosixPath(name).parts
            if name.startswith("/") or ".." in parts or "\x00" in name or (parts and ":" in parts[0]):
                raise _unsafe(f"member {own!r} points outside the archive")
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
                yield own, info


def _check_overlap(infos: list[zipfile.ZipInfo], directory: int) -> None:
    """Refuse members that share bytes, which is a way to make a decompression bomb."""
    before, end = None, 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < 0:
            raise _damaged(f"member {info.orig_filename!r} is said to lie before the archive begins")
        if info.header_offset < end:
            raise _unsafe(f"members {before!r} and {info.orig_filename!r} overlap")
        before = info.orig_filename
        end = info.header_offset + _LOCAL_BYTES + len(raw_name(info)) + info.compress_size
        if end > directory:
            raise _damaged(f"member {before!r} reaches beyond the archive's members")


@contextmanager
def _as_damage(what: str) -> Iterator[None]:
    """Raises the exceptions of `zipfile` as DeliveryRefused (rule `zip_damaged`)."""
    try:
        yield
    except _DAMAGED as error:
        raise _damaged(f"{what}: {error}") from error


class _CountingStream(io.RawIOBase):
    """A member's stream that reports the bytes read to `Archive.count`."""

    def __init__(self, archive: Archive, stream: IO[bytes], info: zipfile.ZipInfo) -> None:
        self._archive = archive
        self._stream = stream
        self._info = info
        self._out = 0

    def readable(self) -> bool:
        """True: a buffered reader may be put over it."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """As `read`, into a buffer; the number of bytes."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; short only at the end."""
        with _as_damage(f"member {self._info.filename!r} cannot be unpacked"):
            data = self._stream.read(size)
        self._out += len(data)
        self._archive.count(self._info, self._out, len(data))
        return data


_AGAIN = "ask the department to send the archive again"


def _is_cut_off(path: Path) -> bool:
    """Whether a file begins as a ZIP archive and has no directory, which is at the end."""
    with path.open("rb") as file:
        begins = file.read(len(_LOCAL_HEADER)) == _LOCAL_HEADER
    return begins and not zipfile.is_zipfile(path)


def _method(info: zipfile.ZipInfo) -> str:
    return {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA"}.get(info.compress_type, f"no. {info.compress_type}")


def _damaged(message: str) -> DeliveryRefused:
    return DeliveryRefused(message, rule="zip_damaged", next_step=_AGAIN)


def _unsafe(message: str) -> DeliveryRefused:
    return DeliveryRefused(message, rule="zip_unsafe", next_step="ask the department how the archive was made")
