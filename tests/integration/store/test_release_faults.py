"""A store that fails while building, publishing or reading: the last release stays, the next run repairs.

Publishing on the small city; building with real dbt, its reads failing under it, on the fixture project.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from ingestion.errors import ObjectNotFound, StoreError
from ingestion.lake import Lake
from ingestion.settings import Settings
from tests.integration.store.conftest import SERVERS, bucket_of
from tests.support import office, s3_servers
from tests.support.fault_proxy import FaultProxy, Rule, fault_proxy
from tests.support.lake_state import released_content
from tests.support.small_city import SmallCity, open_small_lake
from warehouse import sql
from warehouse.build.report import BuildReport
from warehouse.build.runner import build
from warehouse.export import export
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.reconcile.run import reconcile
from warehouse.release import ledger, pointer
from warehouse.release.layout import EDITIONS
from warehouse.run import run
from warehouse.verdict import Verdict

pytestmark = pytest.mark.faults

AGAIN = r"\n  left:  (.|\n)*\n  next:  (.|\n)*run the same command again"


@pytest.fixture(scope="module", params=SERVERS)
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultProxy]:
    with (
        getattr(s3_servers, request.param)(tmp_path_factory.mktemp(request.param) / "data") as server,
        fault_proxy(server) as made,
    ):
        yield made


def impatient(proxy: FaultProxy, home: Path) -> Settings:
    return bucket_of(proxy.server, home, s3_timeout_seconds=1, s3_retries=1)


@pytest.fixture
def ready(
    proxy: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[SmallCity, BuildReport, list[Verdict]]:
    """One release of three days, and a fourth day built and judged."""
    settings = impatient(proxy, tmp_path / "home")
    for name in ("store", "s3_endpoint", "s3_access_key", "s3_timeout_seconds", "s3_retries"):
        monkeypatch.setenv(f"CITYLAKE_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("CITYLAKE_S3_SECRET_KEY", proxy.server.secret_key)
    city = SmallCity(tmp_path / "home")
    report = city.build()
    publish(city.lake, report, gate(city.lake, report), approver=None)
    city.add_day("2026-03-05")
    report = city.build()
    return city, report, gate(city.lake, report)


def days(lake: Lake) -> int:
    with closing(sql.connect(lake)) as connection:
        counted = sql.query(connection, "select count(distinct observed_date) as n from fct_weather")
    return int(counted["n"][0].as_py())


PUBLISHING = {
    "503 on a fact": Rule("503", "PUT", "published/internal/facts"),
    "half a fact": Rule("half_put", "PUT", "published/internal/facts"),
    "half a warehouse": Rule("half_put", "PUT", "warehouse.duckdb"),
    "503 on the manifest": Rule("503", "PUT", "manifest.json"),
    "503 on the pointer": Rule("503", "PUT", "current.json"),
    "half a pointer": Rule("half_put", "PUT", "current.json"),
    "truncated parent": Rule("truncate", "GET", "warehouse.duckdb"),
    "slow parent": Rule("slow", "GET", "warehouse.duckdb", seconds=1.6),
    "nothing answers": Rule("unreachable"),
}


@pytest.mark.parametrize("fault", PUBLISHING)
def test_publishing_through_a_failing_store(
    proxy: FaultProxy, ready: tuple[SmallCity, BuildReport, list[Verdict]], fault: str
) -> None:
    city, report, verdicts = ready
    rule = PUBLISHING[fault]
    before = {edition: pointer.pointer(city.lake.store, edition) for edition in EDITIONS}
    with (
        proxy.hurting(Rule(rule.fault, rule.method, rule.containing, seconds=rule.seconds)),
        pytest.raises(StoreError, match=AGAIN) as raised,
    ):
        publish(city.lake, report, verdicts, approver=None)
    assert not isinstance(raised.value, ObjectNotFound)
    assert proxy.server.secret_key not in str(raised.value)
    assert {edition: pointer.pointer(city.lake.store, edition) for edition in EDITIONS} == before
    assert days(city.lake) == 3
    publish(city.lake, report, verdicts, approver=None)
    assert days(city.lake) == 4
    for edition in EDITIONS:
        assert [line.event for line in ledger.verify_ledger(city.lake, edition)] == ["published", "published"]


def test_a_ledger_line_that_failed_is_added(
    proxy: FaultProxy, ready: tuple[SmallCity, BuildReport, list[Verdict]]
) -> None:
    """The pointer has moved: readers see the new release, and the next publication completes the ledger."""
    city, report, verdicts = ready
    with proxy.hurting(Rule("503", "PUT", "ledger/")), pytest.raises(StoreError, match=r"put 'ledger/internal"):
        publish(city.lake, report, verdicts, approver=None)
    assert days(city.lake) == 4
    publish(city.lake, report, verdicts, approver=None)
    for edition in EDITIONS:
        assert [line.event for line in ledger.verify_ledger(city.lake, edition)] == ["published", "published"]


@pytest.mark.parametrize("fault", ["503", "slow", "unreachable"])
def test_reading_through_a_failing_store(
    proxy: FaultProxy, ready: tuple[SmallCity, BuildReport, list[Verdict]], tmp_path: Path, fault: str
) -> None:
    from warehouse.cli.answers import run_query

    city, _, _ = ready
    rule = Rule(fault, "GET", "facts/", seconds=1.6)  # type: ignore[arg-type]
    lake = open_small_lake(city.home)
    with closing(sql.connect(lake)) as connection:
        with proxy.hurting(rule), pytest.raises(StoreError, match=rf"query: (.|\n)*{AGAIN}"):
            run_query(connection, "from fct_weather", lake.store)
        assert run_query(connection, "from fct_weather", lake.store).num_rows == 12
    for reader in (lambda: export(lake, tmp_path / "city.duckdb"), lambda: reconcile_release(lake)):
        with proxy.hurting(Rule(fault, "GET", "facts/", seconds=1.6)), pytest.raises(StoreError, match=AGAIN):  # type: ignore[arg-type]
            reader()
    assert not (tmp_path / "city.duckdb").exists()
    export(lake, tmp_path / "city.duckdb")
    assert reconcile_release(lake) == []


def reconcile_release(lake: Lake) -> list[str | None]:
    from warehouse.reconcile.release import release

    return [row.reason for row in release(lake, deep=False) if row.status == "off" and "manifest" in (row.reason or "")]


# Building: dbt's engine reads bronze over HTTP.


@pytest.fixture(scope="module")
def days_on_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FaultProxy, Lake]]:
    """The fixture project after its first day, behind a proxy."""
    drop = tmp_path_factory.mktemp("drop")
    for number in (0, 1):
        office.arrive(drop, number)
    with (
        s3_servers.rclone(tmp_path_factory.mktemp("rclone") / "data") as server,
        fault_proxy(server) as proxy,
    ):
        lake = office.opened(office.fixture(impatient(proxy, tmp_path_factory.mktemp("home")), drop))
        assert run(lake, office.FIRST).exit_code == 0
        yield proxy, lake


@pytest.mark.parametrize("fault", ["503", "truncate"])
def test_building_through_a_failing_store(days_on_s3: tuple[FaultProxy, Lake], fault: str) -> None:
    """From the first model on, bronze cannot be read: products are blocked, the release is not touched."""
    proxy, lake = days_on_s3
    before = released_content(lake)
    rule = Rule(fault, "GET", "bronze/")  # type: ignore[arg-type]

    def hurt_dbt(message: str) -> None:
        if " of " in message and not proxy.rules:
            proxy.rules = [rule]

    with proxy.hurting():
        report = build(lake, office.FIRST, full_refresh=True, progress=hurt_dbt)
    assert rule.hits
    broken = [model for model in report.models if model.status == "error"]
    assert broken
    assert all(re.search(r"s3://|127\.0\.0\.1", model.message or "") for model in broken)
    assert proxy.server.secret_key not in report.model_dump_json()
    verdicts = gate(lake, report)
    blocked = {verdict.product for verdict in verdicts if verdict.decision == "blocked"}
    assert {model.product for model in broken} - {None} <= blocked
    outcomes = {done.edition: done.outcome for done in publish(lake, report, verdicts, approver=None)}
    assert set(outcomes.values()) == {"nothing_new"}
    assert released_content(lake) == before
    assert run(lake, office.FIRST).exit_code == 0
    assert released_content(lake) == before
    assert reconcile(lake).off == []


def test_a_build_that_cannot_list_its_sources_says_so(days_on_s3: tuple[FaultProxy, Lake]) -> None:
    proxy, lake = days_on_s3
    before = released_content(lake)
    with proxy.hurting(Rule("503", "GET", ".parquet")), pytest.raises(StoreError, match=r"build: .* answered 503"):
        run(lake, date(2026, 3, 3))
    assert released_content(lake) == before
    assert run(lake, date(2026, 3, 3)).exit_code == 0
    assert reconcile(lake).off == []
