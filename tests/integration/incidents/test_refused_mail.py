"""Mail about refused files through a real server: all of an hour in one, in one language, nothing of the rows in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from ingestion.contract.model import Contract
from ingestion.delivery.ingest import ingest_file
from tests.integration.incidents.conftest import mailing, settings
from tests.support.lakes import contract, day, drop, lake, rows
from tests.support.notice_servers import Mailbox, mail_server
from tests.support.ports import free_port
from warehouse.incidents.sweep import sweep
from warehouse.stewards import outbox
from warehouse.stewards.mail import send_due

START = datetime(2026, 3, 3, 12, tzinfo=UTC)
READINGS, CALLS, METERS = "office.readings", "office.calls", "works.meters"
SECRETS = ("张三", "44200019900101123X")
REFUSED = "id,seen,value\n张三,2026-03-02,\n44200019900101123X,never,1\nc,2026-03-02,1\n"


def feed(department: str, name: str, email: str, language: str = "zh", **said: Any) -> Contract:
    steward = {"name": f"Steward of {department}", "email": email, "language": language}
    made = contract(department=department, feed=name, steward=steward, **{"recapture": timedelta(days=3), **said})
    return dataclasses.replace(made, name=name, title=f"{name}数据")


CONTRACTS: Mapping[str, Contract] = {
    READINGS: feed("office", "readings", "office@example.org"),
    CALLS: feed("office", "calls", "office@example.org"),
    METERS: feed("works", "meters", "works@example.org", "en", synthetic=True),
}


class City:
    """A lake whose clock is set, and whose settings are said."""

    def __init__(self, home: Path, **said: Any) -> None:
        self.minutes = 0.0
        made = lake(home, contracts=CONTRACTS, clock=lambda: START + timedelta(minutes=self.minutes))
        self.lake = dataclasses.replace(made, settings=settings(home, **said))

    def deliver(self, name: str, number: int = 0, *, file: str = "", text: str = REFUSED) -> str:
        path = drop(self.lake, file or f"{name.replace('.', '_')}_{number}_{self.minutes}.csv", text)
        return ingest_file(self.lake, CONTRACTS[name], path, day(number)).outcome

    def send(self, minutes: float) -> list[str]:
        """What was sent at that minute, or why not."""
        self.minutes = minutes + 0.001  # receipts of one moment are a microsecond apart
        done = send_due(self.lake)
        return [how for *_, how in (*done.sent, *done.failed)]


def body(mail: EmailMessage) -> str:
    found = mail.get_body(("plain",))
    assert found is not None
    return str(found.get_content())


def test_three_files_of_an_hour_are_one_mail_and_the_next_hour_is_another(tmp_path: Path, mailbox: Mailbox) -> None:
    city = City(tmp_path, **mailing(mailbox), page_url="http://127.0.0.1:1/today/")
    for minutes, name, number in ((0, READINGS, 0), (20, CALLS, 0), (50, READINGS, 1)):
        city.minutes = minutes
        assert city.deliver(name, number) == "refused"
        assert city.send(minutes) == []
    assert city.send(59.9) == []
    assert city.send(60) == ["smtp"]
    assert city.send(61) == []
    (mail,) = mailbox.mails
    assert mail["To"] == "office@example.org"
    assert mail["Subject"] == "[citylake] 3 个报送文件被退回，请更正：readings数据（office.readings）等"
    text = body(mail)
    for said in (
        "Steward of office",
        "office_readings_0_0.csv",
        "数据：readings数据（office.readings）",
        "2026-03-02 08:00 – 2026-03-03 08:00 (Asia/Shanghai)",
        "收到 3 行，不合格 2 行",
        "- “seen”的值不是日期：1 行",
        "不合格记录所占比例超过约定上限",
        "请处理：按退回记录清单更正后",
        "http://127.0.0.1:1/today/refused/office.calls/20260302T000000Z-",
        "期限：报送期限 2026-03-03 09:00 已过；2026-03-06 08:00 前到达的更正仍自动补入",
    ):
        assert said in text, said
    for hidden in (*SECRETS, "citylake reconform", "refused,"):
        assert hidden not in text + str(mail["Subject"])
    city.deliver(CALLS, 1)
    assert city.send(100) == []
    assert city.send(122) == ["smtp"]
    assert [str(m["Subject"]) for m in mailbox.mails[1:]] == [
        "[citylake] 1 个报送文件被退回，请更正：calls数据（office.calls）"
    ]


def test_two_departments_are_two_mails_each_in_its_language(tmp_path: Path, mailbox: Mailbox) -> None:
    city = City(tmp_path, **mailing(mailbox), steward_mail_minutes=0)
    city.deliver(READINGS)
    city.deliver(METERS)
    assert city.send(0) == ["smtp", "smtp"]
    chinese, english = mailbox.mails
    assert (chinese["To"], english["To"]) == ("office@example.org", "works@example.org")
    assert "Feed" not in body(chinese)
    assert str(english["Subject"]).strip() == "[citylake] [synthetic data] 1 file refused, please correct: works.meters"
    assert set(body(english)) - set(map(chr, range(128))) == {"–"}, "nothing of another language"
    assert "- 'seen' is not a date: 1 row" in body(english)
    assert "synthetic data of a simulated city" in body(english)
    assert "The lake's operators have the rows" in body(english)


def test_the_sweep_sends_no_other_mail_of_a_refusal(tmp_path: Path, mailbox: Mailbox) -> None:
    city = City(tmp_path, **mailing(mailbox), steward_mail_minutes=0)
    city.deliver(READINGS)
    assert len(sweep(city.lake).opened) >= 1
    told = [str(mail["To"]) for mail in mailbox.mails]
    assert "退回" not in "".join(mailbox.subjects)
    assert city.send(0) == ["smtp"]
    assert [str(mail["To"]) for mail in mailbox.mails] == [*told, "office@example.org"]


def test_a_correction_is_confirmed_to_whom_the_refusal_was_told(tmp_path: Path, mailbox: Mailbox) -> None:
    city = City(tmp_path, **mailing(mailbox))
    city.deliver(READINGS)
    assert city.send(60) == ["smtp"]
    city.minutes = 70
    assert city.deliver(READINGS, text=rows("abc")) == "accepted"
    assert city.send(129) == []
    assert city.send(130) == ["smtp"]
    assert city.send(300) == []
    assert mailbox.subjects[1] == "[citylake] 1 个报送文件的更正已通过：readings数据（office.readings）"
    assert "无需再处理" in body(mailbox.mails[1])
    assert list(city.lake.store.list("outbox/@open/")) == []


def test_what_was_corrected_before_it_was_told_asks_for_nothing(tmp_path: Path, mailbox: Mailbox) -> None:
    city = City(tmp_path, **mailing(mailbox))
    city.deliver(READINGS)
    city.minutes = 30
    city.deliver(READINGS, text=rows("abc"))
    assert city.send(60) == ["smtp"]
    assert "更正文件已收到并通过，无需处理" in body(mailbox.mails[0])
    assert "请处理" not in body(mailbox.mails[0])
    assert city.send(300) == []


@pytest.mark.faults
def test_a_server_that_is_down_is_tried_again_and_then_once_an_hour(tmp_path: Path) -> None:
    port = free_port()
    city = City(tmp_path, **mailing(Mailbox(port)))
    city.deliver(READINGS)
    tries = [len(city.send(minutes)) for minutes in (60, 65, 70, 75, 80, 129)]
    assert tries == [1, 1, 1, 0, 0, 0]
    (item,) = outbox.items(city.lake)
    assert (item.attempts, item.error, item.sent_at) == (3, "ConnectionRefusedError", None)
    with mail_server(port) as mailbox:
        assert city.send(130) == ["smtp"]
        assert len(mailbox.mails) == 1
    (item,) = outbox.items(city.lake)
    assert (item.attempts, item.error, item.sent_at) == (0, None, START + timedelta(minutes=130.001))


@pytest.mark.faults
@pytest.mark.parametrize("step", ["outbox_workbook", "mail_sent"])
def test_a_killed_sender_loses_nothing(tmp_path: Path, mailbox: Mailbox, step: str) -> None:
    city = City(tmp_path, **mailing(mailbox), steward_mail_minutes=0)
    city.deliver(READINGS)

    class Killed(BaseException):
        pass

    def die(name: str) -> None:
        if name == step:
            raise Killed

    with pytest.raises(Killed):
        send_due(dataclasses.replace(city.lake, on_step=die))
    assert city.send(0) == ["smtp"]
    assert city.send(0) == []
    assert len(mailbox.mails) == (2 if step == "mail_sent" else 1)
    assert len({str(mail["Message-ID"]) for mail in mailbox.mails}) == 1
    assert len(outbox.mails(city.lake, 10)) == 1


def test_a_hostile_file_name_changes_neither_header_nor_line(tmp_path: Path, mailbox: Mailbox) -> None:
    city = City(tmp_path, **mailing(mailbox), steward_mail_minutes=0)
    name = f"a\r\nBcc: victim@example.org\r\n\r\n<script>\u202egpj{'x' * 100}.csv"
    assert city.deliver(READINGS, file=name) == "refused"
    assert city.send(0) == ["smtp"]
    (mail,) = mailbox.mails
    assert mail["Bcc"] is None
    assert sorted(set(mail.keys())) == sorted(mail.keys())
    line = next(line for line in body(mail).splitlines() if line.startswith("1. "))
    end = "⟨U+000D⟩⟨U+000A⟩"
    assert line.startswith(f"1. a{end}Bcc: victim@example.org{end}{end}<script>⟨U+202E⟩gpjxxx")
    assert line.endswith("…")
    assert len(line) <= 123
    assert "\nBcc" not in body(mail)


@pytest.mark.faults
def test_a_workbook_is_attached_only_where_the_settings_say_so(tmp_path: Path, mailbox: Mailbox) -> None:
    city = City(tmp_path, **mailing(mailbox), steward_mail_minutes=0)
    city.deliver(READINGS)
    city.send(0)
    assert list(mailbox.mails[0].iter_attachments()) == []
    attaching = City(tmp_path, **mailing(mailbox), steward_mail_minutes=0, smtp_attach_workbook=True)
    attaching.deliver(CALLS)
    attaching.send(0)
    (attached,) = mailbox.mails[1].iter_attachments()
    assert attached.get_filename() == "office.calls_20260302.xlsx"
    assert attached.get_content()[:2] == b"PK"
    assert outbox.mails(city.lake, 1)[0].attachments == ["office.calls_20260302.xlsx"]


def test_without_a_server_the_mail_is_kept_and_never_sent_late(tmp_path: Path, mailbox: Mailbox) -> None:
    city = City(tmp_path, steward_mail_minutes=0)
    city.deliver(READINGS)
    assert city.send(0) == []
    (mail,) = outbox.mails(city.lake, 10)
    assert (mail.sent_at, mail.to) == (None, "office@example.org")
    assert "请更正" in mail.subject
    (item,) = outbox.items(city.lake)
    assert (item.sent_at, item.mail is not None) == (None, True)
    later = City(tmp_path, **mailing(mailbox), steward_mail_minutes=0)
    assert later.send(10) == []
    assert mailbox.mails == []


def test_it_goes_to_the_steward_the_contract_names_now(tmp_path: Path, mailbox: Mailbox) -> None:
    city = City(tmp_path, **mailing(mailbox))
    city.deliver(READINGS)
    assert city.send(30) == []
    moved = {**CONTRACTS, READINGS: feed("office", "readings", "successor@example.org", "en")}
    city.lake = dataclasses.replace(city.lake, contracts=moved)
    assert city.send(60) == ["smtp"]
    assert mailbox.mails[0]["To"] == "successor@example.org"
    assert "1 file refused" in mailbox.subjects[0]


def test_a_delivery_with_some_refused_rows_is_no_refused_file(tmp_path: Path, mailbox: Mailbox) -> None:
    city = City(tmp_path, **mailing(mailbox), steward_mail_minutes=0)
    some = "id,seen,value\na,2026-03-02,1\nb,2026-03-02,1\nc,never,1\n"
    assert city.deliver(READINGS, text=some) == "accepted"
    assert city.send(0) == []
    assert outbox.items(city.lake) == []


def test_settings_that_contradict_are_recorded_and_stop_no_sweep(tmp_path: Path) -> None:
    city = City(tmp_path, **{**mailing(Mailbox(1)), "smtp_sender": None}, steward_mail_minutes=0)
    city.deliver(READINGS)
    assert city.send(0) == ["CITYLAKE_SMTP_HOST needs CITYLAKE_SMTP_SENDER"]
