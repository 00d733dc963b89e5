"""Named date formats, besides strptime formats, that a contract may declare for a column.

`ingestion.conform.legacy_dates` reads era years and Excel serials; `ingestion.conform.typing` reads `gtfs_time`.
"""

from __future__ import annotations

GTFS_TIME = "gtfs_time"
ERAS = ("era_jp", "era_roc")
SERIALS = ("excel_serial", "excel_serial_1904")
LEGACY = (*ERAS, *SERIALS)


def problem(form: str, type_name: str) -> str | None:
    """What is wrong with one declared format of a column of this type (`column_types`); None for a valid one."""
    if form == GTFS_TIME:
        return (
            None if type_name == "INTEGER" else f"gtfs_time gives seconds: the column must be INTEGER, not {type_name}"
        )
    if type_name not in ("DATE", "TIMESTAMP", "TIMESTAMPTZ"):
        return f"is for DATE, TIMESTAMP and TIMESTAMPTZ, not {type_name}"
    if form in ERAS:
        return None if type_name == "DATE" else f"{form} gives days: the column must be DATE, not {type_name}"
    if "%Z" in form:
        return f"{form!r}: %Z reads a name (CST is Chicago and Shanghai); read offsets by %z, or declare `timezone`"
    if form != "iso" and form not in LEGACY and "%" not in form:
        named = ", ".join(f"`{name}`" for name in ("iso", *LEGACY))
        return f"{form!r}: a strptime format such as %Y-%m-%d, {named} or `gtfs_time`"
    return None
