"""What a restricted model may be, and that no other table shows it row by row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ingestion.contract.extension import Deidentify
from ingestion.contract.load import load_contracts
from ingestion.contract.model import Contract
from ingestion.errors import ConfigurationError
from tests.support import office
from tests.unit.warehouse.modelling.test_files import FACT, FACT_SAID, MART, MART_SAID, READING, models, write
from warehouse.modelling.files import generated_files

RESTRICTED = f"{FACT_SAID}edition: restricted\n"
COPY = """with

readings as (
    select * from {{ ref('fct_reading') }}
),

final as (
    select
        readings.reading_id,
        readings.read_date as usage_date,
        readings.office_code as who
    from readings
)

select * from final
"""
COPY_SAID = """description: 抄录 · A copy.
grain: one row a reading
key: [reading_id, usage_date]
reconciled: [{total: readings, of: fct_reading}]
"""
STAGED = COPY.replace("fct_reading", "stg_office__reading").replace("readings.reading_id", "readings.read_at")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    write(folder, fct_reading=FACT, fct_reading__said=RESTRICTED, mart_usage=MART, mart_usage__said=MART_SAID)
    return folder


@pytest.fixture
def contracts() -> dict[str, Contract]:
    """As they are shipped with the tests, but the office of a reading is a person."""
    shipped = load_contracts(office.CONTRACTS)
    contract = shipped[READING]
    rule = Deidentify(method="pseudonym", purpose="person")
    (table,) = contract.tables
    columns = tuple(
        replace(one, spec=one.spec.model_copy(update={"deidentify": rule})) if one.name == "office_code" else one
        for one in table.columns
    )
    return shipped | {READING: replace(contract, tables=(replace(table, columns=columns),))}


def problems(contracts: dict[str, Contract], project: Path) -> str:
    with pytest.raises(ConfigurationError) as found:
        generated_files(contracts, project)
    return str(found.value)


def test_counts_of_groups_may_be_read_by_others(contracts: dict[str, Contract], project: Path) -> None:
    grouped = (
        MART.replace("        office_code,\n", "")
        .replace("office_code, ", "")
        .replace("        days.office_code,\n", "")
    )
    write(project, mart_usage=grouped, mart_usage__said=MART_SAID.replace("office_code, ", ""))
    found = models(generated_files(contracts, project), "meters")
    assert found["fct_reading"]["config"]["meta"]["citylake"]["edition"] == "restricted"
    assert "edition" not in found["mart_usage"]["config"]["meta"]["citylake"]


def test_a_pseudonym_is_shown_by_restricted_models_alone(contracts: dict[str, Contract], project: Path) -> None:
    assert "mart_usage.yml: columns: office_code: a pseudonym" in problems(contracts, project)
    write(project, mart_usage__said=f"{MART_SAID}edition: restricted\n")
    assert set(models(generated_files(contracts, project), "meters")) == {"fct_reading", "mart_usage"}


@pytest.mark.parametrize("prefix", ["mart", "fct", "dim", "gov", "pub"])
def test_neither_renaming_nor_another_kind_helps(contracts: dict[str, Contract], project: Path, prefix: str) -> None:
    write(project, mart_usage__said=f"{MART_SAID}edition: restricted\n")
    write(project, **{f"{prefix}_copy": COPY, f"{prefix}_copy__said": COPY_SAID})
    found = problems(contracts, project)
    assert f"{prefix}_copy.yml: columns: reading_id, who: a pseudonym of what only restricted models may show" in found
    assert f"{prefix}_copy.yml: key: one row for each of the restricted fct_reading (reading_id)" in found


def mart(value: str, name: str = "who", *, of: str = "fct_reading") -> str:
    """SQL of a mart with a row for each of a model, `name` being the value."""
    return (
        COPY.replace("fct_reading", of)
        .replace("readings.reading_id", "row_number() over (order by readings.read_at) as row_no")
        .replace("readings.office_code as who", f"{value} as {name}")
    )


ROWS_SAID = COPY_SAID.replace("reading_id, usage_date", "row_no")


@pytest.mark.parametrize(
    "value",
    [
        "upper(readings.office_code)",
        "{{ natural_key(['readings.office_code']) }}",
        "case when readings.read_at is not null then {{ natural_key([\"coalesce(office_code, '-')\"]) }} end",
        "max(office_code) over (partition by readings.read_at)",
        "dense_rank() over (order by office_code)",
        "(select max(office_code) from readings)",
        "list(office_code) filter (where readings.read_at is not null)",
    ],
)
def test_an_expression_of_a_pseudonym_is_one(contracts: dict[str, Contract], project: Path, value: str) -> None:
    write(project, mart_usage__said=f"{MART_SAID}edition: restricted\n")
    write(project, mart_copy=mart(value), mart_copy__said=ROWS_SAID)
    assert "mart_copy.yml: columns: who: a pseudonym" in problems(contracts, project)
    write(project, mart_copy=mart(value, of="stg_office__reading"))
    assert "mart_copy.yml: columns: who: a pseudonym" in problems(contracts, project)


def test_a_pseudonym_is_one_through_ctes_unions_subqueries_and_other_models(
    contracts: dict[str, Contract], project: Path
) -> None:
    write(project, mart_usage__said=f"{MART_SAID}edition: restricted\n")
    through = """with

readings as (
    select * from {{ ref('fct_reading') }}
),

both as (
    select
        'x' as person,
        read_at
    from readings
    union all
    select
        md5(inside.one) as person,
        read_at
    from (select office_code as one, read_at from readings) as inside
),

