"""DuckDB macros that read dates with Japanese or Taiwanese era years, and Excel serial dates.

Each macro takes text and gives a TIMESTAMP, or NULL where the text is not in the format, is no day of the calendar, or
lies outside the era it names. The eras with their bounds and sources are in `eras.csv` beside this module.
"""

from __future__ import annotations

import csv
from datetime import date
from functools import cache
from pathlib import Path

import duckdb

from ingestion.conform import numbers
from ingestion.sql import literal

DATE_MACROS = {name: f"citylake_{name}" for name in ("era_jp", "era_roc", "excel_serial", "excel_serial_1904")}
"""Macro name by the format's name in a contract; the macro gives a TIMESTAMP (for eras midnight of the day)."""

_FULL_WIDTH = "".join(chr(code) for code in range(0xFF01, 0xFF5F)) + "\u3000"
_HALF_WIDTH = "".join(chr(code) for code in range(0x21, 0x7F)) + " "

_ERAS = Path(__file__).with_name("eras.csv")
_OPEN_END = "9999-12-31"
_OPTIONAL_NAME = ("era_roc",)
"""Calendars with a single era, whose name may be omitted: 115/3/31."""

_MAX_SERIAL = {"excel_serial": 2_958_465, "excel_serial_1904": 2_957_003}
"""9999-12-31 in each date system (ECMA-376 part 1, 18.17.4.1)."""


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Define the macros on a connection."""
    for calendar in ("era_jp", "era_roc"):
        connection.execute(_era_macro(calendar))
    for system in _MAX_SERIAL:
        connection.execute(_serial_macro(system))


@cache
def eras(calendar: str) -> tuple[dict[str, str], ...]:
    """The eras of a calendar: `written` (names, separated by blanks), `year_one`, `begins`, `ends` (may be empty)."""
    with _ERAS.open(encoding="utf-8", newline="") as file:
        return tuple(row for row in csv.DictReader(file) if row["calendar"] == calendar)


def fold_full_width(text: str) -> str:
    """SQL: `text` with full-width ASCII and the ideographic space replaced by ASCII (the part of NFKC that occurs)."""
    return f"translate({text}, {literal(_FULL_WIDTH)}, {literal(_HALF_WIDTH)})"


def _era_macro(calendar: str) -> str:
    """The macro for a calendar. Full-width characters are read, too; `元` is year 1; marks: 年月日 `.` `/` `-`."""
    written = {name: era for era in eras(calendar) for name in era["written"].split()}
    names = "|".join(sorted(written, key=len, reverse=True))
    optional = "?" if calendar in _OPTIONAL_NAME else ""
    part = r"\s*([0-9]{1,2})\s*"
    pattern = rf"^\s*({names}){optional}\s*(元|[0-9]{{1,3}})\s*([年./-]){part}([月./-]){part}(日?)\s*$"
    parts = "['era', 'year', 'm1', 'month', 'm2', 'day', 'm3']"
    # A text that does not match gives seven empty parts, and from them no date.
    found = f"regexp_extract({fold_full_width('value')}, {literal(pattern)}, {parts})"
    marks = "(g.m1 || g.m2 || g.m3) in ('年月日', '..', '//', '--')"
    year = "nullif(try_cast(case g.year when '元' then '1' else g.year end as integer), 0)"
    day = f"try_cast(concat({_by_era(written, 'year_one', optional)} - 1 + {year}, '-', g.month, '-', g.day) as date)"
    begins, ends = (_by_era(written, key, optional) for key in ("begins", "ends"))
    return (
        f"create or replace macro {DATE_MACROS[calendar]}(value) as list_transform([{found}], lambda g: "
        f"list_transform([case when {marks} then {day} end], "
        f"lambda d: case when d between {begins} and {ends} then cast(d as timestamp) end)[1])[1]"
    )


def _by_era(written: dict[str, dict[str, str]], key: str, optional: str) -> str:
    """SQL for the value in the column `key` of `eras.csv` of the era named by `g.era`."""
    values = {name: era[key] or _OPEN_END for name, era in written.items()}
    if optional:
        values[""] = next(iter(values.values()))
    typed = {name: int(v) if key == "year_one" else date.fromisoformat(v) for name, v in values.items()}
    cases = (f"when {literal(name)} then {literal(value)}" for name, value in typed.items())
    return f"case g.era {' '.join(cases)} end"


def _serial_macro(system: str) -> str:
    """The macro for a date system. A serial counts days; its fraction is the time of day, here to the second.

    In the 1900 system 1 is 1900-01-01 and 60 is 1900-02-29, which did not exist (Excel kept an error of Lotus 1-2-3),
    so later serials are one too high; 0 is no day. In the 1904 system 0 is 1904-01-01.
    """
    last = _MAX_SERIAL[system]
    if system == "excel_serial":
        origin = "case when n >= 61 then timestamp '1899-12-30' when n >= 1 and n < 60 then timestamp '1899-12-31' end"
    else:
        origin = "case when n >= 0 then timestamp '1904-01-01' end"
    number = numbers.decimal("value", "DECIMAL(27,18)")  # as a double, some half seconds would round the other way
    return (
        f"create or replace macro {DATE_MACROS[system]}(value) as list_transform([{number}], lambda n: "
        f"case when n < {last + 1} then {origin} + to_seconds(cast(round(n * 86400) as bigint)) end)[1]"
    )
