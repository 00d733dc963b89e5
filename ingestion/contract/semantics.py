"""Check the parts of a contract against each other: keys, event time, rules, source, format and catalogue."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta

from ingestion.contract import conditions, expressions, headers, hl7_paths, xml_paths
from ingestion.contract.database_checks import database_problems
from ingestion.contract.extension import (
    Catalogue,
    Citylake,
    JsonFormat,
    RowRule,
    StagingSpec,
    TableSpec,
    XmlFormat,
    ZipFormat,
)
from ingestion.contract.health_formats import FhirFormat, Hl7Format
from ingestion.contract.model import Column, Table
from ingestion.contract.problem import KeyPath, Report, choices
from ingestion.contract.schedule import cron_problem, timezone_problem
from ingestion.contract.source_checks import source_problems
from ingestion.contract.sources import FhirBulk
from ingestion.contract.table_formats import FixedWidthFormat, unknown_fields

_JSON_RECORDS = re.compile(r"""\$(\.([^\W\d]\w*|"[^"]+"))*""")

_RESOURCE_TYPE = re.compile(r"[A-Z][A-Za-z]+")
_MEMBER = {"zip": "ZIP member", "fhir": "resource type", "hl7": "segment"}


def check_feed(citylake: Citylake, tables: list[Table], path: KeyPath, report: Report) -> None:
    """Report problems of the feed as a whole. `path` leads to the value of the citylake entry."""
    calendar = citylake.calendar
    found = {
        ("calendar", "timezone"): timezone_problem(calendar.timezone),
        ("schedule",): cron_problem(citylake.schedule),
    }
    for key, problem in found.items():
        if problem:
            report.add((*path, *key), problem)
    for where, message in (*source_problems(citylake), *database_problems(citylake, tables)):
        report.add((*path, *where), message)
    for name in citylake.tables:
        if name not in {table.name for table in tables}:
            report.add((*path, "tables", name), f"no such table; {choices(name, [t.name for t in tables])}")
    _check_identity(citylake, tables, path, report)
    if citylake.delivery == "snapshot":
        for name in (name for name, spec in citylake.tables.items() if spec.fact is not None):
            report.add((*path, "tables", name, "fact"), "grows by days, and a snapshot is whole: write a dimension")
    _check_format(citylake, tables, path, report)
    _check_catalogue(citylake.catalogue, (*path, "catalogue"), report)
    if min(citylake.retention.raw, citylake.retention.quarantine) <= timedelta(0):
        report.add((*path, "retention"), "raw and quarantine must be kept for a time above zero")


def _check_identity(citylake: Citylake, tables: list[Table], path: KeyPath, report: Report) -> None:
    """What tells rows apart (ADR 0020): a key wherever rows of several deliveries are compared.

    The place of a row in its delivery is enough only where a delivery replaces the one before whole.
    """
    keyless = ", ".join(table.name for table in tables if not table.key)
    if keyless and citylake.correction == "delta":
        report.add((*path, "correction"), f"delta updates by key, and {keyless} has none")
    if keyless and citylake.delivery == "events":
        report.add((*path, "delivery"), f"events are told from repeats by key, and {keyless} has none")
    several = citylake.delivery == "events" or citylake.correction == "delta"
    for table in (table for table in tables if table.keeps_repeats):
        where = (*path, "tables", table.name, "repeats")
        if table.key:
            report.add(where, f"keep is for a table without a key; the key of {table.name} is {', '.join(table.key)}")
        if several:
            report.add(where, "keep is for delivery snapshot, or interval with correction full")


def _check_format(citylake: Citylake, tables: list[Table], path: KeyPath, report: Report) -> None:
    """What the format asks of the tables, and of its own settings."""
    _check_members(citylake, tables, path, report)
    _check_asked(citylake, tables, path, report)
    _check_fields(citylake, tables, path, report)
    for table in tables:
        headers.check(citylake.format, table, (*path, "tables", table.name), report)
    if isinstance(citylake.format, JsonFormat):
        _check_json(citylake.format, (*path, "format"), report)
    if isinstance(citylake.format, XmlFormat):
        _check_xml(citylake.format, (*path, "format"), report)
    if isinstance(citylake.format, Hl7Format):
        _check_hl7(citylake.format, tables, (*path, "format"), report)


