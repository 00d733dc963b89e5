"""The status of a simulated city: one time for what is due and for what was recorded."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ingestion.city_time import set_city_time
from ingestion.settings import Settings
from tests.support.small_city import SmallCity
from warehouse.publish.run import publish
from warehouse.status.read import read_status
from warehouse.status.refresh import judge, rewrite

ZONE = ZoneInfo("Asia/Shanghai")
DAYS = [datetime(2026, 3, day, 0, 5, tzinfo=ZONE) for day in (6, 7)]


def test_what_was_recorded_is_told_in_the_citys_time(tmp_path: Path) -> None:
    file = tmp_path / "time.txt"
    city = SmallCity(tmp_path, settings=Settings(home=tmp_path, city_time=file))
    for day in DAYS:
        set_city_time(file, day)
        report = city.build()
        publish(city.lake, report, judge(city.lake, report), approver="airflow warehouse r1")
        rewrite(city.lake)
    evening = DAYS[1] + timedelta(hours=23)
    set_city_time(file, evening)
    for _ in range(2):
        # The second reads what the first wrote.
        status = read_status(city.lake)
        assert status.at == evening
        assert {line.since for line in status.products if line.verdict} == {DAYS[0]}
        assert {line.released_at for line in status.editions} <= set(DAYS)
        rewrite(city.lake)
