"""One column of text to one typed value, as SQL.

A value that does not fit its type becomes NULL, never an error and never a different value:
DuckDB's own casts would read `12.7` as the integer 13, `2026-03-02 x` as a date and `6e-12` as a cent, and leave
out the offset of a moment that has one. DECIMAL rounds to its scale, as in standard SQL.
Which rule a NULL breaks is decided in `compile`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ingestion.conform import local_time
from ingestion.conform.full_width import folded
from ingestion.conform.legacy_dates import DATE_MACROS
from ingestion.contract.date_formats import ERAS
from ingestion.contract.model import Column
from ingestion.sql import literal

_INTEGER = re.compile(r"^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|INT)$")
_FLOAT = ("DOUBLE", "FLOAT", "REAL")
_WHOLE = r"\s*[+-]?[0-9]+(\.0*)?\s*"
_GTFS_TIME = r"\s*[0-9]{1,3}:[0-5][0-9]:[0-5][0-9]\s*"
_OFFSET = r":[0-9]{2}.*(Z| UTC|[+-](0[0-9]|1[0-4])(:?[0-9]{2})?)\s*$"
_DOUBLE_COUNTS = 2**53
_LAST_MOMENT = "9999-12-31 23:59:59.999999"
_SHORT_EXPONENT = r"\s*[+-]?[0-9.]{1,16}[eE]\+?[0-9]{1,2}\s*"
_AFTER_SECONDS = r":[0-9:.\s]*[^0-9:.\s]"


def kind(column: Column) -> str:
    """The DuckDB type's family: text, integer, float, decimal, date, timestamp, timestamptz or other."""
    name = column.type.upper().strip()
    if name.startswith("DECIMAL") or name.startswith("NUMERIC"):
        return "decimal"
    if _INTEGER.match(name):
        return "integer"
    if name in _FLOAT:
        return "float"
    families = {
        "VARCHAR": "text", "TEXT": "text", "STRING": "text", "DATE": "date", "TIMESTAMP": "timestamp",
        "TIMESTAMPTZ": "timestamptz", "TIMESTAMP WITH TIME ZONE": "timestamptz",
    }  # fmt: skip
    return families.get(name, "other")


def is_number(column: Column) -> bool:
    """Whether range rules and numeric codes apply."""
    return kind(column) in ("integer", "float", "decimal")


def cleaned(column: Column, raw: str, *, trim: bool, nulls: Iterable[str]) -> str:
    """Text without surrounding blanks, with null words and missing codes as NULL and trace codes replaced.

    Codes of numeric columns are compared as numbers, so 999999 also means `999999.0`.
    """
    spec = column.spec
    plain = not spec.missing and not spec.trace
    if plain and kind(column) != "text" and spec.readings == (None,):
        return raw  # casts ignore blanks themselves; what is blank is found when a cast fails
    text = f"trim({raw})" if trim else raw
    words = [*nulls] if trim else []
    numbers: list[float] = []
    for code in spec.missing:
        value = _number(code) if is_number(column) else None
        if value is None:
            words.append(str(code))
        else:
            numbers.append(value)
    cases = [f"when {text} in ({_listed(words)}) then null"] if words else []
    if numbers:
        cases.append(f"when try_cast({raw} as double) in ({_listed(numbers)}) then null")
    for code, value in spec.trace.items():
        as_number = _number(code) if is_number(column) else None
        test = f"{text} = {literal(code)}" if as_number is None else f"try_cast({raw} as double) = {as_number!r}"
        cases.append(f"when {test} then {literal(str(value))}")
    if trim and plain:  # most text has no blank anywhere, and the CSV reader has taken the null words out
        return f"case when contains({raw}, ' ') then {_without(text, words)} else {raw} end"
    return f"case {' '.join(cases)} else {text} end" if cases else text


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
        return _scaled(text, column.type, column.spec.implied_decimals)
    if family == "integer" and not _small(column):
        return f"case when regexp_full_match({text}, {literal(_WHOLE)}) then try_cast({text} as {column.type}) end"
    if family == "decimal":
        return _decimal(text, column.type)
    return f"try_cast({text} as {column.type})"


