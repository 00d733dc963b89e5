"""Refused rows of a delivery as data."""

from __future__ import annotations

from pydantic import Field

from ingestion.values.document import Document
from warehouse.title import Title


class RuleCount(Document):
    """How many rows of a table broke one rule. `words` say the rule, `mend` how to mend a value that broke it."""

    table: str
    rule: str
    column: str | None
    column_title: str | None
    rows: int
    words: Title
    mend: Title


class Fault(Document):
    """One broken rule of a refused row. `value` is the text as sent, None where the rule is about the whole record."""

    rule: str
    column: str | None
    value: str | None
    words: Title
    mend: Title


class RefusedRow(Document):
    """One refused row. `record` is its 1-based number in the file, header excluded; `text` is the record as sent.

    Values and text are personal data: only the feed's steward may see them.
    """

    table: str
    record: int
    text: str
    faults: list[Fault] = Field(default=[])
