"""A small office on a real stack for the browser: Airflow, a mail server, the fixture project's three feeds.

The first day is done before the stack is up. Then the office's second day arrives: readings whose every row breaks a
rule, a register that lacks most offices, and no calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from infra.stack.stack import Stack
from ingestion.city_time import set_city_time
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from tests.support import office
from tests.support.browsing import Browser, Watched, browser
from tests.support.notice_servers import Mailbox, mail_server
from tests.support.ports import stack_base
from warehouse.run import run

SECOND = office.FIRST + timedelta(days=1)
NOON = time(12, 30)
"""Of the day after a day: past the twelve hours that the office's feeds have."""
STEWARD_MAIL = "steward.office@example.invalid"


@dataclass
class Office:
    """A stack that is up, its lake, the mails it sent, and the pages of people who are logged in, by account."""

    stack: Stack
    lake: Lake
    mailbox: Mailbox
    browser: Browser
    people: dict[str, Watched] = field(default_factory=dict)

    @property
    def drop(self) -> Path:
        return self.lake.settings.drop_root

    @property
    def page(self) -> str:
        """The address of the page "today"."""
        return f"{self.stack.airflow.url}/today"

    def person(self, account: str) -> Watched:
        """The page of an account, logged in on first use."""
        if account not in self.people:
            password = self.stack.secrets.accounts[account].get_secret_value()
            self.people[account] = self.browser.login(self.stack.airflow.url, account, password)
        return self.people[account]


def set_time(settings: Settings, day: date) -> None:
    """Make it noon of the day after `day` in the city."""
    assert settings.city_time is not None
    moment = datetime.combine(day + timedelta(days=1), NOON, office.LOCAL)
    set_city_time(settings.city_time, moment)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    home = tmp_path_factory.mktemp("office")
    with mail_server() as mailbox, browser() as opened:
        settings = office.fixture(
            Settings(
                home=home,
                city_time=home / "time.txt",
                schedule_until=office.FIRST,
                retry_delay_seconds=1,
                lock_timeout_seconds=120,
                smtp_host="127.0.0.1",
                smtp_port=mailbox.port,
                smtp_security="none",
                smtp_sender="citylake@example.invalid",
                steward_mail_minutes=0,
                stewards={"steward": ["office"]},
                open_approval=True,
            ),
            home / "drop",
        )
        stack = Stack(settings, base=stack_base())
        lake = open_lake(settings)
        set_time(settings, office.FIRST)
        office.deliver(home / "drop", office.FIRST)
        assert run(lake, office.FIRST).exit_code == 0
        try:
            stack.up()
            yield Office(stack, lake, mailbox, opened)
        finally:
            stack.down()
