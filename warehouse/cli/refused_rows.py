"""Read refused rows for display: record number, every broken rule, and the text, masked by default.

Quarantine keeps the department's original text, personal data included. Masking replaces every letter and digit by one
of its class (`x`, `9`, `文`), so that the shape of a value and its separators stay readable.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import duckdb

from ingestion.sql import literal
from ingestion.store.base import Store
from ingestion.store.reading import reading

TEXT_WIDTH = 240
"""Characters of a refused row that are shown."""


@dataclass(frozen=True)
class RefusedRow:
    """One row in quarantine. `record` is its 1-based number in the file, `byte_offset` where it begins."""

    table: str
    record: int
    byte_offset: int | None
    rules: list[str]
    text: str


def read_refused(
    table: str, urls: Sequence[str], *, limit: int, show: bool, store: Store | None = None
) -> list[RefusedRow]:
    """The first `limit` refused rows of quarantine objects, in file order; text unmasked only with `show`.

    `urls` are local files, or what `store` names.
    """
    if not urls or limit < 1:
        return []
    text = f"left(original_text, {TEXT_WIDTH})"
    # Classes, not values: Chinese characters, digits, letters. Separators and quotes stay.
    masked = (
        f"regexp_replace(regexp_replace(regexp_replace({text}, '\\p{{Han}}', '文', 'g'), "
        "'[0-9]', '9', 'g'), '[A-Za-z]', 'x', 'g')"
    )
    query = (
        f"select record, byte_offset, rules, {text if show else masked} "
        f"from read_parquet({literal(list(urls))}) order by record limit {int(limit)}"
    )
    with duckdb.connect() as connection, reading(store, connection, "read refused rows") if store else nullcontext():
        rows = connection.execute(query).fetchall()
    return [RefusedRow(table, *row) for row in rows]
