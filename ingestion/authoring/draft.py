"""`contracts init SAMPLE`: a contract drafted from one file a department sent.

The draft loads as it is. What was inferred carries `# guess: …why`, what only a person can
say `# decide: …`; `citylake contracts check` refuses a contract while a decide mark is left.
Reads a bounded sample, writes nothing, prints no value of the sample.
"""

from __future__ import annotations

import re
import tempfile
from datetime import date, datetime
from pathlib import Path

import duckdb

from ingestion.authoring.guess import DraftedTable, draft_table, table_name, with_serials
from ingestion.authoring.known import NOTHING, Known
from ingestion.authoring.parquet_sample import read_parquet
from ingestion.authoring.render import comment, quoted, scalar, settings_lines, table_lines
from ingestion.authoring.sample import Sample, is_workbook, read_sample
from ingestion.authoring.tables import load_tables
from ingestion.authoring.workbook import read_workbook
from ingestion.conform import legacy_dates
from ingestion.contract.columns import NAME
from ingestion.contract.schedule import CYCLES
from ingestion.errors import ContractError
from ingestion.intervals import Step
from ingestion.machine.engines import restrict
from ingestion.parsers.parquet_file import is_parquet

TIMEZONE = "Asia/Shanghai"
_STAMPS: tuple[tuple[re.Pattern[str], str, Step], ...] = (
    (re.compile(r"(?<!\d)(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])([01]\d|2[0-3])(?!\d)"), "%Y%m%d%H", "hour"),
    (re.compile(r"(?<!\d)(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])(?!\d)"), "%Y%m%d", "day"),
    (re.compile(r"(?<!\d)(19|20)\d{2}-(0[1-9]|1[0-2])-([0-2]\d|3[01])(?!\d)"), "%Y-%m-%d", "day"),
    (re.compile(r"(?<!\d)(19|20)\d{2}(0[1-9]|1[0-2])(?!\d)"), "%Y%m", "month"),
)


def draft(path: Path, *, department: str, feed: str, known: Known = NOTHING) -> str:
    """YAML text of a draft contract for `department.feed`, from one sample file and what is `known` besides.

    Raises ContractError where the file is no table any parser reads, or a name is not lower case.
    """
    for role, name in (("department", department), ("feed", feed)):
        if not NAME.fullmatch(name):
            raise ContractError(f"{role} {name!r}: lower-case letters, digits and _, a letter first")
    sample = _sample(path)
    with (
        tempfile.TemporaryDirectory() as scratch,
        duckdb.connect(config={"memory_limit": "1GB", "threads": 2}) as connection,
    ):
        legacy_dates.install(connection)
        restrict(connection, folders=[Path(scratch)])
        sampled, left_out = load_tables(connection, sample, Path(scratch))
        taken: set[str] = set()
        tables = []
        for entry in sampled:
            name = table_name(entry.member, taken) if sample.kind == "zip" else feed
            taken.add(name)
            tables.append(with_serials(draft_table(connection, entry, name), sample.serials))
    alone = len(tables) == 1
    prose = {"title": known.title, "description": known.description} if alone else {}
    lines = [
        *_head(path, known.of(department, feed), department, feed, {**sample.left_out, **left_out}),
        "schema:",
        *(line for table in tables for line in table_lines(table, zipped=sample.kind == "zip", **prose)),
        *_extension(path, sample, known, department, feed, tables),
    ]
    return "\n".join(lines).replace("{timezone}", TIMEZONE) + "\n"


def _sample(path: Path) -> Sample:
    if is_workbook(path):
        return read_workbook(path)
    return read_parquet(path) if is_parquet(path) else read_sample(path)


def _head(path: Path, known: Known, department: str, feed: str, left_out: dict[str, str]) -> list[str]:
    ignored = [f"# left out: {name}: {reason}" for name, reason in left_out.items()]
    return [
        f"# Drafted from {path.name}. Marks: `guess:` was inferred from the sample, `decide:` only a person can say.",
        *("".join(c if c.isprintable() else " " for c in line) for line in ignored),
        "apiVersion: v3.2.0",
        "kind: DataContract",
        f"id: {department}.{feed}",
        f'version: "{"0.1.0" if known.product is None else "1.0.0"}"',
        "status: draft",
        known.line("name", known.title, feed, "中文名称"),
        known.line("domain", known.product, department, "the domain"),
        known.line("dataProduct", known.product, department, "the data product this feed belongs to"),
        "description:",
        known.purpose(f"The feed {feed} of {department}."),
    ]


