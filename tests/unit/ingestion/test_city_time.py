"""The time of a simulated city, and what was recorded in the machine's time as the city's."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingestion.city_time import city_time, recorded_in_city, set_city_time
from ingestion.errors import ConfigurationError
from ingestion.settings import Settings

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2030, 6, 1, 12, tzinfo=UTC)
MORNING, EVENING = datetime(2026, 3, 2, 0, 5, tzinfo=ZONE), datetime(2026, 3, 2, 23, tzinfo=ZONE)


def _settings(home: Path) -> Settings:
    return Settings(home=home, city_time=home / "city" / "time.txt")


def _set(settings: Settings, moment: datetime, at: datetime) -> None:
    assert settings.city_time is not None
    set_city_time(settings.city_time, moment, lambda: at)


def test_the_time_stands_still_until_it_is_set_again(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    _set(settings, MORNING, NOW)
    assert city_time(settings, lambda: NOW + timedelta(hours=9)) == MORNING
    _set(settings, EVENING, NOW + timedelta(hours=9))
    assert city_time(settings) == EVENING


def test_what_was_recorded_is_shown_as_the_citys_time_then(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    _set(settings, MORNING, NOW)
    _set(settings, EVENING, NOW + timedelta(minutes=2))
    shown = recorded_in_city(settings, lambda: NOW + timedelta(hours=1))
    assert shown(NOW) == shown(NOW + timedelta(seconds=119)) == MORNING
    assert shown(NOW + timedelta(minutes=2)) == shown(NOW + timedelta(minutes=30)) == EVENING


def test_moments_of_the_city_stay_as_they_are(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    _set(settings, MORNING, NOW)
    shown = recorded_in_city(settings, lambda: NOW + timedelta(hours=1))
    for moment in (EVENING, NOW - timedelta(seconds=1), NOW + timedelta(hours=2)):
        assert shown(moment) == moment


def test_a_city_that_is_not_simulated_has_the_machines_time(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert city_time(settings, lambda: NOW) == NOW
    assert recorded_in_city(settings)(NOW) == NOW


def test_a_time_written_without_a_note_is_read_all_the_same(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    assert settings.city_time is not None
    settings.city_time.parent.mkdir(parents=True)
    settings.city_time.write_text("2026-03-02T23:00:00", encoding="utf-8")
    os.utime(settings.city_time, (NOW.timestamp(), NOW.timestamp()))
    assert city_time(settings) == EVENING
    shown = recorded_in_city(settings, lambda: NOW + timedelta(hours=1))
    assert shown(NOW + timedelta(minutes=1)) == EVENING
    assert shown(NOW - timedelta(minutes=1)) == NOW - timedelta(minutes=1)
    settings.city_time.write_text("soon", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="holds no ISO time"):
        city_time(settings)
