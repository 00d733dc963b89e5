"""Texts that cannot act, city time, ages, intervals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup

from dags.today.display import LONGEST, Clock, shown_text
from ingestion.receipts.model import Span

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)


def clock(**changes: object) -> Clock:
    parts = {"now": NOW, "zone": ZONE, "language": "en"} | changes
    return Clock(**parts)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [0x00, 0x07, 0x0D, 0x1B, 0x85, 0xAD, 0x200B, 0x202E, 0x2066, 0x2028, 0xFEFF, 0xE0041])
def test_a_character_without_a_glyph_is_shown_as_its_code(code: int) -> None:
    assert shown_text(f"a{chr(code)}b") == f"a⟨U+{code:04X}⟩b"


def test_plain_text_stays_and_long_text_is_cut() -> None:
    for text in ("plain, text", "中文 ✓ é", "two\nlines\tand a tab", ""):
        assert shown_text(text) == text
    assert shown_text("\ud800") == "⟨U+D800⟩"
    assert shown_text("x" * (LONGEST + 1)) == "x" * (LONGEST - 1) + "…"
    assert shown_text(Markup("<b>\u202e</b>")) == "<b>\u202e</b>"
    assert shown_text(7) == 7


def test_times_are_the_citys_and_ages_in_words() -> None:
    assert clock().shown(NOW) == "2026-03-04 23:00"
    assert clock().iso(NOW) == "2026-03-04T23:00:00+08:00"
    assert clock().offset == "UTC+08:00"
    assert clock().age(NOW - timedelta(hours=3)) == "3 hours ago"
    assert clock(language="zh").age(NOW - timedelta(hours=3)) == "3小时前"
    assert clock().age(NOW + timedelta(days=2)) == "in 2 days"
    assert clock().age(NOW + timedelta(seconds=9)) == "just now"
    assert clock().days_ago(date(2026, 3, 4)) == "today"
    assert clock(language="zh").days_ago(date(2026, 3, 2)) == "2天前"
    assert (clock().shown(None), clock().age(None), clock().days_ago(None), clock().interval(None)) == ("",) * 4


@pytest.mark.parametrize(
    ("start", "hours", "shown"),
    [
        ("2026-03-03T16:00", 24, "2026-03-04"),
        ("2026-03-03T16:00", 168, "2026-03-04 … 2026-03-10"),
        ("2026-03-04T00:00", 1, "2026-03-04 08:00–09:00"),
        ("2026-03-04T15:00", 1, "2026-03-04 23:00–00:00"),
        ("2026-03-04T15:30", 1, "2026-03-04 23:30–03-05 00:30"),
    ],
)
def test_intervals_are_days_or_times_of_a_day(start: str, hours: int, shown: str) -> None:
    first = datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert clock().interval(Span(start=first, end=first + timedelta(hours=hours))) == shown
