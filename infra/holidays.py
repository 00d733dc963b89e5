"""`python -m infra.holidays FOLDER`: write the seed `ref_public_holiday` from files of holidays, one a year.

The files are those of https://github.com/NateScarlet/holiday-cn: `<year>.json` with the days that the yearly notice of
the State Council's General Office names, `{"year", "papers": [address], "days": [{"name", "date", "isOffDay"}]}`. A
file also has days of the year before where a holiday begins there. Dates and names are facts of those notices.
What a workday is follows in the model `dim_date`; nothing is judged here but that files are whole and agree.
"""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

SEED = Path(__file__).resolve().parents[1] / "dbt_project" / "seeds" / "ref_public_holiday.csv"
HEADER = ("calendar_date", "holiday_name", "is_workday", "notice_year", "source")


class HolidayFilesError(ValueError):
    """The files are missing, not of the form, or say two things of one day; the seed was left as it was."""


def seed_text(folder: Path) -> str:
    """The seed as CSV, a line a day in order of date. Raises HolidayFilesError."""
    paths = sorted(folder.glob("[0-9][0-9][0-9][0-9].json"))
    if not paths:
        raise HolidayFilesError(f"{folder}: no <year>.json; give the folder that holds the files")
    days: dict[str, tuple[str, ...]] = {}
    for path in paths:
        for row in _rows(path):
            if days.setdefault(row[0], row)[1:3] != row[1:3]:
                raise HolidayFilesError(f"{path}: says of {row[0]} {row[1:3]}, the year before {days[row[0]][1:3]}")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(days[day] for day in sorted(days))
    return text.getvalue()


def _rows(path: Path) -> list[tuple[str, ...]]:
    """The lines of one year."""
    try:
        notice: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        year, source = str(int(notice["year"])), " ".join(notice["papers"])
        return [
            (
                date.fromisoformat(day["date"]).isoformat(),
                day["name"],
                str(not day["isOffDay"]).lower(),
                year,
                source,
            )
            for day in notice["days"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise HolidayFilesError(f"{path}: not a year of holidays: {type(error).__name__}: {error}") from error


def command(folder: Annotated[Path, typer.Argument(help="The folder with <year>.json.")]) -> None:
    """Rewrite the seed of public holidays."""
    try:
        text = seed_text(folder)
    except HolidayFilesError as error:
        typer.echo(f"{error}\nthe seed was not changed", err=True)
        raise typer.Exit(1) from error
    SEED.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {text.count(chr(10)) - 1} days to {SEED.name}")


if __name__ == "__main__":
    typer.run(command)
