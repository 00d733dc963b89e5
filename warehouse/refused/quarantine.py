"""Read rows of quarantine: record number, every broken rule, the text, and the values that broke rules.

Quarantine keeps the department's original text, personal data included, so who reads it unmasked is for callers to
decide. Masking replaces every letter and digit by one of its class (`x`, `9`, `文`), so that the shape of a text and
its separators stay readable; values are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import duckdb

from ingestion.sql import literal
from ingestion.store.base import Store
from ingestion.store.reading import reading

TEXT_WIDTH = 240
"""Characters of a record that are shown masked."""
WHOLE_TEXT = 4000
"""Characters of a record that are read at most."""


@dataclass(frozen=True)
class QuarantinedRow:
    """One row in quarantine. `record` is its 1-based number in the file, `byte_offset` where it begins.

    `sent` has the text of each column that a broken rule is about; none in files of earlier versions.
    """

    table: str
    record: int
    byte_offset: int | None
    rules: list[str]
    text: str
    sent: Mapping[str, str] = field(default_factory=dict)


def read_quarantine(
    tables: Mapping[str, Sequence[str]], *, limit: int, offset: int = 0, show: bool, store: Store | None = None
) -> list[QuarantinedRow]:
    """`limit` refused rows after the first `offset`, by table in the order given, then by record.

    `tables` gives each table's quarantine objects: local files, or what `store` names. Text is unmasked and values are
    read only with `show`. Raises StoreError.
    """
    urls = [url for listed in tables.values() for url in listed]
    if not urls or limit < 1:
        return []
    query = (
        f"select table_name, record, byte_offset, rules, {_text(show)}, {'sent' if show else 'null'} from ("
        "select null::varchar as table_name, null::bigint as record, null::map(varchar, varchar) as sent where false "
        f"union all by name select * from read_parquet({literal(urls)}, union_by_name = true)) "
        f"order by list_position({literal(list(tables))}, table_name), record "
        f"limit {int(limit)} offset {int(offset)}"
    )
    with duckdb.connect() as connection, reading(store, connection, "read refused rows") if store else nullcontext():
        rows = connection.execute(query).fetchall()
    return [
        QuarantinedRow(table, record, at, rules, text or "", {k: v or "" for k, v in (sent or {}).items()})
        for table, record, at, rules, text, sent in rows
    ]


def _text(show: bool) -> str:
    """SQL for the text, masked unless it is to be shown. Classes, not values: separators and quotes stay."""
    if show:
        return f"left(original_text, {WHOLE_TEXT})"
    return (
        f"regexp_replace(regexp_replace(regexp_replace(left(original_text, {TEXT_WIDTH}), "
        "'\\p{Han}', '文', 'g'), '[0-9]', '9', 'g'), '[A-Za-z]', 'x', 'g')"
    )
