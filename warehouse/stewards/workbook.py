"""A workbook for the steward of a refused delivery: what is wrong, then every refused row with its values at fault.

Every cell is text, so that no value is a formula, a link or a number to the program that opens it; hidden characters
are made visible. Equal input gives equal bytes. It holds personal data and is kept like raw data (`outbox`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import xlsxwriter  # type: ignore[import-untyped]
from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

from ingestion import keys
from ingestion.city_time import recorded_in_city
from ingestion.clocks import formatted, shown
from ingestion.contract.model import Contract
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.receipts.manifests import load_manifest
from ingestion.values.visible import visible
from warehouse.refused.model import Fault, RefusedRow, RuleCount
from warehouse.refused.read import refused_rows, rule_counts
from warehouse.refused.words import delivery_words
from warehouse.stewards.deliveries import CorrectBy, RefusedDelivery, correct_by, refused_delivery
from warehouse.title import Language, Title

SYNTHETIC = Title(
    zh="合成数据：来自模拟城市，非真实业务数据",
    en="synthetic data: made by the simulated city, about nobody who exists",
)
NAME_LENGTH = 120
"""Characters of a sent file's name that are shown."""
_CELL = 2_000
"""Characters of a text from outside in one cell; Excel takes 32,767."""
_PART = 2_000
"""Refused rows in memory at a time."""
_EMPTY = Title(zh="（空）", en="(empty)")
_WHOLE = Title(zh="（整条记录）", en="(whole record)")
_SOME_ROWS = (
    Title(zh="部分记录不合格", en="some rows were refused"),
    Title(zh="更正所列记录，以新文件名重新报送", en="correct the rows listed, and send them again under a new name"),
)
_ROW_HEADINGS = (
    (Title(zh="表", en="Table"), 18),
    (Title(zh="记录号", en="Record"), 10),
    (Title(zh="列名", en="Column"), 22),
    (Title(zh="字段", en="Name"), 22),
    (Title(zh="报送的值", en="Value as sent"), 36),
    (Title(zh="不符合的规则", en="Rule"), 52),
    (Title(zh="如何更正", en="How to mend it"), 52),
    (Title(zh="记录原文", en="Record as sent"), 60),
)


def workbook_name(contract: Contract, interval: Interval) -> str:
    """The name a workbook is handed out under, from feed and interval only: never from the name that was sent."""
    form = "%Y%m%dT%H%M" if contract.calendar.every == "hour" else "%Y%m%d"
    return f"{contract.department}.{contract.feed}_{formatted(contract.calendar.named(interval), form)}.xlsx"


def sent_name(lake: Lake, delivery: RefusedDelivery) -> str:
    """The name of the file as it was sent, hidden characters made visible, cut. Raises ObjectNotFound."""
    if delivery.raw_key is None:
        return "?"
    return visible(load_manifest(lake.store, _manifest_key(delivery.raw_key)).filename, NAME_LENGTH)


