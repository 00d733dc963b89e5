"""`expires` from dbt's configuration to the open edition, through runs of which one cannot build at all."""

from __future__ import annotations

from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from tests.support import office
from tests.support.edited_project import EditedProject
from warehouse import sql
from warehouse.build.errors import BuildFailed
from warehouse.run import run

pytestmark = pytest.mark.faults

LASTS = 2
"""Days that a reading is shown from its own day on."""
EXPIRES = "{'column': 'shown_end_date', 'key': ['reading_id'], 'ended_by': 'fct_reading'}"


def made(home: Path) -> tuple[Lake, EditedProject]:
    """A lake of the fixture project whose open readings have a last day; `fct_reading` has the same."""
    project = EditedProject(home / "project")
    column = f"cast(read_date + {LASTS} as date) as shown_end_date"
    for model in ("pub_reading", "fct_reading"):
        project.edit(model, "        energy_kwh", f"        {column},\n        energy_kwh")
    path = project.marts / "readings" / "pub_reading.sql"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("'feeds':", f"'expires': {EXPIRES},\n            'feeds':"), encoding="utf-8")
    settings = office.fixture(Settings(home=home / "lake", city_time=home / "time.txt"), home / "drop")
    return open_lake(settings.model_copy(update={"dbt_project": project.path})), project


def shown(lake: Lake) -> list[date]:
    with closing(sql.connect(lake, "open")) as connection:
        days = sql.query(connection, "select distinct read_date as day from pub_reading order by day")["day"]
    return [day.as_py() for day in days]


def move(lake: Lake, day: date) -> None:
    assert lake.settings.city_time is not None
    lake.settings.city_time.write_text(f"{day}T12:00:00", encoding="utf-8")


def test_through_dbt(tmp_path: Path) -> None:
    lake, project = made(tmp_path)
    days = [office.FIRST + timedelta(days=number) for number in range(4)]
    for day in days[:2]:
        office.deliver(tmp_path / "drop", day)
        move(lake, day)
        run(lake, day)
    assert shown(lake) == days[:2]
    # The day's readings do not pass: what was shown stays, without the first day's.
    office.deliver(tmp_path / "drop", days[2], above_range=[office.READING])
    move(lake, days[2])
    report = run(lake, days[2])
    (released,) = (release for release in report.releases if release.edition == "open")
    assert office.READINGS in released.kept
    assert released.expired == {"pub_reading": office.READING_COUNT}
    assert shown(lake) == [days[1]]
    # Nothing can be built.
    (project.marts / "readings" / "pub_reading.sql").write_text("{% if %}", encoding="utf-8")
    move(lake, days[3])
    with pytest.raises(BuildFailed, match=f"left the edition open: {office.READING_COUNT} expired records"):
        run(lake, days[3])
    assert shown(lake) == []
