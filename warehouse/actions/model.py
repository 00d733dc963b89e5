"""An action of a person as data: who, with which role, what, on what, why, and how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from ingestion.values.document import Document

Verb = Literal[
    "rerun", "accept", "reject", "rollback", "withdraw", "resume", "approve", "refuse", "close", "look", "open"
]
"""`accept` and `reject` are about a held delivery, `approve` and `refuse` about a release of an edition, `close` about
an incident, `look` about the text of refused rows, `open` about a restricted edition."""

Via = Literal["page", "command line", "airflow"]


class Actor(Document):
    """Who acts: an account name, its role as the login knows it, and through what."""

    account: str
    role: str
    via: Via

    @property
    def signature(self) -> str:
        """How releases, decisions and incidents name this person: `account (role)`."""
        return f"{self.account} ({self.role})"


class Entry(Document):
    """One entry of the ledger of actions: an action that was asked for, and a second one for how it ended.

    `action` is shared by both. `subject` is a feed, an edition or an incident; `details` name batch, release, days.
    Neither `reason` nor `message` may hold row values.
    """

    schema_version: Literal[1] = 1
    action: str
    event: Literal["asked", "done", "failed"]
    at: datetime
    actor: Actor
    verb: Verb
    subject: str
    reason: str
    details: dict[str, str] = Field(default={})
    message: str | None = None
