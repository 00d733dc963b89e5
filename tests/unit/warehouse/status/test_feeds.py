"""The state of a feed: each of them, which comes first, and that lateness is judged at the moment asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.contract.problem import Problem
from ingestion.delivery.holds import decide
from ingestion.delivery.ingest import ingest_file
from ingestion.lake import Lake
from ingestion.receipts.model import Span
from tests.support.lakes import contract, day, drop, lake, rows
from warehouse.incidents.book import Book
from warehouse.incidents.report import close, report, resolve
from warehouse.incidents.sweep import sweep
from warehouse.status.model import FeedLine
from warehouse.status.read import read_status

FEED = "office.readings"


@pytest.fixture
def made(tmp_path: Path) -> Lake:
    return opened(tmp_path)


def opened(home: Path, **said: Any) -> Lake:
    return at(lake(home, contracts={FEED: contract(**said)}), 0)


def at(made: Lake, number: int) -> Lake:
    """The lake an hour after day `number`: its delivery is due, that of the next day is not."""
    return replace(made, clock=lambda: moment(number))


def moment(number: int) -> datetime:
    return day(number).end + timedelta(hours=1)


def arrive(made: Lake, number: int, text: str | None = None, *, of: Any = None) -> str:
    path = drop(made, f"r{number}.csv", text or rows("abc", at=number), hours=24 * (number + 1))
    return ingest_file(made, of or contract(), path, day(number)).batch


def line(made: Lake, number: int, hours: float = 0) -> FeedLine:
    (found,) = read_status(made, moment(number) + timedelta(hours=hours)).feeds
    return found


def test_good_and_what_is_expected_next(made: Lake) -> None:
    batch = arrive(made, 0)
    found = line(made, 0)
    assert (found.state, found.since, found.reason, found.missing, found.held) == ("good", None, None, 0, [])
    assert found.last is not None
    assert (found.last.batch, found.last.outcome, found.last.received) == (batch, "accepted", 3)
    assert found.last_good_at == found.last.committed_at
    assert found.expected == Span(start=day(1).start, end=day(1).end)
    assert found.late_after == moment(1)


def test_late_is_seen_before_any_sweep_and_counts_from_when_it_fell_due(made: Lake) -> None:
    arrive(made, 0)
    assert line(made, 1, hours=-0.01).state == "good"
    assert Book(made).active() == []
    found = line(made, 3)
    assert (found.state, found.missing, found.incident) == ("late", 3, None)
    assert found.since == found.late_after == moment(1)
    assert found.expected == Span(start=day(1).start, end=day(1).end)
    (incident,) = sweep(at(made, 3), moment(3)).opened
    assert (line(made, 4).incident, line(made, 4).since, line(made, 4).missing) == (incident, moment(1), 4)


def test_a_feed_that_owes_nothing_is_never_late(tmp_path: Path) -> None:
    made = opened(tmp_path, on_change=True)
    found = line(made, 9)
    assert (found.state, found.late_after, found.expected) == ("never", None, None)
    arrive(made, 0, of=contract(on_change=True))
    assert line(made, 9).state == "good"


def test_nothing_came_and_nothing_was_due(tmp_path: Path) -> None:
    begins = {"every": "day", "timezone": "UTC", "start": day(1).start.date()}
    found = line(opened(tmp_path, calendar=begins), 0)
    assert (found.state, found.last, found.late_after) == ("never", None, moment(1))


def test_a_later_snapshot_is_what_is_expected(tmp_path: Path) -> None:
    feed = contract("snapshot", None)
    made = at(lake(tmp_path, contracts={FEED: feed}), 0)
    arrive(made, 0, of=feed)
    arrive(made, 3, rows("abc", value=2), of=feed)
    assert (line(made, 3).state, line(made, 3).late_after) == ("good", moment(4))
    assert line(made, 4).expected == Span(start=day(4).start, end=day(4).end)


def test_refused_says_the_rule_and_not_the_file(made: Lake) -> None:
    arrive(made, 0)
    arrive(made, 1, "Li Si,13800000000\n")
    found = line(at(made, 1), 1)
    assert found.state == "refused"
    assert found.last is not None
    assert found.since == found.last.committed_at
    assert found.reason is not None
    assert found.reason.startswith(f"rule {found.last.rule}")
    assert "Li Si" not in found.model_dump_json()
    (incident,) = sweep(at(made, 1), moment(1)).opened
    assert line(made, 1).incident == incident


def test_held_until_it_is_decided(made: Lake) -> None:
    arrive(made, 0)
    held = ingest_file(made, contract(), drop(made, "short.csv", rows("a"), hours=40), day(0)).batch
    found = line(made, 0)
    assert (found.state, found.held, found.rows_taken_in) == ("held", [held], 0)
    assert found.last_good_at != found.since
    decide(at(made, 1), held, "reject", "a mistake", "steward")
    found = line(made, 0)
    assert found.last is not None
    assert (found.state, found.last.state, found.rows_taken_in) == ("good", "rejected", 0)
    decide(at(made, 2), held, "accept", "meant", "steward")
    found = line(made, 0)
    assert (found.state, found.held, found.last_good_at, found.rows_taken_in) == ("good", [], moment(2), 1)


def test_a_person_closed_it(made: Lake) -> None:
    arrive(made, 0)
    (late,) = sweep(at(made, 1), moment(1)).opened
    close(made, late, reason="the office was shut", by="operator")
    assert (line(made, 1).state, line(made, 1).missing) == ("good", 0)
    assert (line(made, 2).state, line(made, 2).missing) == ("late", 1)


def test_the_one_that_most_needs_a_person_comes_first(made: Lake) -> None:
    arrive(made, 0)
    states = [line(made, 1).state]
    ingest_file(made, contract(), drop(made, "short.csv", rows("a"), hours=40), day(0))
    states.append(line(made, 2).state)
    arrive(made, 3, "nothing like it\n")
    states.append(line(made, 3).state)
    report(made, "task_failed", FEED, "conform: exit 1")
    states.append(line(made, 3).state)
    report(made, "source_unreachable", FEED, "no answer")
    found = line(made, 3)
    assert [*states, found.state] == ["late", "held", "refused", "failed", "unreachable"]
    assert (found.reason, found.missing) == ("no answer", 2)
    (incident,) = Book(made).active("source_unreachable", FEED)
    assert (found.incident, found.since) == (incident.id, incident.opened_at)
    resolve(made, "source_unreachable", FEED, "it answered")
    assert line(made, 3).state == "failed"


def test_inactive_whatever_else_there_is(tmp_path: Path) -> None:
    draft = replace(contract(), status="draft")
    made = lake(tmp_path, contracts={FEED: draft}, broken={"office.other_feed": (Problem("o.yaml", "", "not YAML"),)})
    other, found = sorted(read_status(made, moment(9)).feeds, key=lambda one: one.feed)
    assert (found.state, found.late_after) == ("inactive", None)
    assert found.reason is not None
    assert "draft" in found.reason
    assert (other.feed, other.state, other.title.en) == ("office.other_feed", "inactive", "other feed")
    assert other.reason == "its contract file is wrong (1 problems): citylake contracts check"


def test_a_source_that_was_dead_for_long_is_late_since_then(made: Lake) -> None:
    arrive(made, 0)
    for number in (1, 40, 80):
        sweep(at(made, number), moment(number))
    found = line(made, 100)
    assert (found.state, found.since, found.missing) == ("late", moment(1), 100)


def test_the_moment_is_the_citys(made: Lake) -> None:
    status = read_status(replace(made, clock=lambda: datetime(2026, 3, 2, 17, tzinfo=UTC)))
    assert status.at.isoformat() == "2026-03-03T01:00:00+08:00"
    assert status.timezone == "Asia/Shanghai"
