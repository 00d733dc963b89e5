"""The cost of a status follows what is new and open, not history: counted in calls of the store and in rows copied."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from ingestion import keys
from ingestion.lake import Lake
from ingestion.receipts.log import ReceiptLog
from ingestion.receipts.model import Receipt, Span, TableReceipt
from tests.support.lakes import contract, day, lake
from tests.unit.warehouse.status.test_verdicts import judge
from warehouse.incidents.conditions import LOOK_BACK
from warehouse.status.read import read_status
from warehouse.status.refresh import rewrite


@dataclass
class Counting:
    """A store that counts what is asked of it: calls, and objects or folders listed and read."""

    store: Any
    calls: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:
        called = getattr(self.store, name)

        def counted(*args: Any, **said: Any) -> Any:
            found = called(*args, **said)
            if name == "list":
                found = list(found)
                self.calls["listed"] += len(found)
            self.calls[name] += 1
            return found

        return counted


def deliver(made: Lake, numbers: range) -> None:
    """A receipt a day, written as ingest writes it."""
    feed = contract()
    for number in numbers:
        interval, at = day(number), day(number).end + timedelta(minutes=5)
        batch = keys.batch_id(interval, f"{number:064d}")
        receipt = Receipt(
            department="office", feed="readings", batch=batch, attempt="a", outcome="accepted", delivery="interval",
            correction="full", interval=Span(start=interval.start, end=interval.end), dt=interval.start.date(),
            contract=feed.id, revision="v1", key_version=1, raw_key=None, raw_sha256=None, raw_bytes=1,
            content_as_of=at, loaded_at=at, committed_at=at,
            tables={"reading": TableReceipt(received=2, accepted=2, quarantined=0, duplicates=0)},
        )  # fmt: skip
        key = keys.receipt(at, "office", "readings", batch, "a")
        made.store.put_bytes(key, receipt.model_dump_json().encode())


def asked(made: Lake, number: int) -> Counter[str]:
    """What a status after day `number` asks of the store, with a log that is folded up to the day before."""
    now = day(number).end + timedelta(minutes=30)
    rewrite(made, now)
    store = Counting(made.store)
    log = ReceiptLog(store, made.settings.state_root / "receipts.duckdb")
    found = read_status(replace(made, store=store, log=log), now)
    assert [(line.state, line.missing) for line in found.feeds] == [("good", 0)]
    return store.calls


def test_objects_read_and_listed_do_not_grow_with_history(tmp_path: Path) -> None:
    counts = []
    for length in (10, 60):
        made = lake(tmp_path / str(length), contracts={"office.readings": contract()})
        deliver(made, range(length))
        judge(made, ["a" if number % 7 else "A" for number in range(3 * length)])
        counts.append(asked(made, length - 1))
    short, long = counts
    assert short == long
    assert long["get_bytes"] <= 6, "the newest verdicts, the last status, pointers and holds"
    assert long["listed"] <= 12, "receipts of the last days, the newest verdicts' day, open incidents"


def test_receipts_before_the_look_back_are_not_copied(tmp_path: Path) -> None:
    made = lake(tmp_path, contracts={"office.readings": contract()})
    deliver(made, range(120))
    since = day(119).end - LOOK_BACK
    with closing(made.log.connect(since={"office.readings": since})) as scoped, closing(made.log.connect()) as whole:
        same = "select batch, state, effective from standing where interval_end >= $since order by batch"
        assert scoped.execute(same, {"since": since}).fetchall() == whole.execute(same, {"since": since}).fetchall()
        counts = [log.execute("select count(*), (select count(*) from table_receipt) from receipt").fetchone()
                  for log in (scoped, whole)]  # fmt: skip
    assert counts == [(31, 31), (120, 120)]
