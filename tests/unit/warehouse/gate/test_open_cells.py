"""Open tables of counts at the gate: who must declare, what is compared with, what is not read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.lakes import contract
from tests.support.small_city import SmallCity, changed, check, checks, model
from warehouse.build.report import BuildReport, ModelBuilt, SmallCells
from warehouse.gate import open_cells
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.release import layout, pointer
from warehouse.verdict import Verdict

FEED = "office.card"
SAID = SmallCells(k=5, count="people", by=["week"], cell="town", total="all")
NOT_SHARED = {
    "catalogue": {
        "resource_code": "1", "category": "c", "provider": "p", "share_type": "不予共享", "legal_basis": "law",
        "open_attribute": "不予开放", "update_cycle": "每日", "published": "2026-01-01",
    }
}  # fmt: skip
FIRST: dict[str, int | None] = {"a": 7, "b": None, "c": None, "all": 14}
Weeks = dict[str, dict[str, int | None]]


class CountedCity(SmallCity):
    """The small city with the product `cases`: a fact and its open table of counts."""

    weeks: Weeks

    def fill(self) -> None:
        super().fill()
        self.weeks = {"w1": dict(FIRST)}
        self.lake.contracts[FEED] = contract(**NOT_SHARED)  # type: ignore[index]

    def _tables(self, build: duckdb.DuckDBPyConnection) -> None:
        super()._tables(build)
        build.execute("create table fct_case (week varchar)")
        build.execute("create table pub_case (week varchar, town varchar, people bigint)")
        rows = [[week, town, people] for week, cells in self.weeks.items() for town, people in cells.items()]
        build.executemany("insert into fct_case values (?)", [[week] for week in self.weeks])
        build.executemany("insert into pub_case values (?, ?, ?)", rows)

    def _models(self, rows: dict[str, int]) -> list[ModelBuilt]:
        more = {"fct_case": len(self.weeks), "pub_case": sum(map(len, self.weeks.values()))}
        feeds = ["office.visit", FEED]
        return [
            *super()._models(rows),
            model("fct_case", "cases", "mart", feeds, rows | more),
            model("pub_case", "cases", "pub", feeds, rows | more, small_cells=SAID),
        ]

    def made(self, **facts: Any) -> BuildReport:
        """A build; `facts` replace what it says of the open table."""
        of_cases = [check(f"{kind}_case", kind, "cases", "fct_case") for kind in ("key", "freshness", "reconciliation")]
        return changed(self.build(checks=[*checks(), *of_cases]), "pub_case", **facts)


@pytest.fixture
def city(tmp_path: Path) -> CountedCity:
    return CountedCity(tmp_path / "lake-home")


def judged(city: CountedCity, report: BuildReport) -> dict[str, Verdict]:
    return {verdict.product: verdict for verdict in gate(city.lake, report)}


def released(city: CountedCity) -> None:
    report = city.made()
    publish(city.lake, report, gate(city.lake, report), approver="approver", editions=("open",))


def reasons(city: CountedCity, report: BuildReport) -> str:
    verdicts = judged(city, report)
    assert verdicts["cases"].decision == "blocked"
    assert verdicts["weather"].decision == verdicts["food"].decision == "passed", "others go on"
    return " ".join(verdicts["cases"].reasons)


def test_a_declared_table_in_order_passes(city: CountedCity) -> None:
    verdict = judged(city, city.made())["cases"]
    assert verdict.decision == "passed", verdict.reasons
    assert "small_cells:pub_case" in {check.name for check in verdict.checks}


def test_an_open_table_of_a_feed_that_is_not_shared_must_declare(city: CountedCity) -> None:
    assert "say `small_cells` in its <model>.yml" in reasons(city, city.made(small_cells=None))
    del city.lake.contracts[FEED]  # type: ignore[attr-defined]
    assert judged(city, city.made(small_cells=None))["cases"].decision == "passed"


def test_a_declared_column_that_is_not_there_refuses(city: CountedCity) -> None:
    wrong = SAID.model_copy(update={"ratios": ["share"]})
    assert "has no column share" in reasons(city, city.made(small_cells=wrong))


def test_a_number_that_can_be_told_refuses_and_no_value_is_said(city: CountedCity) -> None:
    city.weeks["w1"] = {"a": 7, "b": None, "c": 9, "all": 18}
    said = reasons(city, city.made())
    assert "1 totals with their cells show a total from which a number left out can be told" in said
    assert "18" not in said


def test_a_second_open_table_of_the_same_people_refuses(city: CountedCity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_cells, "_shared_feeds", lambda models, private: {"pub_case": ["pub_other"]})
    assert "counts the same people as pub_other" in reasons(city, city.made())


def test_the_tables_that_count_the_same_people() -> None:
    models = [
        model("pub_a", "p", "pub", ["f.x", "f.open"], None),
        model("pub_b", "p", "pub", ["f.x", "f.y"], None),
        model("pub_c", "p", "pub", ["f.z", "f.open"], None),
    ]
    assert open_cells._shared_feeds(models, {"f.x", "f.y", "f.z"}) == {
        "pub_a": ["pub_b"],
        "pub_b": ["pub_a"],
        "pub_c": [],
    }


def test_a_person_more_in_a_published_week_refuses_and_the_release_stays(city: CountedCity) -> None:
    released(city)
    before = pointer.current(city.lake, "open")
    city.weeks["w1"] = FIRST | {"a": 8, "all": 15}
    report = city.made()
    assert "differ from an earlier release by fewer than 5 people" in reasons(city, report)
    publish(city.lake, report, gate(city.lake, report), approver="approver", editions=("open",))
    after = pointer.current(city.lake, "open")
    assert before is not None and after is not None
    assert after.tables["pub_case"] == before.tables["pub_case"]


def test_every_readable_release_is_compared_not_the_current_alone(city: CountedCity) -> None:
    released(city)
    city.weeks = {"w2": dict(FIRST)}
    released(city)
    city.weeks = {"w1": FIRST | {"a": 8, "all": 15}, "w2": dict(FIRST)}
    assert "differ from an earlier release" in reasons(city, city.made())


def test_a_week_more_passes_and_what_was_judged_is_not_read_again(
    city: CountedCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    released(city)
    city.weeks["w2"] = {"a": 5, "b": None, "c": None, "all": 13}
    released(city)
    seen: list[int] = []

    def noted(connection: Any, table: str, said: SmallCells, earlier: Any = ()) -> dict[str, int]:
        seen.append(len(earlier))
        return {}

    # The release is new to this gate, its rows are the build's.
    judged(city, city.made())
    monkeypatch.setattr(open_cells, "broken", noted)
    monkeypatch.setattr(open_cells, "_tables", lambda lake, release: pytest.fail("its manifest was read before"))
    assert judged(city, city.made())["cases"].decision == "passed"
    assert seen == []
    city.weeks["w3"] = dict(FIRST)
    assert judged(city, city.made())["cases"].decision == "passed"
    assert seen == [2]


def test_a_release_that_cannot_be_compared_refuses(city: CountedCity) -> None:
    released(city)
    (release,) = {pointer.current(city.lake, "open").id}  # type: ignore[union-attr]
    (city.lake.settings.state_root / "small_cells.json").unlink()
    city.lake.store.delete(layout.record("open", release))
    assert f"cannot be compared with open releases {release}" in reasons(city, city.made())
