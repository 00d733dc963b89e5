"""Schedules and durations in Chinese and English."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dags.factory.words import both, duration_words, listed, schedule_words, zone_words
from warehouse.title import Title


@pytest.mark.parametrize(
    ("cron", "en", "zh"),
    [
        ("0 8 * * *", "At 08:00, every day", "在 08:00, 每天"),
        ("15 * * * *", "At 15 minutes past the hour", "在每小时的 15 分"),
        ("45 1 * * 2", "At 01:45, only on Tuesday", "在 01:45, 仅在 星期二"),
        ("10 3 * * 0", "At 03:10, only on Sunday", "在 03:10, 仅在 星期日"),
        ("*/15 * * * *", "Every 15 minutes", "每 15 分钟"),
        ("30 1 1 * *", "At 01:30, on day 1 of the month", "在 01:30, 每月的 1 号"),
        ("0 6 1 5 *", "At 06:00, on day 1 of the month, only in May", "在 06:00, 每月的 1 号, 仅在 五月"),
    ],
)
def test_a_schedule(cron: str, en: str, zh: str) -> None:
    words = schedule_words(cron)
    assert (words.en, words.zh) == (en, zh)


@pytest.mark.parametrize(
    ("duration", "en", "zh"),
    [
        (timedelta(hours=12), "12 hours", "12小时"),
        (timedelta(minutes=30), "30 minutes", "30分钟"),
        (timedelta(days=1), "1 day", "1天"),
        (timedelta(days=400), "400 days", "400天"),
        (timedelta(hours=36), "36 hours", "36小时"),
        (timedelta(0), "0 minutes", "0分钟"),
    ],
)
def test_a_duration_is_in_the_largest_whole_unit(duration: timedelta, en: str, zh: str) -> None:
    words = duration_words(duration)
    assert (words.en, words.zh) == (en, zh)


def test_only_the_citys_own_zone_is_city_time() -> None:
    assert zone_words("Asia/Shanghai", "Asia/Shanghai").en == "city time"
    assert zone_words("Asia/Urumqi", "Asia/Shanghai").zh == "Asia/Urumqi 时间"


def test_both_languages_stand_once_where_they_say_the_same() -> None:
    assert both(Title(zh="天气", en="weather")) == "weather 天气"
    assert both(Title(zh="weather", en="weather")) == "weather"


def test_a_long_list_says_how_many_are_left() -> None:
    assert listed(["a", "b"], 2) == "a, b"
    assert listed(["a", "b", "c"], 2) == "a, b, … (+1)"
