"""The trigger form's days, as tasks take them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ingestion.errors import ConfigurationError
from tests.support.lakes import lake


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
    ("first", "last", "told"),
    [
        ("0001-01-01", "0001-01-02", "0001-01-01 to 0001-01-02: days go from 1970-01-01 to 2199-12-31"),
        ("1990-01-01", "9999-12-31", "days go from"),
        ("1990-01-01", "2026-03-02", "at most 3,660 days go into one run"),
        ("2026-03-05", "2026-03-02", "the last day is before the first"),
    ],
)
def test_days_nobody_can_mean(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: str, last: str, told: str
) -> None:
    """They would be looked at one by one, for hours, or left a traceback from the edge of the calendar."""
    from dags.factory.runtime import days, for_operators, judged_day

    asked(monkeypatch, **{"from": first, "to": last, "as_of": "9999-12-31"})
    with pytest.raises(ConfigurationError, match=told):
        days(lake(tmp_path))
    with pytest.raises(ConfigurationError, match="9999-12-31: days go from"):
        judged_day(lake(tmp_path))

    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match="nothing was done"), for_operators():
        days(lake(tmp_path))
