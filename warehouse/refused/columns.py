"""In words, what the declaration of a column demands of its values, and how to mend one that breaks it.

Everything comes from the contract: type, formats, bounds, pattern, allowed values. Chinese names a column by its title,
English by its name. Rules about whole records and whole deliveries are in `records` and `deliveries`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ingestion.clocks import formatted
from ingestion.conform.typing import kind
from ingestion.contract.date_formats import GTFS_TIME, SERIALS
from ingestion.contract.model import Column
from warehouse.title import Title

Words = tuple[Title, Title]
"""What a rule says, and how to mend what broke it."""

LISTED = 20
"""Allowed values that are listed; of more, their number is said."""
_SAMPLE = datetime(2026, 3, 9, 14, 5, tzinfo=UTC)
"""A moment in the examples of date formats: its parts cannot be taken for one another."""
_NAMED_FORMATS = {
    "era_jp": "令和8年3月9日",
    "era_roc": "民國115年3月9日",
    GTFS_TIME: "25:10:00",
}
_DECIMAL = re.compile(r"\((\d+)\s*,\s*(\d+)\)")


def title_of(column: Column) -> str:
    """The column as a steward knows it: its title, else its name."""
    return column.title.strip() or column.name


def column_words(column: Column, what: str) -> Words | None:
    """The words of the rule `<column>.<what>`; None where no column has such a rule."""
    made = _RULES.get(what)
    return made(column) if made else None


def _named(column: Column) -> tuple[str, str]:
    return f"“{title_of(column)}”", f"'{column.name}'"


def _type(column: Column) -> Words:
    (zh, en), (what_zh, what_en), (form_zh, form_en) = _named(column), _kind(column), _form(column)
    return (
        Title(zh=f"{zh}的值不是{what_zh}", en=f"{en} is not {what_en}"),
        Title(zh=f"将{zh}改为{form_zh}", en=f"write {en} as {form_en}"),
    )


def _required(column: Column) -> Words:
    zh, en = _named(column)
    return Title(zh=f"{zh}为空", en=f"{en} is empty"), Title(zh=f"补填{zh}，不得为空", en=f"fill in {en}")


def _range(column: Column) -> Words:
    zh, en = _named(column)
    low, high = column.minimum, column.maximum
    if low is not None and high is not None:
        span = Title(zh=f"{low} 至 {high}（含）", en=f"from {low} to {high}")
    elif low is not None:
        span = Title(zh=f"不小于 {low}", en=f"at least {low}")
    else:
        span = Title(zh=f"不大于 {high}", en=f"at most {high}")
    return (
        Title(zh=f"{zh}超出范围，应为 {span.zh}", en=f"{en} is out of range; it must be {span.en}"),
        Title(zh=f"核对{zh}，填写范围内的数值：{span.zh}", en=f"check {en} and send a number {span.en}"),
    )


def _length(column: Column) -> Words:
    zh, en = _named(column)
    low, high = column.min_length, column.max_length
    if low is not None and low == high:
        span = Title(zh=f"{low} 个字符", en=f"{low} characters")
    elif low is not None and high is not None:
        span = Title(zh=f"{low} 至 {high} 个字符", en=f"{low} to {high} characters")
    elif low is not None:
        span = Title(zh=f"至少 {low} 个字符", en=f"at least {low} characters")
    else:
        span = Title(zh=f"至多 {high} 个字符", en=f"at most {high} characters")
    return (
        Title(zh=f"{zh}长度不符，应为 {span.zh}", en=f"{en} has the wrong length; it must have {span.en}"),
        Title(zh=f"核对{zh}是否缺字、多字或截断，改为 {span.zh}", en=f"check whether {en} was cut; send {span.en}"),
    )


def _pattern(column: Column) -> Words:
    zh, en = _named(column)
    return (
        Title(zh=f"{zh}的写法不符，应符合 {column.pattern}", en=f"{en} is not written as {column.pattern}"),
        Title(
            zh=f"核对{zh}的位数、字母和分隔符，按约定写法填写",
            en=f"check digits, letters and separators of {en}, and write it as agreed",
        ),
    )


def _allowed(column: Column) -> Words:
    zh, en = _named(column)
    values = [value.strip() or "''" for value in column.allowed]
    if len(values) > LISTED:
        listed = Title(zh=f"约定的 {len(values)} 个代码之一", en=f"one of the {len(values)} codes agreed")
    else:
        listed = Title(zh="、".join(values), en=", ".join(values))
    return (
        Title(zh=f"{zh}不是约定的取值：{listed.zh}", en=f"{en} is none of the agreed values: {listed.en}"),
        Title(
            zh=f"将{zh}改为约定的取值；若需新增取值，请先与数据湖管理方商定",
            en=f"use an agreed value for {en}; agree a new one with the lake's operators before sending it",
        ),
    )


def _like_pseudonym(column: Column) -> Words:
    zh, en = _named(column)
    return (
        Title(
            zh=f"{zh}的值与假名相同（64 位十六进制字符），无法与脱敏结果区分",
            en=f"{en} looks like a pseudonym (64 hexadecimal characters) and cannot be told from one",
        ),
        Title(zh=f"{zh}请填写原始名称，不要填写加密或散列值", en=f"send the name itself in {en}, no hash of it"),
    )


def _reference(column: Column) -> Words:
    zh, en = _named(column)
    kind = column.spec.reference
    return (
        Title(zh=f"{zh}不是对 {kind} 资源的引用", en=f"{en} is no reference to a {kind}"),
        Title(
            zh=f"{zh}写为 {kind}/标识、绝对地址、urn:uuid: 或 {kind}?identifier=系统|值",
            en=f"write {en} as {kind}/<id>, a URL, urn:uuid: or {kind}?identifier=<system>|<value>",
        ),
    )


def _contained(column: Column) -> Words:
    zh, en = _named(column)
    return (
        Title(
            zh=f"{zh}引用本记录内嵌的资源（#），无法与其他记录关联", en=f"{en} refers to a resource inside the record"
        ),
        Title(
            zh=f"将{zh}所指资源单独导出，并引用该资源",
            en=f"export what {en} refers to as a resource of its own, and refer to that",
        ),
    )


_RULES = {
    "type": _type,
    "reference": _reference,
    "contained": _contained,
    "required": _required,
    "range": _range,
    "length": _length,
    "pattern": _pattern,
    "allowed": _allowed,
    "like_pseudonym": _like_pseudonym,
}
COLUMN_RULES = frozenset(_RULES)
"""What a column's declaration can demand."""

