"""Feeds, days and intervals as they are typed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ingestion.contract.model import Contract
from ingestion.errors import ConfigurationError
from ingestion.settings import Settings
from warehouse.cli.arguments import account, local_day, parse_interval
from warehouse.cli.session import Session

CITY = "Asia/Shanghai"


@pytest.fixture(scope="module")
def session() -> Session:
    return Session()


@pytest.fixture(scope="module")
def hourly(session: Session) -> Contract:
    """A shipped feed of the city's time that sends by the hour."""
    return next(c for c in session.contracts.values() if (c.calendar.every, c.calendar.timezone) == ("hour", CITY))


@pytest.fixture(scope="module")
def daily(session: Session) -> Contract:
    return next(c for c in session.contracts.values() if (c.calendar.every, c.calendar.timezone) == ("day", CITY))


def test_a_feed_by_full_or_only_name(session: Session) -> None:
    for name, contract in session.contracts.items():
        assert session.contract(name) is session.contract(contract.feed) is contract


def test_an_unknown_feed_lists_what_is_near(session: Session) -> None:
    for name in session.contracts:
        with pytest.raises(ConfigurationError, match=name):
            session.contract(f"{name[:-1]}-")


def test_an_interval_is_local_time_of_the_feed(hourly: Contract, daily: Contract) -> None:
    assert parse_interval(hourly, "2026-03-02T05").start == datetime(2026, 3, 1, 21, tzinfo=UTC)
    assert parse_interval(daily, "2026-03-02").start == datetime(2026, 3, 1, 16, tzinfo=UTC)


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23", "2200-01-01"])
def test_a_time_nobody_can_mean_is_told(daily: Contract, text: str) -> None:
    with pytest.raises(ConfigurationError, match="days go from 1970-01-01 to 2199-12-31"):
        parse_interval(daily, text)
    with pytest.raises(ConfigurationError, match="days go from 1970-01-01 to 2199-12-31"):
        local_day(datetime.fromisoformat(text), Settings())


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", ""])
def test_a_wrong_interval_says_what_is_right(daily: Contract, text: str) -> None:
    with pytest.raises(ConfigurationError, match="2026-03-02T05"):
        parse_interval(daily, text)


def test_the_day_is_the_citys() -> None:
    assert local_day(datetime(2026, 3, 2, tzinfo=UTC), Settings()) == date(2026, 3, 2)
    ahead, behind = (local_day(None, Settings(timezone=f"Pacific/{name}")) for name in ("Kiritimati", "Niue"))
    assert (ahead - behind).days in (1, 2)


def test_the_default_day_is_a_simulated_citys_own(tmp_path: Path) -> None:
    """`citylake run` without a day took the machine's, months after the city's last."""
    (tmp_path / "time.txt").write_text("2026-03-07T23:00:00+08:00", encoding="utf-8")
    assert local_day(None, Settings(city_time=tmp_path / "time.txt")) == date(2026, 3, 7)


def test_an_hour_that_clocks_left_out_or_doubled_is_named(hourly: Contract) -> None:
    calendar = hourly.citylake.calendar.model_copy(update={"timezone": "America/New_York"})
    moved = replace(hourly, citylake=hourly.citylake.model_copy(update={"calendar": calendar}))
    for text, wrong in (("2026-03-08T02", "was left out"), ("2026-11-01T01", "comes twice: give it with its offset")):
        with pytest.raises(ConfigurationError, match=wrong):
            parse_interval(moved, text)
    assert parse_interval(moved, "2026-11-01T01:00-05:00").start == datetime(2026, 11, 1, 6, tzinfo=UTC)


def test_who_decides_is_as_given() -> None:
    assert account("steward.office") == "steward.office"
    assert account(None)
