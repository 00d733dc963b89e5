"""Headers a delimited feed is known to have: which declared one a file came with, and headers among its records.

A variant is told by its names (ignored ones may be missing) and never guessed: what fits none of the
declared headers is refused with the difference from the nearest. Reading is left to `delimited`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract.extension import HeaderVariant
from ingestion.contract.headers import absent_names, fits, names_of, under
from ingestion.contract.model import Table
from ingestion.errors import DeliveryRefused
from ingestion.parsers.blank_cells import stripped
from ingestion.parsers.blocks import Array
from ingestion.values.blanks import strip


@dataclass(frozen=True)
class Header:
    """One declared header. `table` has the source names and formats of it.

    `absent` are source names of columns it does not have, `ignored` names no column reads.
    """

    table: Table
    title: str = "the contract"
    absent: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()


def chosen(table: Table, names: list[str], payload: str, content_date: date) -> Header:
    """The declared header with exactly these names, else the nearest one, for its reader to tell the difference.

    `payload` is how messages call the file. Raises DeliveryRefused (`header`) for a variant out of date.
    """
    found = frozenset(names)
    variant = next((variant for variant in table.header_variants if fits(table, variant, found)), None)
    if variant is None:
        return _nearest(table, found)
    if variant.valid_until is not None and content_date > variant.valid_until:
        raise DeliveryRefused(
            f"the header of {payload} is the variant {variant.id!r}, which is accepted for content up to "
            f"{variant.valid_until}; this is of {content_date}",
            rule="header",
            next_step="ask the department which header is right from now on; revise `valid_until` if it is this one",
        )
    return _header(table, variant)


def _nearest(table: Table, found: frozenset[str]) -> Header:
    apart = {variant.id: _apart(table, variant, found) for variant in table.header_variants}
    near = min(table.header_variants, key=lambda variant: apart[variant.id])
    return Header(table) if len(names_of(table, None) ^ found) <= apart[near.id] else _header(table, near)


def _apart(table: Table, variant: HeaderVariant, found: frozenset[str]) -> int:
    needed = names_of(table, variant)
    return len(needed - found) + len(found - needed - frozenset(variant.ignored))


def _header(table: Table, variant: HeaderVariant) -> Header:
    renamed = replace(table, columns=tuple(under(column, variant) for column in table.columns))
    title = f"its nearest declared header, the variant {variant.id!r}"
    return Header(renamed, title, absent_names(table, variant), frozenset(variant.ignored))


def repeated_headers(table: Table, columns: pa.Table) -> Array | None:
    """Which rows of text columns are a declared header inside the data; None where there is none."""
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
