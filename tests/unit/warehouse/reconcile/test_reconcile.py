"""Every step's disagreement is found and says what to do; an untouched lake reconciles."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from ingestion.delivery.ingest import ingest_interval
from tests.support import lakes
from tests.support.small_city import SmallCity, changed
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.reconcile.run import Row, reconcile
from warehouse.release import layout, pointer


@pytest.fixture
def city(tmp_path: Path) -> SmallCity:
    small = SmallCity(tmp_path / "lake-home")
    report = small.build()
    publish(small.lake, report, gate(small.lake, report), approver=None)
    return small


def off(city: SmallCity, *, deep: bool = False) -> list[Row]:
    return reconcile(city.lake, deep=deep).off


def path_of(city: SmallCity, key: str) -> Path:
    return Path(city.lake.store.url(key))


def test_an_empty_lake_reconciles(tmp_path: Path) -> None:
    lake = lakes.lake(tmp_path / "empty")
    result = reconcile(lake, deep=True)
    assert (result.ok, result.rows) == (True, [])


@pytest.mark.parametrize("deep", [False, True])
def test_an_untouched_lake_reconciles_at_every_step(city: SmallCity, deep: bool) -> None:
    result = reconcile(city.lake, deep=deep)
    assert result.ok, result.off
    assert {row.step for row in result.rows} == {"raw", "receipt", "bronze", "warehouse", "release"}
    weather = next(row for row in result.rows if row.table == "internal.fct_weather")
    assert (weather.expected, weather.found) == (12, 12)


def test_a_file_the_department_has_and_nobody_ingested(tmp_path: Path) -> None:
    lake = lakes.lake(tmp_path / "lake-home")
    contract = lakes.contract()
    lake = lakes.lake(tmp_path / "lake-home", contracts={"office.readings": contract})
    lakes.drop(lake, "readings_20260302.csv", lakes.rows(["a", "b"]))
    ingest_interval(lake, contract, lakes.day(0))
    with contextlib.closing(lake.log.connect()) as log:
        assert log.execute("select count(*) from receipt").fetchone() == (1,)
    found = [row for row in reconcile(lake, deep=True).rows if row.step == "source"]
    assert [(row.status, row.expected) for row in found] == [("ok", 1)]
    lakes.drop(lake, "readings_20260302_r2.csv", lakes.rows(["a", "b", "c"]))
    (row,) = [row for row in reconcile(lake, deep=True).off if row.step == "source"]
    assert (row.expected, row.found) == (2, 1)
    assert "citylake ingest office.readings" in (row.reason or "")


def test_raw_bytes_that_are_gone_or_changed(city: SmallCity) -> None:
    keys = [info.key for info in city.lake.store.list("raw/office/reading") if "/payload/" in info.key]
    path_of(city, keys[0]).unlink()
    content = path_of(city, keys[1]).read_bytes()
    path_of(city, keys[1]).write_bytes(content[::-1])
    shallow = off(city)
    assert [row.step for row in shallow] == ["raw"]
    assert "is gone" in (shallow[0].reason or "")
    assert ["is not the object its receipt names" in (row.reason or "") for row in off(city, deep=True)] == [
        False,
        True,
    ]


def test_a_bronze_file_that_is_gone_or_not_parquet(city: SmallCity) -> None:
    first, second, _ = city.inputs["office.reading"]
    path_of(city, first).unlink()
    path_of(city, second).write_bytes(b"not parquet")
    assert [(row.step, row.found) for row in off(city)] == [("bronze", None), ("bronze", None)]


def test_a_delivery_that_was_not_built(city: SmallCity) -> None:
    city.add_day("2026-03-05")
    rows = off(city)
    assert {(row.step, row.feed) for row in rows} == {("warehouse", "office.reading"), ("warehouse", "office.visit")}
    assert all("citylake build" in (row.reason or "") for row in rows)


def test_a_reconciliation_check_of_the_build_that_failed(city: SmallCity) -> None:
    report = changed(city.build(), "reconciliation_fct_weather", status="failed", failures=2)
    report.save(city.lake.settings.state_root / "build_report.json")
    assert [(row.step, row.table) for row in off(city)] == [("warehouse", "fct_weather")]


def test_a_released_file_that_is_gone_or_changed(city: SmallCity) -> None:
    manifest = pointer.current(city.lake, "internal")
    assert manifest is not None
    gone, altered = manifest.tables["fct_weather"].files[0], manifest.tables["fct_inspection"].files[0]
    path_of(city, gone.key).unlink()
    data = bytearray(path_of(city, altered.key).read_bytes())
    data[10] ^= 0xFF
    path_of(city, altered.key).write_bytes(bytes(data))
    assert [row.table for row in off(city)] == ["internal.fct_weather"]
    assert {row.table for row in off(city, deep=True)} == {"internal.fct_weather", "internal.fct_inspection"}


def test_a_manifest_or_ledger_that_was_changed(city: SmallCity) -> None:
    manifest = pointer.current(city.lake, "open")
    assert manifest is not None
    path_of(city, layout.manifest("open", manifest.id)).write_bytes(b"{}")
    (row,) = off(city)
    assert (row.step, row.table) == ("release", "open")
