"""A product's verdict and since when, what is released of it, and where readers see older tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tests.unit.warehouse.status.conftest import Days
from warehouse.actions.approval import approve, pending, refuse
from warehouse.actions.model import Actor
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.release import moves
from warehouse.status.refresh import rewrite


def test_never_judged(days: Days) -> None:
    planned, weather = days.product("planned"), days.product("weather")
    assert (planned.verdict, planned.since, planned.release, planned.title.en) == (None, None, None, "planned")
    assert (weather.verdict, weather.content_as_of, weather.feeds) == (None, None, ["office.reading"])
    assert [line.product for line in days.status().products] == ["planned", "weather"]


def test_passed_and_released(days: Days) -> None:
    at = days.run()
    line = days.product("weather")
    assert (line.verdict, line.since, line.reasons, line.judged_for) == ("passed", at, [], date(2026, 3, 6))
    assert line.content_as_of == date(2026, 3, 4)
    assert (line.releases_since, line.stands_still, line.editions) == (0, {}, ["internal", "open"])
    assert (line.departments, line.feeds, line.title.en) == (["office"], ["office.reading"], "Weather & wind")
    assert line.release == days.status().editions[0].release
    assert line.released_at is not None
    assert line.next_expected == days.now.replace(hour=1, day=7)
    assert days.product("places").content_as_of == date(2026, 3, 6), "a table without days: the day it was made for"


def test_blocked_since_the_first_verdict_that_said_so(days: Days) -> None:
    days.run()
    first = days.run("fct_weather")
    days.change(20.0)
    days.run("fct_weather")
    line = days.product("weather")
    assert (line.verdict, line.since) == ("blocked", first)
    assert line.reasons == ["key key_fct_weather: failed, 3 failing"], "not the message, which quotes a row"
    assert line.stands_still == {"internal": first, "open": first}
    assert days.product("food").verdict == "passed"
    days.change(22.0)
    again = days.run()
    assert (days.product("weather").since, days.product("weather").stands_still) == (again, {})


def test_releases_after_the_one_a_product_is_from(days: Days) -> None:
    days.run()
    first = days.product("weather").release
    for number in range(2):
        days.inspect(f"new {number}")
        days.run("fct_weather")
    line = days.product("weather")
    assert (line.release, line.releases_since) == (first, 2)
    assert days.product("food").releases_since == 0


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
    rewrite(days.lake)
    assert days.product("weather").stands_still["open"] == again


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
    refuse(days.lake, Actor(account="li.si", role="operator", via="command line"), candidate.id, "wrong day")
    assert days.product("weather").stands_still == {"open": candidate.asked_at}
    approved = days.status().editions[1].release
    days.change(21.0)
    days.run()
    newer = pending(days.lake)
    assert newer is not None
    assert days.product("weather").stands_still == {"open": candidate.asked_at}, "since the first, not the newest"
    approve(days.lake, Actor(account="li.si", role="operator", via="command line"), newer.id, "looked at it")
    assert days.product("weather").stands_still == {}
    assert days.status().editions[1].release != approved
