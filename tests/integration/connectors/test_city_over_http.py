"""The simulated city's servers (HTTP, FHIR, SFTP) give the lake what its drop folder gives: equal rows, rule by rule.

Days 1 to 3 of the city, with a late file, a correction, a re-delivery, planted dirt and repeats. No build here:
what is compared is everything ingestion makes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from infra.simulator.city import START, City
from infra.simulator.deliver import deliver
from infra.simulator.serve import Served, serving
from infra.simulator.truth import truth
from infra.web_contracts import CHANGES, web_contracts
from ingestion.authoring.check import check
from ingestion.connections import Connection
from ingestion.errors import SourceError
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from ingestion.sftp_connection import SftpConnection
from warehouse.capture import Captured, capture
from warehouse.effective import EFFECTIVE_FILE
from warehouse.reconcile.run import reconcile

pytestmark = pytest.mark.faults

SERVED = {
    name.removesuffix(".yaml").replace("/", "."): change["source"]["connector"] for name, change in CHANGES.items()
}
"""The feeds that the departments serve, with their connectors."""
FILES, PAGES = (next(feed for feed, way in SERVED.items() if way == wanted) for wanted in ("http", "json_api"))
DAYS = 3
Lakes = dict[str, Lake]
Captures = dict[tuple[str, str, date], Captured]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("city")


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def ran(folder: Path, served: Served, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lakes, Captures]:
    """A lake on the folder and one on the servers, day by day as the city delivers."""
    overlay = web_contracts(tmp_path_factory.mktemp("overlay") / "contracts")
    given = {"drop": folder / "drop", "pseudonym_key": "5a" * 32}
    environment = served.environment()
    lakes = {
        "folder": open_lake(Settings(home=tmp_path_factory.mktemp("folder"), **given)),  # type: ignore[arg-type]
        "web": replace(
            open_lake(Settings(home=tmp_path_factory.mktemp("web"), contracts=overlay, **given)),  # type: ignore[arg-type]
            connections=lambda n: Connection.from_uri(environment[f"CITYLAKE_CONN_{n.upper()}"], name=n),
            sftp_servers=lambda n: SftpConnection.from_text(environment[f"CITYLAKE_CONN_{n.upper()}"], name=n),
        ),
    }
    captures: Captures = {}
    for number in range(1, DAYS + 1):
        deliver(City(), number, folder)
        for name, lake in lakes.items():
            for feed in SERVED:
                day = START + timedelta(days=number - 1)
                captures[name, feed, day] = Captured()
                capture(lake, lake.contracts[feed], day, captures[name, feed, day])
    return lakes, captures


def test_the_overlay_is_fit_to_be_shipped(tmp_path: Path) -> None:
    made = web_contracts(tmp_path / "contracts")
    assert check(made) == []
    assert set(CHANGES) <= {path.relative_to(made).as_posix() for path in made.rglob("*.yaml")}


def _effective(lake: Lake) -> dict[str, Counter[str]]:
    """Rows that count, by feed and event day, with what they hash to."""
    found: dict[str, Counter[str]] = {}
    with lake.log.connect() as log:
        query = f"select feed, key, rows from ({EFFECTIVE_FILE}) as f"
        files = log.execute(query).fetchall()
        for feed, key, _ in files:
            columns = "columns(* exclude (_batch_id, _loaded_at))"
            relation = f"select {columns} from read_parquet($path)"
            hashed = f"select md5(cast(t as varchar)) from ({relation}) as t"
            rows = log.execute(hashed, {"path": lake.store.url(key)}).fetchall()
            found.setdefault(feed, Counter()).update(row for (row,) in rows)
    return found


def test_the_same_rows_whichever_way_they_came(ran: tuple[Lakes, Captures]) -> None:
    lakes, _ = ran
    folder, web = _effective(lakes["folder"]), _effective(lakes["web"])
    assert set(folder) == set(SERVED)
    assert all(sum(rows.values()) > 20 for rows in folder.values())
    assert folder == web


def _judged(lake: Lake) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    with lake.log.connect() as log:
        query = "select department || '.' || feed, received, rules, flags, duplicates from table_receipt"
        for feed, received, rules, flags, duplicates in log.execute(query).fetchall():
            counts = found.setdefault(feed, Counter())
            counts.update({"received": received, "duplicates": duplicates})
            counts.update(dict(rules or {}) | {f"flag {rule}": count for rule, count in dict(flags or {}).items()})
    return {feed: +counts for feed, counts in found.items()}


def test_the_planted_dirt_is_found_exactly(ran: tuple[Lakes, Captures]) -> None:
    """By the simulator's own account; a re-delivery at the same URL is the same bytes, so never seen."""
    lakes, _ = ran
    planted: dict[str, Counter[str]] = {}
    for file in truth(City(days=DAYS))["files"]:
        if file["feed"] in SERVED and file["note"] != "redelivery":
            counts = planted.setdefault(file["feed"], Counter())
            for table in file["tables"].values():
                counts.update(table["refused"])
                counts.update({"received": table["rows"], "duplicates": table["duplicates"]})
    for lake in lakes.values():
        found = _judged(lake)
        assert {feed: +counts for feed, counts in planted.items()} == {
            feed: Counter({k: v for k, v in found[feed].items() if not k.startswith("flag ")}) for feed in SERVED
        }


def test_looking_back_asks_and_stores_nothing(ran: tuple[Lakes, Captures]) -> None:
    lakes, captures = ran
    lake, day = lakes["web"], START + timedelta(days=DAYS - 1)
    before = {info.key for info in lake.store.list("")}
    again = Captured()
    capture(lake, lake.contracts[FILES], day, again)
    assert (again.deliveries, again.known, again.awaited) == ([], DAYS * 24, 0)
    paged = Captured()
    capture(lake, lake.contracts[PAGES], day, paged)
    assert {delivery.outcome for delivery in paged.deliveries} == {"duplicate"}
    assert {info.key for info in lake.store.list("")} == before
    late = captures["web", FILES, START + timedelta(days=1)]
    assert late.awaited == 1


@pytest.mark.parametrize("kind", ["outage", "limit", "page", "half"])
def test_planted_outages_are_told_and_gone(
    ran: tuple[Lakes, Captures], served: Served, kind: str, tmp_path: Path
) -> None:
    lakes, _ = ran
    lake = lakes["web"]
    before = {info.key for info in lake.store.list("")}
    contract = lake.contracts[PAGES]
    served.plant(contract.department, kind)
    try:
        with pytest.raises(SourceError, match=rf"{PAGES} .*/{contract.department}/api/{contract.feed} "):
            capture(lake, contract, START, Captured())
    finally:
        served.clear()
    assert {info.key for info in lake.store.list("")} == before
    capture(lake, contract, START, Captured())


def test_everything_up_to_bronze_reconciles(ran: tuple[Lakes, Captures]) -> None:
    lakes, _ = ran
    result = reconcile(lakes["web"], deep=True)
    off = [row for row in result.off if row.step != "warehouse"]
    sources = [row for row in result.rows if row.step == "source"]
    assert not off
    assert {row.feed for row in sources} == set(SERVED)
