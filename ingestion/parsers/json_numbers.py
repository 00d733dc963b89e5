"""Numbers of JSON records to the last digit sent.

The reader of members takes a number with a fraction or an exponent for a double, and so keeps 17 digits. Where a
column is not a DOUBLE and its text is that long, the number is read once more, as the text it was sent as.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

_KEPT = 15
"""Digits that a double always keeps; one with more has a text of at least two characters more."""
_REAL = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
# Whatever stands before a number, strings whole; the last match ends with the number put at the end of the line.
_NUMBER = r'((?:"(?:[^"\\]|\\.)*"|[^"0-9-])*)(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)'
_LAST, _LAST_QUOTED = " 0", ' "0"'


def exact(columns: pa.Table, names: list[str], lines: pa.Table, read: Callable[[pa.Table], pa.Table]) -> pa.Table:
    """`columns` with the long numbers of `names` as sent. `read` gives the columns of a table of lines like `lines`."""
    masks = {name: mask for name in names if (mask := _long(columns[name])) is not None}
    if not masks:
        return columns
    chosen = pc.indices_nonzero(_any(list(masks.values())))
    again = read(pa.table({"line": quoted(lines["line"].take(chosen))}))
    for name, mask in masks.items():
        sent = again[name].filter(mask.take(chosen)).combine_chunks()
        at = columns.column_names.index(name)
        columns = columns.set_column(at, name, pc.replace_with_mask(columns[name].combine_chunks(), mask, sent))
    return columns


def quoted(lines: pa.ChunkedArray) -> pa.ChunkedArray:
    """JSON texts with every number as a string."""
    ended = pc.binary_join_element_wise(lines.cast(pa.string()), _LAST, "")
    numbers = pc.replace_substring_regex(ended, _NUMBER, r'\1"\2"')
    return pc.utf8_slice_codeunits(numbers, 0, -len(_LAST_QUOTED))


def _long(column: pa.ChunkedArray) -> pa.Array | None:
    """Which values may be a number that lost digits; None where none is."""
    text = column.combine_chunks()
    far = pc.fill_null(pc.and_(pc.greater(pc.binary_length(text), _KEPT + 1), pc.match_substring(text, ".")), False)
    if not pc.any(far).as_py():
        return None
    found = pc.fill_null(pc.match_substring_regex(pc.if_else(far, text, pa.scalar(None, text.type)), _REAL), False)
    return found if pc.any(found).as_py() else None


def _any(masks: list[pa.Array]) -> pa.Array:
    together = masks[0]
    for mask in masks[1:]:
        together = pc.or_(together, mask)
    return together
