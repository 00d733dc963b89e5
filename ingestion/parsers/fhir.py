"""Read an export of FHIR resources: a ZIP of NDJSON members `<resource type>.<number>.ndjson`, a table for each type.

The members of a type are read one after the other as one table, their records numbered on. Its manifest
(`manifest.json`, Bulk Data Access IG 2.0, Response - Complete Status) says how many files and resources belong to it;
an archive with more or fewer is refused. Files of errors and of deleted resources hold no records of a table: they are
listed among the ignored members, with their number of lines, and errors are a doubt (docs/adr/0039). Fetching is left
to `ingestion.connectors.fhir_bulk`, references to `ingestion.conform.references`.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract.extension import ColumnSpec, JsonFormat
from ingestion.contract.health_formats import FhirFormat
from ingestion.contract.model import Column, Contract, Table
from ingestion.errors import DeliveryRefused
from ingestion.machine import engines
from ingestion.parsers.archive import Archive
from ingestion.parsers.blocks import Array, Segment, Source
from ingestion.parsers.fhir_outcomes import doubt, failures
from ingestion.parsers.fhir_versions import OTHER_VERSIONS
from ingestion.parsers.json_records import JsonRecords
from ingestion.parsers.probe import PROBE_BYTES, check_text
from ingestion.settings import Settings

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 16 * 2**20
_RESOURCES = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)(?:\.[0-9]+)?\.ndjson")
_BESIDE = re.compile(r"(?:error|deleted)(?:\.[0-9]+)?\.ndjson")
_TYPE = "_resource_type"
"""Helper columns of a segment; no bronze column's name begins so."""
_VERSION = "_of_version_{}"
_PIECE = 2**20
_LF, _CR = 10, 13


class FhirExport:
    """The tables of one export. Raises DeliveryRefused: `zip_damaged`, `zip_unsafe`, `empty`, `members`,
    `fhir_manifest`.
    """

    def __init__(self, contract: Contract, spec: FhirFormat, path: Path, settings: Settings) -> None:
        self._spec = spec
        self._path = path
        self._settings = settings
        self._archive = Archive(
            path, max_bytes=settings.max_uncompressed_bytes, max_ratio=settings.max_compression_ratio
        )
        self._members: dict[str, list[str]] = {}
        for name in sorted(self._archive.names):
            if found := _RESOURCES.fullmatch(name):
                self._members.setdefault(found[1], []).append(name)
        self._tables = {str(table.source): table for table in contract.tables}
        self._optional = {
            kind for kind, table in self._tables.items() if {kind, table.name} & set(spec.optional)
        }  # fmt: skip
        self._check_members()
        self._declared = self._manifest()
        for kind in self._tables:
            self._check_files(kind)
        self._beside, self._failed = self._read_beside()

    def sources(self) -> tuple[Source, ...]:
        """The tables whose resource type the export has, in contract order."""
        return tuple(
            Source(
                table,
                partial(self._segments, table),
                sum(self._archive.size(name) for name in self._members[kind]),
                required=kind not in self._optional,
            )
            for kind, table in self._tables.items()
            if kind in self._members
        )

    def ignored(self) -> tuple[str, ...]:
        """The members that no table reads; of errors and deleted resources with the number of lines in them."""
        read = {name for kind in self._tables for name in self._members.get(kind, ())}
        return tuple(f"{name}{self._beside.get(name, '')}" for name in self._archive.names if name not in read)

    @property
    def doubt(self) -> str | None:
        """Why the export may be incomplete, by its files of errors."""
        failed, codes = self._failed
        return doubt(failed, codes)

    def _read_beside(self) -> tuple[dict[str, str], tuple[int, dict[str, int]]]:
        """How many lines each file of errors or deleted resources has, and the failures in all files of errors.

        A line of a file of deleted resources is a Bundle of any number of them.
        """
        told, failed, codes = dict[str, str](), 0, dict[str, int]()
        names = [name for name in self._archive.names if _BESIDE.fullmatch(name)]
        with self._archive.streams() as opened:
            for name in names:
                with opened(name) as stream:
                    lines = count_resources(stream)
                told[name] = f" ({lines:,} {'line' if lines == 1 else 'lines'})"
                if name.startswith("error"):
                    with opened(name) as stream, io.BufferedReader(cast(io.RawIOBase, stream)) as buffered:
                        count, found = failures(buffered)
                    failed += count
                    codes |= {code: codes.get(code, 0) + number for code, number in found.items()}
        return told, (failed, codes)

    def _check_members(self) -> None:
        missing = [kind for kind in self._tables if kind not in self._members and kind not in self._optional]
        if missing:
            others = [kind for kind in self._members if kind not in self._tables]
            raise DeliveryRefused(
                f"the export has no file of {', '.join(missing)}"
                + (f"; it has, undeclared: {', '.join(others[:20])}" if others else ""),
                rule="members",
                next_step="ask the department for a complete export, or declare the type optional in the contract",
            )

    def _manifest(self) -> dict[str, list[int | None]] | None:
        """By resource type the files that the manifest lists, each with its declared number of resources."""
        if MANIFEST not in self._archive.names:
            return None
        (text,) = self._archive.read_members([MANIFEST], max_bytes=MAX_MANIFEST_BYTES)
        try:
            return declared_files(json.loads(text))
        except (ValueError, RecursionError):
            raise _contradicts(f"{MANIFEST} is not the manifest of an export") from None

    def _check_files(self, kind: str) -> None:
        found = len(self._members.get(kind, ()))
        listed = found if self._declared is None else len(self._declared.get(kind, ()))
        if found != listed:
            raise _contradicts(f"the manifest lists {listed} files of {kind}, and the export has {found}")

    def _segments(self, table: Table) -> Iterator[Segment]:
        """Every resource of a type, in order. Raises DeliveryRefused as JsonRecords, `fhir_manifest`, `fhir_version`.

        Byte offsets are told where the type has one member.
        """
        settings, kind = self._settings, str(table.source)
        members = self._members[kind]
        spec = JsonFormat(type="ndjson", null_values=self._spec.null_values, trim=self._spec.trim)
        reader = JsonRecords(_with_helpers(table), spec, self._path, settings)
        done = 0
        with (
            self._archive.streams() as opened,
            engines.session(engines.plain, threads=settings.threads, memory_limit=settings.memory_limit) as connection,
        ):
            for name in members:
                if not self._archive.size(name):
                    continue
                with opened(name) as stream:
                    bom = check_text(stream.read(PROBE_BYTES), f"member {name}")
                with opened(name) as stream:
                    stream.read(bom)
                    for segment in reader.lines(stream, connection, offset=bom, first=done + 1):
                        done += len(segment.block)
                        found = _judged(segment, table)
                        yield found if len(members) == 1 else replace(found, block=replace(found.block, base=None))
        self._check_count(kind, done)

    def _check_count(self, kind: str, received: int) -> None:
        counts = (self._declared or {}).get(kind, [])
        numbers = [count for count in counts if count is not None]
        if numbers and len(numbers) == len(counts) and sum(numbers) != received:
            raise _contradicts(f"the manifest counts {sum(numbers):,} resources of {kind}, and {received:,} came")


