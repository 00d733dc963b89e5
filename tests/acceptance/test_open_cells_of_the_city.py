"""A whole lake of the city's cards with 60 days behind it: what its open releases show together tells no small number.

Two releases, on a Thursday, when a week is first shown, and on the day before. The attack reads what a reader of the
open edition could open: every release that was published.
"""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from infra.simulator.city import City
from infra.simulator.deliver import deliver
from infra.simulator.feeds.wjj import notifiable_disease_card
from infra.simulator.history import hand_over
from ingestion import keys
from ingestion.delivery.load import load, sort_files, span
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from tests.acceptance.test_open_cells import TABLE, declared, read
from tests.support.cell_attack import Attack, Row
from warehouse.build.report import REPORT, BuildReport
from warehouse.gate.decide import gate
from warehouse.release import layout
from warehouse.release.ledger import entries
from warehouse.release.pointer import current
from warehouse.run import RunReport, run

pytestmark = pytest.mark.faults

FEED = notifiable_disease_card.FEED
START = date(2026, 3, 4)
"""A Wednesday: the next day is the first that shows the week of 9 February."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[RunReport]]:
    """The lake after history and two days of all departments, and what the runs say."""
    folder = tmp_path_factory.mktemp("open-cells")
    opened = open_lake(Settings(home=folder / "home", drop=folder / "city" / "drop"))
    city = City(start=START, days=2, history=60)
    contract = opened.contracts[FEED.id]
    for one in hand_over(city, city.history, folder / "city", feeds=[FEED]):
        files = sort_files(contract, one.files, all_bulk=False)
        list(load(opened, contract, files, span(opened, contract, one.first, one.last) if files.bulk else None))
    reports = []
    for number in (1, 2):
        deliver(city, number, folder / "city")
        reports.append(run(opened, START + timedelta(days=number - 1)))
        pointing = current(opened, "open")
        assert pointing is not None
        copy = folder / "home" / "kept" / f"{pointing.id}.duckdb"
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(opened.store.url(layout.warehouse("open", pointing.id)), copy)
    return opened, reports


def shown(lake: Lake) -> list[list[Row]]:
    """Rows of the open table in each release that was published, oldest first.

    Older releases are withdrawn when a penalty or permit in them is no longer public; readers may have kept them.
    """
    releases = []
    for line in entries(lake.store, "open"):
        if line.event == "published":
            path = Path(lake.settings.home) / "kept" / f"{line.release}.duckdb"
            with duckdb.connect(path, read_only=True) as connection:
                releases.append(read(connection, TABLE))
    return releases


def test_the_product_passes_and_a_week_more_is_shown(lake: tuple[Lake, list[RunReport]]) -> None:
    opened, reports = lake
    for report in reports:
        (verdict,) = [one for one in report.verdicts if one.product == "disease_open"]
        assert verdict.decision == "passed", verdict.reasons
        assert f"small_cells:{TABLE}" in {check.name for check in verdict.checks}
    first, second = ({row.whole[1] for row in rows} for rows in shown(opened))
    assert len(second - first) == 1
    assert not first - second


def test_the_open_release_has_no_other_table_of_diseases(lake: tuple[Lake, list[RunReport]]) -> None:
    opened, _ = lake
    pointing = current(opened, "open")
    assert pointing is not None
    assert [name for name in pointing.tables if "notifiable" in name or "disease" in name] == [TABLE]


def test_all_releases_together_tell_no_small_number(lake: tuple[Lake, list[RunReport]]) -> None:
    opened, _ = lake
    attack = Attack()
    attack.add(TABLE, declared(), shown(opened))
    assert len(attack.hidden) > 100
    assert list(attack.leaks()) == []
    assert attack.differences == []


def kept(lake: Lake) -> int:
    """Contents of the table that are kept."""
    return sum(info.key.endswith(".parquet") for info in lake.store.list(keys.edition_cells("open", TABLE)))


def test_what_was_shown_is_kept_when_its_release_is_withdrawn(lake: tuple[Lake, list[RunReport]]) -> None:
    opened, _ = lake
    assert kept(opened) == 1, "the release of the first day, seen by the gate of the second"
    report = BuildReport.load(opened.settings.state_root / REPORT)
    assert {verdict.product: verdict.decision for verdict in gate(opened, report)}["disease_open"] == "passed"
    assert kept(opened) == 2
