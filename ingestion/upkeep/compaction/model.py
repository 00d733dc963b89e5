"""Model of the record that commits a merged object; immutable JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from ingestion.values.document import Document


class Member(Document):
    """One bronze object inside, as its receipt names it."""

    key: str
    batch: str
    rows: int
    sha256: str
    row_hash: str


class Compaction(Document):
    """A merged object and its members. It has exactly the rows of the members, which remain in the store."""

    schema_version: Literal[1] = 1
    department: str
    feed: str
    table: str
    period: str
    revision: str
    key_version: int
    key: str
    bytes: int
    sha256: str
    rows: int
    members: list[Member]
    made_at: datetime
