"""Header variants and repeated headers of a table: the names each has, and checks that variants are distinguishable."""

from __future__ import annotations

from dataclasses import replace

from ingestion.contract.column_types import column_type
from ingestion.contract.extension import CsvFormat, Format, HeaderVariant, VariantColumn, ZipFormat
from ingestion.contract.model import Column, Table
from ingestion.contract.problem import KeyPath, Report, choices
from ingestion.contract.table_formats import XlsxFormat

_AS_DECLARED = VariantColumn()


def in_variant(column: Column, variant: HeaderVariant) -> Column:
    """The column with the source name and format that it has in a header variant."""
    if column.source is None:
        return column
    there = variant.columns.get(column.name, _AS_DECLARED)
    spec = column.spec if there.format is None else column.spec.model_copy(update={"format": there.format})
    return replace(column, source=there.source or column.source, spec=spec)


def absent_names(table: Table, variant: HeaderVariant) -> frozenset[str]:
    """Source names of the columns that a variant does not have."""
    return frozenset(
        str(in_variant(column, variant).source)
        for column in table.source_columns
        if variant.columns.get(column.name, _AS_DECLARED).absent
    )


def header_names(table: Table, variant: HeaderVariant | None) -> frozenset[str]:
    """The names a header must have: the contract's own, or a variant's."""
    if variant is None:
        return frozenset(str(column.source) for column in table.source_columns)
    read = frozenset(str(in_variant(column, variant).source) for column in table.source_columns)
    return read - absent_names(table, variant)


def has_names_of(table: Table, variant: HeaderVariant | None, names: frozenset[str]) -> bool:
    """Whether `names` are the names of a header: all that it must have, and no other but those it ignores."""
    needed = header_names(table, variant)
    return needed <= names <= needed | frozenset(variant.ignored if variant else ())


def check(spec: Format, table: Table, path: KeyPath, report: Report) -> None:
    """Report all problems of a table's declared headers. `path` leads to its entry in the citylake tables."""
    text = spec.member if isinstance(spec, ZipFormat) else spec
    for key, declared in (("header_variants", table.header_variants), ("repeated_headers", table.repeated_headers)):
        if declared and not _has_header(text):
            report.add((*path, key), "is for delimited text with a header and for workbooks")
    if table.header_variants and isinstance(text, CsvFormat | XlsxFormat) and text.lenient_extra_columns:
        report.add((*path, "header_variants"), "cannot be told apart by name with lenient_extra_columns: true")
    names = [column.name for column in table.source_columns]
    for index, cells in enumerate(table.repeated_headers):
        for name in cells:
            if name not in names:
                report.add((*path, "repeated_headers", index, name), f"no such source column; {choices(name, names)}")
    headers: list[HeaderVariant | None] = [None, *table.header_variants]
    for index, variant in enumerate(table.header_variants):
        here = (*path, "header_variants", index)
        _check_variant(variant, table, here, report)
        for other in headers[: index + 1]:
            if has_names_of(
                table, other, both := header_names(table, variant) | header_names(table, other)
            ) and has_names_of(table, variant, both):
                title = f"variant {other.id!r}" if other else "the contract's own header"
                report.add(here, f"cannot be told from {title}: a file could have the names of both")


def _has_header(text: Format) -> bool:
    return isinstance(text, XlsxFormat) or (isinstance(text, CsvFormat) and text.header)


def _check_variant(variant: HeaderVariant, table: Table, path: KeyPath, report: Report) -> None:
    columns = {column.name: column for column in table.source_columns}
    for name, there in variant.columns.items():
        here = (*path, "columns", name)
        column = columns.get(name)
        if column is None:
            report.add(here, f"no such source column; {choices(name, columns)}")
            continue
        if there.absent and (column.required or column.primary_key is not None):
            report.add((*here, "absent"), f"{name} is required: a file without it has no row to accept")
        if there.absent and (there.source or there.format):
            report.add((*here, "absent"), "an absent column has neither source nor format")
        kind = column_type(column.type)
        if there.format is not None and (isinstance(kind, str) or not kind.is_temporal):
            report.add((*here, "format"), f"is for DATE, TIMESTAMP and TIMESTAMPTZ, not {column.type}")
    read = [str(in_variant(column, variant).source) for column in columns.values()]
    for name in sorted({name for name in read if read.count(name) > 1} | (set(read) & set(variant.ignored))):
        report.add((*path, "columns"), f"{name!r} is named twice in this header")
