"""Profile the text columns of a sample: counts, narrowest fitting type, null codes, identifiers.

It runs one aggregate query per column. Only distinct values of likely identifiers, at most MAX_CHECKED, are examined in
Python, by their check digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import duckdb

from ingestion.authoring.tables import SampledTable, Source
from ingestion.conform.legacy_dates import DATE_MACROS
from ingestion.sql import identifier, literal
from ingestion.values.blanks import stripped_sql
from ingestion.values.check_digits import is_citizen_id, is_food_licence_no, is_uscc
from ingestion.values.numbers import NUMBER

NULL_CODES = ("NA", "N/A", "n/a", "NULL", "null", "\\N", "/", "-", "--", "nan", "NaN", "None", "无")
MISSING_NUMBERS = (999999, 999998, 99999, 9999, -9999, -99999, -999, -999.9, 999017)
MAX_CHECKED = 500
_SHARE = 0.9
_NUMBER = r"[+-]?((0|[1-9]\d{0,14})(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
_ISO = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?"
_ISO_ZONE = _ISO + r" ?(Z|[+-]\d\d(:?\d\d)?)"
_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y")
_STAMPS = ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y%m%d%H%M%S", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S")

Identifier = Literal["citizen_id", "masked_citizen_id", "uscc", "food_licence_no", "mobile", "phone", "email"]
_CHECKS: dict[Identifier, Callable[[str], bool]] = {
    "citizen_id": is_citizen_id,
    "uscc": is_uscc,
    "food_licence_no": is_food_licence_no,
}
_SHAPES: dict[Identifier, str] = {
    "masked_citizen_id": r"\d{6,14}\*{4,8}\d{0,3}[\dXx]",
    "mobile": r"(\+?86)?1[3-9]\d{9}",
    "email": r"[^@\s]+@[^@\s]+\.[^@\s]+",
    "phone": r"\+\d{10,14}|\(?\d{3}\)?[- ]\d{3}-\d{4}|0\d{2,3}-\d{7,8}",
}


class _Decision(NamedTuple):
    """The type a column's values fit, and why."""

    type: str
    format: str | None
    why: str


@dataclass(frozen=True)
class Profile:
    """One column of the sample. `format` is for dates, timestamps and gtfs_time; `codes` are null codes seen."""

    source: Source
    type: str
    format: str | None
    filled: int
    distinct: int
    low: float | None
    high: float | None
    codes: tuple[str, ...]
    missing: tuple[float, ...]
    identifier: Identifier | None
    counter: bool
    why: str


def profile(connection: duckdb.DuckDBPyConnection, table: SampledTable) -> list[Profile]:
    """One profile per source column, in order."""
    return [_profile(connection, table, source) for source in table.sources]


def _tests() -> dict[str, str]:
    """Type test name → SQL predicate over the text `v`."""
    whole = {"integer": r"[+-]?(0|[1-9]\d{0,17})", "double": _NUMBER, "boolean": r"(?i)(true|false)"}
    tests = {name: f"regexp_full_match(v, {literal(pattern)})" for name, pattern in whole.items()}
    tests["gtfs_time"] = r"regexp_full_match(v, '\s*\d{1,3}:\d\d:\d\d')"
    tests["iso_zone"] = f"regexp_full_match(v, {literal(_ISO_ZONE)})"
    tests["iso"] = f"regexp_full_match(v, {literal(_ISO)})"
    for name in (*_DATES, *_STAMPS):
        length = 8 if name == "%Y%m%d" else 14 if name == "%Y%m%d%H%M%S" else None
        fits = f"year(try_strptime(v, {literal(name)})) between 1900 and 2100"
        tests[name] = f"length(v) = {length} and {fits}" if length else fits
    tests["era_jp"] = f"{DATE_MACROS['era_jp']}(v) is not null"
    tests["era_roc"] = f"v like '%民%' and {DATE_MACROS['era_roc']}(v) is not null"
    return tests


