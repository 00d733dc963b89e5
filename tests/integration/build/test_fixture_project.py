"""The fixture project itself: whole days of three feeds give three products, and a bad day blocks one of them."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from ingestion.authoring.check import check
from ingestion.contract.load import load_contracts
from tests.support import office
from tests.support.lake_state import state_of
from tests.support.office import CALL_COUNT, CALLS, DBT_PROJECT, FIRST, OFFICE_COUNT, OFFICES, READING_COUNT, READINGS
from warehouse.modelling.sources import source_files
from warehouse.release import pointer
from warehouse.run import run

CHINESE = re.compile(r"[\u4e00-\u9fff]")
SECOND = FIRST + timedelta(days=1)


def released(lake: office.Lake, edition: str) -> dict[str, int]:
    manifest = pointer.current(lake, edition)
    assert manifest is not None
    return {name: entry.rows for name, entry in manifest.tables.items()}


@pytest.mark.faults
def test_whole_days_are_released_and_a_bad_day_blocks_its_product_only(tmp_path: Path) -> None:
    lake = office.lake(tmp_path)
    office.deliver(tmp_path / "drop", FIRST)
    first = run(lake, FIRST)
    counts = {d.feed: (d.received, d.accepted, d.quarantined, d.duplicates) for d in first.deliveries}
    assert counts == {
        office.REGISTER: (OFFICE_COUNT, OFFICE_COUNT, 0, 0),
        office.READING: (READING_COUNT + 2, READING_COUNT, 1, 1),
        office.CALL: (CALL_COUNT, CALL_COUNT, 0, 0),
    }
    assert {v.product: v.decision for v in first.verdicts} == dict.fromkeys((OFFICES, READINGS, CALLS), "passed")
    whole = {
        "dim_office": OFFICE_COUNT,
        "fct_reading": READING_COUNT,
        # The reading at 21:00 belongs to the next billing day.
        "mart_office_daily": 2 * OFFICE_COUNT,
        "pub_reading": READING_COUNT,
        "fct_call": CALL_COUNT,
        "mart_call_daily": 2,
    }
    assert released(lake, "internal") == whole
    assert released(lake, "open") == {"pub_reading": READING_COUNT}

    office.deliver(tmp_path / "drop", SECOND, above_range=[office.READING])
    second = run(lake, SECOND)
    assert {v.product: v.decision for v in second.verdicts} == {
        OFFICES: "passed",
        READINGS: "blocked",
        CALLS: "passed",
    }
    refusing = [c.name for v in second.verdicts for c in v.checks if c.status == "failed"]
    assert [name.split("_energy")[0] for name in refusing] == ["value_between_fct_reading"]
    assert released(lake, "internal") == whole | {"fct_call": 2 * CALL_COUNT, "mart_call_daily": 4}
    assert released(lake, "open") == {"pub_reading": READING_COUNT}

    office.deliver(tmp_path / "drop", SECOND, feeds=[office.READING], correction=1)
    repaired = run(lake, SECOND)
    assert repaired.exit_code == 0
    assert released(lake, "internal")["fct_reading"] == 2 * READING_COUNT


@pytest.mark.faults
def test_any_number_of_threads_gives_the_same_rows(tmp_path: Path) -> None:
    """Both tiers run with one thread an engine; a lake runs with as many as its settings say."""
    states = []
    for threads in (1, 4):
        home = tmp_path / str(threads)
        lake = office.opened(office.settings(home).model_copy(update={"threads": threads}))
        for number in range(2):
            assert run(lake, office.arrive(home / "drop", number)).exit_code == 0
        states.append(state_of(lake))
    assert states[0] == states[1]


@pytest.mark.parametrize(
    ("given", "outcomes"),
    [
        ({"refused": office.FEEDS}, {"refused"}),
        ({"correction": 2}, {"accepted"}),
    ],
)
def test_a_days_files_are_taken_in_as_they_were_made(
    tmp_path: Path, given: dict[str, object], outcomes: set[str]
) -> None:
    from ingestion.delivery.ingest import ingest_interval

    lake = office.lake(tmp_path)
    made = office.deliver(tmp_path / "drop", FIRST, **given)  # type: ignore[arg-type]
    (tmp_path / "again").mkdir()
    again = office.deliver(tmp_path / "again", FIRST, **given)  # type: ignore[arg-type]
    assert {feed: path.read_bytes() for feed, path in made.items()} == {f: p.read_bytes() for f, p in again.items()}
    for feed in office.FEEDS:
        contract = lake.contracts[feed]
        (interval,) = contract.calendar.meeting(FIRST)
        (delivery,) = ingest_interval(lake, contract, interval)
        assert delivery.outcome in outcomes, delivery


def test_contracts_keep_the_house_rules_and_the_sources_follow_them() -> None:
    assert check(office.CONTRACTS) == []
    contracts = load_contracts(office.CONTRACTS)
    assert set(contracts) == set(office.FEEDS)
    assert all(contract.citylake.synthetic for contract in contracts.values())
    for path, text in source_files(contracts, DBT_PROJECT).items():
        assert path.read_text(encoding="utf-8") == text, f"write what source_files gives into {path.name}"


@pytest.mark.parametrize("path", sorted((DBT_PROJECT / "models").rglob("*.sql")), ids=lambda path: path.stem)
def test_models_keep_the_house_rules(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ("source(" in text) == (path.parent.parent.name == "staging")
    assert text.endswith("\nselect * from final\n")
    (model,) = yaml.safe_load(path.with_suffix(".yml").read_text(encoding="utf-8"))["models"]
    assert model["name"] == path.stem
    assert "Grain: " in model["description"]
    described = [model["description"], *(column["description"] for column in model["columns"])]
    assert [said for said in described if not (" · " in said and CHINESE.search(said))] == []
    assert [test for test in model["data_tests"] if "primary_key" in test]
