"""The log folds what is new, once, and is equal to itself folded from nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion import keys
from ingestion.errors import IntegrityError, LakeBusy
from ingestion.receipts.fold import TABLES
from ingestion.receipts.log import ReceiptLog
from ingestion.receipts.model import BronzeFile, Decision, Receipt, Span, TableReceipt
from ingestion.store.base import ObjectInfo
from ingestion.store.local import LocalStore

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)


def receipt(number: int, committed_at: datetime) -> tuple[str, bytes]:
    start = BEGIN + timedelta(hours=number)
    batch = f"{start:%Y%m%dT%H%M%SZ}-{number:012x}"
    made = Receipt(
        department="office",
        feed="readings",
        batch=batch,
        attempt="a1",
        outcome="accepted",
        delivery="interval",
        correction="full",
        interval=Span(start=start, end=start + timedelta(hours=1)),
        dt=start.date(),
        contract="c",
        revision="v1",
        key_version=1,
        raw_key=f"raw/{batch}",
        raw_sha256="0" * 64,
        raw_bytes=1,
        content_as_of=start,
        loaded_at=start,
        committed_at=committed_at,
        tables={
            "reading": TableReceipt(
                received=3,
                accepted=2,
                quarantined=1,
                duplicates=0,
                rules={"number": 1},
                bronze=[
                    BronzeFile(
                        key=f"bronze/{batch}.parquet",
                        bytes=1,
                        sha256="0" * 64,
                        rows=2,
                        row_hash="h",
                        days={"2026-03-02": 1, "2026-03-03": 1},
                    )
                ],
                quarantine=[f"quarantine/{batch}.parquet"],
            )
        },
    )
    return keys.receipt(committed_at, "office", "readings", batch, "a1"), made.model_dump_json(indent=1).encode()


class CountingStore(LocalStore):
    """Counts what the log lists and what it opens."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.listed = self.opened = 0

    def list(self, prefix: str, *, after: str | None = None) -> Iterator[ObjectInfo]:
        for info in super().list(prefix, after=after):
            self.listed += 1
            yield info

    def url(self, key: str) -> str:
        self.opened += 1
        return super().url(key)


def tables(log: ReceiptLog) -> dict[str, list[tuple[object, ...]]]:
    with log.connect() as connection:
        return {name: connection.execute(f"select * from {name} order by all").fetchall() for name in TABLES}


def write(root: Path, key: str, data: bytes) -> None:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_refresh_reads_only_new_objects_of_ten_thousand(tmp_path: Path) -> None:
    store, path = CountingStore(tmp_path / "lake"), tmp_path / "state" / "receipts.duckdb"
    for number in range(10_000):
        write(store.root, *receipt(number, BEGIN + timedelta(hours=number)))
    assert ReceiptLog(store, path).refresh() == 10_000
    for number in range(10_000, 10_003):
        write(store.root, *receipt(number, BEGIN + timedelta(hours=number)))
    store.listed = store.opened = 0
    log = ReceiptLog(store, path)
    assert log.refresh() == 3
    assert store.opened == 3
    assert store.listed <= 24 * 4 + 3
    store.listed = store.opened = 0
    assert log.refresh() == 0
    assert store.opened == 0


def test_rebuild_equals_incremental_fold(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "lake")
    log = ReceiptLog(store, tmp_path / "state" / "receipts.duckdb")
    for number in range(6):
        store.put_bytes(*receipt(number, BEGIN + timedelta(days=number)))
        made = Decision(
            department="office",
            feed="readings",
            batch=str(number),
            verb="accept",
            reason="r",
            decided_by="p",
            decided_at=BEGIN + timedelta(days=number),
        )
        store.put_bytes(keys.decision(made.decided_at, made.batch, "accept"), made.model_dump_json().encode())
        assert log.refresh() == 2
    incremental = tables(log)
    assert log.rebuild() == 12
    assert tables(log) == incremental
    assert incremental["bronze_day"][0][-2:] == (date(2026, 3, 2), 1)
    assert incremental["table_receipt"][0][9] == {"number": 1}


def test_a_late_object_in_a_recent_or_unseen_partition_is_found(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "lake")
    log = ReceiptLog(store, tmp_path / "state" / "receipts.duckdb")
    store.put_bytes(*receipt(1, BEGIN + timedelta(days=10)))
    log.refresh()
    store.put_bytes(*receipt(2, BEGIN + timedelta(days=8)))
    store.put_bytes(*receipt(3, BEGIN))
    assert log.refresh() == 2
    assert log.refresh() == 0


