"""The open edition holds what its readers may know, whatever happened to it, and its lake still knows the rest."""

from __future__ import annotations

import contextlib
import getpass
import json
import shutil
import socket
from datetime import date
from pathlib import Path

import duckdb
import pytest

from ingestion.errors import ConfigurationError, IntegrityError
from tests.support import open_edition
from tests.support.open_edition import earlier_version, texts
from tests.support.small_city import SmallCity, changed
from warehouse import sql
from warehouse.build.report import BuildReport
from warehouse.export import export
from warehouse.gate.decide import gate
from warehouse.publish import legacy
from warehouse.publish.run import Published, publish
from warehouse.reconcile.run import reconcile
from warehouse.release import layout, ledger, moves, pointer
from warehouse.release.collect import collect, orphans
from warehouse.release.manifest import Manifest
from warehouse.trace import trace

APPROVER = "airflow warehouse manual__2026-03-06T01:02:03+00:00"
PERSON = "li.si"
WHY = "a mayor called"


@pytest.fixture
def city(tmp_path: Path) -> SmallCity:
    return SmallCity(tmp_path / "lake-home")


def built(city: SmallCity, *, blocked: bool = False) -> BuildReport:
    """A build whose open table is a fact by day."""
    report = changed(city.build(), "pub_weather", day_column="observed_date", materialized="incremental")
    return changed(report, "key_fct_weather", status="failed", failures=1) if blocked else report


def run(city: SmallCity, report: BuildReport | None = None, approver: str = APPROVER) -> Published:
    report = report or built(city)
    results = publish(city.lake, report, gate(city.lake, report), approver=approver)
    return next(result for result in results if result.edition == "open")


def current(city: SmallCity) -> Manifest:
    found = pointer.current(city.lake, "open")
    assert found is not None
    return found


def rows(city: SmallCity) -> int:
    with sql.connect(city.lake, "open") as connection:
        return int(sql.query(connection, "select count(*) as n from pub_weather")["n"][0].as_py())


def internal_facts(city: SmallCity) -> set[str]:
    """What of this lake no reader of the open edition may know."""
    store = city.lake.store
    private = [info.key for zone in ("raw", "bronze", "receipts") for info in store.list(f"{zone}/")]
    batches = {key.split("/")[4] for key in private if key.startswith("raw/")}
    manifest = pointer.current(city.lake, "internal")
    assert manifest is not None and batches
    digests = {b.raw_sha256 for p in manifest.products.values() for bs in p.inputs.values() for b in bs}
    return {
        *private, *batches, *filter(None, digests), str(city.home), str(Path.home()) + "/", APPROVER, PERSON, WHY,
        f"{getpass.getuser()}@", socket.gethostname(), "office.reading", "accountant", "-a.parquet", "_batch_id",
        "key_fct_weather", city.digest,
    }  # fmt: skip


def leaks(city: SmallCity) -> list[tuple[str, str]]:
    facts = internal_facts(city)
    return [(key, fact) for key, text in texts(city.lake).items() for fact in sorted(facts) if fact in text]


def through_everything(city: SmallCity) -> None:
    """First release, correction, a blocked product, an accepted failure, rollback, resume, withdrawal, a hold."""
    run(city)
    city.add_day("2026-03-05")
    run(city)
    city.add_day("2026-03-06")
    run(city, built(city, blocked=True))
    entry = {"check": "key_fct_weather", "product": "weather", "owner": "accountant", "reason": WHY,
             "max_failures": 9, "expires": "2999-01-01"}  # fmt: skip
    city.lake.settings.accepted_failures_path.write_text(json.dumps({"accepted_failures": [entry]}), encoding="utf-8")
    run(city, built(city, blocked=True))
    first = next(e.release for e in ledger.entries(city.lake.store, "open") if e.event == "published")
    assert first is not None
    moves.rollback(city.lake, "open", first, reason=WHY, by=PERSON)


def test_no_byte_of_the_open_edition_tells_of_the_lake(city: SmallCity) -> None:
    through_everything(city)
    assert rows(city) == 3
    assert leaks(city) == []
    moves.resume(city.lake, "open", reason="repaired", by=PERSON)
    assert run(city).outcome == "published"
    moves.withdraw(city.lake, "open", reason=WHY, by=PERSON)
    assert leaks(city) == []
    assert len(texts(city.lake)) > 6


def test_what_an_earlier_version_released_is_seen_by_that_test(city: SmallCity) -> None:
    with earlier_version():
        through_everything(city)
    found = {Path(key).name.split(".")[-2] for key, _ in leaks(city)}
    assert {"warehouse", "manifest", "hold"} <= found