def _profile(connection: duckdb.DuckDBPyConnection, table: SampledTable, source: Source) -> Profile:
    tests = _tests()
    passes = ", ".join(f"count(*) filter (where coalesce({test}, false))" for test in tests.values())
    number = f"case when regexp_full_match(v, {literal(NUMBER)}) then try_cast(v as double) end"
    plain = f"case when list_contains({literal(MISSING_NUMBERS)}, {number}) then null else {number} end"
    cell, is_code = identifier(source.column), f"list_contains({literal(NULL_CODES)}, raw)"
    cleaned = f"""with texts as (
            select nullif({stripped_sql(cell)}, '') as raw, count(*) as n from {identifier(table.relation)} group by raw
        ),
        cells as (select *, case when {is_code} then null else raw end as v from texts)
        """
    row = connection.execute(
        f"""{cleaned} select coalesce(sum(n) filter (where v is not null), 0)::bigint, count(v),
            min({plain}), max({plain}), list_sort(list(distinct raw) filter (where {is_code})),
            list_sort(list(distinct {number}) filter (where list_contains({literal(MISSING_NUMBERS)}, {number}))),
            bool_or(v >= '24:' and v not like '_:%'), {passes} from cells"""
    ).fetchone()
    if row is None:
        raise duckdb.InvalidInputException("no aggregate came back")
    filled, distinct, low, high, codes, odd, past_midnight, *counts = row
    passed = {name for name, count in zip(tests, counts, strict=True) if filled and count == distinct}
    kind, form, why = _decide(passed, source, past_midnight=bool(past_midnight), bounds=(low or 0.0, high or 0.0))
    numeric = kind in ("INTEGER", "BIGINT", "DOUBLE") and form is None
    return Profile(
        source=source,
        type=kind,
        format=form,
        filled=filled,
        distinct=distinct,
        low=low if numeric else None,
        high=high if numeric else None,
        codes=tuple(codes or ()) if kind != "VARCHAR" else (),
        missing=tuple(v for v in odd or () if numeric and _is_far(v, low, high)),
        identifier=_identifier(connection, cleaned, distinct) if kind in ("VARCHAR", "BIGINT") else None,
        counter=kind == "INTEGER" and distinct == filled == table.rows > 1 and high - low + 1 == filled,
        why=why,
    )


def _decide(passed: set[str], source: Source, *, past_midnight: bool, bounds: tuple[float, float]) -> _Decision:
    """Type, format and why, the narrowest first; dates before whole numbers."""
    if "gtfs_time" in passed and not (past_midnight or source.name.lower().startswith(("arrival", "departure"))):
        passed = passed - {"gtfs_time"}
    wide = "INTEGER" if bounds[0] >= -(2**31) and bounds[1] < 2**31 else "BIGINT"
    for test, kind, form, why in (
        ("boolean", "BOOLEAN", None, "true and false"),
        ("iso_zone", "TIMESTAMPTZ", "iso", "every value has a zone"),
        ("iso", "TIMESTAMPTZ", "iso", "no zone in the values, taken as the calendar's local time"),
        *((form, "DATE", form, f"every value fits {form}{_doubt(form, passed)}") for form in _DATES),
        *((form, "TIMESTAMPTZ", form, "no zone in the values, taken as the calendar's local time") for form in _STAMPS),
        ("era_jp", "DATE", "era_jp", "every value is a day of a Japanese era"),
        ("era_roc", "DATE", "era_roc", "every value is a day of the calendar of the Republic of China"),
        ("gtfs_time", "INTEGER", "gtfs_time", "clock times of a service day, some may pass 24:00:00"),
        ("integer", wide, None, "whole numbers without leading zeros"),
        ("double", "DOUBLE", None, "every value is a number"),
    ):
        if test in passed:
            return _Decision(kind, form, why)
    return _Decision("VARCHAR", None, "text")


def _doubt(form: str, passed: set[str]) -> str:
    other = [other for other in _DATES if other in passed and other != form]
    return f"; {other[0]} fits as well" if other else ""


def _is_far(value: float, low: float | None, high: float | None) -> bool:
    """A missing code stands well outside the other values."""
    if low is None or high is None:
        return True
    span = max(abs(low), abs(high), 1.0)
    return abs(value) > 2 * span


def _identifier(connection: duckdb.DuckDBPyConnection, cleaned: str, distinct: int) -> Identifier | None:
    """The identifier nine of ten distinct values are, by check digit where one exists, else by shape."""
    if not distinct:
        return None
    shapes = ", ".join(f"count(*) filter (where regexp_full_match(v, {literal(shape)}))" for shape in _SHAPES.values())
    long, *counts = connection.execute(
        f"{cleaned} select count(*) filter (where length(v) between 16 and 18), {shapes} from cells"
    ).fetchone() or (0,)
    if long >= _SHARE * distinct:
        values = connection.execute(
            f"{cleaned} select v from cells where length(v) between 16 and 18 order by v limit {MAX_CHECKED}"
        ).fetchall()
        for name, check in _CHECKS.items():
            if sum(check(value.upper()) for (value,) in values) >= _SHARE * len(values):
                return name
    for name, count in zip(_SHAPES, counts, strict=False):
        if count >= _SHARE * distinct:
            return name
    return None