def _extension(
    path: Path, sample: Sample, known: Known, department: str, feed: str, tables: list[DraftedTable]
) -> list[str]:
    pattern, step, why = _pattern(path.name)
    day = _day(path.name)
    settings = [
        line
        for table in tables
        for line in settings_lines(
            table, purpose=feed, json_paths=sample.kind in ("json", "ndjson"), xml=sample.kind == "xml"
        )
    ]
    return [
        "customProperties:",
        "  - property: citylake",
        "    value:",
        f"      department: {department}",
        f"      feed: {feed}",
        f"      delivery: snapshot{comment(decide='snapshot, interval (with correction) or events')}",
        "      calendar:",
        f"        every: {step}{comment(guess=why)}",
        f"        timezone: {TIMEZONE}",
        known.first_day("        start", day, "the first interval"),
        *known.rhythm(step),
        *known.steward(department),
        "      source:",
        f"        path: {scalar(f'{department}/{feed}/{pattern}')}{comment(guess=why)}",
        *_format(sample, tables),
        *(["      tables:", *settings] if settings else []),
        "      catalogue:",
        f'        resource_code: "3/00/000/0000/000000"{comment(decide="信息资源代码")}',
        *known.provider(department),
        f"        share_type: 有条件共享{comment(decide='无条件共享, 有条件共享 or 不予共享')}",
        f"        share_condition: {scalar('to be decided')}{comment(decide='共享条件')}",
        f"        open_attribute: 不予开放{comment(decide='无条件开放, 有条件开放 or 不予开放')}",
        f"        update_cycle: {CYCLES[step][0]}{comment(guess='the calendar')}",
        known.first_day("        published", day, "发布日期"),
        *known.terms(personal=any(column.method for table in tables for column in table.columns)),
    ]


def _pattern(name: str) -> tuple[str, Step, str]:
    """The file name with its date as `{interval:…}`; calendar step; why."""
    name = re.sub(r"[{}\[\]?*]", "_", name)
    stem, dot, suffix = name.rpartition(".")
    stem, ending = (stem, f"{dot}{suffix}") if stem else (name, "")
    for stamp, form, step in _STAMPS:
        match = stamp.search(stem)
        if match:
            return f"{stem[: match.start()]}{{interval:{form}}}*{ending}", step, "the date in the file name"
    return f"{stem}_{{interval:%Y%m%d}}*{ending}", "day", "no date in the file name: one is added"


def _day(name: str) -> date | None:
    """The date in a file's name."""
    for stamp, form, _ in _STAMPS:
        match = stamp.search(name)
        if match:
            return datetime.strptime(match[0], form).date()  # noqa: DTZ007 - a date of the city
    return None


def _records_of(sample: Sample, member: str, encoding: str) -> list[str]:
    """Where the records are in a sample that is not delimited text."""
    if sample.kind == "xml":
        lines = [f"records: {scalar(sample.records)}{comment(guess='the element with parts that repeats')}"]
        if sample.namespaces:
            lines += ["namespaces:", *(f"  {prefix}: {quoted(uri)}" for prefix, uri in sample.namespaces.items())]
        return lines
    if sample.kind == "parquet":
        return []
    if sample.kind == "xlsx":
        lines = [f"sheet: {scalar(member)}{comment(guess='the first visible sheet with headings')}"]
        if sample.header_row > 1:
            lines.append(f"header_row: {sample.header_row}{comment(guess='the rows above look like a title')}")
        return lines
    lines = [encoding.replace("windows-1252", "utf-8")]
    if sample.records != "$":
        lines.append(f"records: {scalar(sample.records)}{comment(guess='the longest list of objects')}")
    return lines


def _format(sample: Sample, tables: list[DraftedTable]) -> list[str]:
    first = tables[0].sampled
    encoded = sample.texts[first.member]
    encoding = f"encoding: {encoded.encoding}" + comment(
        guess=encoded.reason, decide="" if encoded.certain else "ask the department"
    )
    codes = sorted({code for table in tables for code in table.null_codes})
    nulls = f"null_values: [{', '.join(quoted(code) for code in ['', *codes])}]" + comment(
        guess="in columns whose other values are numbers or dates"
    )
    lines = ["      format:", f"        type: {sample.kind}"]
    if sample.kind not in ("csv", "zip"):
        settings = _records_of(sample, first.member, encoding)
        return [*lines, *(f"        {line}" for line in settings), *([f"        {nulls}"] if codes else [])]
    indent = "        "
    if sample.kind == "zip":
        lines.append("        member:")
        indent = "          "
    delimiter = f"delimiter: {quoted(first.delimiter)}{comment(guess='sniffed over the sample')}"
    lines += [f"{indent}{encoding}", f"{indent}{delimiter}"]
    if first.quote != '"':
        lines.append(f"{indent}quote: {quoted(first.quote)}{comment(guess='sniffed over the sample')}")
    if first.escape:
        lines.append(
            f"{indent}escape: {quoted(first.escape)}{comment(guess='it stands before quotes in quoted fields')}"
        )
    if not first.header:
        lines.append(f"{indent}header: false{comment(guess='the first line looks like data')}")
    if codes:
        lines.append(f"{indent}{nulls}")
    if any(table.sampled.rejected for table in tables):
        lines.append(
            f"{indent}# decide: lines with too many columns are refused; lenient_extra_columns: true keeps them"
        )
    return lines
