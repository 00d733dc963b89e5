"""Restricted editions: row-level tables of one product, in no other edition, published as the internal one is."""

from __future__ import annotations

import stat
from contextlib import closing
from pathlib import Path

import pytest

from ingestion.errors import CitylakeError
from ingestion.machine.rights import OWN
from tests.support.small_city import SmallCity, changed
from warehouse.build.report import BuildReport
from warehouse.content.measure import BuildContent, measure, open_build
from warehouse.gate.decide import gate
from warehouse.publish.plan import Candidate, Plan, make_plan
from warehouse.publish.run import Published, publish
from warehouse.publish.withdraw import MOVED
from warehouse.reconcile.release import release as reconcile_release
from warehouse.release import editions, layout, ledger, moves, pointer
from warehouse.release.baseline import read_baseline
from warehouse.release.collect import collect
from warehouse.release.manifest import Manifest

FOOD = editions.restricted("food")
WEATHER = editions.restricted("weather")


@pytest.fixture
def city(tmp_path: Path) -> SmallCity:
    """`food` has a restricted fact and nothing else, `weather` a restricted fact beside its marts."""
    return SmallCity(tmp_path / "home", restricted={"fct_inspection", "fct_weather"})


def run(city: SmallCity, report: BuildReport | None = None) -> dict[str, Published]:
    report = report or city.build()
    done = publish(city.lake, report, gate(city.lake, report), approver="duty officer")
    return {one.edition: one for one in done}


def manifest(city: SmallCity, edition: str) -> Manifest:
    found = pointer.current(city.lake, edition)
    assert found is not None
    return found


def keys_below(city: SmallCity, prefix: str) -> set[str]:
    return {info.key for info in city.lake.store.list(prefix)}


def test_a_restricted_table_is_in_its_own_edition_and_in_no_other(city: SmallCity) -> None:
    done = run(city)
    assert list(done) == ["internal", "open", FOOD, WEATHER]
    assert {edition: set(manifest(city, edition).tables) for edition in done} == {
        "internal": {"mart_weather", "pub_weather", "dim_town"},
        "open": {"pub_weather"},
        FOOD: {"fct_inspection"},
        WEATHER: {"fct_weather"},
    }
    assert "food" not in manifest(city, "internal").products
    for edition in done:
        own = f"published/{edition}/"
        assert all(
            key.startswith(own) for key in {f.key for t in manifest(city, edition).tables.values() for f in t.files}
        )
    for word in ("fct_inspection", "fct_weather"):
        assert not [
            key for key in keys_below(city, "published") if word in key and not key.startswith("published/restr")
        ]


def test_its_folders_and_files_are_the_lakes_own_whatever_the_umask(city: SmallCity) -> None:
    root = city.home / "lake"
    run(city)
    below = [root / "published/restricted", *(root / "published/restricted").rglob("*")]
    assert len(below) > 12
    modes = {stat.S_IMODE(path.stat().st_mode) for path in below if path.is_dir()}
    assert modes == {OWN.folder}
    assert {stat.S_IMODE(path.stat().st_mode) for path in below if path.is_file()} == {OWN.file}
    # A copy restored by hand, with other modes, is closed again when the lake is opened.
    (root / "published/restricted").chmod(0o755)
    city.lake.store.tighten()  # type: ignore[attr-defined]
    assert stat.S_IMODE((root / "published/restricted").stat().st_mode) == OWN.folder


def test_one_more_day_writes_one_more_day(city: SmallCity) -> None:
    run(city)
    before = keys_below(city, layout.facts(FOOD))
    city.add_day("2026-03-05")
    assert run(city)[FOOD].fresh == ["food"]
    added = keys_below(city, layout.facts(FOOD)) - before
    assert [key.split("/")[-2] for key in added] == ["day=2026-03-05"]
    assert run(city)[FOOD].outcome == "nothing_new"


def test_only_days_that_changed_are_read_again(city: SmallCity) -> None:
    """The baseline of a restricted table is its own edition: without it, every build would read all of its days."""
    run(city)
    city.add_day("2026-03-05")
    run(city, city.build(affected={"office.visit": ["2026-03-05"], "office.reading": ["2026-03-05"]}))
    content = BuildContent.model_validate_json((city.lake.settings.state_root / "content.json").read_text())
    assert content.tables["fct_inspection"].read == ["2026-03-05"]


