"""One column of text to one typed value, as SQL.

Texts come without blanks around them (`sent`). A value that does not fit its type becomes NULL, never an error and
never a different value: DuckDB's own casts would read `12.7` as the integer 13 and `2026-03-02 x` as a date, and leave
out the offset of a moment that has one. Numbers are `numbers`'. Which rule a NULL breaks is decided in `compile`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from ingestion.conform import local_time, numbers
from ingestion.conform.full_width import folded
from ingestion.conform.legacy_dates import DATE_MACROS
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
"""What a BOOLEAN is written like, in either case; nothing else is one."""
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
    """The text, with missing codes as NULL and trace codes replaced.

    Codes of numeric columns are compared as numbers, to the last digit: 999999 also means `999999.0`, and no other.
    """
    missing = [str(code) if kept else strip(str(code)) for code in column.spec.missing]
    traces = {strip(code): _trace(column, value) for code, value in column.spec.trace.items()}
    if not missing and not traces:
        return raw
    cases = [f"when {raw} in ({_listed(missing)}) then null"] if missing else []
    cases += [f"when {raw} = {literal(code)} then {literal(value)}" for code, value in traces.items()]
    return f"case {' '.join([*cases, *_as_numbers(column, raw, missing, traces)])} else {raw} end"


def _as_numbers(column: Column, raw: str, missing: list[str], traces: dict[str, str]) -> Iterator[str]:
    """A double finds what may be a code, cheaply; the digits decide."""
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

    Not final: `checked` takes back what DuckDB reads too generously.
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
    """The value read (a column name, not an expression, for it is named twice), or NULL where it is not one.

    `zone` is the calendar's: a moment must lie within its years 1000 to 9999 too.
    """
    family, forms = kind(column), column.spec.readings
    if forms == ("gtfs_time",):
        return value
    if family == "float":
        return f"case when isfinite({value}) then {value} end"
    if family in ("date", "timestamp", "timestamptz"):
        within = in_calendar(column, value, zone)
        if family != "date" and {None, "iso"} & set(forms):  # DuckDB takes the word for a moment
            epoch = "timestamp '1970-01-01'"
            epoch = epoch if family == "timestamp" else f"timezone({literal(column.spec.timezone or zone)}, {epoch})"
            within += f" and ({value} <> {epoch} or lower({text}) <> 'epoch')"
        moment = _exact(column, text, value, column.spec.timezone or zone) if family == "timestamptz" else value
        return f"case when {within} then {moment} end"
    return value


def derived(column: Column, zone: str, types: Mapping[str, str]) -> tuple[str, str]:
    """A column made by an expression: its value, and a text that is NULL where the expression fails.

    A text that it gives is read as one that was sent; what else it gives is cast. `types` are those of the columns
    it may name.
    """
    made = f"({column.transform})"
    value = exact_times(f"cast({made} as {column.type})", types, zone, column.spec.ambiguous_time)
    # An expression that fails gives NULL in both; one that is NULL by itself only in the first.
    shown = f"coalesce(cast({value} as varchar), '')"
    if kind(column) in ("integer", "float", "decimal", "boolean"):
        text = f"[nullif({stripped_sql(f'cast({made} as varchar)')}, '')]"
        found, a_text = read(column, "sent", zone), f"typeof({made}) = 'VARCHAR'"
        value = f"case when {a_text} then list_transform({text}, lambda sent: {found})[1] else {value} end"
        probe = f"case when sent is null then '' else cast({found} as varchar) end"
        shown = f"case when {a_text} then list_transform({text}, lambda sent: {probe})[1] else {shown} end"
    return f"try({value})", f"try({shown})"


def in_calendar(column: Column, value: str, zone: str) -> str:
    """Whether a date or moment lies in the years that are taken: one before 1000 has a digit missing, no tool reads
    10000."""
    first, last = _years(kind(column), zone)
    return f"{value} >= {first} and {value} <= {last}"


def _years(family: str, zone: str) -> tuple[str, str]:
    if family != "timestamptz":
        return f"{family} '1000-01-01'", f"{family} '{'9999-12-31' if family == 'date' else _LAST_MOMENT}'"
    ahead = max(datetime(9999, 1, 1, tzinfo=ZoneInfo(zone)).utcoffset() or timedelta(), timedelta())
    return "timestamptz '1000-01-02 00:00:00+00'", literal(datetime.fromisoformat(f"{_LAST_MOMENT}+00:00") - ahead)


def normalised(column: Column, value: str) -> str:
    """The value as bronze and pseudonyms take it. `nfkc` folds full-width forms, the part of NFKC that occurs."""
    for step in column.spec.normalise:
        if step == "upper":
            value = f"upper({value})"
        elif step == "nfkc":
            value = folded(f"nfc_normalize({value})")
        else:
            value = f"regexp_replace({value}, '[^0-9]', '', 'g')"
    return value


def generalised(column: Column, value: str) -> str:
    """Coarser values (GB/T 37964-2019 generalisation) and masks, over the normalised value.

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
    # Of the local time: DuckDB cuts a moment at a midnight that clocks may have left out.
    local = f"cast({value} as timestamp)" if kind(column) == "timestamptz" else value
    return f"cast(date_trunc({literal('day' if rule.to == 'date' else rule.to)}, {local}) as date)"


