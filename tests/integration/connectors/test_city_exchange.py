"""The simulated city's exchange database gives the lake what its drop folder gives: the same states of entities.

Four days of the city without planted dirt, which a database has no room for; the department changes rows in place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from infra.simulator import exchange
from infra.simulator.city import City
from infra.simulator.deliver import deliver
from infra.simulator.exchange import write_day
from infra.simulator.market_register import PHYSICAL, table
from infra.web_contracts import EXCHANGE, web_contracts
from ingestion.authoring.check import check
from ingestion.database_connection import DatabaseConnection
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from tests.support.exchange_database import ExchangeDatabase, exchange_database
from warehouse.capture import Captured, capture
from warehouse.effective import EFFECTIVE_FILE

pytestmark = pytest.mark.faults

DAYS = 4
CITY = City(days=DAYS, plan=())
CHANGES, WHOLE = (name.removesuffix(".yaml").replace("/", ".") for name in EXCHANGE)
"""The feed of daily changes, and that of the whole table."""
(CONNECTION,) = {change["source"]["connection"] for change in EXCHANGE.values()}
TABLE = f"{exchange.SCHEMA}.{exchange.TABLE}"
TEXTS = ", ".join(f"coalesce({name}::text, '')" for name in PHYSICAL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeDatabase]:
    with exchange_database(tmp_path_factory.mktemp("exchange")) as made:
        yield made


def held(server: ExchangeDatabase) -> list[tuple[str, ...]]:
    """The table's rows as PostgreSQL's texts, by entity."""
    server.execute("alter database exchange set timezone = 'UTC'")
    return server.execute(f"select {TEXTS} from {TABLE} order by 1")


def rows(day_no: int, city: City = CITY) -> list[tuple[str, ...]]:
    """The same as the city has it at the end of a day."""
    found = table(city, day_no)
    return list(zip(*(found.cells[name] for name in PHYSICAL), strict=True))


def test_the_table_is_the_citys_on_each_day_and_a_day_written_again_changes_nothing(server: ExchangeDatabase) -> None:
    with_history = City(days=DAYS, plan=(), history=10)
    write_day(server.writer, with_history, with_history.date_of(0))
    assert held(server) == rows(0, with_history)
    for day_no in (1, 2, 3, 3):
        write_day(server.writer, CITY, CITY.date_of(day_no))
        assert held(server) == rows(day_no)
    written = server.execute(f"select max(xmin::text::bigint) from {TABLE}")
    write_day(server.writer, CITY, CITY.date_of(3))
    assert server.execute(f"select max(xmin::text::bigint) from {TABLE}") == written, "no row was written again"
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        server.execute(f"delete from {TABLE}", role="reader")


@pytest.fixture(scope="module")
def lakes(server: ExchangeDatabase, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lake]:
    """A lake on the folder and one on the database, day by day."""
    folder = tmp_path_factory.mktemp("city")
    given = {"drop": folder / "drop", "pseudonym_key": "5a" * 32}
    overlay = web_contracts(tmp_path_factory.mktemp("overlay") / "contracts", exchange=True)
    connection = DatabaseConnection.from_text(server.reader, name=CONNECTION)
    made = {
        "folder": open_lake(Settings(home=tmp_path_factory.mktemp("folder"), **given)),  # type: ignore[arg-type]
        "database": replace(
            open_lake(Settings(home=tmp_path_factory.mktemp("database"), contracts=overlay, **given)),  # type: ignore[arg-type]
            databases={CONNECTION: connection}.__getitem__,
        ),
    }
    for day_no in range(1, DAYS + 1):
        deliver(CITY, day_no, folder)
        write_day(server.writer, CITY, CITY.date_of(day_no))
        for lake in made.values():
            # The list is that of the evening of the first day, a Monday.
            for feed in (CHANGES, WHOLE)[: 2 if day_no == 1 else 1]:
                capture(lake, lake.contracts[feed], CITY.date_of(day_no), Captured())
    return made


def test_the_overlay_is_fit_to_be_shipped(tmp_path: Path) -> None:
    made = web_contracts(tmp_path / "contracts", exchange=True)
    assert check(made) == []
    assert {path.relative_to(made).as_posix() for path in made.rglob("*.yaml")} >= set(EXCHANGE)


@pytest.mark.parametrize("feed", [CHANGES, WHOLE])
def test_the_same_rows_from_the_database_and_the_folder(lakes: dict[str, Lake], feed: str) -> None:
    folder, database = (effective(lake, feed) for lake in lakes.values())
    assert len(folder) > 3_000
    assert folder == database


def effective(lake: Lake, feed: str) -> Counter[str]:
    """Rows that count, as what they hash to."""
    found: Counter[str] = Counter()
    with lake.log.connect() as log:
        keys = log.execute(f"select key from ({EFFECTIVE_FILE}) as f where feed = ?", [feed]).fetchall()
        for (key,) in keys:
            relation = (
                "select columns(* exclude (_batch_id, _loaded_at)) from read_parquet($path, hive_partitioning = false)"
            )
            hashed = f"select md5(cast(t as varchar)) from ({relation}) as t"
            found.update(row for (row,) in log.execute(hashed, {"path": lake.store.url(key)}).fetchall())
    return found
