"""Pages in one payload: what it hashes to, what it gives back, and what is no archive of pages."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
import zipfile
from datetime import date
from pathlib import Path

import pytest

from ingestion.errors import DeliveryRefused
from ingestion.parsers.pages import PageArchive, is_pages
from ingestion.parsers.payload import open_payload
from ingestion.settings import Settings
from tests.support.lakes import contract

FEED = contract(format={"type": "json", "records": "$.data"})


def page(*ids: str) -> bytes:
    return json.dumps({"data": [{"id": one, "seen": "2026-03-02", "value": 1} for one in ids]}).encode()


def archive(path: Path, *pages: bytes) -> Path:
    with PageArchive.create(path) as made:
        for one in pages:
            made.add(one)
    return path


def ids(path: Path, tmp_path: Path) -> list[tuple[int, str]]:
    """Record numbers and ids, as read."""
    (source,) = open_payload(FEED, path, Settings(home=tmp_path), date(2026, 3, 2)).sources
    found = []
    for segment in source.segments():
        numbers = segment.block.number(segment.rows).tolist()
        found += list(zip(numbers, segment.columns.column("id").to_pylist(), strict=True))
    return found


def test_the_same_pages_are_the_same_bytes(tmp_path: Path) -> None:
    one, two = archive(tmp_path / "1.zip", page("a"), page("b")), archive(tmp_path / "2.zip", page("a"), page("b"))
    other = archive(tmp_path / "3.zip", page("b"), page("a"))
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (one, two, other)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_records_are_numbered_through_all_pages(tmp_path: Path) -> None:
    path = archive(tmp_path / "pages.zip", page("a", "b"), page(), page("c"))
    assert is_pages(path)
    assert ids(path, tmp_path) == [(1, "a"), (2, "b"), (3, "c")]


def test_a_plain_document_is_read_under_the_same_contract(tmp_path: Path) -> None:
    path = tmp_path / "sent.json"
    path.write_bytes(page("a", "b"))
    assert not is_pages(path)
    assert ids(path, tmp_path) == [(1, "a"), (2, "b")]


def test_another_archive_is_not_taken_for_pages(tmp_path: Path) -> None:
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("readings.json", page("a"))
    assert not is_pages(path)
    with pytest.raises(DeliveryRefused) as refused:
        ids(path, tmp_path)
    assert refused.value.rule == "container"


@pytest.mark.parametrize("names", [["page-00001.json", "page-00003.json"], ["page-00001.json", "notes.txt"]])
def test_pages_that_are_missing_refuse_the_delivery(tmp_path: Path, names: list[str]) -> None:
    path = tmp_path / "pages.zip"
    with zipfile.ZipFile(path, "w") as made:
        for name in names:
            made.writestr(name, page("a"))
    with pytest.raises(DeliveryRefused) as refused:
        ids(path, tmp_path)
    assert refused.value.rule == "members"


def test_a_damaged_page_refuses_the_delivery(tmp_path: Path) -> None:
    path = archive(tmp_path / "pages.zip", page("a"), page("bbbbbbbb"))
    path.write_bytes(path.read_bytes().replace(b"bbbbbbbb", b"bbbbbbbX"))
    with pytest.raises(DeliveryRefused) as refused:
        ids(path, tmp_path)
    assert refused.value.rule == "zip_damaged"


def packed(path: Path, text: bytes) -> Path:
    """An archive somebody sent that begins as ours do, packed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("page-00001.json", text)
    return path


def test_a_page_that_unpacks_to_much_is_refused_before_it_is_whole(tmp_path: Path) -> None:
    path = packed(tmp_path / "pages.zip", b" " * 64 * 2**20)
    assert is_pages(path)
    tracemalloc.start()
    try:
        with pytest.raises(DeliveryRefused) as refused:
            ids(path, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.value.rule == "zip_unsafe"
    assert peak < 2 * path.stat().st_size * 200


def test_a_page_is_no_longer_than_a_document_may_be(tmp_path: Path) -> None:
    path = archive(tmp_path / "pages.zip", page("a"), page("b") + b" " * 1000)
    feed = Settings(home=tmp_path, max_document_bytes=1000)
    (source,) = open_payload(FEED, path, feed, date(2026, 3, 2)).sources
    with pytest.raises(DeliveryRefused, match=r"page-00002.json' has more than 1,000 bytes"):
        list(source.segments())
