"""What contracts and schedules say in machine form, as words in Chinese and English: cron expressions, durations.

Owns the wording; babel and cron-descriptor know the languages. Which facts a page shows is dags.factory.doc's business.
"""

from __future__ import annotations

import calendar
import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from babel.dates import format_timedelta, get_day_names, get_month_names
from cron_descriptor import Options, get_description

from ingestion.intervals import Step
from warehouse.title import Language, Title

Unit = Literal["day", "hour", "minute"]

STEPS: dict[Step, Title] = {
    "hour": Title(zh="每小时", en="hour"),
    "day": Title(zh="每天", en="day"),
    "week": Title(zh="每周", en="week"),
    "month": Title(zh="每月", en="month"),
    "quarter": Title(zh="每季度", en="quarter"),
    "year": Title(zh="每年", en="year"),
}
_LOCALES: dict[Language, str] = {"zh": "zh_CN", "en": "en_US"}
_UNITS: tuple[tuple[Unit, timedelta], ...] = (
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
)


def schedule_words(cron: str) -> Title:
    """When a cron expression ticks: `0 8 * * *` is `At 08:00, every day`, `在 08:00, 每天`."""
    return Title(zh=_in_chinese(_described(cron, "zh")), en=_described(cron, "en"))


def duration_words(duration: timedelta) -> Title:
    """A duration in the largest unit that it is a whole number of: `12 hours`, `12小时`; parts of minutes are left."""
    whole = [unit for unit, length in _UNITS if duration and not duration % length]
    unit = whole[0] if whole else "minute"
    return Title(zh=_counted(duration, unit, "zh"), en=_counted(duration, unit, "en"))


def zone_words(timezone: str, city: str) -> Title:
    """The name of a time zone to people of a city: its own is city time."""
    if timezone == city:
        return Title(zh="本市时间", en="city time")
    return Title(zh=f"{timezone} 时间", en=f"{timezone} time")


def both(title: Title) -> str:
    """A text in both languages, English first; once where they say the same."""
    return title.en if title.en == title.zh else f"{title.en} {title.zh}"


def listed(names: Sequence[str], most: int = 10) -> str:
    """The first names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f", … (+{more:,})" if more > 0 else "")


def _described(cron: str, language: Language) -> str:
    options = Options()
    options.locale_code = _LOCALES[language]
    options.use_24hour_time_format = True
    # Says "every day"; where a schedule ticks every hour it would say so twice.
    options.verbose = cron.split()[1] != "*"
    return str(get_description(cron, options))


def _in_chinese(text: str) -> str:
    """The names of days and months, which cron-descriptor takes from the process, in Chinese."""
    days, months = get_day_names("wide", locale="zh"), get_month_names("wide", locale="zh")
    named = {calendar.day_name[day]: days[day] for day in range(7)}
    named |= {calendar.month_name[month]: months[month] for month in range(1, 13)}
    for name, chinese in named.items():
        text = text.replace(name, chinese)
    return text


def _counted(duration: timedelta, unit: Unit, language: Language) -> str:
    # No larger unit is used, however long the duration is.
    return str(format_timedelta(duration, granularity=unit, threshold=math.inf, locale=_LOCALES[language]))