_KINDS = {
    "integer": ("整数", "a whole number"),
    "float": ("数值", "a number"),
    "decimal": ("数值", "a number"),
    "boolean": ("是/否值", "true or false"),
    "date": ("日期", "a date"),
    "timestamp": ("日期时间", "a date and time"),
    "timestamptz": ("日期时间", "a date and time"),
}


def _kind(column: Column) -> tuple[str, str]:
    if column.spec.format == GTFS_TIME:
        return "时刻", "a time of day"
    found = _KINDS.get(kind(column), ("约定类型的值", f"a {column.type}"))
    declared = _DECIMAL.search(column.type) if kind(column) == "decimal" else None
    if declared is None:
        return found
    whole, scale = int(declared[1]) - int(declared[2]), int(declared[2])
    return (
        f"至多 {whole} 位整数、{scale} 位小数的数值",
        f"a number of at most {whole} digits before and {scale} after the point",
    )


def _form(column: Column) -> tuple[str, str]:
    """How a value of the type is written, with an example."""
    if column.spec.implied_decimals is not None:
        places = column.spec.implied_decimals
        return f"整数，单位为 10 的 -{places} 次方", f"a whole number in units of 10^-{places}"
    family = kind(column)
    if family == "boolean":
        return "true 或 false", "true or false"
    if family not in ("date", "timestamp", "timestamptz") and column.spec.format != GTFS_TIME:
        return f"不带单位和千分位的{_kind(column)[0]}", f"{_kind(column)[1]}, without unit or thousands separator"
    if any(form in SERIALS for form in column.spec.readings):
        return "Excel 日期单元格", "a date cell of Excel"
    examples = [_example(form, family) for form in column.spec.readings]
    return f"约定格式，例如 {' 或 '.join(examples)}", f"agreed, such as {' or '.join(examples)}"


def _example(form: str | None, family: str) -> str:
    if form in _NAMED_FORMATS:
        return _NAMED_FORMATS[form]
    if form in (None, "iso"):
        by_family = {"date": "2026-03-09", "timestamp": "2026-03-09T14:05:00"}
        return by_family.get(family, "2026-03-09T14:05:00+08:00")
    return formatted(_SAMPLE, str(form))