again as (
    select * rename (person as who) from both
),

final as (
    select
        again.read_at,
        again.who
    from again
)

select * from final
"""
    said = COPY_SAID.replace("reading_id, usage_date", "read_at").replace("readings, of", "rows, of")
    passed = through.replace("fct_reading", "int_person").replace("office_code", "who")
    write(project, int_person=through, int_person__said=said, mart_person=passed, mart_person__said=said)
    found = problems(contracts, project)
    assert "mart_person.yml: columns: who: a pseudonym" in found
    assert "int_person.yml: columns: who: a pseudonym" not in found


def test_sql_that_cannot_be_followed_is_refused(contracts: dict[str, Contract], project: Path) -> None:
    twice = mart("upper(office_code)").replace("    from readings\n", "    from readings\n    cross join readings\n")
    write(project, mart_copy=twice, mart_copy__said=ROWS_SAID)
    assert "mart_copy.sql: its columns cannot be followed" in problems(contracts, project)


def test_what_counts_or_compares_a_pseudonym_is_none(contracts: dict[str, Contract], project: Path) -> None:
    write(project, mart_usage__said=f"{MART_SAID}edition: restricted\n")
    said = f"{ROWS_SAID}columns:\n  row_no: 行号 · Number.\n  who: 数 · Some.\n  usage_date: 日 · Day.\n"
    for value in (
        "count(distinct readings.office_code) over (partition by readings.read_date)",
        "readings.office_code is null",
        "case when readings.office_code = 'x' then 1 else 0 end",
        "sum(readings.used_kwh) over (partition by readings.office_code)",
    ):
        write(project, mart_copy=mart(value), mart_copy__said=said)
        generated_files(contracts, project)


NAMED = "readings.reading_id as contact_id"


@pytest.mark.parametrize(
    ("column", "wrong"),
    [
        (NAMED, "key: one row for each of the restricted fct_reading (reading_id)"),
        (NAMED.replace("readings.reading_id", "md5(reading_id)"), "columns: contact_id: made of the key of"),
    ],
)
def test_the_key_of_a_restricted_model_is_known_by_lineage(project: Path, column: str, wrong: str) -> None:
    """With the contracts as they are, whose offices are no persons."""
    shipped = load_contracts(office.CONTRACTS)
    write(project, mart_copy=COPY.replace("readings.reading_id", column))
    write(project, mart_copy__said=COPY_SAID.replace("reading_id, usage_date", "contact_id"))
    assert f"mart_copy.yml: {wrong}" in problems(shipped, project)


def test_the_key_upstream_of_a_restricted_model_is_its_key(project: Path) -> None:
    shipped = load_contracts(office.CONTRACTS)
    under = FACT_SAID.replace("fresh: {within_days: 2}\n", "").replace("day_column: read_date\n", "")
    write(project, int_reading=FACT, int_reading__said=under)
    write(project, fct_reading=FACT.replace("stg_office__reading", "int_reading").replace(
        "{{ natural_key(['office_code', 'read_at']) }} as ", "").replace("energy_kwh as ", ""))  # fmt: skip
    said = COPY_SAID.replace("reading_id, usage_date", "contact_id").replace("of: fct_reading", "of: int_reading")
    write(project, mart_copy=COPY.replace("fct_reading", "int_reading").replace("readings.reading_id", NAMED))
    write(project, mart_copy__said=said)
    assert "mart_copy.yml: columns: contact_id: made of the key of the restricted fct_reading" in problems(
        shipped, project
    )
    write(project, fct_reading__said=FACT_SAID)  # it is open to readers inside, so nothing is wrong
    generated_files(shipped, project)


def test_the_number_that_a_restricted_key_is_made_of_is_that_key(project: Path) -> None:
    shipped = load_contracts(office.CONTRACTS)
    write(project, mart_copy=STAGED, mart_copy__said=COPY_SAID.replace("reading_id", "read_at"))
    generated_files(shipped, project)
    write(project, fct_reading=FACT.replace("(['office_code', 'read_at'])", "(['read_at'])"))
    assert "mart_copy.yml: columns: read_at: made of the key of the restricted fct_reading" in problems(
        shipped, project
    )


def test_a_restricted_summary_closes_no_table_that_it_is_made_of(project: Path) -> None:
    shipped = load_contracts(office.CONTRACTS)
    write(project, fct_reading__said=FACT_SAID, mart_usage__said=f"{MART_SAID}edition: restricted\n")
    generated_files(shipped, project)


def test_going_around_the_restricted_model_does_not_help(contracts: dict[str, Contract], project: Path) -> None:
    write(project, mart_usage__said=f"{MART_SAID}edition: restricted\n")
    write(project, mart_copy=STAGED, mart_copy__said=COPY_SAID.replace("reading_id", "read_at"))
    assert "mart_copy.yml: columns: who: a pseudonym" in problems(contracts, project)


def test_a_restricted_model_is_a_released_one_and_not_for_everybody(
    contracts: dict[str, Contract], project: Path
) -> None:
    said = f"{COPY_SAID}edition: restricted\n"
    write(project, mart_usage__said=f"{MART_SAID}edition: restricted\n")
    write(project, pub_copy=COPY, pub_copy__said=said, int_copy=COPY, int_copy__said=said)
    found = problems(contracts, project)
    assert "pub_copy.yml: edition: pub_copy is for everybody by its name" in found
    assert "int_copy.yml: edition: int_copy is in no edition" in found
    write(project, pub_copy__said=f"{COPY_SAID}edition: secret\n")
    assert "secret" in problems(contracts, project)
