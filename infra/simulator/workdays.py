"""Workdays of the run's years, for what must be reported within so many of them.

The simulator's own small table (notices of the State Council's office for 2025 and 2026), apart from the lake's
calendar on purpose. In other years Monday to Friday are workdays.
"""

from __future__ import annotations

from datetime import date, timedelta

_SATURDAY = 5

_HOLIDAYS = (
    (date(2025, 1, 1), 1), (date(2025, 1, 28), 8), (date(2025, 4, 4), 3), (date(2025, 5, 1), 5), (date(2025, 5, 31), 3),
    (date(2025, 10, 1), 8),
    (date(2026, 1, 1), 3), (date(2026, 2, 15), 9), (date(2026, 4, 4), 3), (date(2026, 5, 1), 5), (date(2026, 6, 19), 3),
    (date(2026, 9, 25), 3), (date(2026, 10, 1), 7),
)  # fmt: skip
"""First day and days of each holiday."""

_OFF = frozenset(first + timedelta(days=n) for first, days in _HOLIDAYS for n in range(days))
_WORKED = frozenset(
    (
        date(2025, 1, 26), date(2025, 2, 8), date(2025, 4, 27), date(2025, 9, 28), date(2025, 10, 11),
        date(2026, 1, 4), date(2026, 2, 14), date(2026, 2, 28), date(2026, 5, 9), date(2026, 9, 20), date(2026, 10, 10),
    )
)  # fmt: skip
"""Weekend days that were worked in exchange (调休)."""


def is_workday(day: date) -> bool:
    """Whether offices work on that day."""
    return day in _WORKED or (day not in _OFF and day.weekday() < _SATURDAY)


def before(day: date, longest: int) -> list[date]:
    """Workdays back from a day: the day itself, or the last workday before it, then the `longest` ones before that.

    Between entry `n` (excluded) and `day` (included) there are exactly `n` workdays.
    """
    found: list[date] = []
    while len(found) <= longest:
        if is_workday(day):
            found.append(day)
        day -= timedelta(days=1)
    return found