def test_another_process_folding_is_noticed(tmp_path: Path) -> None:
    store, path = LocalStore(tmp_path / "lake"), tmp_path / "state" / "receipts.duckdb"
    one, other = ReceiptLog(store, path), ReceiptLog(store, path)
    assert one.refresh() == other.refresh() == 0
    store.put_bytes(*receipt(1, BEGIN))
    assert one.refresh() == 1
    assert other.refresh() == 0
    assert len(tables(other)["receipt"]) == 1


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda data: b"", "Invalid JSON"),
        (lambda data: data[:100], "Invalid JSON"),
        (
            lambda data: data.replace(b'"schema_version": 1', b'"schema_version": 2'),
            "schema_version: Input should be 1",
        ),
        (lambda data: data.replace(b'"revision": "v1",', b""), "revision: Field required"),
        (lambda data: data.replace(b'"received": 3', b'"received": "many"'), "tables.reading.received: "),
        (lambda data: data.replace(b'"committed_at": "2026', b'"committed_at": "soon'), "committed_at: "),
    ],
)
def test_a_bad_receipt_is_named_and_nothing_is_folded(tmp_path: Path, spoil: object, says: str) -> None:
    store = LocalStore(tmp_path / "lake")
    log = ReceiptLog(store, tmp_path / "state" / "receipts.duckdb")
    store.put_bytes(*receipt(1, BEGIN))
    key, data = receipt(2, BEGIN + timedelta(hours=1))
    spoiled = spoil(data)  # type: ignore[operator]
    assert spoiled != data
    write(store.root, key, spoiled)
    with pytest.raises(IntegrityError, match=says) as caught:
        log.refresh()
    assert key in str(caught.value)
    (store.root / key).unlink()
    assert log.refresh() == 1


@pytest.mark.parametrize("damage", [b"", b"not a database", b"\0" * 20_000])
def test_a_damaged_file_is_folded_again(tmp_path: Path, damage: bytes) -> None:
    store, path = LocalStore(tmp_path / "lake"), tmp_path / "state" / "receipts.duckdb"
    store.put_bytes(*receipt(1, BEGIN))
    ReceiptLog(store, path).refresh()
    path.write_bytes(damage)
    assert ReceiptLog(store, path).refresh() == 1


def test_a_file_of_another_shape_is_folded_again(tmp_path: Path) -> None:
    store, path = LocalStore(tmp_path / "lake"), tmp_path / "state" / "receipts.duckdb"
    store.put_bytes(*receipt(1, BEGIN))
    ReceiptLog(store, path).refresh()
    with duckdb.connect(path) as connection:
        connection.execute("update shape set digest = 'older'")
    assert ReceiptLog(store, path).refresh() == 1


def test_a_held_lock_is_an_answer(tmp_path: Path) -> None:
    store, path = LocalStore(tmp_path / "lake"), tmp_path / "state" / "receipts.duckdb"
    with ReceiptLog(store, path).reading(), pytest.raises(LakeBusy, match="another process"):
        ReceiptLog(store, path, lock_seconds=0.05).refresh()


def test_a_copy_stays_as_it_was(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "lake")
    log = ReceiptLog(store, tmp_path / "state" / "receipts.duckdb")
    store.put_bytes(*receipt(1, BEGIN))
    with log.connect() as connection:
        store.put_bytes(*receipt(2, BEGIN))
        assert log.refresh() == 1
        assert connection.execute("select count(*) from receipt").fetchone() == (1,)


def test_commit_times_only_grow(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "lake")
    log = ReceiptLog(store, tmp_path / "state" / "receipts.duckdb")
    assert log.next_commit_time(BEGIN) == BEGIN
    store.put_bytes(*receipt(1, BEGIN))
    log.refresh()
    assert log.next_commit_time(BEGIN - timedelta(days=9)) == BEGIN + timedelta(microseconds=1)
    assert log.next_commit_time(BEGIN + timedelta(days=9)) == BEGIN + timedelta(days=9)


def test_the_file_holds_what_the_objects_say(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "lake")
    key, data = receipt(1, BEGIN)
    store.put_bytes(key, data)
    log = ReceiptLog(store, tmp_path / "state" / "receipts.duckdb")
    said = json.loads(data)
    with log.connect() as connection:
        row = connection.execute("select * from receipt").fetchone()
        names = [column[0] for column in connection.description or []]
    assert row is not None
    folded = dict(zip(names, row, strict=True))
    for name in ("department", "feed", "batch", "outcome", "revision", "key_version", "raw_key", "delivery"):
        assert folded[name] == said[name]
    assert folded["key"] == key
    assert folded["interval_start"] == datetime.fromisoformat(said["interval"]["start"])


def test_what_another_log_folded_is_seen_at_the_next_look(tmp_path: Path) -> None:
    """Engines are shared within a process, the file is not kept open by any of them."""
    store, path = LocalStore(tmp_path / "lake"), tmp_path / "state" / "receipts.duckdb"
    one, other = ReceiptLog(store, path), ReceiptLog(store, path)
    for number in (1, 2, 3):
        store.put_bytes(*receipt(number, BEGIN))
        assert one.refresh() == 1
        assert other.refresh() == 0
        with other.reading() as connection:
            assert connection.execute("select count(*) from receipt").fetchone() == (number,)
        one, other = other, one
    with duckdb.connect(path) as connection:
        assert connection.execute("select count(*) from receipt").fetchone() == (3,)
