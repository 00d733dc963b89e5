"""How values are shown to people: text that cannot act, city time, ages, intervals.

Every text that a template puts out passes `shown_text`, then Jinja's escaping, so that no file name can reorder the
words around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from ingestion import clocks
from ingestion.receipts.model import Span
from ingestion.values.visible import visible
from warehouse.title import Language

LONGEST = 2_000
"""Characters of one value that are shown."""
_KEPT = "\n\t"
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_LONGEST_DAY, _SHORTEST_DAY = timedelta(hours=26), timedelta(hours=22)


def shown_text(value: Any) -> Any:
    """A text with hidden characters made visible, shortened; other values, and what is safe already (Markup), as they
    are.
    """
    return visible(value, LONGEST, kept=_KEPT) if isinstance(value, str) and not isinstance(value, Markup) else value


def _as_it_is(moment: datetime) -> datetime:
    return moment


@dataclass(frozen=True)
class Clock:
    """Times for one response, in one language and in the city's zone.

    `now` is the city's time, to which ages are counted. `in_city` gives of a moment that the machine's clock recorded
    (an action, a release) the city's time then; they differ where the city is simulated. Moments of the status are the
    city's already.
    """

    now: datetime
    zone: ZoneInfo
    language: Language
    in_city: Callable[[datetime], datetime] = _as_it_is

    def shown(self, moment: datetime | None) -> str:
        """City time to the minute; empty without a moment."""
        return "" if moment is None else clocks.shown(moment, self.zone)

    def age(self, moment: datetime | None) -> str:
        """`3 hours ago`, `in 2 days`, in words of the language."""
        if moment is None:
            return ""
        if abs(moment - self.now) < _MINUTE:
            return "刚刚" if self.language == "zh" else "just now"
        from babel.dates import format_timedelta

        return str(format_timedelta(moment - self.now, add_direction=True, threshold=1.2, locale=self.language))

    def days_ago(self, day: date | None) -> str:
        """The age of a local day: `today`, `2 days ago`."""
        if day is None:
            return ""
        today = self.now.astimezone(self.zone).date()
        if day == today:
            return "今天" if self.language == "zh" else "today"
        from babel.dates import format_timedelta

        return str(format_timedelta(day - today, add_direction=True, granularity="day", locale=self.language))

    def iso(self, moment: datetime) -> str:
        """For the `datetime` of a `<time>`: city time with its offset."""
        return moment.astimezone(self.zone).isoformat(timespec="seconds")

    def interval(self, span: Span | None) -> str:
        """An interval as local days, or as times of a day: `2026-03-02`, `2026-03-02 … 2026-03-08`,
        `2026-03-02 08:00–09:00`.
        """
        if span is None:
            return ""
        start, end = span.start.astimezone(self.zone), span.end.astimezone(self.zone)
        if end - start < _SHORTEST_DAY:
            last = f"{end:%H:%M}" if (end - timedelta.resolution).date() == start.date() else f"{end:%m-%d %H:%M}"
            return f"{start:%Y-%m-%d %H:%M}–{last}"
        if end - start <= _LONGEST_DAY:
            return f"{start:%Y-%m-%d}"
        return f"{start:%Y-%m-%d} … {end - _DAY:%Y-%m-%d}"

    @property
    def offset(self) -> str:
        """The city's offset now: `UTC+08:00`."""
        text = f"{self.now.astimezone(self.zone):%z}"
        return f"UTC{text[:3]}:{text[3:5]}"
