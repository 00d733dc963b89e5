"""Publication reads verdicts: no verdict, no release; blocked products keep their last good tables."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.errors import IntegrityError
from ingestion.sql import literal
from ingestion.values.check_digits import CHECKS
from tests.support.check_digits import vectors
from tests.support.small_city import SmallCity, changed
from warehouse.build.report import BuildReport
from warehouse.gate.decide import gate
from warehouse.publish.run import Published, publish
from warehouse.release import layout, ledger, pointer
from warehouse.release.manifest import Manifest
from warehouse.sql import connect


@pytest.fixture
def city(tmp_path: Path) -> SmallCity:
    return SmallCity(tmp_path / "lake-home")


def run(city: SmallCity, report: BuildReport | None = None) -> dict[str, Published]:
    report = report or city.build()
    return {p.edition: p for p in publish(city.lake, report, gate(city.lake, report), approver="duty officer")}


def manifest(city: SmallCity, edition: str = "internal") -> Manifest:
    found = pointer.current(city.lake, edition)
    assert found is not None
    return found


def query(city: SmallCity, sql: str, edition: str = "internal") -> list[Any]:
    path = city.lake.store.url(manifest(city, edition).warehouse.key)
    with contextlib.closing(duckdb.connect(path, read_only=True)) as connection:
        return connection.execute(sql).fetchall()


def objects(city: SmallCity) -> set[str]:
    return {info.key for info in city.lake.store.list("published")} | {i.key for i in city.lake.store.list("ledger")}


def block(report: BuildReport, name: str) -> BuildReport:
    return changed(report, name, status="failed", failures=1)


def test_no_verdict_no_release(city: SmallCity) -> None:
    results = publish(city.lake, city.build(), [], approver=None)
    assert {r.outcome for r in results} == {"nothing_releasable"}
    assert objects(city) == set()
    assert results[0].never_released["food"] == ["no verdict on build build0001"]


def test_a_verdict_on_another_build_is_no_verdict(city: SmallCity) -> None:
    old = gate(city.lake, city.build())
    results = publish(city.lake, city.build(), old, approver=None)
    assert {r.outcome for r in results} == {"nothing_releasable"}


def test_rows_of_a_build_nobody_judged_are_not_released(city: SmallCity) -> None:
    """Another build ends, or is killed, between the verdicts and the release, and leaves as many rows as before."""
    judged = city.build()
    verdicts = gate(city.lake, judged)
    city.weather["2026-03-02"] = [(station, 99.0) for station, _ in city.weather["2026-03-02"]]
    city.deliver("office.reading", "2026-03-02")
    city.build()
    with pytest.raises(IntegrityError, match="does not hold build build0001 any more"):
        publish(city.lake, judged, verdicts, approver=None)
    with pytest.raises(IntegrityError, match="another has begun since"):
        gate(city.lake, judged)
    assert pointer.current(city.lake) is None
    assert not list(city.lake.store.list("published"))


def test_first_release_holds_every_public_table_and_the_open_edition_only_pub(city: SmallCity) -> None:
    results = run(city)
    assert {r.outcome for r in results.values()} == {"published"}
    assert set(manifest(city).tables) == {"fct_weather", "mart_weather", "pub_weather", "fct_inspection", "dim_town"}
    assert set(manifest(city, "open").tables) == {"pub_weather"}
    assert query(city, "select count(*), count(distinct observed_date) from fct_weather") == [(12, 3)]
    assert query(city, "select count(*) from dim_town join fct_inspection using (town_code)") == [(9,)]
    assert query(city, "select count(*) from pub_weather", "open") == [(3,)]


def test_the_manifest_says_what_it_is_made_from(city: SmallCity) -> None:
    run(city)
    found = manifest(city)
    batches = found.products["weather"].inputs["office.reading"]
    assert [b.bronze[0] for b in batches] == sorted(city.inputs["office.reading"])
    assert all(b.raw_key and b.raw_sha256 for b in batches)
    assert found.approver == "duty officer"
    assert found.tables["fct_weather"].rows == sum(f.rows for f in found.tables["fct_weather"].files) == 12
    pointed = pointer.pointer(city.lake.store, "internal")
    assert pointed is not None and pointed.release == found.id


def test_nothing_new_makes_no_object(city: SmallCity) -> None:
    run(city)
    before = objects(city)
    results = run(city)
    assert {r.outcome for r in results.values()} == {"nothing_new"}
    assert objects(city) == before


def test_one_more_day_writes_one_file_and_shares_the_others(city: SmallCity) -> None:
    run(city)
    first = manifest(city)
    city.add_day("2026-03-05")
    run(city)
    second = manifest(city)
    old = {f.day: f.key for f in first.tables["fct_weather"].files}
    new = {f.day: f.key for f in second.tables["fct_weather"].files}
    assert {day: key for day, key in new.items() if day in old} == old
    assert new["2026-03-05"] == layout.fact_file("internal", "fct_weather", "2026-03-05", second.id)
    assert second.parent == first.id
    assert second.products["places"].release == first.id
    assert query(city, "select count(*) from fct_weather") == [(16,)]


def test_a_correction_that_changes_nothing_keeps_the_files_and_moves_the_lineage(city: SmallCity) -> None:
    run(city)
    first = manifest(city)
    city.deliver("office.reading", "2026-03-03")
    run(city)
    second = manifest(city)
    assert second.tables["fct_weather"].files == first.tables["fct_weather"].files
    assert second.products["weather"].inputs != first.products["weather"].inputs


def test_a_row_lost_on_a_day_nobody_named_is_still_found(city: SmallCity) -> None:
    run(city)
    city.weather["2026-03-02"].pop()
    city.add_day("2026-03-05")
    run(city)
    assert query(city, "select count(*) from fct_weather where observed_date = date '2026-03-02'") == [(3,)]


def test_a_blocked_product_keeps_its_last_good_tables_and_the_others_go_on(city: SmallCity) -> None:
    run(city)
    first = manifest(city)
    city.add_day("2026-03-05")
    results = run(city, block(city.build(), "key_fct_inspection"))
    second = manifest(city)
    assert results["internal"].fresh == ["weather"]
    assert "key_fct_inspection" in results["internal"].kept["food"][0]
    assert second.products["food"].decision == "blocked"
    assert second.products["food"].release == first.id
    assert second.tables["fct_inspection"] == first.tables["fct_inspection"]
    assert query(city, "select count(*) from fct_inspection") == [(9,)]
    run(city)
    assert query(city, "select count(*) from fct_inspection") == [(12,)]


def test_a_product_that_never_passed_is_absent_and_listed(city: SmallCity) -> None:
    results = run(city, block(city.build(), "key_fct_weather"))
    found = manifest(city)
    assert "weather" in found.never_released
    assert "key_fct_weather" in found.never_released["weather"][0]
    assert "fct_weather" not in found.tables
    assert results["open"].outcome == "nothing_releasable"


def test_newer_rows_that_refer_to_unreleased_keys_are_held_back(city: SmallCity) -> None:
    run(city)
    city.towns.append(("442000003", "南头"))
    city.deliver("office.town", "2026-03-05")
    city.add_day("2026-03-05")
    city.inspections["2026-03-05"].append(("new", "442000003", "整洁"))
    results = run(city, block(city.build(), "key_dim_town"))
    assert "town_known fails on the composed release, 1 failing" in results["internal"].held_back["food"][0]
    assert results["internal"].fresh == ["weather"]
    run(city)
    assert query(city, "select count(*) from fct_inspection where town_code = '442000003'") == [(1,)]


def test_a_newer_dimension_that_lost_keys_the_kept_fact_needs_is_held_back(city: SmallCity) -> None:
    run(city)
    first = manifest(city)
    city.towns = [("442000001", "石岐"), ("442000009", "东区")]
    city.deliver("office.town", "2026-03-05")
    report = block(city.build(), "key_fct_inspection")
    results = run(city, report)
    assert list(results["internal"].held_back) == ["places"]
    assert manifest(city).id == first.id


def test_a_fact_whose_dimension_was_never_released_is_held_back(city: SmallCity) -> None:
    results = run(city, block(city.build(), "key_dim_town"))
    assert "was never released" in results["internal"].held_back["food"][0]
    assert "food" in manifest(city).never_released


@pytest.mark.parametrize("is_made_of_weather", [False, True])
def test_a_reconciliation_between_kept_and_newer_tables_runs_on_the_release(
    is_made_of_weather: bool, city: SmallCity
) -> None:
    """But totals of a blocked product do not hold back what it is made of: they are older, not in conflict."""
    run(city)
    first = manifest(city)
    city.add_day("2026-03-05")
    summary = {"product": "summary", "upstream_products": ["weather"] if is_made_of_weather else []}
    report = changed(city.build(), "mart_weather", **summary)
    report.checks.extend(
        c.model_copy(update={"name": f"{c.name}_summary", "product": "summary", "models": ["mart_weather"]})
        for c in list(report.checks)
        if c.name in ("key_fct_weather", "freshness_fct_weather", "reconciliation_fct_weather")
    )
    # First the same tables in two products, so that both have a release of their own.
    run(city, report)
    second = manifest(city)
    city.add_day("2026-03-06")
    again = changed(city.build(), "mart_weather", **summary).model_copy(update={"checks": report.checks})
    results = run(city, block(again, "key_fct_weather_summary"))
    products = manifest(city).products
    if is_made_of_weather:
        assert results["internal"].held_back == {}
        assert (products["weather"].decision, products["summary"].decision) == ("passed", "blocked")
        assert products["summary"].release == second.id != products["weather"].release
    else:
        assert "mart_total fails on the composed release" in results["internal"].held_back["weather"][0]
        assert products["weather"].release == second.id != first.id


def test_the_open_edition_is_not_opened_by_an_accepted_leak(city: SmallCity) -> None:
    run(city)
    register = city.lake.settings.accepted_failures_path
    entry = {"check": "privacy:pub_weather", "product": "weather", "owner": "privacy officer", "reason": "demo",
             "max_failures": 9, "expires": "2999-01-01"}  # fmt: skip
    register.write_text(json.dumps({"accepted_failures": [entry]}), encoding="utf-8")
    city.add_day("2026-03-05")
    report = city.build()
    with contextlib.closing(duckdb.connect(str(city.lake.settings.build_path))) as build:
        build.execute("alter table pub_weather add column note varchar default '13812345678'")
    results = run(city, report)
    assert results["internal"].outcome == "published"
    assert results["open"].outcome == "nothing_new"
    assert "mobile_phone" in results["open"].kept["weather"][0]


def described(report: BuildReport, word: str) -> BuildReport:
    """The report with a description of two tables and of one of their columns."""
    models = [
        m.model_copy(update={"description": f"{word} {m.name}", "columns": {"town_code": "镇街代码"}})
        if m.name in ("fct_inspection", "dim_town")
        else m
        for m in report.models
    ]
    return report.model_copy(update={"models": models})


def test_comments_are_the_builds_and_a_blocked_products_stay(city: SmallCity) -> None:
    run(city, described(city.build(), "about"))
    city.add_day("2026-03-05")
    # dim_town has the same rows as before, so it is kept; its description is new all the same.
    run(city, described(block(city.build(), "key_fct_inspection"), "more about"))
    assert query(city, "select comment from duckdb_tables() where table_name = 'dim_town'") == [
        ("more about dim_town",)
    ]
    assert query(city, "select comment from duckdb_views() where view_name = 'fct_inspection'") == [
        ("about fct_inspection",)
    ]
    assert query(city, "select distinct comment from duckdb_columns() where column_name = 'town_code'") == [
        ("镇街代码",)
    ]


@pytest.mark.parametrize("edition", layout.EDITIONS)
def test_a_release_has_the_checks_of_identifiers(city: SmallCity, edition: str) -> None:
    run(city)
    for check in CHECKS:
        chosen = [vector for vector in vectors() if vector.check == check]
        values = ", ".join(f"({n}, {literal(vector.code)})" for n, vector in enumerate(chosen))
        found = query(city, f"select is_{check}(code) from (values {values}) as t(n, code) order by n", edition)
        assert [row[0] for row in found] == [vector.is_valid for vector in chosen]
    with contextlib.closing(connect(city.lake, edition)) as session:
        assert session.execute("select is_uscc('91110000600037341L'), is_uscc(null)").fetchall() == [(True, None)]


def test_every_publication_is_a_line_of_the_ledger(city: SmallCity) -> None:
    run(city)
    city.add_day("2026-03-05")
    run(city)
    lines = ledger.verify_ledger(city.lake, "internal")
    assert [(line.sequence, line.event) for line in lines] == [(1, "published"), (2, "published")]
    assert lines[-1].release == manifest(city).id


def test_what_a_refusal_quotes_of_its_file_is_not_published(city: SmallCity) -> None:
    """A file without a header has its first row, and so a person, in the message; manifests are read by everybody."""
    run(city)
    city.deliver("office.visit", "2026-03-05", "refused", "not in the contract '张三', '13800001111'", rule="header")
    city.deliver("office.reading", "2026-03-05")
    city.add_day("2026-03-06")
    run(city)
    kept = manifest(city).products["food"]
    assert kept.decision == "blocked"
    assert "rule header; why: citylake deliveries --feed office.visit --outcome refused" in kept.reasons[0]
    written = [info.key for zone in ("published", "ledger", "verdicts") for info in city.lake.store.list(zone)]
    assert len(written) > 3
    assert not [key for key in written if b"13800001111" in city.lake.store.get_bytes(key)]


def test_a_build_of_fewer_deliveries_than_the_current_release_is_refused(city: SmallCity) -> None:
    """As where two hosts build: the other one's build was made before the newest deliveries came."""
    earlier = {feed: list(keys) for feed, keys in city.inputs.items()}
    city.add_day("2026-03-05")
    run(city)
    before = objects(city)
    with pytest.raises(IntegrityError, match=r"office\.reading: build build0002 lacks 2 files that release") as told:
        run(city, city.build(inputs=earlier))
    assert "citylake build" in str(told.value)
    assert objects(city) == before


def test_a_build_without_a_delivery_that_was_superseded_is_not_older(city: SmallCity) -> None:
    run(city)
    city.deliver("office.reading", "2026-03-04")
    city.weather["2026-03-04"] = [(f"G{n}", 11.0 + n) for n in range(4)]
    assert run(city)["internal"].outcome == "published"
