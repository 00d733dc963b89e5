"""Build a `Contract` from an ODCS document and its citylake extension, reporting all problems found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from open_data_contract_standard.model import OpenDataContractStandard, SchemaObject

from ingestion.contract.columns import NAME, DeclaredColumn
from ingestion.contract.extension import Citylake, ColumnSpec, JsonFormat, TableSpec, XmlFormat
from ingestion.contract.health_formats import FhirFormat, Hl7Format
from ingestion.contract.model import Contract, Table
from ingestion.contract.problem import InvalidContract, KeyPath, Report, choices
from ingestion.contract.semantics import check_feed, check_table
from ingestion.contract.strict import validate

EXTENSION = "citylake"
API_VERSIONS = ("v3.1.0", "v3.2.0")
STATUSES = ("proposed", "draft", "active", "deprecated", "retired")

_ELSEWHERE = "not used: the citylake extension says it"
_RULE = "write a rule in the citylake extension"
UNREAD: dict[str, dict[str, str]] = {
    "OpenDataContractStandard": {
        "servers": f"{_ELSEWHERE} (source, format)",
        "slaProperties": f"{_ELSEWHERE} (deadline, schedule, retention)",
        "slaDefaultElement": f"{_ELSEWHERE} (deadline)",
        "roles": "access follows from the edition and the catalogue entry",
        "price": "departments do not charge each other",
    },
    "SchemaObject": {
        "quality": _RULE,
        "customProperties": f"{_ELSEWHERE} (tables.<table>)",
        "relationships": "relationships are tested in the dbt project",
    },
    "SchemaProperty": {
        "quality": _RULE,
        "customProperties": f"{_ELSEWHERE} (tables.<table>.columns.<column>)",
        "relationships": "relationships are tested in the dbt project",
        "unique": "mark the key with primaryKey",
        "partitioned": "bronze is partitioned by interval",
        "partitionKeyPosition": "bronze is partitioned by interval",
        "encryptedName": "write a deidentify in the citylake extension",
        "properties": "declare nested members as columns of their own, with a JSON path",
        "items": "declare nested members as columns of their own, with a JSON path",
        "map": "declare nested members as columns of their own, with a JSON path",
        "semanticType": "every column of a feed is a column",
    },
}
"""ODCS keys that are not supported, with what to write instead: they are refused, not silently ignored."""


def resolve(raw: Any, path: Path, report: Report) -> Contract:
    """The contract. Raises InvalidContract with every problem of the file."""
    extension_path, extension_raw = _extension(raw, report)
    citylake = validate(Citylake, extension_raw, extension_path, report) if extension_raw is not None else None
    document = validate(OpenDataContractStandard, raw, (), report, UNREAD)
    tables: list[Table] = []
    if document is not None:
        _check_head(document, report)
        tables = _tables(document, citylake, extension_path, report)
    if document is not None and citylake is not None:
        check_feed(citylake, tables, extension_path, report)
        _check_synthetic(document, citylake, report)
    report.raise_if_any()
    if document is None or citylake is None:
        raise InvalidContract(report.problems)
    return Contract(
        id=document.id or "",
        version=document.version or "",
        name=f"{citylake.department}.{citylake.feed}",
        title=document.name or "",
        description=_purpose(document),
        domain=document.domain or "",
        product=document.dataProduct or "",
        tags=tuple(document.tags or ()),
        citylake=citylake,
        tables=tuple(tables),
        path=path,
        status=document.status or "",
    )


def _extension(raw: Any, report: Report) -> tuple[KeyPath, Any]:
    """Key path and value of the `citylake` entry in `customProperties`."""
    entries = raw.get("customProperties") if isinstance(raw, dict) else None
    found: list[tuple[KeyPath, Any]] = []
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        name = entry.get("property") if isinstance(entry, dict) else None
        if name == EXTENSION:
            found.append((("customProperties", index, "value"), entry.get("value") or {}))
        else:
            report.add(
                ("customProperties", index, "property"), f"unknown property {name!r}; {choices(name, [EXTENSION])}"
            )
    if len(found) != 1:
        report.add(("customProperties",), f"needs exactly one entry with property `{EXTENSION}`, has {len(found)}")
        return ("customProperties",), None
    return found[0]


def _check_head(document: OpenDataContractStandard, report: Report) -> None:
    """Check the required first-level keys and their values."""
    needed: dict[str, tuple[str, ...]] = {
        "apiVersion": API_VERSIONS,
        "kind": ("DataContract",),
        "status": STATUSES,
        "id": (),
        "version": (),
        "name": (),
        "domain": (),
        "dataProduct": (),
    }
    for key, allowed in needed.items():
        value = getattr(document, key)
        if not value:
            report.add((key,), "required key is missing" + (f"; {choices('', allowed)}" if allowed else ""))
        elif allowed and value not in allowed:
            report.add((key,), f"{value!r} is not allowed; {choices(value, allowed)}")
    for key in ("domain", "dataProduct"):
        value = getattr(document, key)
        if value and not NAME.fullmatch(value):
            report.add((key,), f"{value!r}: lower-case letters, digits and _ (it names dbt groups and folders)")
    if not _purpose(document).strip():
        report.add(("description", "purpose"), "required key is missing: what the feed is, in English")
    if not document.schema_:
        report.add(("schema",), "required key is missing: at least one table")


def _tables(
    document: OpenDataContractStandard, citylake: Citylake | None, extension_path: KeyPath, report: Report
) -> list[Table]:
    json = citylake is not None and isinstance(citylake.format, JsonFormat | FhirFormat)
    fhir = citylake is not None and isinstance(citylake.format, FhirFormat)
    xml = citylake.format if citylake is not None and isinstance(citylake.format, XmlFormat) else None
    tables: list[Table] = []
    for index, entry in enumerate(document.schema_ or []):
        name = entry.name or ""
        spec = citylake.tables.get(name, TableSpec()) if citylake else TableSpec()
        path = (*extension_path, "tables", name)
        if name in [other.name for other in tables]:
            report.add(("schema", index, "name"), f"two tables are named {name!r}")
        _table_head(entry, ("schema", index), report)
        columns = [
            DeclaredColumn(
                prop=prop,
                spec=spec.columns.get(prop.name or "", ColumnSpec()),
                path=("schema", index, "properties", position),
                spec_path=(*path, "columns", prop.name or ""),
                json=json,
                extended=citylake is not None,
                enums=document.apiVersion != "v3.1.0",
                report=report,
                xml=xml,
                fhir=fhir,
                hl7=citylake is not None and isinstance(citylake.format, Hl7Format),
            ).column()
            for position, prop in enumerate(entry.properties or [])
        ]
        table = Table(
            name=name,
            title=entry.businessName or "",
            description=entry.description or "",
            grain=entry.dataGranularityDescription or "",
            source=entry.physicalName,
            columns=tuple(columns),
            event_time=spec.event_time,
            rules=tuple(spec.rules),
            header_variants=tuple(spec.header_variants),
            repeated_headers=tuple(spec.repeated_headers),
            repeats=spec.repeats,
        )
        check_table(table, spec, index, path, report)
        tables.append(table)
    return tables


def _table_head(entry: SchemaObject, path: KeyPath, report: Report) -> None:
    if not entry.name or not NAME.fullmatch(entry.name):
        report.add((*path, "name"), f"{entry.name!r} is not a table name: lower-case letters, digits and _")
    for key in ("businessName", "description", "dataGranularityDescription"):
        if not (getattr(entry, key) or "").strip():
            report.add((*path, key), "required key is missing")
    if not entry.properties:
        report.add((*path, "properties"), "required key is missing: at least one column")


def _purpose(document: OpenDataContractStandard) -> str:
    return (document.description.purpose if document.description else None) or ""


def _check_synthetic(document: OpenDataContractStandard, citylake: Citylake, report: Report) -> None:
    """A synthetic feed must say so in its description, where people read it."""
    if citylake.synthetic and "synthetic" not in _purpose(document).casefold():
        report.add(("description", "purpose"), "synthetic: true, but the text does not say `synthetic`")
