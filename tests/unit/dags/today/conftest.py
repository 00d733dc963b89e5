"""A small lake with a refused, a held and a good delivery, and the page over it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from ingestion.delivery.ingest import ingest_interval
from ingestion.lake import Lake
from tests.support.lakes import START, contract, day, drop, lake, rows
from tests.support.today import Browser, NotedAirflow, site

FEED = "office.readings"
NOW = START + timedelta(days=2, hours=4)
REFUSED_ROWS = "id,seen,value\na,2026-03-03,1\nb,2026-03-03,\n<b>c</b>,never,\nd,2026-03-03,=1+1\n"


class Office(NamedTuple):
    """The lake, and the batches of its deliveries."""

    lake: Lake
    good: str
    refused: str
    held: str
    airflow: NotedAirflow

    def browser(self, account: str | None, language: str = "en") -> Browser:
        """A client of an account."""
        return Browser(site(self.lake, self.airflow), account, language)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """An office of one test, to act on."""
    return made_office(tmp_path)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """An office that the tests of a module only look at."""
    return made_office(tmp_path_factory.mktemp("office"))


def made_office(home: Path) -> Office:
    """Day 0 is good, day 1 refused; the correction of day 0 lost most of its keys and is held."""
    made = lake(home, contracts={FEED: contract()}, clock=lambda: NOW)
    feed = made.contracts[FEED]
    drop(made, "readings_20260302.csv", rows("abcdefgh"))
    (good,) = ingest_interval(made, feed, day(0))
    drop(made, "readings_20260303.csv", REFUSED_ROWS, hours=48)
    (refused,) = ingest_interval(made, feed, day(1))
    drop(made, "readings_20260302_2.csv", rows("ab"), hours=50)
    held = [one for one in ingest_interval(made, feed, day(0)) if one.outcome == "held"]
    assert (good.outcome, refused.outcome, len(held)) == ("accepted", "refused", 1)
    return Office(made, good.batch, refused.batch, held[0].batch, NotedAirflow())