def test_the_open_file_works_alone_elsewhere(city: SmallCity, tmp_path: Path) -> None:
    run(city)
    copy = tmp_path / "elsewhere.duckdb"
    shutil.copyfile(city.lake.store.url(current(city).warehouse.key), copy)
    shutil.rmtree(city.lake.settings.root)
    with contextlib.closing(duckdb.connect(str(copy), read_only=True)) as connection:
        assert connection.execute("select count(*), min(observed_date) from pub_weather").fetchall() == [
            (3, date(2026, 3, 2))
        ]
        assert connection.execute("select count(*) from duckdb_views() where not internal").fetchall() == [(0,)]


def test_open_sql_opens_a_copy_of_the_edition_alone(city: SmallCity, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    run(city)
    script = city.lake.store.get_bytes(layout.open_sql("open", current(city).id)).decode()
    shutil.copytree(Path(city.lake.store.url(open_edition.OPEN)), tmp_path / "copy" / open_edition.OPEN)
    shutil.rmtree(city.lake.settings.root)
    monkeypatch.chdir(tmp_path / "copy")
    with contextlib.closing(duckdb.connect()) as connection:
        connection.execute(script)
        assert connection.execute("select count(*) from pub_weather").fetchall() == [(3,)]


def test_trace_export_sql_and_reconcile_read_the_private_record(city: SmallCity, tmp_path: Path) -> None:
    run(city)
    found = trace(city.lake, "pub_weather", edition="open", day=date(2026, 3, 3))
    assert [key for o in found.objects for key in o.bronze] == [
        k for k in city.inputs["office.reading"] if "2026-03-03" in k
    ]
    assert (found.rows, found.files) == (1, [current(city).warehouse.key])
    assert trace(city.lake, "pub_weather", edition="open").rows == 3
    with pytest.raises(ConfigurationError, match="run from 2026-03-02 to 2026-03-04"):
        trace(city.lake, "pub_weather", edition="open", day=date(2020, 1, 1))
    export(city.lake, tmp_path / "open.duckdb", edition="open")
    with contextlib.closing(duckdb.connect(str(tmp_path / "open.duckdb"), read_only=True)) as connection:
        assert connection.execute("select count(*) from pub_weather").fetchall() == [(3,)]
    assert reconcile(city.lake, deep=True).ok


@pytest.mark.parametrize("twin", ["public", "private"])
def test_a_changed_manifest_of_either_kind_is_not_served(city: SmallCity, twin: str) -> None:
    run(city)
    release = current(city).id
    key = layout.manifest("open", release) if twin == "public" else layout.record("open", release)
    city.lake.store.replace(key, city.lake.store.get_bytes(key) + b" ")
    with pytest.raises(IntegrityError, match="not the one that was published"):
        sql.connect(city.lake, "open")
    assert [row.table for row in reconcile(city.lake).off] == ["open"]


def test_a_private_record_nobody_published_is_collected(city: SmallCity) -> None:
    run(city)
    left = layout.record("open", "crashed")
    city.lake.store.put_bytes(left, b"left by a crash")
    assert orphans(city.lake, "open") == [left]
    assert collect(city.lake, "open") == [left]
    assert reconcile(city.lake).ok


def test_the_next_publication_replaces_what_an_earlier_version_released(city: SmallCity) -> None:
    """Nothing new arrived; two open releases hold facts of the lake. The internal edition is left alone."""
    with earlier_version():
        run(city)
        city.add_day("2026-03-05")
        run(city)
    old = [e.release for e in ledger.entries(city.lake.store, "open")]
    assert leaks(city)
    internal = {i.key: city.lake.store.get_bytes(i.key) for i in city.lake.store.list("published/internal/")}
    result = run(city)
    assert (result.outcome, result.parent) == ("published", old[-1])
    assert leaks(city) == []
    assert {Path(key).parts[3] for key in open_edition.keys(city.lake) if "/releases/" in key} == {result.release}
    assert not list(city.lake.store.list(layout.facts("open")))
    assert rows(city) == 4
    lines = ledger.verify_ledger(city.lake, "open")
    assert [(e.event, e.release) for e in lines[2:]] == [
        ("published", result.release), ("withdrawn", old[0]), ("withdrawn", old[1]),
    ]  # fmt: skip
    assert {e.reason for e in lines if e.event == "withdrawn"} == {legacy.REASON}
    assert {i.key: city.lake.store.get_bytes(i.key) for i in city.lake.store.list("published/internal/")} == internal
    assert run(city).outcome == "nothing_new"
    assert reconcile(city.lake, deep=True).ok
    assert orphans(city.lake, "open") == []
    with pytest.raises(ConfigurationError, match="was withdrawn: its files held facts"):
        moves.rollback(city.lake, "open", old[0] or "", reason=WHY, by=PERSON)


def test_a_product_blocked_meanwhile_keeps_its_rows_in_the_clean_release(city: SmallCity) -> None:
    with earlier_version():
        run(city)
    city.add_day("2026-03-05")
    result = run(city, built(city, blocked=True))
    assert result.outcome == "published"
    assert "key_fct_weather" in result.kept["weather"][0]
    assert rows(city) == 3
    assert leaks(city) == []
    assert trace(city.lake, "pub_weather", edition="open", day=date(2026, 3, 3)).rows == 1


def test_a_held_edition_loses_what_an_earlier_version_released_and_stays_held(city: SmallCity) -> None:
    with earlier_version():
        through_everything(city)
    result = run(city)
    assert (result.outcome, result.release) == ("on_hold", None)
    assert "was withdrawn: its files held facts" in result.message
    assert open_edition.keys(city.lake) == [layout.current("open")]
    assert leaks(city) == []
    ledger.verify_ledger(city.lake, "open")
    moves.resume(city.lake, "open", reason="repaired", by=PERSON)
    assert run(city).outcome == "published"
    assert rows(city) == 5
    assert leaks(city) == []


def test_what_is_left_of_a_damaged_release_is_removed_too(city: SmallCity) -> None:
    with earlier_version():
        run(city)
    city.lake.store.delete(current(city).tables["pub_weather"].files[0].key)
    assert run(city).outcome == "published"
    assert rows(city) == 3
    assert leaks(city) == []


def test_a_replacement_killed_after_the_pointer_moved_is_finished(city: SmallCity, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    with earlier_version():
        run(city)
    old = current(city).id

    class Killed(BaseException):
        """Stands for the end of the process."""

    def killed(lake: object, edition: str, releases: list[str]) -> None:
        if releases:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(legacy, "remove", killed)
        with pytest.raises(Killed):
            run(city)
    assert current(city).id != old
    assert run(city).outcome == "nothing_new"
    assert [e.event for e in ledger.verify_ledger(city.lake, "open")] == ["published", "published", "withdrawn"]
    assert leaks(city) == []


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("_batch_id varchar default 'x'", "_batch_id: columns of the lake's own"),
        ("_loaded_at timestamptz default now()", "_loaded_at: columns of the lake's own"),
        ("delivery varchar default '20260301T160000Z-0123456789ab'", "column delivery holds a batch id"),
        ("place varchar default '{home}/lake/x'", "column place holds a place of the lake"),
        ("run varchar default 'manual__2026-03-06T01:02:03'", "column run holds the id of an Airflow run"),
        ("more varchar[] default ['{home}/lake/x']", "column more holds a place of the lake"),
    ],
)  # fmt: skip
def test_tables_with_facts_of_the_lake_are_kept_out(city: SmallCity, column: str, message: str) -> None:
    report = built(city)
    with contextlib.closing(duckdb.connect(str(city.lake.settings.build_path))) as build:
        build.execute(f"alter table pub_weather add column {column.format(home=city.home)}")
    result = run(city, report)
    assert result.outcome == "nothing_releasable"
    assert message in result.never_released["weather"][-1]
    assert leaks(city) == []


def test_a_description_with_facts_of_the_lake_keeps_its_table_out(city: SmallCity) -> None:
    report = built(city)
    described = [
        m.model_copy(update={"description": f"made from {city.home}/lake/raw" * (m.name == "pub_weather")})
        for m in report.models
    ]
    result = run(city, report.model_copy(update={"models": described}))
    assert "its description holds a place of the lake" in result.never_released["weather"][-1]


def test_a_table_with_facts_of_the_lake_is_not_taken_over_from_an_earlier_version(city: SmallCity) -> None:
    with earlier_version():
        report = built(city)
        with contextlib.closing(duckdb.connect(str(city.lake.settings.build_path))) as build:
            build.execute("alter table pub_weather add column _batch_id varchar default 'x'")
        run(city, report)
    result = run(city, built(city, blocked=True))
    assert (result.outcome, result.release) == ("nothing_releasable", None)
    assert open_edition.keys(city.lake) == [layout.current("open")]
    assert leaks(city) == []