def count_resources(stream: BinaryIO) -> int:
    """How many lines of NDJSON have text."""
    count, before = 0, b"\n"
    while piece := stream.read(_PIECE):
        text = np.frombuffer(before + piece, np.uint8)
        ends = (text == _LF) | (text == _CR)
        # A line begins with a byte that is no line end and follows one.
        count += int(np.count_nonzero(ends[:-1] & ~ends[1:]))
        before = piece[-1:]
    return count


def declared_files(manifest: Any) -> dict[str, list[int | None]]:
    """By resource type the output files that a manifest lists, each with its `count`. Raises ValueError."""
    found: dict[str, list[int | None]] = {}
    listed = manifest.get("output") if isinstance(manifest, dict) else None
    for file in listed if isinstance(listed, list) else [None]:
        kind, count = (file.get("type"), file.get("count")) if isinstance(file, dict) else (None, None)
        if not isinstance(kind, str) or isinstance(count, bool) or not isinstance(count, int | None):
            raise ValueError("not a list of files with their type")
        found.setdefault(kind, []).append(count)
    return found


def _with_helpers(table: Table) -> Table:
    """The table with columns for the resource type, and for every member that only another version has."""
    versions = OTHER_VERSIONS.get(str(table.source), {})
    paths = {_TYPE: "$.resourceType", **{_VERSION.format(i): path for i, path in enumerate(versions)}}
    helpers = (
        Column(name, "VARCHAR", f"{name} of", name, name, spec=ColumnSpec(path=path)) for name, path in paths.items()
    )
    return replace(table, columns=(*table.columns, *helpers))


def _judged(segment: Segment, table: Table) -> Segment:
    """The segment with its own columns, and without resources of another type or FHIR version, which are refused."""
    names = [column.name for column in table.source_columns]
    kind = str(table.source)
    alien = ~np.asarray(pc.fill_null(pc.equal(segment.columns[_TYPE], kind), False), dtype=bool)
    versions = [
        (version, np.asarray(segment.columns[_VERSION.format(i)].is_valid(), dtype=bool) & ~alien)
        for i, version in enumerate(OTHER_VERSIONS.get(kind, {}).values())
    ]
    other = _any_of([found for _, found in versions], len(alien))
    _check_version(kind, versions, other)
    found = (("resource_type", segment.rows[alien]), ("fhir_version", segment.rows[other]))
    refused = segment.refused + tuple((rule, rows) for rule, rows in found if len(rows))
    keep = ~(alien | other)
    columns = segment.columns.select(names)
    if not keep.all():
        columns = columns.filter(pa.array(keep))
    return Segment(segment.block, segment.rows[keep], columns, refused)


def _any_of(masks: Sequence[Array], count: int) -> Array:
    return np.any(masks, axis=0) if masks else np.zeros(count, dtype=bool)


def _check_version(kind: str, versions: list[tuple[str, Array]], other: Array) -> None:
    """Refuse the delivery where most resources are of another FHIR version: the server was changed."""
    if 2 * np.count_nonzero(other) <= len(other):
        return
    named = max(versions, key=lambda item: int(np.count_nonzero(item[1])))[0]
    raise DeliveryRefused(
        f"{np.count_nonzero(other):,} of {len(other):,} resources of {kind} have members of FHIR {named}, where the "
        "contract declares R4 (4.0)",
        rule="fhir_version",
        next_step="ask the department for an export of FHIR R4 (fhirVersion=4.0); a server of another version needs a "
        "contract of its own",
    )


def _contradicts(message: str) -> DeliveryRefused:
    return DeliveryRefused(
        message, rule="fhir_manifest", next_step="ingest the interval again; if it stays, ask for a complete export"
    )
