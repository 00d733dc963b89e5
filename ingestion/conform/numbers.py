"""SQL that converts text to numbers exactly: the decimal point is moved within the text, without using doubles.

DuckDB's own casts read `3_12` as 312, `12.7` as the integer 13, `6e-12` as a cent, and `1e3` for some types only. Here
`ingestion.values.numbers` defines what a number is, integers accept whole values only, and DECIMAL rounds half away
from zero. Every function takes an SQL expression for stripped text and gives one that is NULL where the text is no such
number. Plain digits are cast directly, as the exact conversion is some twenty times slower.
"""

from __future__ import annotations

from ingestion.sql import literal
from ingestion.values.numbers import NUMBER

_PARTS = r"^([+-]?)([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]+))?$"
_NAMES = "['sign', 'whole', 'fraction', 'power']"
_WHOLE = "[+-]?[0-9]+"
_FAR = 60
"""Decimal places on either side of the point beyond which every DECIMAL is out of range or zero."""
_BEYOND = 999_999_999
"""Stands for an exponent that does not fit an INTEGER."""


def decimal(text: str, type_name: str) -> str:
    """SQL for a DECIMAL(p,s). DuckDB's cast rounds text without an exponent correctly, but not text with one."""
    odd = " or ".join(f"contains({text}, {literal(mark)})" for mark in ("e", "E", "_"))
    long = f"try_cast({_numbered(text, _moved(0))} as {type_name})"
    return f"case when {odd} then {long} else {plain(text, type_name)} end"


def plain(text: str, type_name: str) -> str:
    """SQL for a DECIMAL(p,s) from text that contains only digits, signs and points."""
    return f"try_cast({text} as {type_name})"


def integer(text: str, type_name: str) -> str:
    """SQL for any integer type; `1e3` and `4.0` are integers, `12.7` is NULL."""
    return (
        f"case when regexp_full_match({text}, {literal(_WHOLE)}) then try_cast({text} as {type_name}) "
        f"else try_cast({_numbered(text, _if_whole(_moved(0)))} as {type_name}) end"
    )


def floating(text: str, type_name: str) -> str:
    """SQL for DOUBLE or REAL, correctly rounded; infinite where the number is too large."""
    return f"case when regexp_full_match({text}, {literal(NUMBER)}) then try_cast({text} as {type_name}) end"


def scaled(text: str, type_name: str, places: int) -> str:
    """SQL for a DECIMAL or DOUBLE from an integer number of units of 10^-places (implied decimals)."""
    far = f"n.minus || n.digits || 'e' || (n.point - length(n.digits) - {places})"
    zero = "case when n.digits = '' then '0' else"
    moved = _moved(places) if type_name.startswith("DECIMAL") else f"{zero} {far} end"
    return f"try_cast({_numbered(text, _if_whole(moved))} as {type_name})"


def canonical(text: str) -> str:
    """SQL for the canonical spelling of a number, equal to `ingestion.values.numbers.canonical`."""
    body = "case when n.digits = '' then '0' else n.minus || rtrim(n.digits, '0') || 'e' || n.point end"
    return _numbered(text, body)


def _numbered(text: str, body: str) -> str:
    """SQL for `body`, where the struct `n` has `minus`, `digits` without leading zeros, and the position `point`."""
    digits = "ltrim(g.whole || g.fraction, '0')"
    far = f"case when starts_with(g.power, '-') then -{_BEYOND} else {_BEYOND} end"
    power = f"case when g.power = '' then 0 else coalesce(try_cast(g.power as integer), {far}) end"
    point = f"{power} + length({digits}) - length(g.fraction)"
    minus = "case when g.sign = '-' then '-' else '' end"
    parts = f"regexp_extract({text}, {literal(_PARTS)}, {_NAMES})"
    shape = f"{{'minus': {minus}, 'digits': {digits}, 'point': cast({point} as bigint)}}"
    return (
        f"case when regexp_full_match({text}, {literal(NUMBER)}) then "
        f"list_transform(list_transform([{parts}], lambda g: {shape}), lambda n: {body})[1] end"
    )


def _moved(places: int) -> str:
    """SQL for the number without an exponent, its point moved `places` to the left."""
    point = f"cast(n.point - {places} as integer)" if places else "cast(n.point as integer)"
    return (
        f"case when n.digits = '' or n.point < -{_FAR} then '0' when n.point > {_FAR} then null "
        f"when {point} <= 0 then n.minus || '0.' || repeat('0', -{point}) || n.digits "
        f"when length(n.digits) <= {point} then n.minus || rpad(n.digits, {point}, '0') "
        f"else n.minus || left(n.digits, {point}) || '.' || substr(n.digits, {point} + 1) end"
    )


def _if_whole(body: str) -> str:
    return f"case when length(rtrim(n.digits, '0')) <= greatest(n.point, 0) then {body} end"
