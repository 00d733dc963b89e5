"""A product's verdict and since when, what is released of it, and where readers see older tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tests.unit.warehouse.status.conftest import Days
from warehouse.actions.approval import approve, pending
from warehouse.actions.model import Actor
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.release import moves
from warehouse.status.model import ProductLine


def lines(days: Days) -> dict[str, ProductLine]:
    """The lines as they are read now, by product."""
    return {line.product: line for line in days.status().products}


def test_never_judged(days: Days) -> None:
    found = lines(days)
    planned, weather = found["planned"], found["weather"]
    assert (planned.verdict, planned.since, planned.release, planned.title.en) == (None, None, None, "planned")
    assert (weather.verdict, weather.content_as_of, weather.feeds) == (None, None, ["office.reading"])
    assert list(found) == ["planned", "weather"]


def test_passed_and_released(days: Days) -> None:
    at = days.run()
    status = days.status()
    found = {line.product: line for line in status.products}
    line = found["weather"]
    assert (line.verdict, line.since, line.reasons, line.judged_for) == ("passed", at, [], date(2026, 3, 6))
    assert line.content_as_of == date(2026, 3, 4)
    assert (line.releases_since, line.stands_still, line.editions) == (0, {}, ["internal", "open"])
    assert (line.departments, line.feeds, line.title.en) == (["office"], ["office.reading"], "Weather & wind")
    assert line.release == status.editions[0].release
    assert line.released_at is not None
    assert line.next_expected == days.now.replace(hour=1, day=7)
    assert found["places"].content_as_of == date(2026, 3, 6), "a table without days: the day it was made for"


def test_blocked_since_the_first_verdict_that_said_so(days: Days) -> None:
    days.run()
    released = days.product("weather").release
    first = days.run("fct_weather")
    days.inspect("new")
    days.run("fct_weather")
    found = lines(days)
    line = found["weather"]
    assert (line.verdict, line.since) == ("blocked", first)
    (reason,) = line.reasons
    assert (reason.kind, reason.failures) == ("key", 3)
    assert reason.text == "key key_fct_weather: failed, 3 failing", "not the message, which quotes a row"
    assert line.stands_still == {"internal": first, "open": first}
    assert (line.release, line.releases_since) == (released, 1)
    assert (found["food"].verdict, found["food"].releases_since) == ("passed", 0)
    days.change(22.0)
    again = days.run()
    line = days.product("weather")
    assert (line.since, line.stands_still, line.releases_since) == (again, {}, 0)


def test_a_hold_makes_everything_stand_still_since_then(days: Days) -> None:
    days.run()
    days.hours += 1
    moves.withdraw(days.lake, "open", reason="wrong town names", by="li.si")
    internal, opened = days.status().editions
    assert (opened.release, opened.hold_reason, opened.hold_by) == (None, "wrong town names", "li.si")
    assert opened.hold_since is not None
    assert (internal.hold_since, internal.approver) == (None, "airflow warehouse r1")
    assert days.product("weather").editions == ["internal"]
    days.inspect("new")
    days.run()
    days.hours += 1
    moves.rollback(days.lake, "internal", to=days.product("food").release, reason="back", by="li.si")
    hold = days.status().editions[0].hold_since
    assert hold is not None
    assert {line.product: line.stands_still for line in days.status().products if line.release} == {
        name: {"internal": hold} for name in ("food", "places", "weather")
    }


def test_what_stood_still_before_counts_from_its_beginning(days: Days) -> None:
    days.run()
    blocked = days.run("fct_weather")
    days.hours += 1
    moves.withdraw(days.lake, "internal", reason="why", by="li.si")
    moves.resume(days.lake, "internal", reason="back", by="li.si")
    days.run("fct_weather")
    assert days.product("weather").stands_still["open"] == blocked
    days.change(3.0)
    report = days.build()
    publish(days.lake, report, gate(days.lake, report), approver="a")
    days.change(4.0)
    days.hours += 1
    again = gate(days.lake, days.build("fct_weather"))[0].decided_at
    assert days.product("weather").stands_still["open"] == again, "newer tables came in between"


def test_what_waits_for_approval_stands_still_in_its_edition(days: Days) -> None:
    days.run()
    settings = days.city.lake.settings.model_copy(update={"open_approval": True})
    days.city.lake = replace(days.city.lake, settings=settings)
    days.change(20.0)
    days.run()
    candidate = pending(days.lake)
    assert candidate is not None
    assert days.product("weather").stands_still == {"open": candidate.asked_at}
    days.hours += 1
    approve(days.lake, Actor(account="li.si", role="operator", via="command line"), candidate.id, "looked at it")
    assert days.product("weather").stands_still == {}
