"""A draft as YAML text: every guess with `# guess: why`, every open question with `# decide: what`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ingestion.authoring.guess import Drafted, DraftedTable
from ingestion.contract.column_types import LOGICAL

_PLAIN = re.compile(r"[A-Za-z_$/][\w.$/*-]*( [\w.$/*-]+)*")
_RESERVED = re.compile(r"(?i)(y|n|yes|no|on|off|true|false|null|none|nan|inf)")


def scalar(value: str | int | float) -> str:
    """A YAML scalar: plain where nothing can be mistaken, else quoted."""
    if not isinstance(value, str):
        return f"{value:g}" if isinstance(value, float) and value.is_integer() is False else str(int(value))
    chinese = re.fullmatch(r"[\u4e00-\u9fff]+", value)
    if chinese or (_PLAIN.fullmatch(value) and not _RESERVED.fullmatch(value)):
        return value
    if '"' in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    return quoted(value)


def quoted(text: str) -> str:
    """A double-quoted YAML scalar; what does not print is written as an eight-digit escape."""
    escaped = "".join(
        c if c.isprintable() else f"\\U{ord(c):08X}" for c in text.replace("\\", "\\\\").replace('"', '\\"')
    )
    return f'"{escaped}"'


def comment(*, guess: str = "", decide: str = "") -> str:
    """The trailing mark of a line; control characters in it are blanked."""
    parts = [f"guess: {guess}"] if guess else []
    parts += [f"decide: {decide}"] if decide else []
    text = "  # " + "; ".join(parts) if parts else ""
    return "".join(c if c.isprintable() else " " for c in text)


def table_lines(
    table: DraftedTable, *, zipped: bool, title: str | None = None, description: str | None = None
) -> list[str]:
    """One schema object, indented for the `schema` list."""
    sampled = table.sampled
    rejected = f"; {sampled.rejected} lines did not fit" if sampled.rejected else ""
    name = sampled.member if zipped else table.name
    titled = scalar(name) + comment(decide="中文名称") if title is None else scalar(title)
    said = scalar(f"Records of {name}.") + comment(decide="what a record is")
    lines = [f"  - name: {scalar(table.name)}"]
    if zipped:
        lines.append(f"    physicalName: {scalar(sampled.member)}")
    lines += [
        "    physicalType: table",
        f"    businessName: {titled}",
        f"    description: {said if description is None else scalar(description)}",
        "    dataGranularityDescription: "
        + scalar(f"One row per {_keys(table.columns) or 'record'}.")
        + comment(
            guess=f"{table.key_why}{rejected}",
            decide="" if _keys(table.columns) else f"a key, or repeats: keep under tables.{table.name}",
        ),
        "    properties:",
        *(
            f"     {comment(decide=f'{scalar(name)} heads two columns; only the first is read')}"
            for name in sampled.repeated
        ),
    ]
    for column in table.columns:
        lines += _column_lines(column, table)
    return lines


def _keys(columns: Iterable[Drafted]) -> str:
    keyed = sorted((c for c in columns if c.key), key=lambda c: c.key or 0)
    return " and ".join(c.name for c in keyed)


def _column_lines(column: Drafted, table: DraftedTable) -> list[str]:
    header = column.source or column.name
    why = "; ".join(part for part in (column.why, column.note or "") if part)
    unnamed, unknown = (part if column.decide == part else "" for part in ("an English name", "the type"))
    lines = [f"      - name: {scalar(column.name)}{comment(decide=unnamed)}"]
    if column.source is not None:
        lines.append(f"        physicalName: {scalar(column.source)}")
    lines += [
        f"        businessName: {scalar(header)}{comment(decide='' if _is_chinese(header) else '中文名称')}",
        f"        description: {scalar(f'{header} as delivered.')}{comment(decide='the meaning, with unit')}",
        f"        logicalType: {LOGICAL[column.type]}",
        f"        physicalType: {column.type}{comment(guess=why, decide=unknown)}",
    ]
    if column.transform:
        lines.append(f"        transformLogic: {scalar(column.transform)}{comment(guess=column.why)}")
    dated = column.name == table.event_time
    if column.required or column.key or dated:
        why = f"no empty value in {table.sampled.rows} rows" if column.required or dated else ""
        lines.append(f"        required: true{comment(guess=why)}")
    if column.key:
        lines += [
            f"        primaryKey: true{comment(guess=table.key_why)}",
            f"        primaryKeyPosition: {column.key}",
        ]
    privacy = column.privacy
    lines.append(f"        classification: {privacy.classification}{comment(guess=privacy.why, decide=privacy.decide)}")
    return lines


def _is_chinese(text: str) -> bool:
    return bool(re.search(r"[\u4e00-\u9fff]", text))


def settings_lines(table: DraftedTable, *, purpose: str, json_paths: bool, xml: bool = False) -> list[str]:
    """One entry of the citylake `tables`, indented for it; empty where there is nothing to say."""
    lines = []
    if table.event_time:
        lines.append(f"          event_time: {scalar(table.event_time)}{comment(guess='a time every row has')}")
    entries = [line for column in table.columns for line in _entry_lines(column, purpose, json_paths, xml)]
    if entries:
        lines += ["          columns:", *entries]
    checks = [column for column in table.columns if column.check and not column.method]
    if checks:
        lines.append("          rules:")
    for column in checks:
        lines += [
            f"            - id: {column.name}_check_digit{comment(guess='nine of ten values pass the check digit')}",
            f"              check: {column.check}",
            f"              column: {scalar(column.name)}",
            "              severity: flag",
            f"              description: The check digit of {column.name} is right.",
        ]
    return [f"        {scalar(table.name)}:", *lines] if lines else []


def _entry_lines(column: Drafted, purpose: str, json_paths: bool, xml: bool) -> list[str]:
    lines = []
    if json_paths and column.path and column.path != f"$.{column.source}":
        lines.append(f"              path: {scalar(column.path)}")
    if xml and column.note:
        lines.append(f"              repeated: list{comment(guess='some record has it several times')}")
    if column.format:
        lines.append(f"              format: {scalar(column.format)}{comment(guess=column.why)}")
    if column.missing:
        codes = ", ".join(scalar(code) for code in column.missing)
        lines.append(f"              missing: [{codes}]{comment(guess='far outside the other values')}")
    if column.method:
        lines.append("              deidentify:")
        lines.append(f"                method: {column.method}{comment(guess=column.privacy.why)}")
        if column.method == "generalise":
            lines.append("                to: birth_band_5y")
        if column.method == "pseudonym":
            reason = "one key namespace per use"
            lines.append(f"                purpose: {purpose}{comment(decide=reason)}")
    return [f"            {scalar(column.name)}:", *lines] if lines else []