def workbook(lake: Lake, feed: str, batch: str, to: Path) -> Path:
    """Write the workbook of a delivery that was refused, or has refused rows; its path.

    At most `workbook_rows` rows of the settings are listed, and the summary says how many more there are; of a delivery
    refused before its rows were judged there is only the summary. Raises NothingToDecide, ContractError, StoreError.
    """
    contract, delivery = lake.contract(feed), refused_delivery(lake, feed, batch)
    facts = _Facts(
        contract,
        delivery,
        sent_name(lake, delivery),
        rule_counts(lake, feed, batch),
        correct_by(contract, delivery.interval),
        ZoneInfo(lake.settings.timezone),
        lake.settings.workbook_rows,
        recorded_in_city(lake.settings, lake.clock)(delivery.loaded_at),
    )
    # Plain text only, and in parts: what does not fit into memory lies beside the workbook until it is closed.
    options = {
        "constant_memory": True,
        "tmpdir": str(to.parent),
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(str(to), options) as book:
        book.set_properties({"title": workbook_name(contract, delivery.interval), "created": _created(delivery)})
        look = _Look(
            book.add_format({"bold": True, "bg_color": "#E8EEF4", "text_wrap": True, "valign": "top", "border": 1}),
            book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"}),
            book.add_format({"bold": True, "font_size": 14, "valign": "top"}),
        )
        _summary(book.add_worksheet("摘要 Summary"), facts, look)
        if delivery.rows:
            _rows(book.add_worksheet("行 Rows"), facts, look, _parts(lake, feed, batch))
    return to


@dataclass(frozen=True)
class _Facts:
    """All that the sheets say."""

    contract: Contract
    delivery: RefusedDelivery
    filename: str
    counts: Sequence[RuleCount]
    correct_by: CorrectBy
    zone: ZoneInfo
    most: int
    received_at: datetime

    @property
    def language(self) -> Language:
        return self.contract.citylake.steward.language


@dataclass(frozen=True)
class _Look:
    """Formats of cells."""

    heading: object
    text: object
    title: object


def _created(delivery: RefusedDelivery) -> datetime:
    return delivery.refused_at.astimezone(UTC).replace(tzinfo=None, microsecond=0)


def _manifest_key(raw_key: str) -> str:
    return keys.raw_manifest(keys.raw_prefix_of(raw_key))


def _put(sheet: Worksheet, row: int, values: Sequence[str], look: object) -> None:
    for column, value in enumerate(values):
        sheet.write_string(row, column, visible(value, _CELL), look)


def _summary(sheet: Worksheet, facts: _Facts, look: _Look) -> None:
    """Facts in both languages side by side, the department's first."""
    for column, width in enumerate((22, 60, 60)):
        sheet.set_column(column, column, width)
    sheet.freeze_panes(1, 0)
    both: list[Language] = ["zh", "en"] if facts.language == "zh" else ["en", "zh"]
    head = Title(zh="报送数据退回清单", en="Delivery refused")
    sheet.write_string(0, 0, " · ".join(head.of(one) for one in both), look.title)
    row = 2
    for label, value in _facts(facts):
        _put(sheet, row, [_two(label, both), *(value.of(one) for one in both)], look.text)
        row += 1
    if not facts.counts:
        return
    headings = [
        Title(zh="行数", en="Rows"),
        Title(zh="规则与更正方法", en="Rule and how to mend it"),
    ]
    _put(sheet, row + 1, [_two(headings[0], both), *(headings[1].of(one) for one in both)], look.heading)
    for number, count in enumerate(facts.counts, row + 2):
        _put(sheet, number, [f"{count.rows:,}", *(_rule(count, one) for one in both)], look.text)


def _rule(count: RuleCount, language: Language) -> str:
    mark = "；" if language == "zh" else "; "
    return f"{count.words.of(language)}{mark}{count.mend.of(language)}"


def _two(label: Title, both: Sequence[Language]) -> str:
    return f"{label.zh} {label.en}" if both[0] == "zh" else f"{label.en} {label.zh}"


def _facts(facts: _Facts) -> Iterator[tuple[Title, Title]]:
    """Label and value of every fact of the delivery."""
    contract, delivery, zone = facts.contract, facts.delivery, facts.zone
    if contract.citylake.synthetic:
        yield Title(zh="注意", en="Note"), SYNTHETIC
    yield Title(zh="数据", en="Feed"), Title(zh=f"{contract.title}（{delivery.feed}）", en=delivery.feed)
    yield Title(zh="文件", en="File"), _same(facts.filename)
    span = f"{shown(delivery.interval.start, zone)} – {shown(delivery.interval.end, zone)} ({zone.key})"
    yield Title(zh="时段", en="Interval"), _same(span)
    yield Title(zh="收到时间", en="Received at"), _same(shown(facts.received_at, zone))
    words, mend = delivery_words(delivery.rule) if delivery.outcome == "refused" else _SOME_ROWS
    yield Title(zh="原因", en="What is wrong"), words
    if delivery.message:
        yield Title(zh="详情（英文）", en="Details"), _same(delivery.message)
    yield Title(zh="如何处理", en="What to do"), mend
    yield from _times(facts.correct_by, zone)
    if delivery.received:
        yield Title(zh="收到行数", en="Rows received"), _same(f"{delivery.received:,}")
        yield Title(zh="不合格行数", en="Rows refused"), _same(f"{delivery.rows:,}")
    if delivery.rows > facts.most:
        more = delivery.rows - facts.most
        yield (
            Title(zh="未列出", en="Not listed"),
            Title(
                zh=f"仅列出前 {facts.most:,} 行，另有 {more:,} 行", en=f"the first {facts.most:,} rows; {more:,} more"
            ),
        )


def _times(by: CorrectBy, zone: ZoneInfo) -> Iterator[tuple[Title, Title]]:
    if by.due and by.taken_until:
        yield Title(zh="报送期限", en="Due"), _same(shown(by.due, zone))
        yield Title(zh="更正自动补入至", en="Corrections are taken in until"), _same(shown(by.taken_until, zone))


def _same(text: str) -> Title:
    return Title(zh=text, en=text)


def _parts(lake: Lake, feed: str, batch: str) -> Iterator[RefusedRow]:
    most = lake.settings.workbook_rows
    for offset in range(0, most, _PART):
        rows = refused_rows(lake, feed, batch, limit=min(_PART, most - offset), offset=offset)
        yield from rows
        if len(rows) < _PART:
            return


def _rows(sheet: Worksheet, facts: _Facts, look: _Look, rows: Iterator[RefusedRow]) -> None:
    """One line for each broken rule of each row, and each column that the rule is about."""
    for column, (_, width) in enumerate(_ROW_HEADINGS):
        sheet.set_column(column, column, width)
    sheet.freeze_panes(1, 2)
    language = facts.language
    _put(sheet, 0, [heading.of(language) for heading, _ in _ROW_HEADINGS], look.heading)
    titles = {(table.name, c.name): c.title.strip() for table in facts.contract.tables for c in table.columns}
    tables = {table.name: table.title.strip() or table.name for table in facts.contract.tables}
    line = 0
    for row in rows:
        for fault in row.faults:
            line += 1
            _put(sheet, line, _line(row, fault, tables, titles, language), look.text)
    sheet.autofilter(0, 0, line, len(_ROW_HEADINGS) - 1)


def _line(
    row: RefusedRow, fault: Fault, tables: dict[str, str], titles: dict[tuple[str, str], str], language: Language
) -> list[str]:
    title = titles.get((row.table, fault.column or ""), "") or fault.column or _WHOLE.of(language)
    value = "" if fault.value is None else fault.value or _EMPTY.of(language)
    return [
        tables.get(row.table, row.table),
        str(row.record),
        title,
        fault.column or "",
        value,
        fault.words.of(language),
        fault.mend.of(language),
        # Where a value is shown the record is found by its number; the rest of it is nobody's business here.
        row.text if fault.value is None else "",
    ]