def test_a_blocked_product_keeps_its_rows_and_a_loss_is_seen(city: SmallCity) -> None:
    run(city)
    first = manifest(city, FOOD)
    city.inspections = {day: rows for day, rows in city.inspections.items() if day == "2026-03-02"}
    done = run(city)
    assert done[FOOD].outcome == "nothing_new"
    assert "drift:fct_inspection" in done[FOOD].kept["food"][0]
    assert manifest(city, FOOD) == first


def test_what_the_internal_edition_holds_back_the_restricted_one_does_too(city: SmallCity) -> None:
    """Rows that were made of newer tables than readers inside see would contradict these."""
    city.restricted = {"fct_inspection"}
    run(city)
    first = manifest(city, FOOD)
    city.towns = [("442000001", "石岐"), ("442000009", "新区")]
    city.add_day("2026-03-05")
    report = changed(city.build(), "fct_inspection", upstream_products=["weather"])
    # `weather` is held back inside, since its total contradicts the tables it is composed with.
    verdicts = gate(city.lake, report)
    candidate = Candidate(report, {v.product: v for v in verdicts}, _content(city, report), {})
    plan = make_plan(FOOD, candidate, first)
    assert plan.products["food"].choice == "fresh"
    held = {"weather": ["check mart_total fails on the composed release"]}
    plan = make_plan(FOOD, candidate, first, held)
    assert (plan.products["food"].choice, plan.products["food"].decision) == ("kept", "held_back")
    assert "the internal edition holds weather back: check mart_total" in plan.products["food"].reasons[-1]


