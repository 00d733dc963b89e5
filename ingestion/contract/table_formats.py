"""Models of the formats that are no delimited text and no document: fixed-width text, spreadsheets, Parquet.

They are read by `ingestion.parsers.fixed_width`, `ingestion.parsers.xlsx` and `ingestion.parsers.parquet_records`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field, field_validator, model_validator

from ingestion.contract.strict import Declared


class FixedField(Declared):
    """A run of positions, 1-based as specifications print them; without `width` it reaches to the record's end.

    `blanks: keep` leaves the blanks around the value, which may belong to a text.
    """

    start: int = Field(ge=1)
    width: int | None = Field(default=None, ge=1)
    blanks: Literal["trim", "keep"] = "trim"

    @property
    def end(self) -> int:
        """The last position (of a tail: the position before its first)."""
        return self.start + (self.width or 0) - 1


class RecordTypes(Declared):
    """Where a record says of which type it is. Types of `skip` (headers, trailers) are no records of the table."""

    start: int = Field(ge=1)
    width: int = Field(ge=1)
    read: list[str] = Field(min_length=1)
    skip: list[str] = Field(default=[])


class Absent(Declared):
    """Which groups hold no record: `field` holds one of `values` and every other field of the group is blank."""

    field: str
    values: list[str] = Field(min_length=1)


class Repeat(Declared):
    """A group that comes `count` times in each line, each time one record of the table.

    `fields` are positions within the group. `index` names the source column that gets the group's
    number, from 1.
    """

    start: int = Field(ge=1)
    width: int = Field(ge=1)
    count: int = Field(ge=1, le=10_000)
    index: str
    fields: dict[str, FixedField] = Field(min_length=1)
    absent: Absent | None = None

    @property
    def end(self) -> int:
        """The last position of the last group."""
        return self.start + self.width * self.count - 1

    @model_validator(mode="after")
    def _inside(self) -> Repeat:
        for name, field in self.fields.items():
            if field.width is None or field.end > self.width:
                raise ValueError(f"field {name} of the repeated group must end within its {self.width} positions")
        if self.absent and self.absent.field not in self.fields:
            raise ValueError(f"`absent` names {self.absent.field!r}, which is no field of the group")
        return self


class FixedWidthFormat(Declared):
    """Text whose columns are positions, one record a line.

    `positions` says what the specification counts: bytes of the declared encoding (files of host systems, where a
    Chinese character takes two or four) or characters. A line that is shorter than `min_length` or longer
    than `max_length` (default: no limit where a field is a tail, else `min_length`) is a refused row;
    `short: blank` reads a short line as one whose sender cut trailing blanks.
    """

    type: Literal["fixed_width"] = "fixed_width"
    encoding: Literal["utf-8", "gb18030", "windows-1252"] = "utf-8"
    positions: Literal["bytes", "characters"] = "bytes"
    min_length: int = Field(ge=1)
    max_length: int | None = None
    short: Literal["refuse", "blank"] = "refuse"
    null_values: list[str] = Field(default=[""])
    record_type: RecordTypes | None = None
    fields: dict[str, FixedField] = Field(default={})
    repeat: Repeat | None = None

    @property
    def longest(self) -> int | None:
        """The longest line in positions; None without a limit."""
        tail = any(field.width is None for field in self.fields.values())
        return self.max_length or (None if tail else self.min_length)

    @property
    def source_names(self) -> tuple[str, ...]:
        """Every name a column's physicalName may take."""
        repeated = (self.repeat.index, *self.repeat.fields) if self.repeat else ()
        return (*self.fields, *repeated)

    @model_validator(mode="after")
    def _fits(self) -> FixedWidthFormat:
        if self.max_length is not None and self.max_length < self.min_length:
            raise ValueError("max_length is below min_length")
        limit = self.longest
        for name, end in self._ends():
            if limit is not None and end > limit:
                raise ValueError(f"{name} ends at position {end}, beyond the longest line ({limit})")
        if len(set(self.source_names)) < len(self.source_names):
            raise ValueError("a field name is used twice (fields, repeat.index, repeat.fields)")
        if not self.source_names:
            raise ValueError("no fields are declared")
        return self

    def _ends(self) -> Iterator[tuple[str, int]]:
        yield from ((f"field {name}", field.end) for name, field in self.fields.items())
        if self.repeat:
            yield "the repeated group", self.repeat.end
        if self.record_type:
            yield "record_type", self.record_type.start + self.record_type.width - 1


class XlsxFormat(Declared):
    """One sheet of an Excel workbook (.xlsx), its cells as text.

    The sheet is found by `sheet` (name) or `sheet_number` (1-based); without either there must be exactly one visible
    sheet. `header_row` is the sheet's row of the column names; with `header_rows` above 1 (merged headings)
    a column's name is its headings from the top down, joined by `/`, each heading once.
    `footer` is a regular expression: from the first row on whose first filled cell it matches, nothing is data.
    Rows without any value are no records. A row that a merged cell among the data touches is refused;
    `merged: fill` puts the merge's value in each of its cells. A cell that shows its number as a date gives a text
    column the day (`iso`: 2026-03-31), its `serial`, or refuses the row, as `date_cells` says; columns of numbers take
    it with `serial` only.
    """

    type: Literal["xlsx"] = "xlsx"
    sheet: str | None = None
    sheet_number: int | None = Field(default=None, ge=1)
    header_row: int = Field(default=1, ge=1, le=1000)
    header_rows: int = Field(default=1, ge=1, le=10)
    footer: str | None = None
    merged: Literal["refuse", "fill"] = "refuse"
    date_cells: Literal["iso", "serial", "refuse"] = "iso"
    null_values: list[str] = Field(default=[""])
    trim: bool = True
    lenient_extra_columns: bool = False

    @field_validator("footer")
    @classmethod
    def _expression(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from error
        return value

    @model_validator(mode="after")
    def _one_sheet(self) -> XlsxFormat:
        if self.sheet is not None and self.sheet_number is not None:
            raise ValueError("a sheet is named by `sheet` or by `sheet_number`, not by both")
        return self


class ParquetFormat(Declared):
    """A Parquet file, its columns found by name and taken as text.

    Text columns are taken as sent. Other types become their exact text: ISO 8601 dates and times (moments in UTC, with
    `+00`), decimals and doubles with all their digits, `true` and `false`. A column that is nested or bytes is refused
    by name.
    """

    type: Literal["parquet"] = "parquet"
    null_values: list[str] = Field(default=[""])
    trim: bool = True
    lenient_extra_columns: bool = False


def unknown_fields(spec: object, sources: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    """Columns (name → physicalName) whose source is no declared field, each with the message."""
    if isinstance(spec, FixedWidthFormat):
        for name, source in sources.items():
            if source is not None and source not in spec.source_names:
                yield name, f"{source!r} is no field of the format; declared: {', '.join(spec.source_names)}"
