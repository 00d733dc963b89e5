"""Open tables of counts at the gate: who must declare, what is compared with, what is not read again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from ingestion.contract.load import load_contracts
from ingestion.settings import Settings
from tests.support.lakes import contract
from tests.support.small_city import SmallCity, changed, check, checks, model
from warehouse.build.report import BuildReport, ModelBuilt, SmallCells
from warehouse.gate import open_cells
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.release import layout, pointer
from warehouse.verdict import Verdict

FEED = "office.card"
SAID = SmallCells(k=5, count="people", by=["disease", "week"], cell="town", total="all")
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
    table = "pub_case"
    more = ""
    """A column more of the open table, as SQL."""

    def fill(self) -> None:
        super().fill()
        self.weeks = {"w1": dict(FIRST)}
        self.lake.contracts[FEED] = contract(**NOT_SHARED)  # type: ignore[index]

    def _tables(self, build: duckdb.DuckDBPyConnection) -> None:
        super()._tables(build)
        build.execute("create table fct_case (week varchar)")
        build.execute(
            f"create table {self.table} (disease varchar, week varchar, town varchar, people bigint{self.more})"
        )
        rows = [["flu", week, town, people] for week, cells in self.weeks.items() for town, people in cells.items()]
        build.executemany("insert into fct_case values (?)", [[week] for week in self.weeks])
        columns = "disease, week, town, people"
        build.executemany(f"insert into {self.table} ({columns}) values (?, ?, ?, ?)", rows)

    def _models(self, rows: dict[str, int]) -> list[ModelBuilt]:
        more = {"fct_case": len(self.weeks), self.table: sum(map(len, self.weeks.values()))}
        feeds = ["office.visit", FEED]
        return [
            *super()._models(rows),
            model("fct_case", "cases", "mart", feeds, rows | more),
            model(self.table, "cases", "pub", feeds, rows | more, small_cells=SAID),
        ]

    def made(self, **facts: Any) -> BuildReport:
        """A build; `facts` replace what it says of the open table."""
        of_cases = [check(f"{kind}_case", kind, "cases", "fct_case") for kind in ("key", "freshness", "reconciliation")]
        return changed(self.build(checks=[*checks(), *of_cases]), self.table, **facts)


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
    assert "(flu w1)" in said, "which weeks, so that they can be withheld"
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
    city.weeks = {"w0": dict(FIRST), "w1": dict(FIRST)}
    released(city)
    city.weeks = {"w0": dict(FIRST), "w2": dict(FIRST)}
    released(city)
    city.weeks = {"w0": dict(FIRST), "w1": FIRST | {"a": 8, "all": 15}, "w2": dict(FIRST)}
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


def test_columns_in_another_order_are_compared_by_name(city: CountedCity) -> None:
    released(city)
    judged(city, city.made())
    turned = SAID.model_copy(update={"by": ["week", "disease"]})
    assert judged(city, city.made(small_cells=turned))["cases"].decision == "passed"
    city.weeks["w1"] = FIRST | {"a": 8, "all": 15}
    assert "differ from an earlier release" in reasons(city, city.made(small_cells=turned))


def test_columns_that_mean_something_else_than_when_they_were_shown_refuse(city: CountedCity) -> None:
    released(city)
    judged(city, city.made())
    other = SAID.model_copy(update={"by": ["town", "week"], "cell": "disease"})
    assert "the two cannot be compared" in reasons(city, city.made(small_cells=other))
    fewer = SAID.model_copy(update={"by": ["week"]})
    assert "the two cannot be compared" in reasons(city, city.made(small_cells=fewer))


def test_a_table_that_takes_the_place_of_another_one_refuses(
    city: CountedCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    released(city)
    city.table = "pub_weekly"
    assert "were shown as pub_case, which the build does not have" in reasons(city, city.made())
    monkeypatch.setattr(open_cells, "_readable", lambda lake: [])
    assert "were shown as pub_case" in reasons(city, city.made()), "also when no release of it is left"


def test_a_table_that_shows_other_weeks_only_refuses(city: CountedCity) -> None:
    released(city)
    city.weeks = {"w8": dict(FIRST), "w9": dict(FIRST)}
    assert "2 totals with their cells are none of those that earlier releases show" in reasons(city, city.made())


def test_a_number_that_is_not_declared_refuses(city: CountedCity) -> None:
    city.more = ", deaths decimal(9, 2), day date"
    assert "has numbers that its small_cells do not name: deaths" in reasons(city, city.made())


def test_feeds_about_the_same_people_are_as_private_as_the_one_that_is_not_shared() -> None:
    contracts = load_contracts(Settings().contracts)
    private = open_cells._not_shared(SimpleNamespace(contracts=contracts))  # type: ignore[arg-type]
    said = {name for name, one in contracts.items() if one.citylake.catalogue.share_type == "不予共享"}
    of_residents = {name for name, one in contracts.items() if "health_resident" in open_cells._purposes(one)}
    assert private == said | of_residents
    assert of_residents - said, "appointments and reports are shared on conditions"
    assert {name for name, one in contracts.items() if open_cells._purposes(one)} - private, "not staff or vehicles"
