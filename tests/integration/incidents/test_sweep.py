"""What the sweep finds in receipts and verdicts, and which incident an interval belongs to."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.delivery.holds import decide
from ingestion.delivery.ingest import ingest_file
from ingestion.errors import NothingToDecide
from ingestion.lake import Lake
from tests.integration.incidents.conftest import Make
from tests.support.lakes import contract, day, drop, rows
from tests.support.notice_servers import Hook
from tests.support.small_city import SmallCity, changed
from warehouse.gate.decide import gate
from warehouse.incidents.book import Book
from warehouse.incidents.report import close
from warehouse.incidents.sweep import Swept, sweep


def arrive(made: Lake, number: int, text: str | None = None) -> str:
    path = drop(made, f"r{number}.csv", text or rows("abc", at=number, value=number), hours=24 * (number + 1))
    return ingest_file(made, contract(), path, day(number)).outcome


def at(made: Lake, number: int) -> Swept:
    """A sweep after the deadline of day `number`."""
    moment = day(number).end + timedelta(hours=1)
    return sweep(dataclasses.replace(made, clock=lambda: moment), moment)


def test_one_lateness_is_one_incident_however_long(make: Make, hook: Hook) -> None:
    made = make(webhook_url=hook.url)
    arrive(made, 0)
    (late,) = at(made, 1).opened
    assert [at(made, n).counted for n in (2, 3)] == [[late], [late]]
    (incident,) = Book(made).active()
    assert (incident.intervals, incident.occurrences, incident.last and incident.last.end) == (3, 3, day(3).end)
    for number in (2, 1):
        arrive(made, number)
        assert at(made, 3).resolved == []
    arrive(made, 3)
    assert at(made, 3).resolved == [late]
    assert hook.events == [("opened", "delivery_late"), ("resolved", "delivery_late")]


def test_an_interval_that_never_comes_does_not_silence_the_next_lateness(make: Make, hook: Hook) -> None:
    made = make(webhook_url=hook.url)
    for number in (0, 2, 3):
        arrive(made, number)
    assert len(at(made, 3).opened) == 1
    assert len(at(made, 4).opened) == 1
    assert [i.first and i.first.start for i in Book(made).active()] == [day(1).start, day(4).start]
    assert len(hook.posts) == 2


def test_closed_by_hand_stays_closed(make: Make, hook: Hook) -> None:
    made = make(webhook_url=hook.url)
    for number in (0, 2):
        arrive(made, number)
    (late,) = at(made, 2).opened
    close(made, late, reason="the office was shut that day", by="operator")
    for number in (2, 3, 4):
        swept = at(made, number)
        assert late not in swept.opened + swept.counted
    assert len(swept.opened + swept.counted) == 1
    assert hook.events == [("opened", "delivery_late"), ("resolved", "delivery_late"), ("opened", "delivery_late")]
    with pytest.raises(NothingToDecide):
        close(made, late, reason="again", by="operator")
    assert [i.id for i in Book(made).active()].count(late) == 1
    at(made, 90)
    assert [i.id for i in Book(made).active()].count(late) == 0
    assert late in [i.id for i in Book(made).ended(10)]


def test_a_held_correction_ends_when_it_is_decided(make: Make, hook: Hook) -> None:
    made = make(webhook_url=hook.url)
    arrive(made, 0)
    held = ingest_file(made, contract(), drop(made, "short.csv", rows("a"), hours=40), day(0))
    assert held.outcome == "held"
    assert len(at(made, 0).opened) == 1
    decide(made, held.batch, "reject", "truncated", "steward")
    assert len(at(made, 0).resolved) == 1
    assert hook.events == [("opened", "delivery_held"), ("resolved", "delivery_held")]


def test_a_refused_interval_is_told_as_refused_not_as_late(make: Make, hook: Hook) -> None:
    made = make(webhook_url=hook.url)
    arrive(made, 0)
    arrive(made, 1, "nothing like it\n")
    at(made, 1)
    assert hook.events == [("opened", "delivery_refused")]


def test_a_blocked_product_reaches_the_stewards_of_its_feeds_once(tmp_path: Path, hook: Hook) -> None:
    city = SmallCity(tmp_path)
    feed = contract()
    spec = feed.citylake.model_copy(update={"department": "office", "feed": "reading"})
    settings = city.lake.settings.model_copy(update={"webhook_url": None})
    object.__setattr__(settings, "webhook_url", _secret(hook.url))
    named = {"office.reading": dataclasses.replace(feed, citylake=spec)}
    made = dataclasses.replace(city.lake, contracts=named, settings=settings)
    report = city.build()
    bad = changed(report, "key_fct_weather", status="failed", failures=3)
    gate(made, bad)
    blocked = [incident.subject for incident in _blocked(made)]
    assert blocked == ["weather"]
    assert _blocked(made)[0].message.startswith("1 checks refuse, judged for 2026-03-06: key key_fct_weather: failed")
    report = city.build()
    gate(made, changed(report, "key_fct_weather", status="failed", failures=3))
    assert len(_blocked(made)) == 1
    gate(made, report)
    assert _blocked(made) == []
    assert [event for event in hook.events if event[1] == "product_blocked"] == [
        ("opened", "product_blocked"),
        ("resolved", "product_blocked"),
    ]


def _blocked(made: Lake):  # type: ignore[no-untyped-def]
    sweep(made)
    return [i for i in Book(made).active("product_blocked") if i.is_open]


def _secret(url: str) -> object:
    from pydantic import SecretStr

    return SecretStr(url)


def test_lateness_is_judged_by_the_citys_clock(make: Make, tmp_path: Path) -> None:
    """Months after a simulated city's last day, `citylake incidents sweep` found every day since to be late."""
    clock = tmp_path / "time.txt"
    clock.write_text("2026-03-03T12:00:00+00:00", encoding="utf-8")
    made = make(now=datetime(2026, 11, 20, tzinfo=UTC), city_time=clock)
    arrive(made, 0)
    arrive(made, 1)
    assert sweep(made).opened == []
    clock.write_text("2026-03-05T12:00:00+00:00", encoding="utf-8")
    assert len(sweep(made).opened) == 1
