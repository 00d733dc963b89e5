"""Read delimited text (CSV, TSV): columns by the names in the header, records counted, fields as text columns.

The bytes are split into records first (`records`); then pyarrow reads their fields. So a record that cannot be read is
refused by its number and never shifts another one. Typing the values is left to conform.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from ingestion.contract.extension import CsvFormat
from ingestion.contract.model import Table
from ingestion.errors import DeliveryRefused, IntegrityError
from ingestion.parsers.block_limits import max_records_per_block
from ingestion.parsers.blocks import Array, Block, Segment, readable
from ingestion.parsers.encoding import Utf8Detector, to_utf8
from ingestion.parsers.faults import unreadable
from ingestion.parsers.header import Header, check_header, without_headers
from ingestion.parsers.probe import PROBE_BYTES, check_text, empty
from ingestion.parsers.quoting import Dialect, find_quoted, with_literal_escapes
from ingestion.parsers.records import RecordReader
from ingestion.values.blanks import strip

Opener = Callable[[], AbstractContextManager[BinaryIO]]

_LF = 0x0A
_ARROW_BLOCK = 2**20
"""Bytes that Arrow parses at a time; larger blocks do not fit a processor's cache."""
_LINE_ENDS = "ask the department to end every line with LF or CR LF, and to send it again"
_HEADER_FAULTS = {
    "bare_carriage_return": (
        "holds a carriage return without a line feed; where it ends cannot be told",
        _LINE_ENDS,
    ),
    "record_too_long": ("is too long; where it ends cannot be told", _LINE_ENDS),
    "malformed_quote": (
        "has text beside a quoted name, or an escape at its end; two readers would read other names",
        "ask the department to double quotes that belong to a name, or declare `escape` in the contract",
    ),
}