def _hour(column: Column, value: str) -> str:
    """The first moment of the local hour; of an hour that came twice, its own: DuckDB's takes the later one's."""
    if kind(column) != "timestamptz":
        return f"date_trunc('hour', {value})"
    return (
        f"list_transform([{value}], lambda v: list_transform([cast(v as timestamp)], lambda l: list_transform("
        f"[make_timestamptz(epoch_us(v) - epoch_us(l) + epoch_us(date_trunc('hour', l)))], lambda b: "
        f"make_timestamptz(epoch_us(b) + epoch_us(date_trunc('hour', l)) - epoch_us(cast(b as timestamp))))[1])[1])[1]"
    )


def _temporal(column: Column, text: str, family: str, form: str | None, zone: str) -> str:
    """By one declared format. A DATE takes no time of day from a serial: a fraction is no day."""
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
    """The moment read, or NULL where clocks never showed that reading, or twice and nothing says which.

    Text is read again only near a change of clocks. The first format that fits is the one: its refusal is final.
    """
    far = local_time.quiet(value, zone)
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
    """The reading of clocks in a text; NULL where it has an offset of its own. None for formats that always have."""
    if form in DATE_MACROS:
        return f"{DATE_MACROS[form]}({text})"
    if form in (None, "iso"):
        return f"case when not regexp_matches({text}, {literal(_OFFSET)}) then {_naive(text)} end"
    return None if "%z" in str(form) else f"cast({_parsed(text, str(form))} as timestamp)"


def _moment(text: str, family: str, form: str | None, zone: str) -> str:
    """`try` takes what ICU cannot count in a zone: years far from ours, which the cast before it lets pass."""
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
    """The cast leaves out what follows the seconds, an offset too; most text is of the first form."""
    bare = f"({text} like '____-__-_____:__:__' or not regexp_matches({text}, {literal(_AFTER_SECONDS)}))"
    return f"case when {bare} then try_cast({text} as timestamp) end"


def _parsed(text: str, form: str) -> str:
    """By format; words such as `infinity` and `epoch`, which DuckDB takes for moments, are not values."""
    return f"case when regexp_matches({text}, '[0-9]') then try_strptime({text}, {literal(form)}) end"


def _gtfs_time(text: str, type_name: str) -> str:
    """Seconds since noon minus 12 h (GTFS reference, field type Time); hours may pass 24."""
    hours, minutes, seconds = (f"cast(split_part({text}, ':', {part}) as integer)" for part in (1, 2, 3))
    total = f"cast({hours} * 3600 + {minutes} * 60 + {seconds} as {type_name})"
    return f"case when regexp_full_match({text}, {literal(_GTFS_TIME)}) then {total} end"


def _strptime(form: str | None, default: str) -> str:
    return default if form in (None, "iso") else str(form)


def _trace(column: Column, value: Decimal) -> str:
    """A trace code's value, as a text that the column reads as it."""
    sign, digits, exponent = value.as_tuple()  # not by arithmetic, which rounds to 28 digits
    moved = int(exponent) + (column.spec.implied_decimals or 0)
    return str(Decimal((sign, digits, moved)))


def _listed(values: Iterable[str]) -> str:
    return ", ".join(literal(value) for value in values)