def _check_members(citylake: Citylake, tables: list[Table], path: KeyPath, report: Report) -> None:
    """A ZIP, a FHIR export and HL7 messages name a member, resource type or segment per table; any other format is one
    table without a member.
    """
    if not isinstance(citylake.format, ZipFormat | FhirFormat | Hl7Format):
        if len(tables) != 1:
            report.add(("schema",), f"format {citylake.format.type} carries one table, not {len(tables)}")
        return
    members = [table.source for table in tables]
    for index, member in enumerate(members):
        if not member:
            report.add(
                ("schema", index, "physicalName"),
                f"required key is missing: the {_MEMBER[citylake.format.type]} of this table",
            )
        elif members.count(member) > 1:
            report.add(
                ("schema", index, "physicalName"), f"two tables read the {_MEMBER[citylake.format.type]} {member!r}"
            )
        elif isinstance(citylake.format, FhirFormat) and not _RESOURCE_TYPE.fullmatch(member):
            report.add(("schema", index, "physicalName"), f"{member!r} is not a resource type such as Patient")
    key, optional = _optional(citylake.format)
    for member in optional:
        if member not in members:
            allowed = [m for m in members if m]
            report.add((*path, "format", key), f"no table reads {member!r}; {choices(member, allowed)}")


def _check_asked(citylake: Citylake, tables: list[Table], path: KeyPath, report: Report) -> None:
    """An export of certain resource types has those of every table."""
    source = citylake.source
    types = source.types if isinstance(source, FhirBulk) else []
    for table in tables if types else ():
        if table.source not in types:
            report.add((*path, "source", "types"), f"{table.source!r} is read by a table, and is not asked for")


def _optional(spec: ZipFormat | FhirFormat | Hl7Format) -> tuple[str, list[str]]:
    """The key that names what a delivery may lack, and its value."""
    if isinstance(spec, ZipFormat):
        return "optional_members", spec.optional_members
    return "optional", spec.optional if isinstance(spec, FhirFormat) else []


def _check_fields(citylake: Citylake, tables: list[Table], path: KeyPath, report: Report) -> None:
    """Columns of a format with declared fields read one of them."""
    for index, table in enumerate(tables):
        sources = {column.name: column.source for column in table.columns}
        places = {column.name: position for position, column in enumerate(table.columns)}
        for name, problem in unknown_fields(citylake.format, sources):
            report.add(("schema", index, "properties", places[name], "physicalName"), problem)
        for column in table.columns if isinstance(citylake.format, FixedWidthFormat) else ():
            if column.spec.blanks is not None:
                where = (*path, "tables", table.name, "columns", column.name, "blanks")
                report.add(where, "fixed width text says it of its fields (`fields.<name>.blanks`)")


def _check_json(spec: JsonFormat, path: KeyPath, report: Report) -> None:
    """The list of records is found by the names of the members around it."""
    if not _JSON_RECORDS.fullmatch(spec.records):
        report.add(
            (*path, "records"), f'{spec.records!r} is not a path of member names such as $.data or $."odd key".b'
        )


def _check_xml(spec: XmlFormat, path: KeyPath, report: Report) -> None:
    """The paths of the format can be followed, with the prefixes it declares."""
    problem = xml_paths.records_problem(spec.records, spec.namespaces)
    if problem:
        report.add((*path, "records"), problem)
    for index, ignored in enumerate(spec.ignored):
        check = xml_paths.records_problem if ignored.startswith("/") else xml_paths.member_problem
        problem = check(ignored, spec.namespaces)
        if problem:
            report.add((*path, "ignored", index), problem)


def _check_hl7(spec: Hl7Format, tables: list[Table], path: KeyPath, report: Report) -> None:
    """Message types and segments are written as the standard writes them."""
    for where, message in hl7_paths.format_problems(spec, [str(table.source) for table in tables]):
        report.add((*path, *where), message)
    for index, table in enumerate(tables):
        problem = hl7_paths.segment_problem(table.source) if table.source else None
        if problem:
            report.add(("schema", index, "physicalName"), problem)


def _check_catalogue(catalogue: Catalogue, path: KeyPath, report: Report) -> None:
    """Conditions belong to conditional sharing and opening (State Council document 51 of 2016)."""
    if catalogue.open_attribute == "有条件开放" and not catalogue.open_condition:
        report.add((*path, "open_condition"), "required with open_attribute 有条件开放")
    if catalogue.open_attribute != "不予开放" and catalogue.share_type == "不予共享":
        report.add((*path, "open_attribute"), "what is not shared (不予共享) cannot be open")


def check_table(table: Table, spec: TableSpec, index: int, path: KeyPath, report: Report) -> None:
    """Report problems of one table. `path` leads to its entry in the citylake tables."""
    here: KeyPath = ("schema", index)
    _check_unique(table, here, report)
    names = [column.name for column in table.columns]
    for name in spec.columns:
        if name not in names:
            report.add((*path, "columns", name), f"no such column; {choices(name, names)}")
    _check_key(table, here, report)
    _check_event_time(table, path, report)
    _check_rules(table, path, report)
    conditions.check(table, path, report)
    _check_staging(table, spec.staging, (*path, "staging"), report)
    if spec.fact is not None and (table.event_time is None or not table.key):
        report.add((*path, "fact"), "is for a table with a key and an event time; write a model that reads its staging")
    dropped = [column.name for column in table.columns if not column.in_bronze]
    sources = [column.name for column in table.columns if column.source is not None]
    for position, column in enumerate(table.columns):
        for problem in expressions.problems(column.transform or "", sources, dropped):
            report.add((*here, "properties", position, "transformLogic"), problem)


