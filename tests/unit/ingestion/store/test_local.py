"""The folder store keeps what the Store protocol promises."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import ObjectNotFound, StoreError
from ingestion.store.local import LocalStore

PARTS = st.text(alphabet="ab-0.=é", min_size=1, max_size=3).filter(lambda part: part.strip(".") != "")


@given(paths=st.sets(st.lists(PARTS, min_size=1, max_size=3).map("/".join), max_size=12), after=st.none() | PARTS)
def test_list_is_in_order_of_the_key_text(
    tmp_path_factory: pytest.TempPathFactory, paths: set[str], after: str | None
) -> None:
    store = LocalStore(tmp_path_factory.mktemp("store"))
    wanted = {path for path in paths if not any(other.startswith(path + "/") for other in paths)}
    for path in wanted:
        store.put_bytes(path, b"x")
    listed = [info.key for info in store.list("", after=after)]
    assert listed == sorted(path for path in wanted if after is None or path > after)


def test_list_takes_a_folder_not_a_name_prefix(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put_bytes("a/x", b"1")
    store.put_bytes("ab/y", b"2")
    assert [info.key for info in store.list("a/")] == [info.key for info in store.list("a")] == ["a/x"]
    assert store.list_folders("") == ["a", "ab"]
    assert list(store.list("missing/")) == []


def test_objects_are_immutable(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put_bytes("a/x", b"1")
    store.put_bytes("a/x", b"1")
    with pytest.raises(StoreError, match="exists with other bytes"):
        store.put_bytes("a/x", b"2")
    assert store.get_bytes("a/x") == b"1"
    store.replace("a/x", b"3")
    assert store.get_bytes("a/x") == b"3"


def test_a_consumed_file_is_not_copied(tmp_path: Path) -> None:
    store, source = LocalStore(tmp_path / "lake"), tmp_path / "source"
    source.write_bytes(b"rows")
    store.put_file("a/x", source, consume=True)
    assert Path(store.url("a/x")).stat().st_ino == source.stat().st_ino
    store.put_file("a/y", source)
    assert Path(store.url("a/y")).stat().st_ino != source.stat().st_ino


@pytest.mark.parametrize("key", ["", "/a", "../a", "a/../b", "a//b", "a\0b", ".incoming/a", "."])
def test_keys_cannot_leave_the_store(tmp_path: Path, key: str) -> None:
    with pytest.raises(StoreError, match="unsafe object key"):
        LocalStore(tmp_path / "lake").put_bytes(key, b"x")


def test_missing_objects(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert store.head("a/x") is None
    store.delete("a/x")
    with pytest.raises(ObjectNotFound):
        store.get_bytes("a/x")
    with pytest.raises(ObjectNotFound):
        store.fetch("a/x", tmp_path / "target")


def test_deleting_leaves_no_empty_folders(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "lake")
    store.put_bytes("a/b/x", b"1")
    store.put_bytes("a/y", b"1")
    store.delete("a/b/x")
    assert store.list_folders("a") == []
    store.delete("a/y")
    assert store.list_folders("") == []


def test_puts_and_deletes_at_once(tmp_path: Path) -> None:
    store, errors = LocalStore(tmp_path), []

    def work(name: str) -> None:
        try:
            for _ in range(100):
                store.put_bytes(f"a/b/{name}", b"x")
                store.delete(f"a/b/{name}")
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_residue_is_invisible_and_swept(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put_bytes("a/x", b"1")
    residue = tmp_path / ".incoming" / "half"
    residue.write_bytes(b"half")
    assert [info.key for info in store.list("")] == ["a/x"]
    assert store.sweep(datetime.now(UTC) - timedelta(hours=1)) == 0
    os.utime(residue, (0, 0))
    assert store.sweep(datetime.now(UTC) - timedelta(hours=1)) == 1
    assert not residue.exists()


def test_a_key_below_an_object_is_an_error(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put_bytes("a", b"1")
    with pytest.raises(StoreError, match="next:"):
        store.put_bytes("a/x", b"1")