def checked(column: Column, text: str, value: str, zone: str) -> str:
    """The value read (a column name, not an expression, for it is named twice), or NULL where it is not one.

    `zone` is the calendar's: a moment must lie within its years 1000 to 9999 too.
    """
    family, forms = kind(column), column.spec.readings
    if forms == ("gtfs_time",):
        return value
    if family == "integer" and _small(column):  # a double holds these exactly: 12.7 is no integer
        return f"case when {value} = try_cast({text} as double) then {value} end"
    if family == "float":
        return f"case when isfinite({value}) then {value} end"
    if family in ("date", "timestamp", "timestamptz"):
        within = in_calendar(column, value, zone)
        if family != "date" and {None, "iso"} & set(forms):  # DuckDB takes the word for a moment
            epoch = "timestamp '1970-01-01'"
            epoch = epoch if family == "timestamp" else f"timezone({literal(column.spec.timezone or zone)}, {epoch})"
            within += f" and ({value} <> {epoch} or lower(trim({text})) <> 'epoch')"
        moment = _exact(column, text, value, column.spec.timezone or zone) if family == "timestamptz" else value
        return f"case when {within} then {moment} end"
    return value


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


def _small(column: Column) -> bool:
    return column.type.upper() in ("TINYINT", "SMALLINT", "INTEGER", "INT")


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
        year = f"try_cast({digits} as integer)" if kind(column) == "text" else f"year({value})"
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


def _without(text: str, words: list[str]) -> str:
    return f"case when {text} not in ({_listed(words)}) then {text} end" if words else text


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


def _decimal(text: str, type_name: str) -> str:
    """DuckDB reads `6e-12` as 0.01 where two places are kept: it rounds by the last digit it drops, not by the first.

    So a number with an exponent is read to 18 more places first, and rounded from there. One too large for
    that is read as it is where its exponent is none that drops a digit, and otherwise is no number.
    """
    precision, scale = (int(part) for part in re.findall(r"\d+", type_name))
    wide = f"try_cast(try_cast({text} as decimal(38,{min(38, scale + 18)})) as {type_name})"
    short = f"regexp_full_match({text}, {literal(_SHORT_EXPONENT)})"
    fits = f"abs(try_cast({text} as double)) < 1e{precision - scale}"
    plain = f"try_cast({text} as {type_name})"
    return (
        f"case when contains({text}, 'e') or contains({text}, 'E') "
        f"then coalesce({wide}, case when {short} and {fits} then {plain} end) else {plain} end"
    )


def _scaled(text: str, type_name: str, places: int) -> str:
    """A whole number of units of 10^-places; anything else is no such number."""
    whole = r"\s*[+-]?[0-9]{1,18}\s*"
    unit = f"cast('1e-{places}' as decimal({places + 1},{places}))"
    value = f"try_cast(try_cast({text} as bigint) * {unit} as {type_name})"
    return f"case when regexp_full_match({text}, {literal(whole)}) then {value} end"


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
    hours, minutes, seconds = (f"cast(split_part(trim({text}), ':', {part}) as integer)" for part in (1, 2, 3))
    total = f"cast({hours} * 3600 + {minutes} * 60 + {seconds} as {type_name})"
    return f"case when regexp_full_match({text}, {literal(_GTFS_TIME)}) then {total} end"


def _strptime(form: str | None, default: str) -> str:
    return default if form in (None, "iso") else str(form)


def _number(code: str | int | float) -> float | None:
    """A code to compare as a number; None for words, and for numbers a double takes for their neighbours."""
    try:
        value = float(code)
    except ValueError:
        return None
    return value if abs(value) < _DOUBLE_COUNTS else None


def _listed(values: Iterable[str | float]) -> str:
    return ", ".join(literal(value) for value in values)
