"""The ledger of actions: asked before, done or failed after, nothing hidden in a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion import keys
from ingestion.errors import ConfigurationError, StoreError
from ingestion.lake import Lake
from tests.support.lakes import lake as small_lake
from warehouse.actions import ledger
from warehouse.actions.model import Actor

OFFICER = Actor(account="duty", role="admin", via="page")
NOW = datetime(2026, 3, 5, 4, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return replace(small_lake(tmp_path), clock=lambda: NOW)


def events(lake: Lake, limit: int = 10) -> list[tuple[str, str, str | None]]:
    return [(e.verb, e.event, e.message) for e in ledger.recent(lake, limit)]


def test_an_action_is_asked_then_done_newest_first(lake: Lake) -> None:
    with ledger.recorded(lake, OFFICER, "withdraw", "open", " leak suspected ", {"release": "r1"}) as recording:
        assert events(lake) == [("withdraw", "asked", None)]
        recording.message = "no release\nis current"
    done, asked = ledger.recent(lake, 10)
    assert (done.event, done.message, asked.event) == ("done", "no release is current", "asked")
    assert done.action == asked.action
    assert (asked.reason, asked.subject, asked.details) == ("leak suspected", "open", {"release": "r1"})
    assert asked.actor.signature == "duty (admin)"
    assert done.at > asked.at


def test_what_fails_is_recorded_with_its_message_and_raised(lake: Lake) -> None:
    refused = ConfigurationError("edition open is not on hold", left="nothing changed")
    with pytest.raises(ConfigurationError), ledger.recorded(lake, OFFICER, "resume", "open", "repaired"):
        raise refused
    with pytest.raises(KeyError), ledger.recorded(lake, OFFICER, "resume", "open", "repaired"):
        raise KeyError("张三 442000198001011234")
    assert events(lake) == [
        ("resume", "failed", "unexpected KeyError"),
        ("resume", "asked", None),
        ("resume", "failed", "edition open is not on hold"),
        ("resume", "asked", None),
    ]


def test_a_process_that_dies_in_between_leaves_what_was_asked(lake: Lake) -> None:
    with pytest.raises(KeyboardInterrupt), ledger.recorded(lake, OFFICER, "rollback", "open", "wrong totals"):
        raise KeyboardInterrupt
    assert events(lake) == [("rollback", "asked", None)]


def test_actions_pair_what_was_asked_with_how_it_ended(lake: Lake) -> None:
    with ledger.recorded(lake, OFFICER, "look", "office.first", "complaint"):
        pass
    with pytest.raises(KeyboardInterrupt), ledger.recorded(lake, OFFICER, "rollback", "open", "wrong totals"):
        raise KeyboardInterrupt
    found = [(asked.subject, ended and ended.event) for asked, ended in ledger.actions(lake, 10)]
    assert found == [("open", None), ("office.first", "done")]
    assert len(ledger.actions(lake, 1)) == 1


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("  ", "is empty"),
        ("x" * 501, "has 501 characters"),
        ("two\nlines", "U+000A"),
        ("escape \x1b[2J", "U+001B"),
        ("right to left \u202egnp.exe", "U+202E"),
        ("isolate \u2066x\u2069", "U+2066"),
        ("mark \u200f", "U+200F"),
        ("next \u2028 line", "U+2028"),
        ("lone \ud800", "U+D800"),
    ],
)
def test_a_reason_that_hides_something_is_refused_before_anything_is_done(lake: Lake, reason: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as refused, ledger.recorded(lake, OFFICER, "withdraw", "open", reason):
        pytest.fail("the action ran")
    assert says in str(refused.value)
    assert ledger.recent(lake, 10) == []


@pytest.mark.parametrize("reason", ["泄露　疑似，先撤回（见工单 7）", "=1+1", "<script>alert(1)</script>", "x" * 500])
def test_text_that_everybody_sees_is_kept_as_written(lake: Lake, reason: str) -> None:
    with ledger.recorded(lake, OFFICER, "withdraw", "open", reason):
        pass
    assert {entry.reason for entry in ledger.recent(lake, 10)} == {reason}


def test_subject_account_and_details_are_checked_as_well(lake: Lake) -> None:
    for actor, subject, details in (
        (OFFICER, "open\n", {"batch": "b\x00"}),
        (OFFICER, "\u202e", {}),
        (Actor(account="a\u2066", role="admin", via="page"), "open", {}),
    ):
        with pytest.raises(ConfigurationError), ledger.recorded(lake, actor, "look", subject, "a complaint", details):
            pytest.fail("the action ran")


def test_only_the_newest_entries_are_read_across_days(lake: Lake) -> None:
    for day in range(3):
        then = replace(lake, clock=lambda day=day: NOW + timedelta(days=day))
        with ledger.recorded(then, OFFICER, "look", f"office.{day}", "complaint"):
            pass
    assert [(e.subject, e.event) for e in ledger.recent(lake, 3)] == [
        ("office.2", "done"),
        ("office.2", "asked"),
        ("office.1", "done"),
    ]


def test_a_clock_set_back_reorders_nothing(lake: Lake) -> None:
    with ledger.recorded(lake, OFFICER, "look", "office.first", "complaint"):
        pass
    earlier = replace(lake, clock=lambda: NOW - timedelta(days=2))
    with ledger.recorded(earlier, OFFICER, "look", "office.second", "complaint"):
        pass
    assert [entry.subject for entry in ledger.recent(lake, 4)] == [*["office.second"] * 2, *["office.first"] * 2]


def test_an_entry_is_never_replaced_and_private(lake: Lake) -> None:
    with ledger.recorded(lake, OFFICER, "look", "office.readings", "complaint"):
        pass
    entry = ledger.recent(lake, 1)[0]
    with pytest.raises(StoreError):
        ledger.append(lake, entry.model_copy(update={"reason": "another"}))
    assert keys.ACTIONS in keys.PRIVATE
    assert (lake.settings.lake_root / keys.ACTIONS).stat().st_mode & 0o077 == 0
