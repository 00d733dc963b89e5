"""Compare the header of a file with its contract, and choose among declared header variants.

`check_header` reports the exact difference between a header and the contract's column names. A feed of delimited text
or workbooks may declare header variants: `match_header` finds the declared header that a file has by its names, and
never guesses; a header that is none of them is refused with its difference from the nearest. `without_headers` refuses
headers that stand among the records. Reading the records is left to `delimited` and `xlsx`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract.extension import HeaderVariant
from ingestion.contract.headers import absent_names, has_names_of, header_names, in_variant
from ingestion.contract.model import Table
from ingestion.errors import DeliveryRefused
from ingestion.parsers.blank_cells import stripped
from ingestion.parsers.blocks import Array, Block, Refusals, Segment
from ingestion.values.blanks import strip

_LISTED = 20
_SHOWN = 60
_VALUE = re.compile(r".*[0-9]{5}.*|[+-]?[0-9]+([.:/-][0-9]+)*")
"""Text that is a value rather than a column name: five digits in a row, or only numbers (also dates and times)."""


def check_header(
    names: list[str], wanted: list[str], *, what: str, expected: str = "the contract", lenient: bool
) -> dict[str, int]:
    """Column index of each wanted name. Raises DeliveryRefused (rule `header`) with missing, extra and repeated names.

    `lenient` allows undeclared columns. `what` and `expected` name the file and what it is compared to, in the message.
    A first line that looks like data is not quoted in the message, as it may hold personal data.
    """
    if names and not set(names) & set(wanted) and any(_is_value(name) for name in names):
        raise DeliveryRefused(
            f"the header of {what} does not fit {expected}: it holds none of its names and looks like data "
            f"({len(names)} values)",
            rule="header",
            next_step="ask the department for the file with its header, or declare `header: false` in the contract",
        )
    missing = [name for name in wanted if name not in names]
    extra = [name for name in names if name not in wanted]
    twice = sorted({name for name in names if names.count(name) > 1 and name in wanted})
    faults = []
    if missing:
        faults.append(f"missing {_listed(missing)}")
    if extra and not lenient:
        faults.append(f"not in the contract {_listed(extra)}")
    if twice:
        faults.append(f"more than once {_listed(twice)}")
    if faults:
        raise DeliveryRefused(
            f"the header of {what} does not fit {expected}: {'; '.join(faults)}",
            rule="header",
            next_step="agree the new columns with the department and revise the contract, or ask for a new file",
        )
    return {name: names.index(name) for name in wanted}


def _is_value(name: str) -> bool:
    return _VALUE.fullmatch(name) is not None


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name if len(name) <= _SHOWN else name[:_SHOWN] + "…") for name in names[:_LISTED])
    return shown + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")


@dataclass(frozen=True)
class Header:
    """One declared header. `table` has this header's source names and formats.

    `title` names it in messages. `absent`: source names of columns it does not have; `ignored`: names that no column
    reads.
    """

    table: Table
    title: str = "the contract"
    absent: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()


def match_header(table: Table, names: list[str], payload: str, content_date: date) -> Header:
    """The declared header with exactly these names, else the nearest one, from which the reader reports the difference.

    `payload` names the file in messages. Raises DeliveryRefused (`header`) for a variant after its `valid_until`.
    """
    found = frozenset(names)
    variant = next((variant for variant in table.header_variants if has_names_of(table, variant, found)), None)
    if variant is None:
        return _nearest(table, found)
    if variant.valid_until is not None and content_date > variant.valid_until:
        raise DeliveryRefused(
            f"the header of {payload} is the variant {variant.id!r}, which is accepted for content up to "
            f"{variant.valid_until}; this is of {content_date}",
            rule="header",
            next_step="ask the department which header is right from now on; revise `valid_until` if it is this one",
        )
    return _variant_header(table, variant)


def _nearest(table: Table, found: frozenset[str]) -> Header:
    apart = {variant.id: _difference(table, variant, found) for variant in table.header_variants}
    near = min(table.header_variants, key=lambda variant: apart[variant.id])
    return Header(table) if len(header_names(table, None) ^ found) <= apart[near.id] else _variant_header(table, near)


def _difference(table: Table, variant: HeaderVariant, found: frozenset[str]) -> int:
    needed = header_names(table, variant)
    return len(needed - found) + len(found - needed - frozenset(variant.ignored))


def _variant_header(table: Table, variant: HeaderVariant) -> Header:
    renamed = replace(table, columns=tuple(in_variant(column, variant) for column in table.columns), variant=variant.id)
    title = f"its nearest declared header, the variant {variant.id!r}"
    return Header(renamed, title, absent_names(table, variant), frozenset(variant.ignored))


def without_headers(table: Table, block: Block, rows: Array, columns: pa.Table, refused: Refusals) -> Segment:
    """The block as text columns, in which records that repeat a declared header are refused (`repeated_header`)."""
    heads = _repeated_headers(table, columns)
    if heads is not None:
        refused += (("repeated_header", rows[heads]),)
        rows, columns = rows[~heads], columns.filter(pa.array(~heads))
    return Segment(block, rows, columns, refused)


def _repeated_headers(table: Table, columns: pa.Table) -> Array | None:
    """Mask of the rows that repeat a declared header among the data; None where there is none."""
    found = np.zeros(columns.num_rows, dtype=bool)
    for declared in table.repeated_headers:
        cells = declared or {column.name: str(column.source) for column in table.source_columns}
        here = np.ones(columns.num_rows, dtype=bool)
        for name, word in cells.items():
            if not here.any():
                break
            text = stripped(columns[name]).text
            here &= np.asarray(pc.fill_null(pc.equal(text, strip(word)), False))
        found |= here
    return found if found.any() else None
