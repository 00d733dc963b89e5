"""The privacy scan: find direct identifiers in text that is about to be released.

Two rules, set-based in DuckDB: resident identity numbers (GB 11643 pattern and check digit,
ISO 7064 MOD 11-2) and mobile phone numbers. Unified social credit codes are public and pass.
Pseudonyms and batch ids are cut out first, since hexadecimal digits can look like a phone number.
Findings name column, rule and count, never a value.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from ingestion.sql import identifier, literal

RULES_VERSION = "2026-11-1"
"""Part of every cache key: raise it when a pattern changes, and everything released is scanned again."""

_MACHINE_TOKENS = r"[0-9a-f]{32,}|[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID = r"(?:^|[^0-9])([1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[0-9Xx])(?:[^0-9]|$)"
_MOBILE = r"(?:^|[^0-9]|[^0-9]\+?86[- ]?|^\+?86[- ]?)1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?:[^0-9]|$)"
_MAYBE = r"\d{17}|1[3-9]\d[- ]?\d{4}[- ]?\d{4}|[０-９]{4}"
_ID_WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
_USCC_WEIGHTS = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28]
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"

_WIDE, _NARROW = "０１２３４５６７８９Ｘ", "0123456789X"

_MACROS = (
    f"""create or replace temp macro valid_citizen_id(v) as (
        substr('10X98765432', 1 + list_sum(list_transform(
            {literal(_ID_WEIGHTS)}, lambda w, i: w * cast(substr(v, i, 1) as integer)))::integer % 11, 1)
        = upper(substr(v, 18, 1)))""",
    f"""create or replace temp macro valid_uscc(v) as (
        substr({literal(_USCC_ALPHABET)}, 1 + (31 - list_sum(list_transform(
            {literal(_USCC_WEIGHTS)},
            lambda w, i: w * (instr({literal(_USCC_ALPHABET)}, substr(v, i, 1)) - 1)))::integer % 31) % 31, 1)
        = upper(substr(v, 18, 1)))""",
    f"""create or replace temp macro human_text(v) as (
        regexp_replace(translate(v, {literal(_WIDE)}, {literal(_NARROW)}), {literal(_MACHINE_TOKENS)}, ' ', 'g'))""",
    f"""create or replace temp macro has_citizen_id(v) as (
        len(list_filter(
            regexp_extract_all(regexp_replace(v, '([^0-9])', '\\1\\1', 'g'), {literal(_ID)}, 1),
            lambda x: valid_citizen_id(x) and not valid_uscc(x))) > 0)""",
    f"create or replace temp macro has_mobile(v) as (regexp_matches(v, {literal(_MOBILE)}))",
)


def text_columns(columns: dict[str, str]) -> list[str]:
    """Columns whose type can hold text, nested types included."""
    return [name for name, kind in columns.items() if "VARCHAR" in kind or kind == "JSON"]


def scan(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    columns: Sequence[str],
    *,
    part: str = "''",
    where: str = "true",
) -> dict[str, dict[str, int]]:
    """Rows holding an identifier: part of the table -> `<column>:<rule>` -> rows. Clean parts are absent.

    `relation`, `part` (an expression giving text, for instance the day) and `where` are SQL made by
    the caller from quoted names; `columns` are the table's text columns.
    """
    findings: dict[str, dict[str, int]] = {}
    if columns:
        for macro in _MACROS:
            connection.execute(macro)
    for column in columns:
        text = f"cast({identifier(column)} as varchar)"
        rows = connection.execute(
            f"""with suspect as (
                    select {part} as part, human_text({text}) as v from {relation}
                    where ({where}) and length({text}) >= 11 and regexp_matches({text}, {literal(_MAYBE)})
                ),
                judged as (select part, has_citizen_id(v) as id, has_mobile(v) as mobile from suspect)
                select part, count(*) filter (id), count(*) filter (mobile) from judged
                group by part having bool_or(id or mobile)"""
        ).fetchall()
        for key, ids, mobiles in rows:
            of_part = findings.setdefault(key, {})
            of_part |= {f"{column}:{rule}": n for rule, n in (("citizen_id", ids), ("mobile_phone", mobiles)) if n}
    return findings
