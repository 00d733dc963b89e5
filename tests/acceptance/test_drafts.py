"""`contracts init` on real public files: each draft loads as it is and gets the facts of SOURCE.md right.

The accepted contracts beside this test are the measure: what a person had to change is what
differs. Names and prose are a person's in any case and are not compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ingestion.authoring.draft import draft
from ingestion.contract.extension import JsonFormat
from ingestion.contract.load import load_contract
from ingestion.contract.model import Column, Contract
from ingestion.errors import ContractError

ACCEPTED = Path(__file__).parent / "contracts"


@dataclass(frozen=True)
class Case:
    """A real file and the differences from its accepted contract that only a person could know."""

    feed: str
    file: str
    types: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    events: dict[str, str | None] = field(default_factory=dict)


CASES = (
    Case("dxy.area", "health/dxy_covid19_china_area/DXYArea_2020-02-14_ac600b2.csv"),
    Case(
        "gleif.lei",
        "credit/gleif_lei_delta/20240505-0000-gleif-goldencopy-lei2-intra-day.json",
        events={"lei": '$.Entity.EntityCreationDate."$"'},
    ),
    Case(
        "takamatsu.food_permit",
        "food_safety/takamatsu_food_permits/食品営業許可施設一覧（2026.3.31時点）.xlsx",
        events={"food_permit": "初回許可年月日"},
    ),
    Case(
        "prsa.hourly",
        "weather/beijing_prsa_hourly/PRSA_Data_Aotizhongxin_20130301-20170228.csv",
        types=frozenset({"CO"}),
    ),
    Case("sfdph.businesses", "food_safety/sf_lives_inspections/businesses.csv", types=frozenset({"business_id"})),
    Case(
        "sfdph.inspections", "food_safety/sf_lives_inspections/inspections_plus.csv", types=frozenset({"business_id"})
    ),
    Case(
        "sfdph.violations",
        "food_safety/sf_lives_inspections/violations_plus.csv",
        types=frozenset({"business_id", "ViolationTypeID"}),
        keys=frozenset({"business_id", "date", "ViolationTypeID"}),
    ),
    Case(
        "fsa.ratings",
        "food_safety/uk_fhrs_xml/FHRS414en-GB.xml",
        types=frozenset({"FHRSID", "BusinessTypeID"}),
        keys=frozenset({"FHRSID", "LocalAuthorityBusinessID"}),
    ),
)


def _case(feed: str) -> Case:
    return next(case for case in CASES if case.feed == feed)


@pytest.fixture(params=CASES, ids=lambda case: case.feed)
def case(request: pytest.FixtureRequest) -> Case:
    """One real file."""
    chosen: Case = request.param
    return chosen


def _drafted(case: Case, real_data: Path, tmp_path: Path) -> tuple[str, Contract]:
    department, feed = case.feed.split(".")
    text = draft(real_data / case.file, department=department, feed=feed)
    path = tmp_path / f"{feed}.yaml"
    path.write_text(text, encoding="utf-8")
    return text, load_contract(path)


def _origin(column: Column) -> str:
    return column.spec.path or column.source or "derived"


def test_draft_differs_only_where_a_person_must_know(case: Case, real_data: Path, tmp_path: Path) -> None:
    department, feed = case.feed.split(".")
    accepted = load_contract(ACCEPTED / department / f"{feed}.yaml")
    text, contract = _drafted(case, real_data, tmp_path)
    assert contract.citylake.format == accepted.citylake.format
    for table in accepted.tables:
        drafted = next(t for t in contract.tables if t.source == table.source)
        columns = {_origin(c): c for c in drafted.columns}
        wanted = {_origin(c): c for c in table.columns}
        assert set(wanted) <= set(columns)
        assert {o for o, c in wanted.items() if c.type != columns[o].type} == case.types
        assert {o for o, c in wanted.items() if c.primary_key != columns[o].primary_key} == case.keys
        assert {o for o, c in wanted.items() if bool(c.spec.format) > bool(columns[o].spec.format)} == set()
        events = [_origin(t.column(t.event_time)) if t.event_time else None for t in (table, drafted)]
        assert case.events.get(table.name, events[0]) == events[1]
    assert "# guess:" in text


def test_personal_looking_columns_of_a_real_register(real_data: Path, tmp_path: Path) -> None:
    text, contract = _drafted(_case("sfdph.businesses"), real_data, tmp_path)
    phone = contract.tables[0].column("phone_number")
    assert phone.spec.deidentify is not None
    assert "+1415" not in text


def test_json_records_are_found(real_data: Path, tmp_path: Path) -> None:
    _, contract = _drafted(_case("gleif.lei"), real_data, tmp_path)
    assert isinstance(contract.citylake.format, JsonFormat)
    assert contract.citylake.format.records == "$.records"


def test_gtfs_draft(real_data: Path, tmp_path: Path) -> None:
    text, contract = _drafted(Case("soundtransit.gtfs", "transport/gtfs_sound_transit/gtfs.zip"), real_data, tmp_path)
    keys = {t.source: t.key for t in contract.tables}
    assert {name: keys[f"{name}.txt"] for name in ("stops", "routes", "trips", "stop_times", "shapes", "calendar")} == {
        "stops": ("stop_id",),
        "routes": ("route_id",),
        "trips": ("trip_id",),
        "stop_times": ("trip_id", "stop_sequence"),
        "shapes": ("shape_id", "shape_pt_sequence"),
        "calendar": ("service_id",),
    }
    times = contract.table("stop_times").column("arrival_seconds")
    assert (times.type, times.spec.format, times.source) == ("INTEGER", "gtfs_time", "arrival_time")
    assert "# left out: modifications.txt: cannot be read as a table" in text


def test_fixed_width_is_said_not_guessed(real_data: Path) -> None:
    with pytest.raises(ContractError, match="every line has 269 characters and no delimiter") as caught:
        draft(real_data / "weather/noaa_ghcnd_central_park/USW00094728.dly", department="noaa", feed="ghcnd")
    assert "fixed_width" in str(caught.value)


PERSONAL_PATHS = {
    "health/fhir_bulk_synthea_10/Patient.000.ndjson": r"^(id|name|telecom|identifier|address|birthDate|gender)$"
    r"|text\.div|extension|communication|maritalStatus",
    "health/fhir_bulk_synthea_10/Encounter.000.ndjson": r"subject|participant|identifier|reference|^id$",
    "health/fhir_bulk_synthea_10/Practitioner.000.ndjson": r"^(id|name|telecom|identifier|address)$",
    "credit/gleif_lei_delta/20240505-0000-gleif-goldencopy-lei2-intra-day.json": r"Address",
    "food_safety/sf_lives_inspections/businesses.csv": r"^(name|address|phone_number|postal_code)$",
    "food_safety/takamatsu_food_permits/食品営業許可施設一覧（2026.3.31時点）.xlsx": r"営業者|所在地|電話|郵便",
}


@pytest.mark.parametrize("file", PERSONAL_PATHS)
def test_a_personal_path_is_never_public_and_always_asked_about(real_data: Path, tmp_path: Path, file: str) -> None:
    drafted = draft(real_data / file, department="d", feed="f")
    target = tmp_path / "f.yaml"
    target.write_text(drafted, encoding="utf-8")
    sources = [column.source or "" for column in load_contract(target).tables[0].columns]
    lines = re.findall(r"^        classification: (\w+)(.*)$", drafted, re.MULTILINE)
    said = dict(zip(sources, lines, strict=True))
    wanted = {source: line for source, line in said.items() if re.search(PERSONAL_PATHS[file], source)}
    assert wanted
    assert {source for source, (kind, rest) in wanted.items() if kind != "personal" or "decide:" not in rest} == set()
    kept = [source for source, (_, rest) in said.items() if "kept as JSON text" in rest]
    assert all(said[source][0] == "personal" and "decide:" in said[source][1] for source in kept)
