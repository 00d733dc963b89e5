"""The trigger form's days, as tasks take them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ingestion.errors import ConfigurationError
from tests.support.lakes import contract, lake


def asked(monkeypatch: pytest.MonkeyPatch, **said: str) -> None:
    from dags.factory import runtime

    monkeypatch.setattr(runtime, "parameter", said.get)
    monkeypatch.setattr(runtime, "get_current_context", dict)


def test_days_as_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from dags.factory.runtime import days, judged_day

    asked(monkeypatch, **{"from": "2026-03-02", "to": "2026-03-06", "as_of": "2026-03-07"})
    assert days(lake(tmp_path)) == (date(2026, 3, 2), date(2026, 3, 6))
    assert judged_day(lake(tmp_path)) == date(2026, 3, 7)
    asked(monkeypatch)
    today = lake(tmp_path).city_time().date()
    assert days(lake(tmp_path)) == (today, today)


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("0001-01-01", "0001-01-02", "0001-01-01 to 0001-01-02: days go from 1970-01-01 to 2199-12-31"),
        ("1990-01-01", "9999-12-31", "days go from"),
        ("1990-01-01", "2026-03-02", "at most 3,660 days go into one run"),
        ("2026-03-05", "2026-03-02", "the last day is before the first"),
    ],
)
def test_days_nobody_can_mean(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: str, last: str, message: str
) -> None:
    """They would be looked at one by one, for hours, or left a traceback from the edge of the calendar."""
    from dags.factory.runtime import days, for_operators, judged_day

    asked(monkeypatch, **{"from": first, "to": last, "as_of": "9999-12-31"})
    with pytest.raises(ConfigurationError, match=message):
        days(lake(tmp_path))
    with pytest.raises(ConfigurationError, match="9999-12-31: days go from"):
        judged_day(lake(tmp_path))

    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match="nothing was done"), for_operators():
        days(lake(tmp_path))


@pytest.mark.parametrize(
    ("logical", "day"),
    [
        (datetime(2026, 11, 29, 12, tzinfo=UTC), date(2026, 3, 7)),
        (datetime(2026, 3, 6, 17, tzinfo=UTC), date(2026, 3, 7)),
        (datetime(2026, 3, 5, 12, tzinfo=UTC), date(2026, 3, 5)),
        (None, date(2026, 3, 7)),
    ],
)
def test_a_run_is_about_no_day_that_is_still_to_come_in_the_city(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, logical: datetime | None, day: date
) -> None:
    """The form's default is the machine's time, months after a simulated city's last day."""
    from dags.factory import runtime

    (tmp_path / "time.txt").write_text("2026-03-07T23:00:00+08:00", encoding="utf-8")
    made = lake(tmp_path)
    made = replace(made, settings=made.settings.model_copy(update={"city_time": tmp_path / "time.txt"}))
    monkeypatch.setattr(runtime, "parameter", lambda name: None)
    monkeypatch.setattr(runtime, "get_current_context", lambda: {"logical_date": logical})
    assert runtime.days(made) == (day, day)


def test_days_without_an_interval_or_still_to_come_are_red_and_say_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from dags.factory import failures, runtime

    made = lake(tmp_path, contracts={"office.readings": contract()}, clock=lambda: datetime(2026, 3, 7, tzinfo=UTC))
    asked(monkeypatch, **{"from": "2019-01-01"})
    with pytest.raises(runtime.OutOfRange, match="no interval in 2019-01-01 to 2019-01-01; its calendar begins on"):
        runtime.feed_days(made, "office.readings")
    asked(monkeypatch, **{"from": "2026-03-06"})
    assert runtime.feed_days(made, "office.readings") == (date(2026, 3, 6), date(2026, 3, 6))
    message = runtime.nothing_new(made, "office.readings", date(2026, 3, 6), date(2026, 3, 6), 1)
    assert (
        message
        == "nothing new in 2026-03-06 to 2026-03-06 and the recapture before; 1 intervals of them have no file yet"
    )
    with pytest.raises(runtime.OutOfRange, match="2027-01-01 is still to come, it is 2026-03-07 in the city") as caught:
        runtime.nothing_new(made, "office.readings", date(2027, 1, 1), date(2027, 1, 1), 1)
    monkeypatch.setattr(failures, "open_lake", lambda: pytest.fail("the steward is told of a mistyped day"))
    failures.report_failure({"exception": caught.value})
