"""A defect met while one table or product is judged or composed blocks that product and no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.errors import DiskError, UnexpectedError
from tests.support.small_city import SmallCity
from warehouse.build.report import CheckRun
from warehouse.content import measure as content
from warehouse.gate import decide, leaks
from warehouse.publish import compose
from warehouse.publish import run as release
from warehouse.publish.facts import FactExport
from warehouse.publish.internal_facts import InternalFacts
from warehouse.publish.run import publish
from warehouse.release import pointer

DEFECTS: list[Callable[[], Exception]] = [
    lambda: KeyError("13800138000"),
    lambda: duckdb.ConversionException("13800138000"),
    MemoryError,
]


@pytest.fixture
def city(tmp_path: Path) -> SmallCity:
    return SmallCity(tmp_path / "lake-home")


def failing(original: Any, is_meant: Callable[..., bool], make: Callable[[], Exception]) -> Any:
    def call(*arguments: Any, **facts: Any) -> Any:
        if is_meant(*arguments):
            raise make()
        return original(*arguments, **facts)

    return call


def judged(city: SmallCity) -> dict[str, tuple[str, list[str]]]:
    return {v.product: (v.decision, v.reasons) for v in decide.gate(city.lake, city.build())}


def crash_logs(city: SmallCity) -> list[str]:
    folder = city.lake.settings.state_root / "crashes"
    return [log.read_text(encoding="utf-8") for log in folder.iterdir()] if folder.exists() else []


@pytest.mark.parametrize("make", DEFECTS)
def test_a_table_that_cannot_be_measured(
    city: SmallCity, monkeypatch: pytest.MonkeyPatch, make: Callable[[], Exception]
) -> None:
    original = content._Reader.table
    monkeypatch.setattr(
        content._Reader, "table", failing(original, lambda self, *_: self.model.name == "mart_weather", make)
    )
    found = judged(city)
    assert {product: decision for product, (decision, _) in found.items()} == {
        "food": "passed", "places": "passed", "weather": "blocked",
    }  # fmt: skip
    assert "mart_weather" in found["weather"][1][0]
    assert len(crash_logs(city)) == 1


def test_what_a_defect_left_out_is_measured_again(city: SmallCity, monkeypatch: pytest.MonkeyPatch) -> None:
    report = city.build()
    with monkeypatch.context() as planted:
        planted.setattr(content._Reader, "table", failing(content._Reader.table, lambda self, *_: True, DEFECTS[0]))
        assert {v.decision for v in decide.gate(city.lake, report)} == {"blocked"}
    assert {v.decision for v in decide.gate(city.lake, report)} == {"passed"}


@pytest.mark.parametrize("make", DEFECTS)
def test_a_table_that_cannot_be_scanned(
    city: SmallCity, monkeypatch: pytest.MonkeyPatch, make: Callable[[], Exception]
) -> None:
    planted = failing(leaks._scan, lambda _, table, __: table.name == "fct_inspection", make)
    monkeypatch.setattr(leaks, "_scan", planted)
    found = judged(city)
    assert found["weather"][0] == found["places"][0] == "passed"
    assert found["food"] == ("blocked", ["privacy privacy:fct_inspection: error; the table was not scanned"])


@pytest.mark.parametrize("make", DEFECTS)
def test_a_product_that_cannot_be_judged(
    city: SmallCity, monkeypatch: pytest.MonkeyPatch, make: Callable[[], Exception]
) -> None:
    monkeypatch.setattr(decide, "results_for", failing(decide.results_for, lambda _, product: product == "food", make))
    found = judged(city)
    assert found["weather"][0] == found["places"][0] == "passed"
    assert found["food"][0] == "blocked"
    assert "defect of the lake" in found["food"][1][0]
    assert "13800138000" not in str(found)


def test_a_check_that_cannot_run_on_the_composed_release(city: SmallCity, monkeypatch: pytest.MonkeyPatch) -> None:
    report = city.build()
    verdicts = decide.gate(city.lake, report)
    original = compose.Composer._judge

    def is_meant(self: compose.Composer, check: CheckRun) -> bool:
        return check.name == "town_known" and self.plan.products["food"].choice == "fresh"

    planted = failing(original, is_meant, DEFECTS[0])
    monkeypatch.setattr(compose.Composer, "_judge", planted)
    internal = publish(city.lake, report, verdicts, approver="duty officer")[0]
    assert internal.outcome == "published"
    assert internal.fresh == ["places", "weather"]
    assert "town_known" in internal.held_back["food"][0]
    assert "13800138000" not in str(internal)


def test_a_full_disk_is_no_defect_of_one_table(city: SmallCity, monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(28, "No space left on device", "/lake/state/content.json")
    monkeypatch.setattr(content._Reader, "table", failing(content._Reader.table, lambda *_: True, lambda: full))
    with pytest.raises(DiskError, match="no space is left"):
        judged(city)
    assert crash_logs(city) == []


@pytest.mark.parametrize("make", DEFECTS)
def test_a_table_that_cannot_be_made_holds_its_product_back(
    city: SmallCity, monkeypatch: pytest.MonkeyPatch, make: Callable[[], Exception]
) -> None:
    report = city.build()
    verdicts = decide.gate(city.lake, report)
    planted = failing(FactExport.files, lambda _, table, __: table.name == "fct_inspection", make)
    monkeypatch.setattr(FactExport, "files", planted)
    internal, public = publish(city.lake, report, verdicts, approver="duty officer")
    assert (internal.outcome, public.outcome) == ("published", "published")
    assert internal.fresh == ["places", "weather"]
    assert "fct_inspection" in internal.held_back["food"][0]
    released = pointer.current(city.lake)
    assert released is not None
    assert set(released.tables) == {"fct_weather", "mart_weather", "pub_weather", "dim_town"}
    monkeypatch.undo()
    again = publish(city.lake, report, verdicts, approver="duty officer")[0]
    assert again.fresh == ["food"]


def test_an_edition_that_cannot_be_published_stops_no_other(city: SmallCity, monkeypatch: pytest.MonkeyPatch) -> None:
    report = city.build()
    verdicts = decide.gate(city.lake, report)
    original = release._Release.edition
    monkeypatch.setattr(release._Release, "edition", failing(original, lambda _, name: name == "internal", DEFECTS[0]))
    with pytest.raises(UnexpectedError, match="publishing edition internal"):
        publish(city.lake, report, verdicts, approver="duty officer")
    assert pointer.current(city.lake, "internal") is None
    assert pointer.current(city.lake, "open") is not None


def test_what_was_not_looked_at_is_not_for_everybody(city: SmallCity, monkeypatch: pytest.MonkeyPatch) -> None:
    report = city.build()
    verdicts = decide.gate(city.lake, report)
    planted = failing(InternalFacts.in_rows, lambda *_: True, DEFECTS[1])
    monkeypatch.setattr(InternalFacts, "in_rows", planted)
    internal, public = publish(city.lake, report, verdicts, approver="duty officer")
    assert internal.outcome == "published"
    assert public.outcome == "nothing_releasable"
    assert not list(city.lake.store.list("published/open/"))
