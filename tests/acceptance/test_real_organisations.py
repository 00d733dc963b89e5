"""Registers of three countries as organisations with history, by the macros the city's own register goes through.

Expected versions and meanings are told one row at a time from the raw files with Python's csv and json.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from tests.support.real_lake import Dropped, Released, release
from warehouse.sql import connect

pytestmark = pytest.mark.faults

COMPANIES = "credit/companies_house_sample/basic-sample.csv"
GLEIF = "credit/gleif_lei_delta/20240505-0000-gleif-goldencopy-lei2-intra-day.json"
CHICAGO = "credit/chicago_business_licenses/Business_Licenses.csv"
SOUTH_BEND = "credit/south_bend_business_licenses/Business_Licenses.csv"

FILES = (
    Dropped(
        "companieshouse.companies",
        COMPANIES,
        "companieshouse/companies/basic-sample_202102.csv",
        datetime(2021, 2, 2, tzinfo=UTC),
        date(2021, 2, 1),
    ),
    Dropped("gleif.lei", GLEIF, f"gleif/lei/{Path(GLEIF).name}", datetime(2024, 5, 5, tzinfo=UTC), date(2024, 5, 5)),
    Dropped(
        "chicago.licences",
        CHICAGO,
        "chicago/licences/Business_Licenses_2018.csv",
        datetime(2018, 3, 1, tzinfo=UTC),
        date(2018, 3, 1),
    ),
    Dropped(
        "southbend.licences",
        SOUTH_BEND,
        "southbend/licences/Business_Licenses_2023.csv",
        datetime(2023, 12, 1, tzinfo=UTC),
        date(2023, 12, 1),
    ),
)


class State(NamedTuple):
    """One row of a register: what it says of which business from when."""

    entity: tuple[str, str]
    recorded: date
    line: str
    name: str
    status: str
    number: str
    approved: date | None = None
    trade_name: str | None = None


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> Released:
    return release(tmp_path_factory.mktemp("organisations"), real_data, FILES, as_of=date(2024, 5, 6))


@pytest.fixture(scope="module")
def db(released: Released) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(released.lake, "internal") as connection:
        yield connection


@pytest.fixture(scope="module")
def states(real_data: Path) -> list[State]:
    """The rows of all four registers."""
    return [
        *companies(_rows(real_data / COMPANIES)),
        *entities(json.loads((real_data / GLEIF).read_text(encoding="utf-8"))["records"]),
        *chicago(_rows(real_data / CHICAGO)),
        *south_bend(_rows(real_data / SOUTH_BEND)),
    ]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return [{(name or "").strip(): value for name, value in row.items()} for row in csv.DictReader(handle)]


def _day(text: str, form: str) -> date:
    return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone


def companies(rows: list[dict[str, str]]) -> Iterator[State]:
    """The newest former name was given up on its date; the oldest name began with the company."""
    for row in rows:
        former = [
            (row[f"PreviousName_{n}.CompanyName"], _day(row[f"PreviousName_{n}.CONDATE"], "%d/%m/%Y"))
            for n in range(1, 11)
            if row[f"PreviousName_{n}.CompanyName"]
        ]
        starts = [*(given_up for _, given_up in former), _day(row["IncorporationDate"], "%d/%m/%Y")]
        number = row["CompanyNumber"]
        for name, start in zip([row["CompanyName"], *(name for name, _ in former)], starts, strict=True):
            yield State(("companieshouse", number), start, "", name, row["CompanyStatus"], number)


def entities(records: list[dict[str, Any]]) -> Iterator[State]:
    for record in records:
        entity, registration = record["Entity"], record["Registration"]
        days = [
            datetime.fromisoformat(registration[key]["$"]).astimezone(UTC).date()
            for key in ("LastUpdateDate", "InitialRegistrationDate")
        ]
        said = (entity["LegalName"]["$"], entity["EntityStatus"]["$"], lei := record["LEI"]["$"])
        yield State(("gleif", lei), days[0], "", *said, approved=days[1])


def chicago(rows: list[dict[str, str]]) -> Iterator[State]:
    for row in rows:
        start = _day(row["LICENSE TERM START DATE"], "%m/%d/%Y")
        said = (row["LEGAL NAME"], row["LICENSE STATUS"], row["LICENSE NUMBER"])
        trade_name = row["DOING BUSINESS AS NAME"]
        yield State(("chicago", row["ACCOUNT NUMBER"]), start, row["ID"], *said, trade_name=trade_name)


def south_bend(rows: list[dict[str, str]]) -> Iterator[State]:
    """Of rows with one licence number and year the first is accepted; headers among the rows are not."""
    accepted: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        if row["License Type"] != "Type Description":
            accepted.setdefault((row["LicenceNumber"], row["year"]), row)
    for (number, year), row in accepted.items():
        name = row["Business Name"].strip()
        entity = ("southbend", " ".join(name.upper().split()))
        yield State(entity, date(int(year), 1, 1), number, name, row["Status"].strip(), number)


def versions(states: list[State]) -> dict[tuple[str, str], list[tuple[date, str, str]]]:
    """Start, name and status of each version, told a state at a time."""
    found: dict[tuple[str, str], list[tuple[date, str, str]]] = defaultdict(list)
    last: dict[tuple[str, str, date], State] = {}
    for state in sorted(states, key=lambda one: (one.recorded, one.line)):
        last[*state.entity, state.recorded] = state
    for state in last.values():
        before = found[state.entity]
        if not before or before[-1][1:] != (state.name, state.status):
            first_known = not before and state.approved and state.approved <= state.recorded
            before.append((state.approved if first_known else state.recorded, state.name, state.status))  # type: ignore[arg-type]
    return found


def test_each_register_gives_its_organisations(
    db: duckdb.DuckDBPyConnection, states: list[State], released: Released
) -> None:
    verdicts = {verdict.product: verdict.decision for verdict in released.verdicts}
    assert verdicts["register"] == "passed"
    counts = db.execute(
        "select register, count(distinct organisation_id), count(*) from dim_registered_organisation "
        "group by all order by all"
    ).fetchall()
    of_register: dict[str, list[list[tuple[date, str, str]]]] = defaultdict(list)
    for (register, _), one in versions(states).items():
        of_register[register].append(one)
    assert counts == sorted((name, len(of), sum(map(len, of))) for name, of in of_register.items())
    assert {name: entities for name, entities, _ in counts} == {
        "chicago": 64,
        "companieshouse": 31,
        "gleif": 549,
        "southbend": 962,
    }


def test_versions_are_those_told_one_row_at_a_time(db: duckdb.DuckDBPyConnection, states: list[State]) -> None:
    rows = db.execute(
        "select register, entity_no, valid_from_date, valid_to_date, is_current, entity_name, status "
        "from dim_registered_organisation order by register, entity_no, valid_from_date"
    ).fetchall()
    found = defaultdict(list)
    for register, entity, *rest in rows:
        found[register, entity].append(tuple(rest))
    expected = {
        entity: [
            (start, end, end is None, name, status)
            for (start, name, status), end in zip(one, [*(later for later, *_ in one[1:]), None], strict=True)
        ]
        for entity, one in versions(states).items()
    }
    assert found.keys() == expected.keys()
    assert {entity: of for entity, of in found.items() if of != expected[entity]} == {}


def test_a_company_is_known_by_its_former_name_on_the_days_it_had_it(db: duckdb.DuckDBPyConnection) -> None:
    asked = (
        "select entity_name from dim_registered_organisation where register = 'companieshouse' "
        "and entity_no = '11191833' and valid_from_date <= $1 and (valid_to_date is null or $1 < valid_to_date)"
    )
    names = [db.execute(asked, [day]).fetchall() for day in (date(2018, 2, 6), date(2018, 4, 24), date(2018, 4, 25))]
    assert names == [[], [('"ALLWELL" NATURAL HEALTH LTD',)], [('"ALLWELL" ORGANIC LTD',)]]


def test_identifiers_mean_one_organisation_or_none(db: duckdb.DuckDBPyConnection, states: list[State]) -> None:
    """A present name is preferred to a former one; what several have equally means none of them."""
    present = {entity: one[-1][1] for entity, one in versions(states).items()}
    claims: dict[tuple[str, str], dict[float, set[tuple[str, str]]]] = defaultdict(lambda: defaultdict(set))
    for state in states:
        claims["registration_no", f"{state.entity[0]} {state.number}"][1.0].add(state.entity)
        claims["name", state.name][0.4].add(state.entity)
        claims["name", present[state.entity]][0.6].add(state.entity)
        if state.trade_name:
            claims["trade_name", state.trade_name][0.4].add(state.entity)
    best = {key: max(by.items()) for key, by in claims.items()}
    rows = db.execute(
        "select identifier_kind, identifier, confidence, organisations, register, entity_no "
        "from dim_registered_identifier left join (select distinct organisation_id, register, entity_no "
        "from dim_registered_organisation) using (organisation_id)"
    ).fetchall()
    found = {(kind, text): (float(trust), n, (register, no)) for kind, text, trust, n, register, no in rows}
    expected = {
        key: (trust, len(of), next(iter(of)) if len(of) == 1 else (None, None)) for key, (trust, of) in best.items()
    }
    assert len(rows) == len(found)
    assert found.keys() == expected.keys()
    assert {key: of for key, of in found.items() if of != expected[key]} == {}
    ambiguous = {key for key, (_, n, _) in found.items() if n > 1}
    assert ("trade_name", "LIBERTY TAX SERVICE") in ambiguous
