"""Archives that could hurt or lie are refused whole, each with its rule and its message."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from typing import Any

import pytest

from ingestion.contract.extension import ZipFormat

PAGE = b"<!DOCTYPE html>\n<html><head><title>Please log in</title></head><body>a,b</body></html>"


def archive(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members:
            made.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture
def zipped(make: Any) -> Any:
    table = make.table(make.column("a"), make.column("b", "INTEGER"), name="t", source="t.txt")
    return make.contract(table, format=ZipFormat())


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("t.txt")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


GOOD = ("t.txt", b"a,b\nx,1\n")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([GOOD, ("../../etc/passwd", b"x")], "points outside the archive"),
        ([GOOD, ("/etc/passwd", b"x")], "points outside the archive"),
        ([GOOD, ("..\\x", b"x")], "points outside the archive"),
        ([GOOD, ("C:/x", b"x")], "points outside the archive"),
        ([(link(), b"/etc/passwd")], "is a symbolic link"),
        ([("t.txt", b"a,b\n" + b"x,1\n" * 2_000_000)], "more than 200 times its packed size"),
    ],
)
def test_unsafe_archives(make: Any, zipped: Any, members: Any, message: str) -> None:
    caught = make.refusal(zipped, archive(*members))
    assert caught.rule == "zip_unsafe"
    assert message in caught.message


@pytest.mark.parametrize(("method", "name"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")])
def test_methods_that_unpack_a_whole_piece_uncounted(make: Any, zipped: Any, method: int, name: str) -> None:
    info = zipfile.ZipInfo("t.txt")
    info.compress_type = method
    caught = make.refusal(zipped, archive((info, b"a,b\n" + b"x,1\n" * 1000)))
    assert (caught.rule, f"packed by another method than Deflate ({name})" in caught.message) == ("zip_unsafe", True)


@pytest.mark.parametrize("is_long", [False, True])
def test_a_directory_of_very_many_members_is_not_read(make: Any, zipped: Any, *, is_long: bool) -> None:
    """Python holds it whole, some 18 times its size: 42 MB of empty members took 464 MB."""
    name = b"x" * 500
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), *[0] * 6) + name
    count = 20_000
    directory = entry * count
    size = len(directory)
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, 4)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 4 + size, 1)
    said = 0xFFFFFFFF if is_long else size
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, said, 4, 0)
    caught = make.refusal(zipped, b"PK\x03\x04" + directory + (end64 + locator if is_long else b"") + end)
    assert caught.rule == "zip_unsafe"
    assert f"the archive's directory has {size:,} bytes; at most 8,388,608 are read" in caught.message


def test_archive_larger_than_allowed(make: Any, zipped: Any) -> None:
    caught = make.refusal(zipped, archive(("t.txt", b"a,b\n" + b"x,1\n" * 1000)), max_uncompressed_bytes=1000)
    assert (caught.rule, "unpacks to more than 1,000 bytes" in caught.message) == ("zip_unsafe", True)


def test_sizes_are_counted_not_believed(make: Any, zipped: Any) -> None:
    data = bytearray(archive(("t.txt", b"a,b\n" + b"x,1\n" * 1000)))
    for signature, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(signature) + place
        data[at : at + 4] = struct.pack("<I", 8)
    caught = make.refusal(zipped, bytes(data))
    assert caught.rule == "zip_damaged"


def test_a_member_twice(make: Any, zipped: Any) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        payload = archive(GOOD, GOOD)
    caught = make.refusal(zipped, payload)
    assert (caught.rule, "is there twice" in caught.message) == ("zip_unsafe", True)


def test_encrypted_member(make: Any, zipped: Any) -> None:
    data = bytearray(archive(GOOD))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert "is encrypted" in make.refusal(zipped, bytes(data)).message


@pytest.mark.parametrize("cut", [10, 60, -30])
def test_truncated_archive(make: Any, zipped: Any, cut: int) -> None:
    caught = make.refusal(zipped, archive(("t.txt", b"a,b\n" + bytes(range(48, 90)) * 50))[:cut])
    assert caught.rule == "zip_damaged"
    assert "its end is missing (" in caught.message
    assert " bytes were received)" in caught.message


def test_damaged_member(make: Any, zipped: Any) -> None:
    data = bytearray(archive(("t.txt", b"a,b\n" + b"".join(b"%d,%d\n" % (i * 7919 % 1000, i) for i in range(2000)))))
    data[2000] ^= 0xFF
    caught = make.refusal(zipped, bytes(data))
    assert caught.rule == "zip_damaged"


def test_missing_member(make: Any, zipped: Any) -> None:
    caught = make.refusal(zipped, archive(("other.txt", b"a,b\nx,1\n")))
    assert (caught.rule, caught.message) == ("members", "the archive lacks t.txt; it has, undeclared: other.txt")


def test_nested_archive_is_not_opened(make: Any, zipped: Any) -> None:
    assert make.conform(zipped, archive(GOOD, ("inner.zip", archive(GOOD)))).ignored_members == ("inner.zip",)
    caught = make.refusal(zipped, archive(("t.txt", archive(GOOD))))
    assert (caught.rule, "member t.txt is a ZIP archive" in caught.message) == ("container", True)


def test_payload_is_no_archive(make: Any, zipped: Any) -> None:
    assert make.refusal(zipped, PAGE).rule == "zip_damaged"
    assert make.refusal(zipped, b"").rule == "empty"
