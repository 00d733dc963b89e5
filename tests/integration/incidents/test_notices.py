"""Each incident reaches the steward once, by mail and webhook, whatever the servers do."""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from ingestion.delivery.ingest import ingest_file
from ingestion.errors import ConfigurationError, SourceError
from ingestion.lake import Lake
from tests.integration.incidents.conftest import FEED, Make, mailing
from tests.support.lakes import contract, day, drop, rows
from tests.support.notice_servers import (
    Hook,
    Mailbox,
    certificate,
    mail_server,
    silent_server,
    webhook_server,
)
from tests.support.ports import free_port
from warehouse.incidents.book import Book
from warehouse.incidents.channels import channels
from warehouse.incidents.deliveries import report_deliveries
from warehouse.incidents.model import OPERATORS, STEWARDS, Kind
from warehouse.incidents.report import report, report_error, resolve
from warehouse.incidents.sweep import sweep

KEY = "s3cret"
BEFORE = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""Nothing is due yet."""
NAMES = "张三,44200019900101123X\n"


def refuse(made: Lake, name: str = "bad.csv") -> None:
    assert ingest_file(made, contract(), drop(made, name, NAMES), day(0)).outcome == "refused"


def everything(made: Lake) -> str:
    return "".join(made.store.get_bytes(i.key).decode() for i in made.store.list("incidents/"))


def test_a_refusal_is_told_once_and_its_end_once(make: Make, mailbox: Mailbox, hook: Hook) -> None:
    made = make(**mailing(mailbox), webhook_url=hook.url)
    refuse(made)
    first = sweep(made)
    assert len(first.opened) == 1
    assert [how for *_, how in first.notified.sent] == ["webhook"], "the steward gets a mail of all refused files"
    objects = everything(made)
    for _ in range(3):
        again = sweep(made)
        assert (again.opened, again.counted, again.notified.sent) == ([], [], [])
    assert everything(made) == objects
    assert ingest_file(made, contract(), drop(made, "good.csv", rows("abc")), day(0)).outcome == "accepted"
    assert sweep(made).resolved == first.opened
    assert sweep(made).resolved == []
    assert hook.events == [("opened", "delivery_refused"), ("resolved", "delivery_refused")]
    assert mailbox.mails == []
    assert list(made.store.list("incidents/active/")) == []
    assert [incident.resolved_at is not None for incident in Book(made).ended(10)] == [True]


def test_the_notice_says_where_and_what_next_and_quotes_no_row(make: Make, hook: Hook) -> None:
    made = make(webhook_url=hook.url, feed={"synthetic": True})
    refuse(made)
    sweep(made)
    ((_, posted),) = hook.posts
    (document,) = hook.documents
    for said in (FEED, "2026-03-02 08:00", "rule header", "citylake deliveries", "原始文件已留存", "synthetic"):
        assert said in document["text"]
    assert "合成数据" in document["subject"]
    for secret in ("张三", "44200019900101123X", "bad.csv"):
        assert secret not in posted.decode()
        assert secret not in everything(made)


def test_retries_and_reruns_raise_only_the_count(make: Make, hook: Hook) -> None:
    made = make(webhook_url=hook.url)
    error = SourceError("https://user:pw@files.example.org/a?token=abc is not answered", left="nothing was stored")
    for attempt in (1, 2, 2, 3):
        report_error(made, "source_unreachable", FEED, error, occurrence=f"run-1 try {attempt}")
    report_error(made, "source_unreachable", FEED, error, interval=day(1), occurrence="run-2 try 1")
    (incident,) = Book(made).active()
    assert (incident.occurrences, incident.is_open) == (4, True)
    assert hook.events == [("opened", "source_unreachable")]
    assert "files.example.org" in incident.message
    for secret in ("pw", "token", "abc"):
        assert secret not in incident.message
    assert resolve(made, "source_unreachable", FEED, "read again")[0].notified.sent
    assert resolve(made, "source_unreachable", FEED, "read again") == []
    report_error(made, "source_unreachable", FEED, error, occurrence="run-3 try 1")
    assert [said for said, _ in hook.events] == ["opened", "resolved", "opened"]


def test_the_others_of_a_source_do_not_end_what_names_its_bad_item(make: Make, hook: Hook) -> None:
    made = make(webhook_url=hook.url)
    report(made, "source_unreachable", FEED, "extract: 'office/readings_20260302_2.csv' is a link that leads nowhere")
    accepted = ingest_file(made, contract(), drop(made, "good.csv", rows("abc")), day(0))
    assert report_deliveries(made, [accepted], is_source_read=False) == []
    assert [one.kind for one in Book(made).active() if one.is_open] == ["source_unreachable"]
    assert [done.action for done in report_deliveries(made, [accepted])] == ["resolved"]


def test_a_task_tells_its_deliveries_at_once(make: Make, hook: Hook) -> None:
    made = make(webhook_url=hook.url)
    report(made, "source_unreachable", FEED, "no answer")
    refused = ingest_file(made, contract(), drop(made, "bad.csv", NAMES), day(0))
    assert [done.action for done in report_deliveries(made, [refused])] == ["resolved", "opened"]
    assert [done.action for done in report_deliveries(made, [refused])] == ["known"]
    assert sweep(made).notified.sent == []
    accepted = ingest_file(made, contract(), drop(made, "good.csv", rows("abc")), day(0))
    assert [done.action for done in report_deliveries(made, [accepted])] == ["resolved"]
    assert sweep(made).resolved == []
    assert len(hook.posts) == 4


def test_without_a_channel_it_is_recorded_and_told_when_there_is_one(make: Make, hook: Hook) -> None:
    made = make()
    refuse(made)
    assert sweep(made).opened
    assert sweep(made).open == 1
    later = make(webhook_url=hook.url)
    assert [how for *_, how in sweep(later).notified.sent] == ["webhook"]
    assert sweep(later).notified.sent == []


def test_a_channel_that_is_down_is_tried_by_the_next_sweep(make: Make, hook: Hook) -> None:
    port = free_port()
    made = make(now=BEFORE, **mailing(Mailbox(port)), webhook_url=hook.url)
    told = report(made, "task_failed", FEED, "exit 1").notified
    assert [why for *_, why in told.failed] == ["ConnectionRefusedError"]
    assert hook.events == [("opened", "task_failed")]
    assert sweep(made).notified.failed
    with mail_server(port) as mailbox:
        assert [how for *_, how in sweep(made).notified.sent] == ["smtp"]
        assert sweep(made).notified.sent == []
        assert len(mailbox.mails) == 1
    assert len(hook.posts) == 1


def test_a_channel_that_stays_down_is_tried_once_an_hour(make: Make) -> None:
    start = datetime(2026, 3, 3, 12, tzinfo=UTC)
    made = make(now=start, **mailing(Mailbox(free_port())))
    assert ingest_file(made, contract(), drop(made, "good.csv", rows("abc")), day(0)).outcome == "accepted"
    report(made, "task_failed", FEED, "exit 1")
    failures = []
    for minutes in (0, 5, 10, 15, 20, 60, 75, 80):
        at = start + timedelta(minutes=minutes)
        failures.append(len(sweep(replace(made, clock=lambda at=at: at), at).notified.failed))
    assert failures == [1, 1, 0, 0, 0, 0, 1, 0]


def test_over_before_it_was_told_is_told_once_as_over(make: Make) -> None:
    port = free_port()
    made = make(now=BEFORE, **mailing(Mailbox(port)))
    report(made, "task_failed", FEED, "exit 1")
    assert resolve(made, "task_failed", FEED, "it ran")[0].notified.failed
    with mail_server(port) as mailbox:
        assert [said for _, said, _ in sweep(made).notified.sent] == ["resolved"]
        assert "Since" in mailbox.mails[0].get_content()
    assert list(made.store.list("incidents/active/")) == []


@pytest.mark.parametrize(
    ("answers", "posts", "outcome"),
    [
        ([(503, 0), (204, 0)], 2, "sent"),
        ([(429, 0), (200, 0)], 2, "sent"),
        ([(500, 0), (500, 0)], 2, "HTTP 500"),
        ([(404, 0)], 1, "HTTP 404"),
        ([(302, 0)], 1, "HTTP 302"),
        ([(204, 1.0), (204, 1.0)], 2, "no answer in time"),
    ],
)
def test_what_a_webhook_may_answer(
    make: Make,
    hook: Hook,
    answers: list[tuple[int, float]],
    posts: int,
    outcome: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    made = make(webhook_url=hook.url)
    hook.answers = answers
    message = report(made, "task_failed", FEED, "exit 1").notified
    assert len(hook.posts) == posts
    assert [why for *_, why in message.failed] == ([] if outcome == "sent" else [outcome])
    for secret in ("token-7f3a", "hidden"):
        assert secret not in everything(made)
        assert secret not in caplog.text


def test_a_webhook_is_signed_and_repeatable(make: Make, hook: Hook) -> None:
    made = make(webhook_url=hook.url, webhook_secret=KEY)
    report(made, "task_failed", FEED, "exit 1")
    ((headers, body),) = hook.posts
    signed = headers["X-Citylake-Timestamp"].encode() + b"." + body
    assert headers["X-Citylake-Signature"] == f"sha256={hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()}"
    assert headers["Idempotency-Key"].endswith(f"{FEED}.opened")
    assert KEY not in everything(made)


@pytest.mark.parametrize(
    ("answers", "mails", "outcome"),
    [
        (["451 later", "250 OK"], 1, "sent"),
        (["550 unknown"], 0, "recipient refused, SMTP 550"),
    ],
)
def test_what_a_mail_server_may_answer(
    make: Make, mailbox: Mailbox, answers: list[str], mails: int, outcome: str
) -> None:
    made = make(**mailing(mailbox))
    mailbox.answers = answers
    message = report(made, "task_failed", FEED, "exit 1").notified
    assert len(mailbox.mails) == mails
    assert [why for *_, why in message.failed] == ([] if outcome == "sent" else [outcome])


def test_a_mail_server_that_says_nothing_costs_bounded_time(make: Make) -> None:
    with silent_server() as port:
        made = make(**mailing(Mailbox(port)), notice_attempts=1)
        assert [why for *_, why in report(made, "task_failed", FEED, "exit 1").notified.failed] == ["no answer in time"]


def test_a_login_goes_over_tls_to_a_known_certificate_only(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_certificate = certificate(tmp_path)
    with mail_server(certificate=made_certificate, password=KEY) as box:
        said = {
            **mailing(box),
            "smtp_host": "localhost",
            "smtp_security": "starttls",
            "smtp_user": "citylake",
            "smtp_password": KEY,
        }
        unknown = report(make(now=BEFORE, **said), "task_failed", FEED, "exit 1")
        assert [why for *_, why in unknown.notified.failed] == ["SSLCertVerificationError"]
        assert box.logins == []
        monkeypatch.setenv("SSL_CERT_FILE", str(made_certificate))
        wrong = make(now=BEFORE, **{**said, "smtp_password": "other"})
        assert [why for *_, why in sweep(wrong).notified.failed] == ["SMTP 535"]
        assert [how for *_, how in sweep(make(now=BEFORE, **said)).notified.sent] == ["smtp"]
        assert len(box.mails) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"smtp_sender": None},
        {"smtp_user": "u"},
        {"smtp_user": "u", "smtp_password": "p"},
        {"smtp_host": "mail.example.org"},
    ],
)
def test_settings_that_contradict_are_told_and_stop_no_run(make: Make, said: dict[str, str]) -> None:
    made = make(**{**mailing(Mailbox(free_port())), **said})
    with pytest.raises(ConfigurationError):
        channels(made.settings)
    assert "SMTP" in report(made, "task_failed", FEED, "exit 1").notified.failed[0][2]


def test_a_webhook_that_comes_back_gets_it_once(make: Make) -> None:
    port = free_port()
    made = make(now=BEFORE, webhook_url=f"http://127.0.0.1:{port}/x")
    report(made, "task_failed", FEED, "exit 1")
    with webhook_server(port) as hook:
        for _ in range(3):
            sweep(made)
        assert hook.events == [("opened", "task_failed")]


@pytest.mark.parametrize("kind", sorted(STEWARDS | OPERATORS))
def test_nobody_hears_of_what_only_others_can_mend(make: Make, mailbox: Mailbox, kind: Kind) -> None:
    made = make(now=BEFORE, **mailing(mailbox))
    report(made, kind, FEED, "exit 1")
    resolve(made, kind, FEED, "over")
    expected = "steward@example.org" if kind in STEWARDS else "operator@example.org"
    assert [mail["To"] for mail in mailbox.mails] == [expected, expected]


def test_every_kind_has_one_who_hears_of_it() -> None:
    assert STEWARDS | OPERATORS | {"delivery_refused"} == set(get_args(Kind))
    assert not STEWARDS & OPERATORS


def test_without_an_operator_only_the_webhook_hears(make: Make, mailbox: Mailbox, hook: Hook) -> None:
    made = make(now=BEFORE, **{**mailing(mailbox), "operator_email": None}, webhook_url=hook.url)
    report(made, "source_unreachable", FEED, "no answer")
    assert (len(hook.posts), mailbox.mails) == (1, [])


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_steward_reads_one_language_and_what_a_steward_can_do(make: Make, mailbox: Mailbox, language: str) -> None:
    steward = {"name": "A. Steward", "email": "steward@example.org", "language": language}
    said = {**mailing(mailbox), "page_url": "http://127.0.0.1:1/today"}
    made = make(now=BEFORE, feed={"steward": steward, "synthetic": True}, **said)
    report(made, "delivery_held", FEED, "waits", interval=day(0))
    (mail,) = mailbox.mails
    body = mail.get_content()
    assert "http://127.0.0.1:1/today/feed/office.readings" in body
    assert "2026-03-02 08:00 – 2026-03-03 08:00 (Asia/Shanghai)" in body
    assert "citylake held" not in body
    if language == "zh":
        assert "请处理：请核实该批数据是否完整" in body
        assert "Please" not in body
        assert "【合成数据】" in str(mail["Subject"])
    else:
        assert "Please: find out whether the delivery is whole" in body
        assert set(body) - set(map(chr, range(128))) == {"–"}
        assert str(mail["Subject"]).isascii()
