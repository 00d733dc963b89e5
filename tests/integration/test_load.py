"""History: bulk files of many intervals and files by the hundred give what one file after another gives."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.conform.result import Conformed
from ingestion.conform.split import OUTSIDE
from ingestion.contract.model import Contract
from ingestion.delivery.bulk import NOTHING_IN_SPAN, Meeting, judge_bulk
from ingestion.delivery.holds import decide, held
from ingestion.delivery.ingest import ingest_file
from ingestion.delivery.load import Planned, interval_in_name, load, plan, sort_files, span
from ingestion.delivery.outcome import Delivery
from ingestion.delivery.reconform import reconform
from ingestion.errors import ConfigurationError, ContractError
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.receipts.lookup import Standings
from ingestion.upkeep.collect import collect, erase, expire, to_erase
from tests.support.examples import a_part
from tests.support.lakes import START, contract, counted, day, drop, lake, rows
from warehouse.effective import create_views

CHILD = Path(__file__).parents[1] / "support" / "child.py"
TEN_DAYS = Interval(day(0).start, day(9).end)
HEADER = "id,seen,value\n"
VALUES = st.sampled_from([1, 2, 3, "bad"])


def line(one: object, number: int, value: object = 1) -> str:
    return f"{one},{(START + timedelta(days=number)).date()},{value}\n"


def bulk(made: Lake, *lines: str, name: str = "history.csv", hours: float = 24 * 20) -> Path:
    """A bulk file, modified `hours` after START."""
    return drop(made, name, HEADER + "".join(lines), hours=hours)


def load_bulk(made: Lake, feed: Contract, path: Path, of: Interval = TEN_DAYS) -> Delivery:
    (delivery,) = load(made, feed, sort_files(feed, [path], all_bulk=True), of)
    return delivery


def effective(made: Lake) -> list[tuple[Any, ...]]:
    """What counts, by interval: rows, their hash, days; without what names a batch or a file."""
    with made.log.connect() as connection:
        create_views(connection)
        return connection.execute(
            """select interval_start, interval_end, dt, table_name, rows, row_hash, content_as_of, delivery,
                (select list((day, rows) order by day) from effective_day where effective_day.key = effective_file.key)
            from effective_file order by all"""
        ).fetchall()


def child(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(CHILD), *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(("delivery", "correction"), [("interval", "full"), ("interval", "delta"), ("events", None)])
@settings(max_examples=a_part(0.05), deadline=None)
@given(
    drawn=st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(0, 9), st.sampled_from([1, 2, 3, "bad"])),
        min_size=1,
        max_size=30,
    )
)
def test_a_bulk_file_gives_what_a_file_for_each_interval_gives(
    tmp_path_factory: pytest.TempPathFactory, delivery: str, correction: str | None, drawn: list[tuple[str, int, Any]]
) -> None:
    """In whatever order its rows come; the same rows are accepted, refused and told apart."""
    feed = contract(delivery, correction, max_refused_share=1.0)
    folder = tmp_path_factory.mktemp("lakes")
    by_file, at_once = lake(folder / "a"), lake(folder / "b")
    received = quarantined = duplicates = 0
    for number in sorted({number for _, number, _ in drawn}):
        lines = [line(one, at, value) for one, at, value in drawn if at == number]
        path = drop(by_file, f"readings_{day(number).start:%Y%m%d}.csv", HEADER + "".join(lines), hours=24 * 20)
        found = ingest_file(by_file, feed, path, day(number))
        received, quarantined = received + found.received, quarantined + found.quarantined
        duplicates += found.duplicates
    whole = load_bulk(at_once, feed, bulk(at_once, *(line(*one) for one in drawn)))
    assert (whole.received, whole.quarantined, whole.duplicates) == (received, quarantined, duplicates)
    assert effective(at_once) == effective(by_file)
    assert counted(at_once) == counted(by_file)
    assert len(list(at_once.store.list("receipts/"))) == 1


def test_a_later_correction_supersedes_its_interval_alone_and_an_older_one_does_not(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract()
    ingest_file(made, feed, drop(made, "early.csv", rows("a", at=3, value=50), hours=24 * 5), day(3))
    ingest_file(made, feed, drop(made, "newer.csv", rows("a", at=4, value=70), hours=24 * 30), day(4))
    loaded = load_bulk(made, feed, bulk(made, *(line("a", number) for number in range(10))))
    assert loaded.outcome == "accepted"
    assert counted(made) == {"a": 9 + 70}
    ingest_file(made, feed, drop(made, "later.csv", rows("a", at=0, value=100), hours=24 * 31), day(0))
    assert counted(made) == {"a": 8 + 70 + 100}
    assert load_bulk(made, feed, bulk(made, *(line("a", number) for number in range(10)))).outcome == "duplicate"
    assert counted(made) == {"a": 8 + 70 + 100}


def test_rows_outside_the_span_are_refused_and_do_not_refuse_the_file(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract(max_refused_share=0.0)
    lines = [*(line("x", number) for number in range(10, 40)), line("a", 1), line("b", 2)]
    found = load_bulk(made, feed, bulk(made, *lines))
    assert (found.outcome, found.accepted, found.quarantined) == ("accepted", 2, 30)
    with made.log.refreshed() as log:
        assert log.execute("select rules from table_receipt").fetchall() == [({OUTSIDE: 30},)]
    assert counted(made) == {"a": 1, "b": 1}
    nothing = load_bulk(made, feed, bulk(made, line("x", 40), name="other.csv"))
    assert (nothing.outcome, nothing.rule) == ("refused", NOTHING_IN_SPAN)
    assert counted(made) == {"a": 1, "b": 1}


def test_the_same_bytes_of_another_span_are_another_delivery(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract()
    path = bulk(made, *(line("a", number) for number in range(10)))
    halves = [Interval(day(0).start, day(4).end), Interval(day(5).start, day(9).end)]
    for of in reversed(halves):
        assert load_bulk(made, feed, path, of).outcome == "accepted"
    assert counted(made) == {"a": 10}
    assert load_bulk(made, feed, path).outcome == "unchanged"
    assert counted(made) == {"a": 10}


def test_a_bulk_file_that_would_lose_keys_is_held_whole_until_it_is_decided(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract(max_key_loss=0.2)
    for number in range(3):
        name = f"readings_{number}.csv"
        ingest_file(made, feed, drop(made, name, rows("abcde", at=number), hours=24 * 5), day(number))
    before = counted(made)
    found = load_bulk(made, feed, bulk(made, *(line("a", number, 5) for number in range(4))))
    assert found.outcome == "held"
    assert "3 of 4 intervals" in str(found.message)
    assert counted(made) == before
    assert {one.batch for one in held(made)} == {found.batch}
    decide(made, found.batch, "accept", "the office moved", "steward")
    assert counted(made) == {"a": 20}
    assert held(made) == []


def test_it_is_conformed_again_erased_and_expired_as_one(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract()
    found = load_bulk(made, feed, bulk(made, line("a", 1), line("b", 2), line("bad", 3, "no")))
    stricter = contract(version="2.0.0")
    later = replace(stricter, tables=(replace(stricter.tables[0], rules=()),))
    (again,) = reconform(made, later)
    assert again.outcome == "accepted"
    assert reconform(made, later) == []
    assert counted(made) == {"a": 1, "b": 1}
    next_year = replace(made, clock=lambda: datetime(2027, 3, 1, tzinfo=UTC))
    assert [found.batch in key for key in expire(next_year, later) if key.startswith("raw/")] == [True]
    keys = to_erase(made, later, found.batch)
    assert sum(key.startswith("bronze/") for key in keys) == 4
    erase(made, later, found.batch, reason="asked for", by="officer")
    assert counted(made) == {}
    assert list(made.store.list("bronze/")) == []
    assert load_bulk(made, later, bulk(made, line("a", 1), line("b", 2), line("bad", 3, "no"))).outcome == "duplicate"


def test_what_a_new_contract_leaves_no_row_of_does_not_count_any_more(tmp_path: Path) -> None:
    """Of a bulk delivery that was conformed again only the newest receipt's intervals count."""
    made, feed = lake(tmp_path), contract(max_refused_share=1.0)
    load_bulk(made, feed, bulk(made, line("a", 1, 1), line("a", 2, 2)))
    table = feed.tables[0]
    capped = replace(table, columns=(*table.columns[:2], replace(table.columns[2], maximum=1.0)))
    reconform(made, replace(contract(version="2.0.0", max_refused_share=1.0), tables=(capped,)))
    assert counted(made) == {"a": 1}


