"""Days and hours at changes of clocks: no gap, no overlap, and times sent to servers that mean one moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.clocks import begins, formatted, moments, set_back, shown
from ingestion.intervals import Calendar

STEPS = ("hour", "day", "week", "month", "quarter", "year")
ZONES = (
    "Asia/Shanghai", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu",
    "Africa/Casablanca", "America/Sao_Paulo", "America/Havana", "America/St_Johns", "America/Toronto", "UTC",
)  # fmt: skip
CHANGES = [
    ("Asia/Shanghai", "1986-05-03T18:00:00"), ("Asia/Shanghai", "1940-05-31T16:00:00"),
    ("Asia/Shanghai", "1991-09-14T17:00:00"), ("Asia/Shanghai", "1900-12-31T15:54:17"),
    ("America/New_York", "2026-03-08T07:00:00"), ("America/New_York", "2026-11-01T06:00:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00"), ("Australia/Lord_Howe", "2026-04-04T15:00:00"),
    ("Pacific/Apia", "2011-12-30T10:00:00"), ("Asia/Kathmandu", "1985-12-31T18:30:00"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00"), ("America/Sao_Paulo", "2018-02-18T02:00:00"),
    ("America/Havana", "2026-11-01T05:00:00"), ("America/St_Johns", "2006-10-29T02:31:00"),
    ("America/Toronto", "1919-03-31T04:30:00"), ("Africa/Casablanca", "2026-02-15T02:00:00"),
]  # fmt: skip


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("every", STEPS)
@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_intervals_tile_the_time_around_a_change(every: str, zone: str, change: str) -> None:
    calendar, at = Calendar(every, zone, date(1890, 1, 1)), utc(change)  # type: ignore[arg-type]
    around = list(calendar.between(at - timedelta(days=3), at + timedelta(days=3)))
    assert all(before.end == after.start for before, after in pairwise(around))
    assert all(one.start < one.end for one in around)
    assert around[0].start <= at - timedelta(days=3) and at + timedelta(days=3) <= around[-1].end
    for one in around:
        for moment in (one.start, one.start + (one.end - one.start) / 2, one.end - timedelta(microseconds=1)):
            assert calendar.at(moment) == one
    if every == "day":
        dates = [calendar.local_date(one) for one in around]
        assert dates == sorted(set(dates))
    if every == "hour":
        named = [
            (f"{one.start.astimezone(calendar.zone):%Y%m%d%H}", one.start.astimezone(calendar.zone).utcoffset())
            for one in around
        ]
        assert len(set(named)) == len(named)


@given(
    every=st.sampled_from(STEPS),
    zone=st.sampled_from(ZONES),
    moment=st.datetimes(datetime(1900, 1, 2), datetime(2037, 12, 30)),  # noqa: DTZ001 - made UTC below
)
def test_every_moment_lies_in_its_own_interval(every: str, zone: str, moment: datetime) -> None:
    calendar, at = Calendar(every, zone, date(1890, 1, 1)), moment.replace(tzinfo=UTC)  # type: ignore[arg-type]
    found = calendar.at(at)
    assert found.start <= at < found.end
    assert calendar.at(found.start) == found
    assert calendar.at(found.end).start == found.end


@pytest.mark.parametrize(
    ("zone", "day", "hours", "first"),
    [
        ("Asia/Shanghai", date(1986, 5, 4), 23, "1986-05-03T16:00:00"),
        ("Asia/Shanghai", date(1940, 6, 1), 23, "1940-05-31T16:00:00"),
        ("America/Sao_Paulo", date(2018, 11, 4), 23, "2018-11-04T03:00:00"),
        ("America/Sao_Paulo", date(2018, 2, 17), 25, "2018-02-17T02:00:00"),
        ("America/Havana", date(2026, 11, 1), 25, "2026-11-01T04:00:00"),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5, "2026-04-04T13:00:00"),
        ("America/Toronto", date(1919, 3, 31), 23.5, "1919-03-31T04:30:00"),
        ("Pacific/Apia", date(2011, 12, 31), 24, "2011-12-30T10:00:00"),
    ],
)
def test_a_day_begins_where_clocks_first_show_it(zone: str, day: date, hours: float, first: str) -> None:
    (found,) = Calendar("day", zone, date(1890, 1, 1)).meeting(day)
    assert (found.start, (found.end - found.start) / timedelta(hours=1)) == (utc(first), hours)


def test_a_day_that_was_left_out_has_no_interval() -> None:
    calendar = Calendar("day", "Pacific/Apia", date(2000, 1, 1))
    assert calendar.meeting(date(2011, 12, 30)) == []
    with pytest.raises(ValueError, match="2011-12-30 was left out in Pacific/Apia"):
        calendar.at(datetime(2011, 12, 30))  # noqa: DTZ001 - local time
    assert begins(calendar.zone, date(2011, 12, 30)) == begins(calendar.zone, date(2011, 12, 31))


def test_hours_follow_the_clock_and_not_utc() -> None:
    kathmandu = Calendar("hour", "Asia/Kathmandu", date(2026, 1, 1)).at(utc("2026-03-01T00:10:00"))
    assert (kathmandu.start, kathmandu.end) == (utc("2026-02-28T23:15:00"), utc("2026-03-01T00:15:00"))
    howe = Calendar("hour", "Australia/Lord_Howe", date(2026, 1, 1))
    forward = howe.at(utc("2026-10-03T15:40:00"))
    assert (forward.start, forward.end) == (utc("2026-10-03T15:30:00"), utc("2026-10-03T16:00:00"))


@pytest.mark.parametrize(("hour", "wrong"), [("2026-03-08T02:00", "left out"), ("2026-11-01T01:00", "comes twice")])
def test_a_local_hour_that_is_none_or_two_is_no_interval(hour: str, wrong: str) -> None:
    calendar = Calendar("hour", "America/New_York", date(2026, 1, 1))
    with pytest.raises(ValueError, match=wrong):
        calendar.at(datetime.fromisoformat(hour))
    assert calendar.at(datetime.fromisoformat("2026-11-01T01:00-05:00")).start == utc("2026-11-01T06:00:00")


def test_what_is_shown_and_sent_is_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    zone = ZoneInfo("America/New_York")
    first, second = utc("2026-11-01T05:30:00"), utc("2026-11-01T06:30:00")
    assert [shown(at, zone) for at in (first, second)] == ["2026-11-01 01:30-0400", "2026-11-01 01:30-0500"]
    assert shown(utc("2026-11-01T12:00:00"), zone) == "2026-11-01 07:00"
    assert formatted(second.astimezone(zone), "%s %%s %H%z") == f"{int(second.timestamp())} %s 01-0500"
    assert moments(zone, datetime(2026, 11, 1, 1, 30)) == [first, second]  # noqa: DTZ001 - local time


def test_a_day_without_a_midnight_keeps_its_name() -> None:
    """Its file was looked for under one o'clock."""
    calendar = Calendar("day", "America/Sao_Paulo", date(2018, 1, 1))
    (found,) = calendar.meeting(date(2018, 11, 4))
    assert found.start.astimezone(calendar.zone).hour == 1
    assert f"{calendar.named(found):%Y%m%d%H}" == "2018110400"


def test_readings_that_come_twice() -> None:
    assert set_back("Asia/Shanghai", date(1992, 1, 1)) == ()
    ((first, last),) = set_back("Asia/Shanghai", date(1991, 1, 1))
    assert (first.isoformat(), last.isoformat()) == ("1991-09-15T01:00:00", "1991-09-15T02:00:00")
    assert len(set_back("America/New_York", date(2026, 1, 1))) > 70
