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
    assert f"{prefix}_copy.yml: columns: who: a pseudonym of what only restricted models may show" in found
    assert f"{prefix}_copy.yml: key: one row for each of the restricted fct_reading (reading_id)" in found


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
