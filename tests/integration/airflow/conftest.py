"""One real Airflow for these tests: four processes and PostgreSQL on 127.0.0.1, a lake of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from rich.console import Console

from infra.demo.days import Days
from infra.simulator.city import City
from infra.stack.stack import Stack
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from tests.support.notice_servers import Mailbox, mail_server
from tests.support.ports import stack_base


class Running(NamedTuple):
    """A stack that is up, its lake, and the days to play on it."""

    stack: Stack
    lake: Lake
    days: Days
    mailbox: Mailbox


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("airflow")
    city = City()
    with mail_server() as mailbox:
        settings = Settings(
            home=home,
            drop=home / "city" / "drop",
            city_time=home / "city" / "time.txt",
            schedule_until=city.date_of(city.days),
            retry_delay_seconds=1,
            lock_timeout_seconds=120,
            smtp_host="127.0.0.1",
            smtp_port=mailbox.port,
            smtp_security="none",
            smtp_sender="citylake@example.invalid",
            steward_mail_minutes=0,
        )
        stack = Stack(settings, base=stack_base())
        try:
            stack.up()
            lake = open_lake(settings)
            yield Running(stack, lake, Days(lake, stack, city, Console(quiet=True)), mailbox)
        finally:
            stack.down()
