"""Reading a release: SQL, trace to raw, export, a store restored elsewhere."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest

from ingestion.errors import ConfigurationError
from ingestion.store.local import LocalStore
from tests.support.small_city import SmallCity
from warehouse import sql
from warehouse.export import export
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.release import layout, pointer
from warehouse.trace import trace


@pytest.fixture
def city(tmp_path: Path) -> SmallCity:
    small = SmallCity(tmp_path / "lake-home")
    report = small.build()
    publish(small.lake, report, gate(small.lake, report), approver=None)
    return small


def test_a_lake_without_a_release_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"never released(.|\n)*citylake run"):
        sql.connect(SmallCity(tmp_path / "lake-home").lake)


def test_an_unknown_release_or_edition_is_named(city: SmallCity) -> None:
    with pytest.raises(ConfigurationError, match="no release 'x'"):
        sql.connect(city.lake, release="x")
    with pytest.raises(ConfigurationError, match="there is no edition 'secret'"):
        sql.connect(city.lake, "secret")


def test_queries_give_arrow_and_past_releases_stay_readable(city: SmallCity) -> None:
    first = pointer.current(city.lake, "internal")
    city.add_day("2026-03-05")
    report = city.build()
    publish(city.lake, report, gate(city.lake, report), approver=None)
    for release, rows in ((None, 16), (first.id if first else "", 12)):
        with sql.connect(city.lake, release=release) as connection:
            assert sql.query(connection, "select count(*) as n from fct_weather").to_pydict() == {"n": [rows]}


@pytest.mark.parametrize(
    "statement",
    ["create table x as select 1", "copy dim_town to '/tmp/x.csv'", "attach '/tmp/x.duckdb'",
     "select 1; drop table dim_town", "set enable_external_access = true", ""],
)  # fmt: skip
def test_only_queries_run(city: SmallCity, statement: str) -> None:
    with sql.connect(city.lake) as connection, pytest.raises(sql.NotReading):
        sql.query(connection, statement)


def test_files_outside_the_release_cannot_be_read_nor_tables_changed(city: SmallCity, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n", encoding="utf-8")
    with sql.connect(city.lake) as connection:
        with pytest.raises(duckdb.PermissionException):
            sql.query(connection, f"from read_csv('{secret}')")
        with pytest.raises(duckdb.InvalidInputException):
            connection.execute("create table internal.main.x as select 1")


@pytest.mark.parametrize(
    "explain",
    ["explain analyze", "EXPLAIN /* é ( */ ANALYZE", "explain (analyze)", "explain (analyze, format json)", "explain",
     "select 1; explain analyze"],
)  # fmt: skip
def test_what_is_explained_must_be_a_query_too(city: SmallCity, explain: str) -> None:
    release = sql.released(city.lake, "internal")
    fact = Path(city.lake.store.url(release.tables["fct_weather"].files[0].key))
    before = fact.read_bytes()
    copy = f"{explain} copy (select 1 as x) to '{fact}' (format parquet, use_tmp_file false)"
    with sql.connect(city.lake) as connection:
        with pytest.raises(sql.NotReading, match="not EXPLAIN of anything but a SELECT"):
            sql.query(connection, copy)
        for asked in ("select count(*) from fct_weather", "(select 1) union (select 2)", "from fct_weather"):
            assert sql.query(connection, f"{explain} {asked}").num_rows
    assert fact.read_bytes() == before


def test_trace_leads_to_raw_objects(city: SmallCity) -> None:
    city.deliver("office.visit", "2026-03-05", "refused", "bad")
    found = trace(city.lake, "mart_weather")
    assert {o.feed for o in found.objects} == {"office.reading"}
    assert sorted(key for o in found.objects for key in o.bronze) == sorted(city.inputs["office.reading"])
    assert all(o.raw_key and o.raw_key.startswith("raw/office/reading/") and o.raw_sha256 for o in found.objects)


def test_trace_of_one_day_names_its_file_and_deliveries(city: SmallCity) -> None:
    found = trace(city.lake, "fct_weather", day=date(2026, 3, 3))
    assert [key for o in found.objects for key in o.bronze] == [
        k for k in city.inputs["office.reading"] if "2026-03-03" in k
    ]
    assert (found.rows, len(found.files)) == (4, 1)
    assert "day=2026-03-03" in found.files[0]
    with pytest.raises(ConfigurationError, match="run from 2026-03-02 to 2026-03-04"):
        trace(city.lake, "fct_weather", day=date(2020, 1, 1))
    with pytest.raises(ConfigurationError, match="not kept by day"):
        trace(city.lake, "dim_town", day=date(2026, 3, 3))
    with pytest.raises(ConfigurationError, match="no table 'nope'"):
        trace(city.lake, "nope")


def test_an_export_stands_alone(city: SmallCity, tmp_path: Path) -> None:
    target = tmp_path / "city.duckdb"
    manifest = export(city.lake, target)
    shutil.rmtree(city.lake.settings.lake_root)
    with contextlib.closing(duckdb.connect(str(target), read_only=True)) as connection:
        assert connection.execute("select count(*) from fct_weather join (select 1) on true").fetchall() == [(12,)]
        assert connection.execute("select id, edition, is_synthetic from _release").fetchall() == [
            (manifest.id, "internal", False)
        ]
    assert [p.name for p in tmp_path.glob(".*partial")] == []


def test_an_export_never_overwrites(city: SmallCity, tmp_path: Path) -> None:
    target = tmp_path / "city.duckdb"
    target.write_bytes(b"mine")
    with pytest.raises(ConfigurationError, match="exists"):
        export(city.lake, target)
    assert target.read_bytes() == b"mine"


def test_a_restored_store_is_read_where_it_lies(city: SmallCity, tmp_path: Path) -> None:
    restored = tmp_path / "restored"
    shutil.move(city.lake.settings.lake_root, restored)
    lake = replace(city.lake, store=LocalStore(restored))
    with sql.connect(lake) as connection:
        assert sql.query(connection, "select count(*) as n from fct_weather").to_pydict() == {"n": [12]}
    manifest = pointer.current(lake, "internal")
    assert manifest is not None
    script = (restored / layout.open_sql("internal", manifest.id)).read_text(encoding="utf-8")
    counted = "print(c.sql('select count(*) from fct_weather').fetchall())"
    code = f"import duckdb; c = duckdb.connect(); c.execute({script!r}); {counted}"
    ran = subprocess.run([sys.executable, "-c", code], cwd=restored, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[(12,)]"
