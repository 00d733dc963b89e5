"""Read XML records, the elements at a declared path, as text columns.

`xml_cut` has counted the records and refused documents with entities before. Each block of whole records is parsed here
by lxml as a small document of its own: memory holds the tree of one block, and this second parser must find as many
records as the first one counted. The quarantine keeps each record's text. Typing the values is left to conform.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree  # type: ignore[import-untyped]

from ingestion.contract.extension import XmlFormat
from ingestion.contract.model import Column, Table
from ingestion.contract.xml_paths import steps
from ingestion.errors import DeliveryRefused, IntegrityError
from ingestion.parsers.block_limits import max_records_per_block
from ingestion.parsers.blocks import Block, Refusals, Segment, readable
from ingestion.parsers.xml_cut import CutBlock, XmlCutter, unexpected_attributes
from ingestion.parsers.xml_text import XmlText
from ingestion.parsers.xml_tree import NIL, Plan, Row, path_of, plan
from ingestion.settings import Settings

_LISTED = 20
_MIXED = etree.XPath("boolean(//*[*]/text()[preceding-sibling::* and normalize-space()])")


class XmlRecords:
    """Reader of one XML payload."""

    def __init__(self, table: Table, spec: XmlFormat, path: Path, settings: Settings) -> None:
        self._table = table
        self._spec = spec
        self._path = path
        self._settings = settings

    def segments(self) -> Iterator[Segment]:
        """Every record in order, once.

        Raises DeliveryRefused: `empty`, `html_page`, `container`, `encoding`, `xml_malformed` (an error anywhere
        refuses the whole document), `xml_doctype`, `xml_depth`, `xml_token`, `xml_records` (no element at the declared
        path), `xml_elements` (a required column in no record, or undeclared elements and attributes).
        """
        with self._path.open("rb") as stream:
            text = XmlText(stream, self._spec.encoding)
            cutter = XmlCutter(
                steps(self._spec.records, self._spec.namespaces),
                max_record_bytes=self._settings.max_record_bytes,
                offset=text.bom if text.as_sent else None,
                most=max_records_per_block(len(self._table.source_columns)),
            )
            reading = plan(self._table, self._spec)
            absent = {column.name for column in self._table.source_columns}
            for cut in cutter.blocks(text.chunks()):
                segment = self._read(cut, reading)
                absent -= {name for name in absent if segment.columns[name].null_count < len(segment.rows)}
                yield Segment(segment.block, segment.rows, self._values(segment.columns), segment.refused)
            if not cutter.count:
                self._check_records(cutter)
            self._check_elements(cutter, reading, absent if cutter.count else set())

    def _read(self, cut: CutBlock, reading: Plan) -> Segment:
        """A segment with the original texts; NIL stands for `xsi:nil`."""
        block = cut.block
        rows = readable(len(block), block.refused)
        root = _parsed(block, rows, cut.scope)
        records, reading.mixed = list(root), bool(_MIXED(root))
        if len(records) != len(rows):
            raise IntegrityError(
                f"{len(rows)} XML records counted, {len(records)} read, from record {block.first}",
                left="nothing was written",
                next_step="keep the file and report it: the record counter and the reader disagree",
            )
        numbers = block.number(rows).tolist()
        found = [reading.row(record, number) for record, number in zip(records, numbers, strict=True)]
        good = np.array([row is not None for row in found], dtype=bool)
        refused: Refusals = block.refused
        if not good.all():
            refused += (("repeated_element", rows[~good]),)
        return Segment(block, rows[good], self._columns([row for row in found if row is not None]), refused)

    def _columns(self, rows: list[Row]) -> pa.Table:
        columns = self._table.source_columns
        texts = zip(*rows, strict=True) if rows else ([] for _ in columns)
        return pa.table({
            column.name: pa.array(_json_lists(found) if column.spec.repeated == "list" else found, pa.string())
            for column, found in zip(columns, texts, strict=True)
        })  # fmt: skip

    def _values(self, texts: pa.Table) -> pa.Table:
        """The columns with NULL for the contract's null words and for `xsi:nil`."""
        nothing = pa.array([NIL, *self._spec.null_values], pa.string())
        values = {}
        for name in texts.column_names:
            text = texts[name]
            values[name] = pc.if_else(pc.is_in(text, nothing), pa.scalar(None, pa.string()), text)
        return pa.table(values)

    def _check_records(self, cutter: XmlCutter) -> None:
        """A document without records is an empty delivery if it has their parent element; otherwise refuse it."""
        if cutter.beside.parent and not cutter.beside.siblings:
            return
        raise DeliveryRefused(
            f"no element at {self._spec.records}; the document has: {', '.join(cutter.beside.paths) or 'nothing'}",
            rule="xml_records",
            next_step="correct `records` (and `namespaces`, shown in braces) in the contract, or ask the department "
            "what changed",
        )

    def _check_elements(self, cutter: XmlCutter, reading: Plan, absent: set[str]) -> None:
        """Refuse missing and undeclared elements and attributes, over the whole document, with the exact difference."""
        needed = [c for c in self._table.source_columns if c.name in absent and _is_required(c)]
        faults = [f"in no record {_listed([repr(path_of(c)) for c in needed])}"] if needed else []
        if not self._spec.lenient_extra_elements:
            extra = [f"{path!r} ({n:,}, first in record {at:,})" for path, (n, at) in reading.unexpected.items()]
            extra += [repr(f"@{name}") for name in sorted(unexpected_attributes(cutter.beside.attributes))
                      if name not in reading.attributes]  # fmt: skip
            faults += [f"not in the contract {_listed(extra)}"] if extra else []
            faults += self._beside(cutter)
        if faults:
            raise DeliveryRefused(
                f"the elements of the XML document do not fit the contract: {'; '.join(faults)}",
                rule="xml_elements",
                next_step="agree the elements with the department and revise the contract (a column, or `ignored`), "
                "or ask for a new file",
            )

    def _beside(self, cutter: XmlCutter) -> list[str]:
        parent = self._spec.records.rpartition("/")[0]
        ignored = {steps(p, self._spec.namespaces)[-1] for p in self._spec.ignored if p.rpartition("/")[0] == parent}
        names = [f"{name!r} ({n:,})" for name, n in cutter.beside.siblings.items() if name not in ignored]
        return [f"beside the records {_listed(names)}"] if names else []


def _parsed(block: Block, rows: np.ndarray[Any, Any], scope: str) -> Any:
    """Parse a block's records as the children of one element. No entity is resolved, nothing is loaded or fetched."""
    # The records only: between them are other elements, or the tags of elements around them.
    limits = zip(block.starts[rows].tolist(), block.ends[rows].tolist(), strict=True)
    text = b"".join(block.data[start:end] for start, end in limits)
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False,
        dtd_validation=False, remove_comments=True, remove_pis=True, recover=False, collect_ids=False,
    )  # fmt: skip
    try:
        return etree.fromstring(scope.encode("utf-8") + text + b"</records>", parser)
    except etree.XMLSyntaxError as error:
        raise DeliveryRefused(
            f"the XML document cannot be read in records {block.first:,} to {block.first + len(block) - 1:,}: "
            f"{error.msg}",
            rule="xml_malformed",
            next_step="ask the department how the file was made; one text above 10 MB is more than the reader takes",
        ) from error


def _is_required(column: Column) -> bool:
    return column.required or column.primary_key is not None


def _json_lists(found: Any) -> list[str | None]:
    """A JSON list of texts per record; None for a record without the element."""
    return [
        None if texts is None else json.dumps([None if t == NIL else t for t in texts], ensure_ascii=False)
        for texts in found
    ]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
