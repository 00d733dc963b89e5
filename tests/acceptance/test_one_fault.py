"""Three feeds of the city meet a defect, each in another step; every other feed and product goes its way.

The complaints' parser fails, the timetable's source fails, and later an object of the inspections is gone from bronze.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from infra.simulator.city import City
from infra.simulator.deliver import deliver
from ingestion.delivery import attempt
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from warehouse import capture
from warehouse.cli import main
from warehouse.incidents.book import Book
from warehouse.run import RunReport, run

pytestmark = pytest.mark.faults

PARSED, FETCHED, LOST = "syj.complaint", "jtj.gtfs_static", "syj.food_inspection"
VALUE = "13800138000"


def city_lake(home: Path) -> tuple[City, Lake]:
    city = City(seed=442000, days=2)
    deliver(city, 1, home / "city")
    return city, open_lake(Settings(home=home, drop=home / "city" / "drop"))


def decisions(report: RunReport) -> dict[str, str]:
    return {verdict.product: verdict.decision for verdict in report.verdicts}


def products(lake: Lake, *feeds: str) -> set[str]:
    return {lake.contracts[feed].product for feed in feeds}


def incidents(lake: Lake) -> set[tuple[str, str]]:
    return {(i.kind, i.subject) for i in Book(lake).active() if i.is_open}


def test_what_one_feed_meets_stays_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    city, lake = city_lake(tmp_path)
    sound = attempt.conform

    def conform(contract: Any, payload: Path, **facts: Any) -> Any:
        if contract.name == PARSED:
            raise UnicodeDecodeError("utf-8", VALUE.encode(), 0, 1, "invalid start byte")
        return sound(contract, payload, **facts)

    def connector_for(lake: Lake, contract: Any) -> Any:
        if contract.name == FETCHED:
            raise RecursionError(VALUE)
        return real(lake, contract)

    real = capture.connector_for
    with monkeypatch.context() as planted:
        planted.setattr(capture, "connector_for", connector_for)
        planted.setattr(attempt, "conform", conform)
        report = run(lake, city.start)

    assert report.exit_code == 1
    assert list(report.failures) == [FETCHED]
    assert {d.feed for d in report.deliveries if d.outcome == "refused"} == {PARSED}
    others = set(lake.contracts) - {PARSED, FETCHED}
    assert {d.feed for d in report.deliveries if d.outcome == "accepted"} == others
    passed = {product for product, decision in decisions(report).items() if decision == "passed"}
    assert passed >= products(lake, *others) - products(lake, PARSED, FETCHED)
    assert passed.isdisjoint(products(lake, PARSED, FETCHED))
    assert {one.outcome for one in report.releases} == {"published"}
    assert {("delivery_failed", PARSED), ("task_failed", FETCHED)} <= incidents(lake)
    assert len(list((tmp_path / "state" / "crashes").iterdir())) == 2
    said = "\n".join([*report.failures.values(), *(str(d.message) for d in report.deliveries)])
    assert VALUE not in said

    # Mended: one command for the delivery, the next run for the source.
    assert main(["--home", str(tmp_path), "reconform", PARSED]) == 0
    report = run(lake, city.start)
    assert (report.exit_code, report.failures) == (0, {})
    assert set(decisions(report).values()) == {"passed"}
    assert {("delivery_failed", PARSED), ("task_failed", FETCHED)}.isdisjoint(incidents(lake))

    # An object that a build must read is gone: its own products are blocked, the others get their day.
    (gone,) = list(lake.store.list(f"bronze/{LOST.replace('.', '/')}/"))
    (lake.settings.lake_root / gone.key).unlink()
    day = date.fromordinal(city.start.toordinal() + 1)
    deliver(city, 2, tmp_path / "city")
    (lake.settings.build_path).unlink()
    report = run(lake, day)
    assert report.exit_code == 3
    assert {p for p, decision in decisions(report).items() if decision == "blocked"} >= products(lake, LOST)
    assert decisions(report)[lake.contracts["qxj.wx_station_hourly"].product] == "passed"
    assert "published" in {one.outcome for one in report.releases}
    assert report.build is not None
    assert any(LOST in message for message in report.build.messages)
    capsys.readouterr()
