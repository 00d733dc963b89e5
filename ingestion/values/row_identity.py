"""One hash for the identity of rows, as SQL: of a value, of a row, of a multiset of rows (docs/adr/0020).

Whoever asks whether two rows are the same without keeping them (conform, drafts, compaction, release) asks here.
DuckDB's own `hash` is sound for what fits into 64 bits and for text up to 12 bytes, and weak elsewhere: longer text
is taken eight bytes at a time so that changes eight bytes apart cancel, and of a 128-bit number, a UUID or an INTERVAL
the parts are XORed, so that swapped or equal parts meet. Those go through MD5. `hash(a, b)` mixes what it has before
it XORs the next value, so places and NULLs count, but the last value is only XORed: `row` hashes once more, or in
sums rows that exchanged their last values would cancel.

A row is 64 bits: of 20 million rows two meet with probability 1e-5. Where a meeting would lose a row unseen
(`ingestion.conform.duplicates`), `row` is compared together with `other`, which has nothing in common with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ingestion.sql import identifier

INLINED = 12
"""Bytes of text DuckDB keeps within a value, and hashes by another function: nothing can cancel there."""

_WORD = re.compile(
    r"BOOLEAN|U?(TINYINT|SMALLINT|INTEGER|BIGINT)|FLOAT|DOUBLE|DATE|TIME|TIMESTAMP(_S|_MS|_NS|TZ| WITH TIME ZONE)?"
)
"""Types of at most 64 bits, which DuckDB's hash maps one to one."""
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*\d+\)")
_NESTED = re.compile(r".*\[\d*\]|(STRUCT|MAP|UNION)\(.*", re.DOTALL)
_WORD_DIGITS = 18


def value(expression: str, kind: str) -> str:
    """What stands for a value of DuckDB type `kind` in a row's hash; NULL for NULL.

    A column's name is read twice where that saves the MD5 of short text; any other expression once.
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
    """UBIGINT for a row, of what `value` gives for each of its columns, in order; never NULL."""
    parts = list(values)
    return f"hash({parts[0]})" if len(parts) == 1 else f"hash(hash({', '.join(parts)}))"


def other(expressions: Iterable[str]) -> str:
    """A second, cheaper UBIGINT for a row that meets where `row` does not: of the columns themselves. Weak alone."""
    return f"hash(hash({', '.join(['1', *expressions])}))"


def of_columns(columns: Mapping[str, str]) -> str:
    """UBIGINT for a row of named columns, given their DuckDB types."""
    return row(value(identifier(name), kind) for name, kind in columns.items())


def rows(columns: Mapping[str, str]) -> str:
    """Three aggregates that tell multisets of rows apart, whatever their order: rows, sum and XOR of `of_columns`."""
    hashed = of_columns(columns)
    return f"count(*), coalesce(sum({hashed}), 0), coalesce(bit_xor({hashed}), 0)"


def _is_name(expression: str) -> bool:
    return re.fullmatch(r'"(?:[^"]|"")+"', expression) is not None