def _check_unique(table: Table, here: KeyPath, report: Report) -> None:
    names = Counter(column.name.casefold() for column in table.columns)
    sources = Counter(_read_at(column) for column in table.columns)
    for position, column in enumerate(table.columns):
        at = (*here, "properties", position)
        if names[column.name.casefold()] > 1:
            report.add((*at, "name"), f"two columns are named {column.name!r}")
        if column.source is not None and sources[_read_at(column)] > 1:
            report.add((*at, "physicalName"), f"two columns read {column.source!r}")


def _read_at(column: Column) -> tuple[str | None, ...]:
    """Where and how a column is read: one place of a list for each element chosen, one of a text for each meaning."""
    chosen = (column.spec.choose.member, column.spec.choose.equals) if column.spec.choose else ()
    return column.source, column.spec.path, column.spec.reference, *chosen


def _check_key(table: Table, here: KeyPath, report: Report) -> None:
    """A table may have no key (then identical rows are repeats, unless it keeps them); a key counts 1, 2, …"""
    positions = sorted(c.primary_key for c in table.columns if c.primary_key is not None)
    if positions != list(range(1, len(positions) + 1)):
        found = ", ".join(str(position) for position in positions)
        report.add((*here, "properties"), f"primaryKeyPosition must count 1, 2, …; found {found}")


def _check_event_time(table: Table, path: KeyPath, report: Report) -> None:
    if table.event_time is None:
        return
    column = _find(table, table.event_time)
    where = (*path, "event_time")
    if column is None:
        report.add(where, f"no such column; {choices(table.event_time, [c.name for c in table.columns])}")
    elif column.type not in ("DATE", "TIMESTAMP", "TIMESTAMPTZ"):
        report.add(where, f"{table.event_time} is {column.type}; an event time is DATE, TIMESTAMP or TIMESTAMPTZ")
    elif not column.in_bronze:
        report.add(where, f"{table.event_time} is dropped, so no event day can be told")


def _check_rules(table: Table, path: KeyPath, report: Report) -> None:
    ids = Counter(rule.id for rule in table.rules)
    for index, rule in enumerate(table.rules):
        where = (*path, "rules", index)
        if ids[rule.id] > 1:
            report.add((*where, "id"), f"two rules are named {rule.id!r}")
        _check_rule(rule, table, where, report)


def _check_staging(table: Table, staging: StagingSpec, path: KeyPath, report: Report) -> None:
    """The staging model renames and leaves out columns of bronze; what is left out is in a derived column."""
    bronze = [column.name for column in table.bronze_columns]
    named = [*bronze, *(["_event_date"] if table.event_time else [])]
    for name in staging.columns:
        if name not in named:
            report.add((*path, "columns", name), f"no such column in bronze; {choices(name, named)}")
    derived = " ".join(c.transform for c in table.bronze_columns if c.transform and c.name not in staging.leave_out)
    for index, name in enumerate(staging.leave_out):
        if name not in bronze:
            report.add((*path, "leave_out", index), f"no such column in bronze; {choices(name, bronze)}")
        elif not re.search(rf"\b{name}\b", derived):
            report.add((*path, "leave_out", index), f"{name!r} would be lost: no derived column is made of it")
    kept = Counter(staging.columns.get(name, name) for name in bronze if name not in staging.leave_out)
    for name in (name for name, count in kept.items() if count > 1):
        report.add((*path, "columns"), f"two columns would be named {name!r}")


def _check_rule(rule: RowRule, table: Table, where: KeyPath, report: Report) -> None:
    names = [column.name for column in table.columns]
    dropped = [column.name for column in table.columns if not column.in_bronze]
    if rule.expression is not None:
        for problem in expressions.problems(rule.expression, [*names, *expressions.CONTEXT], dropped):
            report.add((*where, "expression"), problem)
    if rule.column is None:
        return
    column = _find(table, rule.column)
    if column is None:
        report.add((*where, "column"), f"no such column; {choices(rule.column, names)}")
    elif rule.check and column.type != "VARCHAR":
        report.add((*where, "column"), f"check {rule.check} reads VARCHAR, not {column.type}")


def _find(table: Table, name: str) -> Column | None:
    return next((column for column in table.columns if column.name == name), None)
