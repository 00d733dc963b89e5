"""SQL that converts the text of a column to its declared type.

The text is stripped (`sent_text`). A value that does not fit the type becomes NULL, never an error and never another
value: DuckDB's own casts would read `12.7` as the integer 13 and `2026-03-02 x` as a date, and ignore the UTC offset of
a timestamp. Numbers are converted in `numbers`. `compile` decides which rule a NULL breaks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from ingestion.conform import local_time, numbers
from ingestion.conform.legacy_dates import DATE_MACROS, fold_full_width
from ingestion.conform.local_expressions import exact_times
from ingestion.contract.date_formats import ERAS
from ingestion.contract.model import Column
from ingestion.sql import literal
from ingestion.values.blanks import strip, stripped_sql
from ingestion.values.numbers import canonical, exact

_INTEGER = re.compile(r"^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|INT)$")
_FLOAT = ("DOUBLE", "FLOAT", "REAL")
_GTFS_TIME = r"[0-9]{1,3}:[0-5][0-9]:[0-5][0-9]"
_OFFSET = r":[0-9]{2}.*(Z| UTC|[+-](0[0-9]|1[0-4])(:?[0-9]{2})?)\s*$"
_LAST_MOMENT = "9999-12-31 23:59:59.999999"
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
"""The texts that are a BOOLEAN, in upper or lower case."""
_AFTER_SECONDS = r":[0-9:.\s]*[^0-9:.\s]"


def kind(column: Column) -> str:
    """The DuckDB type's family: text, integer, float, decimal, boolean, date, timestamp, timestamptz or
    other."""
    name = column.type.upper().strip()
    if name.startswith("DECIMAL") or name.startswith("NUMERIC"):
        return "decimal"
    if _INTEGER.match(name):
        return "integer"
    if name in _FLOAT:
        return "float"
    families = {
        "VARCHAR": "text", "TEXT": "text", "STRING": "text", "BOOLEAN": "boolean", "DATE": "date",
        "TIMESTAMP": "timestamp",
        "TIMESTAMPTZ": "timestamptz", "TIMESTAMP WITH TIME ZONE": "timestamptz",
    }  # fmt: skip
    return families.get(name, "other")


def is_number(column: Column) -> bool:
    """Whether range rules and numeric codes apply."""
    return kind(column) in ("integer", "float", "decimal")


def cleaned(column: Column, raw: str, *, kept: bool = False) -> str:
    """SQL for the text with codes for a missing value as NULL and trace codes replaced by their values.

    In numeric columns codes are compared as exact numbers: the code 999999 also matches `999999.0`.
    """
    missing = [str(code) if kept else strip(str(code)) for code in column.spec.missing]
    traces = {strip(code): _trace(column, value) for code, value in column.spec.trace.items()}
    if not missing and not traces:
        return raw
    cases = [f"when {raw} in ({_listed(missing)}) then null"] if missing else []
    cases += [f"when {raw} = {literal(code)} then {literal(value)}" for code, value in traces.items()]
    return f"case {' '.join([*cases, *_as_numbers(column, raw, missing, traces)])} else {raw} end"


def _as_numbers(column: Column, raw: str, missing: list[str], traces: dict[str, str]) -> Iterator[str]:
    """SQL cases that compare codes as numbers: first cheaply as doubles, then exactly by their digits."""
    values: dict[str, str | None] = {**traces}
    values |= dict.fromkeys(missing)
    found = {code: exact(code) for code in values} if is_number(column) else {}
    codes = {canonical(number): values[code] for code, number in found.items() if number is not None}
    if codes:
        near = ", ".join(f"cast({literal(str(number))} as double)" for number in found.values() if number is not None)
        cases = " ".join(f"when {literal(code)} then {literal(value)}" for code, value in codes.items())
        yield f"when try_cast({raw} as double) in ({near}) then case {numbers.canonical(raw)} {cases} else {raw} end"


def read(column: Column, text: str, zone: str) -> str:
    """SQL that reads cleaned text as the column's type; NULL where it cannot. `zone` is the calendar's.

    The result must be passed to `checked`, which removes values that DuckDB accepts wrongly.
    """
    family, forms = kind(column), column.spec.readings
    if forms == ("gtfs_time",):
        return _gtfs_time(text, column.type)
    if family == "text":
        return text
    if family in ("date", "timestamp", "timestamptz"):
        found = [_temporal(column, text, family, form, column.spec.timezone or zone) for form in forms]
        return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"
    if column.spec.implied_decimals is not None:
        return numbers.scaled(text, column.type, column.spec.implied_decimals)
    if family == "boolean":
        word = f"lower({text})"
        return f"case when {word} in ({_listed(_TRUE)}) then true when {word} in ({_listed(_FALSE)}) then false end"
    reader = {"integer": numbers.integer, "float": numbers.floating, "decimal": numbers.decimal}.get(family)
    return reader(text, column.type) if reader else f"try_cast({text} as {column.type})"


def checked(column: Column, text: str, value: str, zone: str) -> str:
    """SQL for the result of `read` (`value`, a column name), or NULL where it is not a valid value.

    `zone` is the calendar's time zone, in which a moment must lie within the years 1000 to 9999, too.
    """
    family, forms = kind(column), column.spec.readings
    if forms == ("gtfs_time",):
        return value
    if family == "float":
        return f"case when isfinite({value}) then {value} end"
    if family in ("date", "timestamp", "timestamptz"):
        within = in_calendar(column, value, zone)
        if family != "date" and {None, "iso"} & set(forms):  # DuckDB reads the word `epoch` as a timestamp
            epoch = "timestamp '1970-01-01'"
            epoch = epoch if family == "timestamp" else f"timezone({literal(column.spec.timezone or zone)}, {epoch})"
            within += f" and ({value} <> {epoch} or lower({text}) <> 'epoch')"
        moment = _exact(column, text, value, column.spec.timezone or zone) if family == "timestamptz" else value
        return f"case when {within} then {moment} end"
    return value


def derived(column: Column, zone: str, types: Mapping[str, str]) -> tuple[str, str]:
    """SQL for a column made by an expression: its value, and a text that is NULL where the expression fails.

    Where the expression gives text, it is read like text that was sent; any other result is cast. `types`: DuckDB
    types of the columns it may use.
    """
    made = f"({column.transform})"
    value = exact_times(f"cast({made} as {column.type})", types, zone, column.spec.ambiguous_time)
    # Where the expression fails both results are NULL; where it is NULL without failing only the first.
    shown = f"coalesce(cast({value} as varchar), '')"
    if kind(column) in ("integer", "float", "decimal", "boolean"):
        text = f"[nullif({stripped_sql(f'cast({made} as varchar)')}, '')]"
        found, a_text = read(column, "sent", zone), f"typeof({made}) = 'VARCHAR'"
        value = f"case when {a_text} then list_transform({text}, lambda sent: {found})[1] else {value} end"
        probe = f"case when sent is null then '' else cast({found} as varchar) end"
        shown = f"case when {a_text} then list_transform({text}, lambda sent: {probe})[1] else {shown} end"
    return f"try({value})", f"try({shown})"


def in_calendar(column: Column, value: str, zone: str) -> str:
    """SQL: whether a date or moment lies in the years 1000 to 9999. An earlier year is usually a typing error, and
    other tools cannot read a later one.
    """
    first, last = _years(kind(column), zone)
    return f"{value} >= {first} and {value} <= {last}"


def _years(family: str, zone: str) -> tuple[str, str]:
    if family != "timestamptz":
        return f"{family} '1000-01-01'", f"{family} '{'9999-12-31' if family == 'date' else _LAST_MOMENT}'"
    ahead = max(datetime(9999, 1, 1, tzinfo=ZoneInfo(zone)).utcoffset() or timedelta(), timedelta())
    return "timestamptz '1000-01-02 00:00:00+00'", literal(datetime.fromisoformat(f"{_LAST_MOMENT}+00:00") - ahead)


_BY_IDENTIFIER = r"(?s)^(.*?\?identifier=[^|]*\|?)(.*)$"
"""A reference by an identifier: the text up to its value, and the value (`ingestion.conform.references`)."""


def normalised(column: Column, value: str) -> str:
    """SQL for the value after the contract's `normalise` steps. `nfkc` is NFC and folding of full-width characters.

    Of a FHIR reference the identifier that it names is normalised, and no server, type or id.
    """
    if column.spec.reference is None or not column.spec.normalise:
        return _stepped(column, value)
    named, known = (f"regexp_extract({value}, {literal(_BY_IDENTIFIER)}, {group})" for group in (1, 2))
    return f"case when contains({value}, '?identifier=') then {named} || {_stepped(column, known)} else {value} end"


def _stepped(column: Column, value: str) -> str:
    for step in column.spec.normalise:
        if step == "upper":
            value = f"upper({value})"
        elif step == "nfkc":
            # ASCII is its own normal form, and folding costs ten times what conform else spends on a value.
            folded = fold_full_width(f"nfc_normalize({value})")
            value = f"case when strlen({value}) = length({value}) then {value} else {folded} end"
        else:
            value = f"regexp_replace({value}, '[^0-9]', '', 'g')"
    return value


def generalised(column: Column, value: str) -> str:
    """SQL for the generalised (GB/T 37964-2019) or masked value, from the normalised one.

    `hour` keeps the type; `date`, `month`, `year` give the DATE of their first day;
    `birth_band_5y` gives text such as `1990-1994` from a date, a citizen number or a year;
    `division_6` keeps province, city and county.
    """
    rule = column.spec.deidentify
    if rule is None:
        return value
    if rule.method == "mask":
        first, last = rule.keep_first, rule.keep_last
        hidden = f"repeat('*', length({value}) - {first + last})"
        tail = f"right({value}, {last})" if last else "''"
        return (
            f"case when length({value}) <= {first + last} then repeat('*', length({value})) "
            f"else left({value}, {first}) || {hidden} || {tail} end"
        )
    if rule.to == "division_6":
        return f"left({value}, 6)"
    if rule.to == "hour":
        return _hour(column, value)
    if rule.to == "birth_band_5y":
        digits = f"case when length({value}) = 18 then substr({value}, 7, 4) else left({value}, 4) end"
        year = f"try_cast(regexp_extract({digits}, '^[0-9]{{4}}$') as integer)"
        year = year if kind(column) == "text" else f"year({value})"
        return f"cast({year} - {year} % 5 as varchar) || '-' || cast({year} - {year} % 5 + 4 as varchar)"
    # Truncate the local time: DuckDB would truncate a moment to a local midnight that may not exist.
    local = f"cast({value} as timestamp)" if kind(column) == "timestamptz" else value
    return f"cast(date_trunc({literal('day' if rule.to == 'date' else rule.to)}, {local}) as date)"


def _hour(column: Column, value: str) -> str:
    """SQL for the first moment of the local hour. Of an hour that occurs twice DuckDB would always take the later."""
    if kind(column) != "timestamptz":
        return f"date_trunc('hour', {value})"
    return (
        f"list_transform([{value}], lambda v: list_transform([cast(v as timestamp)], lambda l: list_transform("
        f"[make_timestamptz(epoch_us(v) - epoch_us(l) + epoch_us(date_trunc('hour', l)))], lambda b: "
        f"make_timestamptz(epoch_us(b) + epoch_us(date_trunc('hour', l)) - epoch_us(cast(b as timestamp))))[1])[1])[1]"
    )


def _temporal(column: Column, text: str, family: str, form: str | None, zone: str) -> str:
    """SQL that reads a date or time in one declared format. A serial with a time of day is not a DATE."""
    if form in DATE_MACROS:
        moment = f"{DATE_MACROS[form]}({text})"
        if form in ERAS:
            return f"cast({moment} as date)"
        if family == "date":
            return f"case when cast({moment} as time) = time '00:00:00' then cast({moment} as date) end"
        return moment if family == "timestamp" else f"try(timezone({literal(zone)}, {moment}))"
    if family == "date":
        return f"cast({_parsed(text, _strptime(form, '%Y-%m-%d'))} as date)"
    return _moment(text, family, form, zone)


def _exact(column: Column, text: str, value: str, zone: str) -> str:
    """SQL for the moment, or NULL where its local time does not exist or is ambiguous (`local_time`).

    The text is only read again near a change of clocks. The first format that matches decides.
    """
    far = local_time.is_far_from_change(value, zone)
    if far is None:
        return value
    moment = value
    for form in reversed(column.spec.readings):
        reading = _reading(text, form)
        if reading is None:
            continue
        local = f"{local_time.INSTANT}({literal(zone)}, {reading}, {literal(column.spec.ambiguous_time)})"
        moment = f"case when {reading} is not null then {local} else {moment} end"
    return value if moment == value else f"case when {far} then {value} else try({moment}) end"


def _reading(text: str, form: str | None) -> str | None:
    """SQL for the local time in a text, NULL where it has a UTC offset; None for formats that always have an offset."""
    if form in DATE_MACROS:
        return f"{DATE_MACROS[form]}({text})"
    if form in (None, "iso"):
        return f"case when not regexp_matches({text}, {literal(_OFFSET)}) then {_naive(text)} end"
    return None if "%z" in str(form) else f"cast({_parsed(text, str(form))} as timestamp)"


def _moment(text: str, family: str, form: str | None, zone: str) -> str:
    """SQL that reads a timestamp in one format. `try`: ICU fails for years far away, which the cast accepts."""
    if form in (None, "iso"):
        naive = _naive(text)
        if family == "timestamp":
            return naive
        with_offset = f"regexp_matches({text}, {literal(_OFFSET)})"
        return (
            f"case when {with_offset} then try_cast({text} as timestamptz) "
            f"else try(timezone({literal(zone)}, {naive})) end"
        )
    parsed = _parsed(text, str(form))
    if family == "timestamp":
        return f"cast({parsed} as timestamp)"
    if "%z" in str(form):  # the format itself gives the offset
        return f"cast({parsed} as timestamptz)"
    return f"try(timezone({literal(zone)}, {parsed}))"


def _naive(text: str) -> str:
    """SQL for a TIMESTAMP from text without anything after the seconds, which DuckDB's cast would ignore."""
    bare = f"({text} like '____-__-_____:__:__' or not regexp_matches({text}, {literal(_AFTER_SECONDS)}))"
    return f"case when {bare} then try_cast({text} as timestamp) end"


def _parsed(text: str, form: str) -> str:
    """SQL that reads text by a strptime format; words such as `infinity`, which DuckDB would accept, give NULL."""
    return f"case when regexp_matches({text}, '[0-9]') then try_strptime({text}, {literal(form)}) end"


def _gtfs_time(text: str, type_name: str) -> str:
    """Seconds since noon minus 12 h (GTFS reference, field type Time); hours may pass 24."""
    hours, minutes, seconds = (f"cast(split_part({text}, ':', {part}) as integer)" for part in (1, 2, 3))
    total = f"cast({hours} * 3600 + {minutes} * 60 + {seconds} as {type_name})"
    return f"case when regexp_full_match({text}, {literal(_GTFS_TIME)}) then {total} end"


def _strptime(form: str | None, default: str) -> str:
    return default if form in (None, "iso") else str(form)


def _trace(column: Column, value: Decimal) -> str:
    """The value of a trace code, as text that the column reads as that value."""
    sign, digits, exponent = value.as_tuple()  # not by arithmetic, which rounds to 28 digits
    moved = int(exponent) + (column.spec.implied_decimals or 0)
    return str(Decimal((sign, digits, moved)))


def _listed(values: Iterable[str]) -> str:
    return ", ".join(literal(value) for value in values)
