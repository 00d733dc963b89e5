"""Every kind of store keeps what the Store protocol promises: a folder, rclone's S3 server, MinIO."""

from __future__ import annotations

import threading
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.errors import ObjectNotFound, StoreError
from ingestion.store import Store
from tests.support.examples import a_part

# No '=' '.' 'é' alone: those are in the example-based test below; here order and nesting are the point.
PARTS = st.text(alphabet="ab-0.=é +", min_size=1, max_size=3).filter(
    lambda part: part.strip(".") != "" and part == part.strip()
)


@settings(max_examples=a_part(0.15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths=st.sets(st.lists(PARTS, min_size=1, max_size=3).map("/".join), max_size=8), after=st.none() | PARTS)
def test_list_is_in_order_of_the_key_text(store: Store, paths: set[str], after: str | None) -> None:
    for info in list(store.list("")):
        store.delete(info.key)
    wanted = {path for path in paths if not any(other.startswith(path + "/") for other in paths)}
    for path in wanted:
        store.put_bytes(path, b"x")
    assert [info.key for info in store.list("", after=after)] == sorted(p for p in wanted if after is None or p > after)
    assert store.list_folders("") == sorted({path.split("/")[0] for path in wanted if "/" in path})


def test_list_takes_a_folder_not_a_name_prefix(store: Store) -> None:
    store.put_bytes("a/x", b"1")
    store.put_bytes("ab/y", b"2")
    assert [info.key for info in store.list("a/")] == [info.key for info in store.list("a")] == ["a/x"]
    assert store.list_folders("") == ["a", "ab"]
    assert list(store.list("missing/")) == []
    assert store.list_folders("missing/") == []


def test_a_listing_of_more_than_a_page(store: Store) -> None:
    keys = [f"many/{number:04}" for number in range(1_050)]
    for key in keys:
        store.put_bytes(key, b"")
    assert [info.key for info in store.list("many/")] == keys
    assert [info.key for info in store.list("many/", after="many/1039")] == keys[1_040:]


def test_objects_are_immutable(store: Store, tmp_path: Path) -> None:
    first = store.put_bytes("a/x", b"1")
    assert (first.key, first.size) == ("a/x", 1)
    assert store.put_bytes("a/x", b"1").size == 1
    for other in (b"2", b"", b"12"):
        with pytest.raises(StoreError, match=r"object 'a/x' exists with other bytes\n  left:  the stored object is un"):
            store.put_bytes("a/x", other)
    file = tmp_path / "file"
    file.write_bytes(b"2")
    with pytest.raises(StoreError, match="exists with other bytes"):
        store.put_file("a/x", file)
    assert store.get_bytes("a/x") == b"1"
    store.replace("a/x", b"3")
    assert store.get_bytes("a/x") == b"3"


@pytest.mark.parametrize("size", [0, 1, 5 * 2**20, 33 * 2**20 + 7])
def test_files_of_every_size_come_back_whole(store: Store, tmp_path: Path, size: int) -> None:
    source = tmp_path / "source"
    source.write_bytes((b"0123456789abcde" * (size // 15 + 1))[:size])
    stored = store.put_file("zone/file", source)
    assert stored.size == size
    assert abs(stored.modified - datetime.now(UTC)) < timedelta(minutes=5)
    assert store.put_file("zone/file", source).size == size
    found = store.fetch("zone/file", tmp_path / "target")
    assert found.read_bytes() == source.read_bytes()
    head = store.head("zone/file")
    assert head is not None
    assert (head.key, head.size) == ("zone/file", size)


def test_a_large_file_needs_little_memory(store: Store, tmp_path: Path) -> None:
    """200 MB go through in parts of 16 MB: what is held at once is a few parts, not the file."""
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.truncate(200 * 2**20)
    tracemalloc.start()
    try:
        store.put_file("big", source)
        store.fetch("big", tmp_path / "target")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 70 * 2**20


def test_a_fetched_copy_is_not_pulled_from_under_its_reader(store: Store, tmp_path: Path) -> None:
    store.put_bytes("pointer", b"first")
    target = tmp_path / "target"
    with store.fetch("pointer", target).open("rb") as reader:
        store.replace("pointer", b"other")
        store.fetch("pointer", target)
        assert reader.read() == b"first"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".target")] == []


@pytest.mark.parametrize("key", ["", "/a", "../a", "a/../b", "a//b", "a\0b", "."])
def test_keys_cannot_leave_the_store(store: Store, key: str) -> None:
    with pytest.raises(StoreError, match="unsafe object key"):
        store.put_bytes(key, b"x")


def test_keys_as_the_lake_makes_them(store: Store) -> None:
    keys = [
        "raw/office/food/dt=2026-03-02/20260302T000000Z-0a1b2c/payload/食品检查 (终)=1+2.csv",
        "receipts/committed=2026-03-02/20260302T010203000004Z-office.food-x-y.json",
    ]
    for key in keys:
        store.put_bytes(key, key.encode())
    assert [info.key for info in store.list("")] == keys
    assert [store.get_bytes(key) for key in keys] == [key.encode() for key in keys]


def test_missing_objects(store: Store, tmp_path: Path) -> None:
    assert store.head("a/x") is None
    store.delete("a/x")
    with pytest.raises(ObjectNotFound, match="object 'a/x' is not in the store"):
        store.get_bytes("a/x")
    with pytest.raises(ObjectNotFound):
        store.fetch("a/x", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_deleting_leaves_no_empty_folders(store: Store) -> None:
    store.put_bytes("a/b/x", b"1")
    store.put_bytes("a/y", b"1")
    store.delete("a/b/x")
    assert store.list_folders("a") == []
    store.delete("a/y")
    assert store.list_folders("") == []


@pytest.mark.parametrize("is_kept", [True, False], ids=["folder kept", "folder emptied"])
def test_puts_and_deletes_at_once(store: Store, is_kept: bool) -> None:
    """Where deletes empty the folder, rclone may not show a put beside them for a moment; it is not lost."""
    errors: list[Exception] = []
    if is_kept:
        store.put_bytes("a/b/kept", b"x")

    def work(name: str) -> None:
        try:
            for _ in range(25):
                store.put_bytes(f"a/b/{name}", b"x")
                assert store.head(f"a/b/{name}") is not None or not is_kept
                store.delete(f"a/b/{name}")
        except (StoreError, AssertionError) as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_sweep_leaves_objects_alone(store: Store) -> None:
    store.put_bytes("a/x", b"1")
    assert store.sweep(datetime.now(UTC) + timedelta(hours=1)) == 0
    assert store.get_bytes("a/x") == b"1"


def test_duckdb_reads_what_the_store_names(store: Store, tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"copy (from range(10)) to '{tmp_path / 'x.parquet'}' (format parquet)")
        store.put_file("bronze/dt=2026-03-02/x.parquet", tmp_path / "x.parquet")
        store.prepare(connection)
        store.prepare(connection)
        url = store.url("bronze/dt=2026-03-02/x.parquet")
        assert connection.execute("select sum(range) from read_parquet($url)", {"url": [url]}).fetchone() == (45,)
