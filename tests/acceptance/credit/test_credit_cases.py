"""Cases of credit worked by hand, each through the SQL of the models: `penalty_cases.csv`, `permit_cases.csv`.

A case is one decision with its reports and its repair; the reasoning stands beside what is expected. Publicity is
half-open: the expected end is the first day the decision is not shown.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.contract.load import load_contracts
from ingestion.settings import Settings
from tests.support.model_tables import ModelTables

HERE = Path(__file__).parent
AS_OF = "2026-03-04"
IDENTIFIERS = {"identifier_kind": "varchar", "identifier": "varchar", "organisation_id": "varchar"}

PENALTY = "penalty_class, declared_publicity_end: cast(declared_end as date)"
CORRECTED = "replace (coalesce(later_class, penalty_class) as penalty_class)"
PERMIT = "valid_to: cast(valid_to as date)"


def cases(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


PENALTIES, PERMITS = cases("penalty_cases.csv"), cases("permit_cases.csv")


@pytest.fixture(scope="module")
def tables() -> Iterator[ModelTables]:
    """Staging as the cases report it, and models above it as they are asked for; the register knows no organisation."""
    settings = Settings()
    with duckdb.connect() as connection:
        found = ModelTables(connection, settings.dbt_project, load_contracts(settings.contracts), AS_OF)
        found.give("dim_organisation_identifier", IDENTIFIERS)
        for name in ("penalty", "permit"):
            connection.read_csv(str(HERE / f"{name}_cases.csv"), header=True, all_varchar=True).create(f"{name}_case")
        found.insert("stg_fgj__admin_penalties", reports("penalty", PENALTY, CORRECTED))
        found.insert("stg_fgj__admin_permits", reports("permit", PERMIT, ""))
        found.insert(
            "stg_fgj__credit_repairs",
            """select repair_id: 'R' || case_no, penalty_doc_no: case_no, uscc: repair_uscc, result: repair_result,
                decided_date: cast(repair_date as date), reported_at: timestamptz '2026-02-01 00:00:00+08',
                reported_date: date '2026-02-01', _batch_id: 'r'
            from penalty_case where repair_result is not null""",
        )
        yield found


def reports(kind: str, said: str, corrected: str) -> str:
    """The reports of the cases: the first, and where a case has them a later and a last one of another status.

    `said` are columns of that kind of decision, `corrected` those that the later report says otherwise.
    """
    return f"""
        with report as (
            select *, reported as day, '0' as status, 'a' as batch from {kind}_case
            union all
            select * {corrected}, later_reported, later_status, 'b' from {kind}_case where later_reported is not null
            union all
            select *, last_reported, last_status, 'c' from {kind}_case where last_reported is not null
        )
        select doc_no: case_no, party_kind, party_name, uscc, authority, authority_code: '11442000', source_unit: 'u',
            {said}, decision_date: cast(decision_date as date), status, _batch_id: batch,
            reported_date: cast(day as date), reported_at: cast(day || ' 09:00:00+08' as timestamptz)
        from report"""


def found(tables: ModelTables, model: str, case: dict[str, str], columns: list[str]) -> list[Any]:
    (row,) = tables.rows(model, ", ".join(columns), f"doc_no = '{case['case_no']}'")
    return ["" if value is None else str(value).lower() if isinstance(value, bool) else str(value) for value in row]


EXPECTED = {
    "rule_id": "rule_id",
    "min_end": "publicity_min_end_date",
    "publicity_end": "publicity_end_date",
    "ended_by": "publicity_ended_by",
    "withheld": "withheld_because",
    "is_late": "is_late",
}


@pytest.mark.parametrize("case", PENALTIES, ids=[f"{case['case_no']} {case['title']}" for case in PENALTIES])
def test_penalty(tables: ModelTables, case: dict[str, str]) -> None:
    expected = [case[name] for name in EXPECTED]
    assert found(tables, "fct_penalty", case, list(EXPECTED.values())) == expected, case["reasoning"]


@pytest.mark.parametrize("case", PERMITS, ids=[f"{case['case_no']} {case['title']}" for case in PERMITS])
def test_permit(tables: ModelTables, case: dict[str, str]) -> None:
    names = {name: column for name, column in EXPECTED.items() if name in case}
    assert found(tables, "fct_permit", case, list(names.values())) == [case[name] for name in names], case["reasoning"]


def test_a_record_is_shown_to_its_last_day_and_not_on_the_next(tables: ModelTables) -> None:
    """C1: what the open edition holds the day before each end and on it, by the cases alone."""
    for model, every in (("pub_credit_penalty", PENALTIES), ("pub_credit_permit", PERMITS)):
        for end in {date.fromisoformat(case["publicity_end"]) for case in every}:
            for day in (str(end - timedelta(days=1)), str(end)):
                shown = [c["case_no"] for c in every if c["decision_date"] <= day < c["publicity_end"]]
                assert [doc_no for (doc_no,) in tables.rows_on(day, model, "doc_no")] == sorted(shown), (model, day)


def test_the_open_edition_has_no_person_and_no_free_text(tables: ModelTables) -> None:
    contracts = load_contracts(Settings().contracts).values()
    kept_back = {
        column.name
        for contract in contracts
        for table in contract.tables
        for column in table.columns
        if column.classification in ("personal", "sensitive") or column.name in ("tax_no", "basis", "licence_revoked")
    }
    for model, every in (("pub_credit_penalty", PENALTIES), ("pub_credit_permit", PERMITS)):
        tables.rows(model)
        columns = {name for name, *_ in tables.connection.execute(f"describe {model}").fetchall()}
        assert not {name for name in columns if name in kept_back or "pseudonym" in name or name.startswith("_")}
        persons = {case["case_no"] for case in every if case["party_kind"] == "自然人"}
        assert persons
        assert not persons & {doc_no for (doc_no,) in tables.rows_on("2025-06-01", model, "doc_no")}


def test_gaps_are_counted(tables: ModelTables) -> None:
    found = {
        (kind, gap): number for kind, gap, number in tables.rows("gov_mart_credit_gap", "record_kind, gap, gaps_found")
    }
    assert found["penalty", "rule_missing"] == 1
    assert found["penalty", "class_unknown"] == 1
    assert found["repair", "party_different"] == 1
    assert found["repair", "granted_before_minimum"] == len({"C02", "C04", "C14", "C36"})
    assert found["penalty", "declared_end_different"] == len({"C13"})
    assert found["authority", "authority_unknown"] == 1


def test_nothing_is_lost_on_the_way(tables: ModelTables) -> None:
    for fact, reported in (("fct_penalty", "int_penalty_reported"), ("fct_permit", "int_permit_reported")):
        assert tables.rows(fact, "sum(reports)") == tables.rows(reported, "count(*)")
    received = tables.rows("mart_double_publicity", "sum(received), sum(late)")
    late = [case for case in (*PENALTIES, *PERMITS) if case["is_late"] == "true"]
    assert received == [(len(PENALTIES) + len(PERMITS), len(late))]
    areas = tables.rows("mart_credit_area", "sum(permits), sum(penalties), sum(list_memberships)")
    assert areas == [(len(PERMITS), len(PENALTIES), 0)]


def test_cases_say_why_and_are_all_different() -> None:
    every = [*PENALTIES, *PERMITS]
    assert len({case["case_no"] for case in every}) == len(every) > 20
    assert all(len(case["reasoning"]) > 30 for case in every)
