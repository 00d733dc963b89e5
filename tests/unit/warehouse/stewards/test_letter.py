"""The text of a mail: bounded whatever was refused, one line a line, and true at the time it is read."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ingestion.contract.model import Contract
from ingestion.receipts.model import Span
from tests.support.lakes import contract, day
from warehouse.refused.model import RuleCount
from warehouse.stewards.deliveries import correct_by
from warehouse.stewards.letter import FILES, Letter
from warehouse.stewards.outbox import OutboxItem
from warehouse.title import Language, Title

FEED = "office.readings"
NOON = datetime(2026, 3, 3, 0, 30, tzinfo=UTC)


def item(number: int = 0, **said: Any) -> OutboxItem:
    facts: dict[str, Any] = {
        "feed": FEED, "department": "office", "batch": f"20260302T000000Z-{number:012x}", "receipt": "r",
        "interval": Span(start=day(0).start, end=day(0).end), "filename": f"f{number}.csv", "workbook": "w.xlsx",
        "workbook_key": "k/workbook.xlsx", "received": 12_000, "rows": 10_000, "rule": "refused_share",
        "steward": "steward@example.org", "language": "zh", "refused_at": NOON, "loaded_at": NOON, "made_at": NOON,
    }  # fmt: skip
    return OutboxItem.model_validate({**facts, **said})


def letter(language: Language = "zh", *, now: datetime = NOON, page_url: str | None = None, **feed: Any) -> Letter:
    named = dataclasses.replace(contract(**{"recapture": timedelta(days=3), **feed}), title="读数")
    contracts: dict[str, Contract] = {FEED: named}
    return Letter("steward@example.org", language, now, ZoneInfo("Asia/Shanghai"), page_url, contracts)


def count(number: int, text: str = "x" * 5000) -> RuleCount:
    words = Title(zh=f"规则{number}{text}", en=f"rule {number} {text}")
    return RuleCount(
        table="t", rule=f"r{number}", column=None, column_title=None, rows=10_000 - number, words=words, mend=words
    )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_is_bounded_however_much_was_refused(language: Language) -> None:
    rules = [count(number) for number in range(10_000)]
    refused = [item(number, rules=rules) for number in range(FILES + 5)]
    text = letter(language, page_url="http://127.0.0.1:1/today").body(refused, refused, frozenset())
    assert len(text) < 2_500 * FILES
    assert text.count("f0.csv") == 2
    assert text.count(("另有 9992 条规则", "and 9992 more rules")[language == "en"]) == FILES
    assert text.count(("另有 5 个文件", "And 5 more files")[language == "en"]) == 2
    assert max(map(len, text.splitlines())) < 400


def test_a_line_break_in_words_of_a_contract_begins_no_line() -> None:
    text = letter().body([item(rules=[count(1, "a\r\n.\r\nQUIT\u202e")])], [], frozenset())
    assert "规则1a⟨U+000D⟩⟨U+000A⟩.⟨U+000D⟩⟨U+000A⟩QUIT⟨U+202E⟩" in text
    assert "\r" not in text
    assert "." not in text.split("\n")


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (day(0).end, "2026-03-03 09:00 前报送不算迟报；2026-03-06 08:00 前到达的更正自动补入"),
        (day(0).end + timedelta(hours=1), "报送期限 2026-03-03 09:00 已过；2026-03-06 08:00 前到达的更正仍自动补入"),
        (day(3).end, "自动补入已于 2026-03-06 08:00 截止；更正报送后请告知数据湖运维人员"),
    ],
)
def test_until_when_a_correction_counts(now: datetime, said: str) -> None:
    assert said in letter(now=now).body([item()], [], frozenset())


def test_nothing_is_due_of_a_feed_that_sends_when_something_changes() -> None:
    assert "期限" not in letter(on_change=True).body([item()], [], frozenset())
    assert correct_by(contract(on_change=True), day(0)).due is None


def test_the_last_run_that_looks_for_a_file_is_that_of_the_last_local_day() -> None:
    local = contract(
        calendar={"every": "day", "timezone": "Asia/Shanghai", "start": date(2026, 1, 1)}, recapture=timedelta(days=2)
    )
    (interval,) = local.calendar.meeting(date(2026, 3, 2))
    by = correct_by(local, interval)
    assert by.taken_until == datetime(2026, 3, 4, 16, tzinfo=UTC)
    never = correct_by(contract(recapture=timedelta(0), deadline=timedelta(days=2)), day(0))
    assert never.taken_until == never.due == day(2).end


def test_a_subject_is_one_line_and_counts_files() -> None:
    chinese, english = letter(), letter("en")
    assert chinese.subject([item()], []) == "[citylake] 1 个报送文件被退回，请更正：读数（office.readings）"
    assert english.subject([item(), item(1)], []) == "[citylake] 2 files refused, please correct: office.readings"
    assert english.subject([], [item()]) == "[citylake] correction accepted of 1 file: office.readings"
    assert english.subject([item(feed="office.gone"), item()], []).endswith("office.gone and others")
    assert chinese.subject([item(synthetic=True)], []).startswith("[citylake] 【合成数据】")
    odd = dataclasses.replace(contract(), title="读数\r\nBcc: x@example.org")
    hostile = dataclasses.replace(chinese, contracts={FEED: odd})
    assert "\n" not in hostile.subject([item()], [])