def test_restricted_editions_wait_where_the_internal_one_fails(
    city: SmallCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it would have held back is not known then."""
    run(city)
    before = {edition: manifest(city, edition).id for edition in ("internal", "open", FOOD, WEATHER)}
    city.add_day("2026-03-05")
    report = city.build()

    def failing(edition: str, *rest: object) -> Plan:
        if edition == editions.INTERNAL:
            raise ZeroDivisionError
        return make_plan(edition, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr("warehouse.publish.run.make_plan", failing)
        with pytest.raises(CitylakeError) as raised:
            run(city, report)
    assert "publishing edition internal: ZeroDivisionError" in str(raised.value)
    for edition in (FOOD, WEATHER):
        assert f"edition {edition} waits, as what internal holds back is not known" in str(raised.value)
    assert [edition for edition, id in before.items() if manifest(city, edition).id != id] == ["open"]
    assert run(city, report)[FOOD].fresh == ["food"]


def _content(city: SmallCity, report: BuildReport):  # type: ignore[no-untyped-def]
    with closing(open_build(city.lake)) as connection:
        return measure(city.lake, report, read_baseline(city.lake), connection)


def test_a_damaged_edition_stops_no_other(city: SmallCity) -> None:
    run(city)
    city.add_day("2026-03-05")
    broken = manifest(city, FOOD)
    city.lake.store.replace(layout.manifest(FOOD, broken.id), b"{}")
    report = city.build()
    with pytest.raises(CitylakeError, match=f"{broken.id} .{FOOD}. is not the one that was published"):
        run(city, report)
    for edition in ("internal", "open", WEATHER):
        assert manifest(city, edition).products["weather"].build_id == report.build_id


def test_each_edition_is_rolled_back_held_withdrawn_and_resumed_alone(city: SmallCity) -> None:
    run(city)
    first = manifest(city, FOOD).id
    city.add_day("2026-03-05")
    run(city)
    second = {edition: manifest(city, edition).id for edition in ("internal", WEATHER)}
    moves.rollback(city.lake, FOOD, first, reason="names in it", by="officer")
    assert manifest(city, FOOD).id == first
    city.add_day("2026-03-06")
    done = run(city)
    assert done[FOOD].outcome == "on_hold"
    assert done[WEATHER].outcome == "published"
    moves.resume(city.lake, FOOD, reason="mended", by="officer")
    moves.withdraw(city.lake, WEATHER, reason="a court says so", by="officer")
    assert pointer.current(city.lake, WEATHER) is None
    assert run(city)[FOOD].fresh == ["food"]
    assert {edition: manifest(city, edition).id for edition in ("internal",)}["internal"] > second["internal"]
    assert [line.event for line in ledger.verify_ledger(city.lake, FOOD)] == [
        "published", "published", "rollback", "resumed", "published",
    ]  # fmt: skip
    assert [row for row in reconcile_release(city.lake, deep=True) if row.status != "ok"] == []


def test_a_publication_that_died_leaves_orphans_that_are_collected(city: SmallCity) -> None:
    run(city)
    key = layout.fact_file(FOOD, "fct_inspection", "2026-03-09", "20260309T000000000000Z-x")
    city.lake.store.put_bytes(key, b"x")
    assert collect(city.lake, FOOD) == [key]
    assert editions.of_lake(city.lake.store) == ["internal", "open", FOOD, WEATHER]


def test_a_table_that_becomes_restricted_leaves_the_internal_edition_whatever_the_gate_says(city: SmallCity) -> None:
    city.restricted = set()
    run(city)
    city.add_day("2026-03-05")
    run(city)
    older = [line.release for line in ledger.entries(city.lake.store, "internal")]
    city.restricted = {"fct_weather", "fct_inspection"}
    report = changed(city.build(), "key_fct_weather", status="failed", failures=1)
    done = run(city, report)
    assert set(manifest(city, "internal").tables) == {"mart_weather", "pub_weather", "dim_town"}
    assert (done["internal"].outcome, done["internal"].withdrawn) == ("published", older)
    assert MOVED in done["internal"].message
    assert not [key for key in keys_below(city, layout.facts("internal")) if "fct_" in key]
    with pytest.raises(CitylakeError, match="was withdrawn"):
        moves.rollback(city.lake, "internal", older[0] or "", reason="as before", by="officer")
    # Blocked, so its rows are in no edition until it passes.
    assert done[WEATHER].outcome == "nothing_releasable"
    assert set(run(city, city.build())[WEATHER].fresh) == {"weather"}
    assert [row for row in reconcile_release(city.lake, deep=True) if row.status != "ok"] == []


def test_withdrawing_older_releases_is_finished_after_a_crash(city: SmallCity, monkeypatch: pytest.MonkeyPatch) -> None:
    city.restricted = set()
    run(city)
    older = manifest(city, "internal").id
    city.restricted = {"fct_inspection"}

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("warehouse.publish.withdraw.withdraw_moved", killed)
        with pytest.raises(KeyboardInterrupt):
            run(city)
    assert "fct_inspection" not in manifest(city, "internal").tables
    assert city.lake.store.head(layout.warehouse("internal", older)) is not None
    city.add_day("2026-03-05")
    assert run(city)["internal"].withdrawn == [older]
    assert city.lake.store.head(layout.warehouse("internal", older)) is None
    city.add_day("2026-03-06")
    assert run(city)["internal"].withdrawn == []
    assert not [key for key in keys_below(city, "editions") if "moving" in key]


def test_restricted_rows_refer_to_what_readers_inside_have(city: SmallCity) -> None:
    """Inside the towns are kept, since their product is blocked: rows of a town that they do not have wait."""
    city.restricted = {"fct_inspection"}
    run(city)
    first = manifest(city, FOOD)
    city.towns = [("442000001", "石岐"), ("442000009", "新区")]
    city.add_day("2026-03-05")
    done = run(city, changed(city.build(), "key_dim_town", status="failed", failures=1))
    assert done["internal"].kept["places"]
    assert "check town_known fails on the composed release, 1 failing" in done[FOOD].held_back["food"][0]
    assert manifest(city, FOOD) == first
    assert run(city)[FOOD].fresh == ["food"]


def test_towns_that_kept_restricted_rows_refer_to_are_not_taken_away_inside(city: SmallCity) -> None:
    city.restricted = {"fct_inspection"}
    run(city)
    city.towns = [city.towns[0], ("442000003", "南区")]
    city.inspections = {
        day: [(key, "442000001", remark) for key, _, remark in rows] for day, rows in city.inspections.items()
    }
    done = run(city, changed(city.build(), "key_fct_inspection", status="failed", failures=1))
    assert "check town_known fails on the composed release, 3 failing" in done["internal"].held_back["places"][0]
    assert run(city)["internal"].fresh == ["places"]


def test_a_restricted_table_whose_parent_was_never_released_waits(city: SmallCity) -> None:
    city.restricted = {"fct_inspection"}
    done = run(city, changed(city.build(), "key_dim_town", status="failed", failures=1))
    assert "which fct_inspection refers to, was never released" in done[FOOD].held_back["food"][0]
    assert done[FOOD].outcome == "nothing_releasable"
