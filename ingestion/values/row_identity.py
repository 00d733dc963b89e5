"""SQL for the hash by which rows are compared: of a value, of a row, of a multiset of rows (docs/adr/0020).

Everything that compares rows without keeping them uses these functions (conform, drafts, compaction, release).
DuckDB's own `hash` is sound for what fits into 64 bits and for text up to 12 bytes, and weak elsewhere: longer text
is taken eight bytes at a time so that changes eight bytes apart cancel, and of a 128-bit number, a UUID or an INTERVAL
the parts are XORed, so that swapped or equal parts meet. Those go through MD5. `hash(a, b)` mixes what it has before
it XORs the next value, so places and NULLs count, but the last value is only XORed: `row` hashes once more, or in
sums rows that exchanged their last values would cancel.

The hash of a row has 64 bits: among 20 million rows two collide with probability 1e-5. Where a collision would lose a
row unnoticed (`ingestion.conform.duplicates`), `row` is compared together with `other`, which is independent of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ingestion.sql import identifier

INLINED = 12
"""Texts up to this many bytes are stored inline by DuckDB and hashed by a function in which nothing cancels."""

_WORD = re.compile(
    r"BOOLEAN|U?(TINYINT|SMALLINT|INTEGER|BIGINT)|FLOAT|DOUBLE|DATE|TIME|TIMESTAMP(_S|_MS|_NS|TZ| WITH TIME ZONE)?"
)
"""Types of at most 64 bits, which DuckDB's hash maps one to one."""
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*\d+\)")
_NESTED = re.compile(r".*\[\d*\]|(STRUCT|MAP|UNION)\(.*", re.DOTALL)
_WORD_DIGITS = 18


def value(expression: str, kind: str) -> str:
    """SQL for the contribution of a value of DuckDB type `kind` to a row's hash; NULL for NULL.

    A column name may be used twice in it, which saves the MD5 of short text; any other expression is used once.
    """
    decimal = _DECIMAL.fullmatch(kind)
    if _WORD.fullmatch(kind) or (decimal and int(decimal[1]) <= _WORD_DIGITS):
        return expression
    if kind == "VARCHAR":
        digest = f"md5_number_lower({expression})"
        if not _is_name(expression):
            return digest
        return f"case when strlen({expression}) <= {INLINED} then hash({expression}) else {digest} end"
    text = f"to_json({expression})" if _NESTED.fullmatch(kind) else expression
    return f"md5_number_lower(cast({text} as varchar))"


def row(values: Iterable[str]) -> str:
    """SQL for the hash (UBIGINT, never NULL) of a row, from the `value` of each of its columns, in order."""
    parts = list(values)
    return f"hash({parts[0]})" if len(parts) == 1 else f"hash(hash({', '.join(parts)}))"


def other(expressions: Iterable[str]) -> str:
    """SQL for a second, cheaper hash (UBIGINT) with other collisions than `row`; not sufficient alone."""
    return f"hash(hash({', '.join(['1', *expressions])}))"


def of_columns(columns: Mapping[str, str]) -> str:
    """SQL for the hash (UBIGINT) of a row, given the DuckDB type of each column name."""
    return row(value(identifier(name), kind) for name, kind in columns.items())


def rows(columns: Mapping[str, str]) -> str:
    """SQL for three aggregates that identify a multiset of rows: their number, and sum and XOR of their hashes."""
    hashed = of_columns(columns)
    return f"count(*), coalesce(sum({hashed}), 0), coalesce(bit_xor({hashed}), 0)"


def _is_name(expression: str) -> bool:
    return re.fullmatch(r'"(?:[^"]|"")+"', expression) is not None
