"""What goes into a notice, and what is cut."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest

from ingestion.receipts.model import Span
from tests.support.lakes import day
from warehouse.incidents.model import Incident, Kind
from warehouse.incidents.notice import LONGEST, compose, one_line
from warehouse.incidents.wording import WORDS


def incident(kind: Kind = "delivery_late", **said: object) -> Incident:
    span = Span(start=day(0).start, end=day(0).end)
    now = datetime(2026, 3, 3, tzinfo=UTC)
    facts = {"id": "i", "kind": kind, "subject": "office.readings", "opened_at": now, "last_seen": now}
    return Incident.model_validate({**facts, "first": span, "last": span, "intervals": 1, "message": "m", **said})


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_says_it_in_both_languages(kind: Kind) -> None:
    text = compose(incident(kind), "opened", title="读数", timezone="Asia/Shanghai")
    words = WORDS[kind]
    for said in (*words.name, *words.left, "office.readings", "读数", "2026-03-02 08:00"):
        assert said in text.body
    assert "{subject}" not in text.body
    assert words.name[0] in text.subject
    assert words.name[1] in text.subject


def test_a_notice_has_no_line_breaks_in_its_subject() -> None:
    text = compose(incident(message=one_line("a\r\nBcc: x")), "opened", title=None, timezone="UTC")
    assert "\n" not in text.subject
    assert "a Bcc: x" in text.body
    block = compose(incident(), "opened", title="读数\nBcc: x@example.org\n", timezone="UTC")
    assert block.subject.endswith("office.readings 读数 Bcc: x@example.org")


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("x" * 1000, "x" * (LONGEST - 1) + "…"),
        ("get https://u:p@h.example.org:8443/a/b?k=v failed", "get https://h.example.org:8443 failed"),
        ("s3://bucket/key?sig=1 and postgresql://u:p@db/x", "s3://bucket and postgresql://db"),
        ("one\ntwo\x00three", "one two three"),
    ],
)
def test_messages_are_cut_to_what_may_be_told(message: str, kept: str) -> None:
    assert one_line(message) == kept


def test_a_run_covers_its_intervals_and_the_next_to_it() -> None:
    run = incident(last=Span(start=day(2).start, end=day(2).end), intervals=3)
    assert [run.covers(day(n)) for n in (-2, -1, 0, 1, 2, 3, 4)] == [False, True, True, True, True, True, False]
    assert incident("task_failed").covers(day(9))


def test_once_over_only_that_is_still_to_be_told() -> None:
    notices = [{"said": "opened", "channel": "webhook"}, {"said": "resolved", "channel": "webhook"}]
    assert [n.said for n in incident(notices=notices).pending()] == ["opened"]
    over = incident(notices=notices, resolved_at=datetime(2026, 3, 4, tzinfo=UTC))
    assert [n.said for n in over.pending()] == ["resolved"]
