"""Archives: names by their bytes, and any damage as a refusal with a next step."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from pathlib import Path

import pytest

from ingestion.errors import DeliveryRefused
from ingestion.parsers.archive import Archive

UTF8 = 0x800
TEXT = b"a,b\nx,1\n" * 9


def entry(name: bytes, flags: int = 0, data: bytes = TEXT) -> tuple[bytes, int, bytes]:
    return name, flags, data


def packed(*entries: tuple[bytes, int, bytes], shift: int = 0) -> bytes:
    """A ZIP of stored members, made byte by byte: names and flags are as given, offsets `shift`ed."""
    body, directory = b"", b""
    for name, flags, data in entries:
        crc = zipfile.crc32(data)
        common = struct.pack("<5H3L2H", 20, flags, 0, 0, 33, crc, len(data), len(data), len(name), 0)
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<3H2L", 0, 0, 0, 0, len(body)) + name
        body += b"PK\x03\x04" + common + name + data
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(entries), len(entries), len(directory), len(body) + shift, 0)
    return body + directory + end


def opened(path: Path, data: bytes) -> Archive:
    path.write_bytes(data)
    return Archive(path, max_bytes=10**7, max_ratio=200)


def whole(archive: Archive, name: str) -> bytes:
    with archive.open(name) as stream:
        found = b""
        while piece := stream.read(64):
            found += piece
        return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.zip"


@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
@pytest.mark.parametrize("flags", [0, UTF8])
def test_a_name_is_what_its_bytes_are(path: Path, encoding: str, flags: int) -> None:
    archive = opened(path, packed(entry("数据.csv".encode(encoding), flags), entry(b"plain.txt")))
    assert archive.names == ("数据.csv", "plain.txt")
    assert archive.find("数据.csv") == "数据.csv"
    assert whole(archive, "数据.csv") == TEXT
    assert list(archive.read_members(["数据.csv", "plain.txt"], max_bytes=1000)) == [TEXT, TEXT]


def test_a_name_is_found_under_its_other_readings(path: Path) -> None:
    """`联通` in GBK is UTF-8 of two other letters by chance; the contract says which it is."""
    archive = opened(path, packed(entry("联通.csv".encode("gbk")), entry("é.csv".encode("cp437"))))
    assert whole(archive, archive.find("联通.csv") or "") == TEXT
    assert whole(archive, archive.find("é.csv") or "") == TEXT
    assert archive.find("其他.csv") is None


def test_a_comment_and_bytes_before_the_archive_do_no_harm(path: Path) -> None:
    data = packed(entry("数据.csv".encode("gbk"), UTF8))
    commented = data[:-2] + struct.pack("<H", 5) + b"PK\x05\x06x"
    assert whole(opened(path, b"#!stub\n" + data), "数据.csv") == TEXT
    assert whole(opened(path, commented[:-5] + b"hello"), "数据.csv") == TEXT


@pytest.mark.parametrize(
    ("data", "rule", "message"),
    [
        (packed(entry(b"a"), entry(b"a")), "zip_unsafe", "there twice"),
        (packed(entry("数".encode("gbk")), entry("数".encode(), UTF8)), "zip_unsafe", "there twice"),
        (packed(entry(b"a\x00.csv")), "zip_unsafe", "points outside"),
        (packed(entry("\\..\\数".encode("gbk"), UTF8)), "zip_unsafe", "points outside"),
        (packed(entry(b"a"), shift=10_000), "zip_damaged", "before the archive begins"),
        (packed(entry(b"a"))[:-30], "zip_damaged", "cannot be read"),
        (b"PK\x05\x06", "zip_damaged", "cannot be read"),
        (b"PK\x03\x04" + bytes(100), "zip_damaged", "cannot be read"),
    ],
)
def test_malformed_archives(path: Path, data: bytes, rule: str, message: str) -> None:
    with pytest.raises(DeliveryRefused, match=message) as caught:
        opened(path, data)
    assert caught.value.rule == rule


def test_members_that_overlap(path: Path) -> None:
    """Two entries of the directory that point to one member: half of what makes a bomb of a small file."""
    data = bytearray(packed(entry(b"a"), entry(b"b")))
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = struct.pack("<L", 5)
    with pytest.raises(DeliveryRefused, match="overlap") as caught:
        opened(path, bytes(data))
    assert caught.value.rule == "zip_unsafe"


def test_a_wrong_checksum(path: Path) -> None:
    data = packed(entry(b"a")).replace(b"x,1", b"x,2", 1)
    with pytest.raises(DeliveryRefused, match="CRC") as caught:
        whole(opened(path, data), "a")
    assert caught.value.rule == "zip_damaged"


def deflated() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("数据.csv", TEXT)
        archive.writestr("b.txt", b"".join(b"%d," % (n * 7919) for n in range(60)))
    return buffer.getvalue()


@pytest.mark.parametrize("data", [deflated(), packed(entry("数据.csv".encode("gbk"), UTF8), entry(b"b.txt"))])
def test_every_byte_changed_or_cut_gives_the_bytes_or_a_refusal(path: Path, data: bytes) -> None:
    rng, refused = random.Random(5), 0
    variants = [
        data[:at] + bytes([value]) + data[at + 1 :] for at in range(len(data)) for value in rng.sample(range(256), 2)
    ]
    variants += [data[:at] for at in range(0, len(data), 3)] + [data[at:] for at in range(1, len(data), 5)]
    for variant in variants:
        try:
            archive = opened(path, variant)
            for name in archive.names:
                whole(archive, name)
        except DeliveryRefused as refusal:
            assert refusal.rule in ("zip_damaged", "zip_unsafe", "empty")
            assert refusal.next_step
            refused += 1
    assert refused > len(data) / 2