class Delimited:
    """Reader of one delimited payload. `name` is used in messages; `header` is the declared header the file has."""

    def __init__(
        self, table: Table, spec: CsvFormat, opener: Opener, name: str, max_record_bytes: int,
        header: Header | None = None,
    ) -> None:  # fmt: skip
        self.table = self._table = table
        self._as_sent = header or Header(table)
        self._spec = spec
        self._open = opener
        self._name = name
        quote = ord(spec.quote) if spec.quote else None
        escape = ord(spec.escape) if spec.escape else None
        self._dialect = Dialect(spec.encoding, quote, ord(spec.delimiter), max_record_bytes, escape)
        self._most = max_records_per_block(len(table.source_columns))

    def header(self) -> list[str]:
        """The names in the file's header, not yet compared with the contract. Raises what `segments` raises."""
        with self._open() as stream:
            for block in self._blocks(stream, first=0):
                return self._header(block)
        return []

    def segments(self) -> Iterator[Segment]:
        """Every record of the payload, in order, once.

        Raises DeliveryRefused: `empty`, `header`, `encoding`, `html_page`, `container`, `unterminated_quote`, and,
        of the header line only, `bare_carriage_return`, `malformed_quote` and `record_too_long`.
        """
        with self._open() as stream:
            detector = Utf8Detector(self._spec.encoding)
            places: dict[str, int] | None = None
            width = 0
            for block in self._blocks(stream, first=0 if self._spec.header else 1):
                detector.add_records(block)
                if places is None:
                    names = self._header(block) if self._spec.header else self._names()
                    places, width = self._places(names, detector), len(names)
                    block = block.without_first() if self._spec.header else block  # noqa: PLW2901  the header leaves the block it came in
                if len(block):
                    yield self._read(block, places, width)
            if places is None:
                raise empty(self._name)
            detector.check()

    def _blocks(self, stream: BinaryIO, *, first: int) -> RecordReader:
        head = stream.read(PROBE_BYTES)
        bom = check_text(head, self._name)
        if bom and self._spec.encoding != "utf-8":
            raise DeliveryRefused(
                f"{self._name} is declared {self._spec.encoding} but begins with the byte order mark of UTF-8",
                rule="encoding",
                next_step="correct `encoding` in the contract",
            )
        joined = cast(BinaryIO, _joined(head[bom:], stream))
        return RecordReader(joined, self._dialect, offset=bom, first=first, most=self._most)

    def _names(self) -> list[str]:
        """Source names in contract order, each once: the columns of a file without header."""
        return list(dict.fromkeys(str(column.source) for column in self._table.source_columns))

    def _header(self, block: Block) -> list[str]:
        """The cells of the first record, stripped."""
        self._check_header_line(block)
        text = to_utf8(block.text_of(0), self._spec.encoding)
        if text is None:
            raise DeliveryRefused(
                f"the header of {self._name} is not {self._spec.encoding}{_readable_as(block.text_of(0))}",
                rule="encoding",
                next_step="correct `encoding` in the contract, or ask the department to send the declared encoding",
            )
        options: dict[str, Any] = {"quotechar": self._spec.quote} if self._spec.quote else {"quoting": csv.QUOTE_NONE}
        options["escapechar"] = self._spec.escape or None
        text = with_literal_escapes(text, self._dialect)
        line = io.StringIO(text.decode("utf-8").replace("\x00", ""), newline="")
        cells = next(csv.reader(line, delimiter=self._spec.delimiter, **options), [])
        return [strip(cell) for cell in cells]

    def _check_header_line(self, block: Block) -> None:
        """Refuse a header line that cannot be read: with a bare carriage return, records would become part of it."""
        broken = [rule for rule, rows in block.refused if 0 in rows]
        if broken:
            why, next_step = _HEADER_FAULTS[broken[0]]
            raise DeliveryRefused(f"the header line of {self._name} {why}", rule=broken[0], next_step=next_step)

    def _places(self, names: list[str], detector: Utf8Detector) -> dict[str, int]:
        """Column index per source name, or `DeliveryRefused` (rule `header`) with the exact difference.

        Names that were decoded by a wrong encoding differ because of that: then the rule is `encoding`.
        """
        wanted = [name for name in self._names() if name not in self._as_sent.absent]
        declared = [name for name in names if name not in self._as_sent.ignored]
        lenient = self._spec.lenient_extra_columns
        try:
            check_header(declared, wanted, what=self._name, expected=self._as_sent.title, lenient=lenient)
        except DeliveryRefused:
            detector.check()
            raise
        return {name: names.index(name) for name in wanted}

    def _read(self, block: Block, places: dict[str, int], width: int) -> Segment:
        refused = block.refused + unreadable(block)
        rows = readable(len(block), refused)
        text = self._text(block, rows)
        try:
            columns = self._columns(block, text, places, width, len(rows))
        except pa.ArrowInvalid:
            counts = self._field_counts(block)
            ragged = rows[counts[rows] != width]
            if not len(ragged):
                raise
            refused += (("ragged", ragged),)
            rows = readable(len(block), refused)
            columns = self._columns(block, self._text(block, rows), places, width, len(rows))
        if columns.num_rows != len(rows):
            raise IntegrityError(
                f"{self._name}: {len(rows)} records counted, {columns.num_rows} read, from record {block.first}",
                left="nothing was written",
                next_step="keep the file and report it: the record counter and the reader disagree",
            )
        return without_headers(self._table, block, rows, columns, refused)

    def _text(self, block: Block, rows: Array) -> bytes:
        """The UTF-8 text of the given records, line ends included."""
        data = block.data
        if len(rows) < len(block):
            data = _select_bytes(block, rows)
        elif int(block.starts[0]):
            data = data[int(block.starts[0]) :]
        text = to_utf8(data, block.encoding)
        if text is None:
            raise IntegrityError(f"{self._name}: undecodable bytes outside any record", left="nothing was written")
        return text

    def _columns(self, block: Block, text: bytes, places: dict[str, int], width: int, count: int) -> pa.Table:
        sources = self._table.source_columns
        if not text:
            return pa.table({c.name: pa.array([], pa.string()) for c in sources})
        names = [str(index) for index in range(width)]
        longest = int((block.ends - block.starts).max())
        used = sorted({str(place) for place in places.values()}, key=int)
        if text.startswith(codecs.BOM_UTF8):  # Arrow drops one at the beginning, which here is part of a value
            text = codecs.BOM_UTF8 + text
        if self._dialect.escape is not None:
            text = with_literal_escapes(text, self._dialect)
        # Arrow ends a record at CR or LF where its block ends within a quoted field: then all is read as one block.
        size = len(text) + 1 if _line_ends_in_fields(text, count) else max(_ARROW_BLOCK, 4 * longest)
        read = pacsv.read_csv(
            pa.BufferReader(text),
            read_options=pacsv.ReadOptions(column_names=names, block_size=size),
            parse_options=pacsv.ParseOptions(
                delimiter=self._spec.delimiter,
                quote_char=self._spec.quote or False,
                escape_char=self._spec.escape or False,
                newlines_in_values=size > len(text),
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=used,
                null_values=self._spec.null_values,
                strings_can_be_null=True,
                check_utf8=False,
            ),
        )
        nothing = pa.nulls(read.num_rows, pa.string())
        return pa.table({
            c.name: read.column(str(places[str(c.source)])) if c.source in places else nothing for c in sources
        })  # fmt: skip

    def _field_counts(self, block: Block) -> Array:
        """Number of fields of each record, counted by the delimiters outside quotes."""
        view = np.frombuffer(block.data, np.uint8)
        start = int(block.starts[0]) if len(block) else 0
        text = view[start:]
        marks = find_quoted(text, self._dialect)
        found = marks.separating(text, np.flatnonzero(text == self._dialect.delimiter), self._dialect) + start
        first = np.searchsorted(found, block.starts)
        return np.searchsorted(found, block.ends) - first + 1


def _line_ends_in_fields(text: bytes, count: int) -> bool:
    """Whether some field of the `count` records in `text` may contain a line end."""
    # Where a byte is frequent, numpy counts it many times faster than `bytes.count`.
    ended = int(np.count_nonzero(np.frombuffer(text, np.uint8) == _LF)) + (not text.endswith(b"\n"))
    return ended != count or (b"\r" in text and text.count(b"\r") != text.count(b"\r\n"))


def _select_bytes(block: Block, rows: Array) -> bytes:
    """The bytes of the given records, each followed by one line end."""
    limits = np.zeros(len(block.data) + 2, np.int8)
    limits[block.starts[rows]] += 1
    stops = np.minimum(block.ends[rows] + 1, len(block.data))
    np.subtract.at(limits, stops, 1)
    kept = np.frombuffer(block.data, np.uint8)[np.cumsum(limits[: len(block.data)], dtype=np.int8).astype(bool)]
    return bytes(kept.tobytes())


def _readable_as(text: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        if to_utf8(text, encoding) is not None:
            return f" (it reads as {encoding})"
    return ""


class _joined(io.RawIOBase):
    """A stream of `head`, which was read already, followed by the rest of a stream."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; short only at the end."""
        taken, self._head = self._head[:size], self._head[size:]
        return taken + self._rest.read(size - len(taken)) if len(taken) < size else taken
