"""A lake whose one feed has a steward, and channels on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingestion.lake import Lake
from ingestion.settings import Settings
from tests.support.lakes import contract, lake
from tests.support.notice_servers import Hook, Mailbox, mail_server, webhook_server

FEED = "office.readings"
Make = Callable[..., Lake]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook_server() as served:
        yield served


def settings(home: Path, **said: Any) -> Settings:
    quick = {"notice_timeout_seconds": 0.5, "notice_attempts": 2}
    return Settings(home=home, **(quick | said))


def mailing(box: Mailbox) -> dict[str, Any]:
    return {
        "smtp_host": "127.0.0.1",
        "smtp_port": box.port,
        "smtp_security": "none",
        "smtp_sender": "citylake@example.org",
        "operator_email": "operator@example.org",
    }


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A lake at an hour of March 2026, with settings as said."""

    def made(
        *, now: datetime = datetime(2026, 3, 3, 12, tzinfo=UTC), feed: dict[str, Any] | None = None, **said: Any
    ) -> Lake:
        opened = lake(tmp_path, contracts={FEED: contract(**(feed or {}))}, clock=lambda: now)
        return replace(opened, settings=settings(tmp_path, **said))

    return made