def test_a_dry_run_says_what_would_happen_and_stores_nothing(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract()
    for number, hours in ((0, 24 * 5), (1, 24 * 30), (2, 24 * 5)):
        value = 1 if number == 2 else 7
        path = drop(made, f"readings_{number}.csv", rows("a", at=number, value=value), hours=hours)
        ingest_file(made, feed, path, day(number))
    before = sorted(info.key for info in made.store.list(""))
    lines = [*(line("a", number) for number in range(5)), line("a", 1), line("b", 4, "bad"), line("z", 30)]
    planned = plan(made, feed, bulk(made, *lines), TEN_DAYS)
    assert planned == Planned(
        "history.csv", "accepted", "5 intervals with rows", received=8, accepted=5, quarantined=2, duplicates=1,
        rules={"number": 1, OUTSIDE: 1, "value.type": 1}, intervals=5, first=day(0), last=day(4),
        superseded=1, outranked=1, same=1,
    )  # fmt: skip
    assert sorted(info.key for info in made.store.list("")) == before
    load_bulk(made, feed, bulk(made, *lines))
    assert plan(made, feed, bulk(made, *lines), TEN_DAYS).outcome == "duplicate"


def test_files_by_name_and_bulk_files_in_one_load(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract()
    named = [
        drop(made, f"readings_{day(n).start:%Y%m%d}{again}.csv", rows("a", at=n, value=n + more), hours=300 + more)
        for again, more in (("", 0), ("_r2", 100))
        for n in range(4)
    ]
    files = sort_files(feed, [*reversed(named), bulk(made, line("a", 9, 1000), hours=402)])
    assert ([interval.start for interval, _ in files.named], len(files.bulk)) == (
        [day(n // 2).start for n in range(8)],
        1,
    )
    read: list[int] = []
    outcomes = [one.outcome for one in load(made, feed, files, TEN_DAYS, read.append)]
    assert outcomes == ["accepted"] * 9
    assert read == sorted(read)
    assert read[-1] == files.size
    assert counted(made) == {"a": 1000 + 6 + 400}
    again = load(made, feed, sort_files(feed, [*named, *files.bulk]), TEN_DAYS)
    assert {one.outcome for one in again} == {"duplicate"}


def test_a_snapshot_feed_takes_named_files_only(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract("snapshot")
    named = [drop(made, f"readings_{day(n).start:%Y%m%d}.csv", rows("a" * (n + 1), value=n), hours=n) for n in range(3)]
    with pytest.raises(ContractError, match="a snapshot is a state"):
        sort_files(feed, [bulk(made, line("a", 1))])
    assert [one.outcome for one in load(made, feed, sort_files(feed, named), None)] == ["accepted"] * 3
    assert counted(made) == {"a": 2}


@pytest.mark.parametrize(
    ("name", "number"),
    [("readings_20260305.csv", 3), ("readings_20260305_r2.csv", 3), ("readings_2026.csv", None), ("x.csv", None),
     ("readings_20261399.csv", None)],
)  # fmt: skip
def test_the_interval_in_a_file_name(name: str, number: int | None) -> None:
    assert interval_in_name(contract(), name) == (None if number is None else day(number))


@pytest.mark.parametrize(("name", "number"), [("readings_20260305.parquet", 3), ("readings_2026-03.parquet", None)])
def test_files_of_a_feed_that_reads_a_table_are_named_by_feed_and_date(name: str, number: int | None) -> None:
    source = {"connector": "database", "connection": "office", "schema": "qzk", "table": "reading", "cursor": "seen"}
    feed = contract("interval", "delta", source=source, format={"type": "parquet"})
    assert interval_in_name(feed, name) == (None if number is None else day(number))


def test_the_span_is_of_whole_intervals_that_have_ended(tmp_path: Path) -> None:
    made = lake(tmp_path, clock=lambda: datetime(2026, 3, 5, 7, tzinfo=UTC))
    assert span(made, contract(), date(2026, 3, 2), None) == Interval(day(0).start, day(2).end)
    assert span(made, contract(), date(2026, 3, 2), date(2026, 3, 2)) == day(0)
    assert span(made, contract(), None, None).start == datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(ConfigurationError, match="--from"):
        span(made, contract(), date(2026, 3, 9), date(2026, 3, 8))


KINDS = [("snapshot", None), ("interval", "full"), ("interval", "delta"), ("events", None)]


@pytest.mark.parametrize(("delivery", "correction"), KINDS)
@settings(max_examples=a_part(0.05), deadline=None)
@given(
    drawn=st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from(["ab", "abc", "a", "bad"]), st.integers(1, 2), st.integers(0, 3)),
        min_size=2,
        max_size=7,
    )
)
def test_files_taken_in_together_end_as_files_taken_in_one_by_one(
    tmp_path_factory: pytest.TempPathFactory,
    delivery: str,
    correction: str | None,
    drawn: list[tuple[int, str, int, int]],
) -> None:
    """Corrections, confirmations, older content, refusals and holds among them, in any order."""
    feed = contract(delivery, correction, max_key_loss=0.4)
    folder = tmp_path_factory.mktemp("lakes")
    together, alone = lake(folder / "a"), lake(folder / "b")
    found: list[list[str]] = [[], []]
    for made in (together, alone):
        for number, (at, ids, value, hours) in enumerate(drawn):
            text = rows("ab", at=at, value="bad") if ids == "bad" else rows(ids, at=at, value=value)
            drop(made, f"readings_{day(at).start:%Y%m%d}_{number}.csv", text, hours=30 + hours)
    paths = [sorted((made.settings.drop_root / "office").iterdir()) for made in (together, alone)]
    found[0] = [one.outcome for one in load(together, feed, sort_files(feed, paths[0]), None)]
    for path in (path for _, path in sort_files(feed, paths[1]).named):
        found[1] += [one.outcome for one in load(alone, feed, sort_files(feed, [path]), None)]
    assert found[0] == found[1]
    assert effective(together) == effective(alone)
    assert counted(together) == counted(alone)


def test_a_feed_of_documents_takes_its_past_one_record_a_line(tmp_path: Path) -> None:
    made = lake(tmp_path)
    feed = contract(format={"type": "json", "records": "$.data"})
    path = drop(made, "history.ndjson", "".join(f'{{"id":"a","seen":"2026-03-0{n}","value":{n}}}\n' for n in (2, 3)))
    assert load_bulk(made, feed, path).outcome == "accepted"
    document = '{"data": [{"id": "b", "seen": "2026-03-04", "value": 7}]}'
    assert load_bulk(made, feed, drop(made, "history.json", document)).outcome == "accepted"
    assert counted(made) == {"a": 5, "b": 7}


STEPS = ("landed_payload", "landed_manifest", "conformed", "stored_bronze", "stored_quarantine", "committed")
GROUP = [line(one, n, value) for n in range(5) for one, value in (("a", n), ("b", "bad"))]


def write_group(made: Lake, hours: float) -> Path:
    """Five files of one day each, one good and one refused row in each; their folder."""
    for number in range(5):
        lines = "".join(GROUP[2 * number : 2 * number + 2])
        path = drop(made, f"readings_{day(number).start:%Y%m%d}.csv", HEADER + lines, hours=hours)
    return path.parent


@pytest.mark.faults
@pytest.mark.parametrize(
    ("way", "step", "at"),
    [
        *(("together", step, at) for step, at in itertools.product(STEPS, (1, 3, 5))),
        *(("bulk", step, 1) for step in STEPS),
        ("bulk", "stored_bronze", 3),
    ],
)
def test_a_killed_load_loses_nothing_and_takes_nothing_twice(tmp_path: Path, way: str, step: str, at: int) -> None:
    made = lake(tmp_path)
    path = write_group(made, 48) if way == "together" else drop(made, "history.csv", HEADER + "".join(GROUP), hours=48)
    died = child(tmp_path, path, "--as", way, "--die", step, "--at", at)
    assert died.returncode == -signal.SIGKILL, died.stderr
    again = child(tmp_path, path, "--as", way)
    assert again.returncode == 0, again.stdout + again.stderr
    assert counted(made) == {"a": 0 + 1 + 2 + 3 + 4}
    assert len(list(made.store.list("receipts/"))) == (5 if way == "together" else 1)
    assert len([info for info in made.store.list("raw/") if "/payload/" in info.key]) == (5 if way == "together" else 1)
    later = replace(made, clock=lambda: datetime.now(UTC) + timedelta(minutes=1))
    assert collect(later, grace=timedelta(0)).unfinished == []
    assert counted(made) == {"a": 10}
    assert len(list(made.store.list("bronze/"))) == 5
    with made.log.connect() as log:
        assert log.execute("select sum(received), sum(quarantined) from table_receipt").fetchone() == (10, 5)
    assert list(made.settings.scratch_root.iterdir()) == []


def test_memory_does_not_grow_with_the_intervals_or_the_order_of_rows(tmp_path: Path) -> None:
    """Rows of 3,000 intervals in an order that mixes them all."""
    import random

    feed = contract(calendar={"every": "day", "timezone": "UTC", "start": date(2015, 1, 1)})
    begin = datetime(2015, 1, 1, tzinfo=UTC)
    lines = [f"{n % 7},{(begin + timedelta(days=n % 3000)).date()},{n}\n" for n in range(12_000)]
    random.Random(1).shuffle(lines)
    made = lake(tmp_path)
    found = load_bulk(made, feed, bulk(made, *lines), Interval(begin, begin + timedelta(days=3000)))
    assert (found.outcome, found.accepted) == ("accepted", 12_000)
    with made.log.connect() as log:
        create_views(log)
        held_rows = log.execute(
            "select count(*), sum(rows), count(distinct interval_start) from effective_file"
        ).fetchone()
    assert held_rows == (3000, 12_000, 3000)


def test_a_file_that_says_it_may_be_incomplete_waits_for_the_steward(tmp_path: Path) -> None:
    doubted = Conformed({}, (), 1, "", doubt="the server reports 2 errors")
    judged = judge_bulk(lake(tmp_path), contract("events"), doubted, Standings(False, (), {}, None), Meeting())
    assert judged.outcome == "held"
    assert "may be incomplete: the server reports 2 errors" in str(judged.message)
