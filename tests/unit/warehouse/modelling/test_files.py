"""What is generated from contracts and declarations: texts along lineage, checks, data products, messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.generate import stale
from ingestion.contract.extension import TableSpec
from ingestion.contract.load import load_contracts
from ingestion.contract.model import Contract
from ingestion.errors import ConfigurationError
from tests.support import office
from warehouse.modelling.facts import CALENDAR, CALENDAR_KEY
from warehouse.modelling.files import generated_files, generated_paths

FACT = """with

readings as (
    select * from {{ ref('stg_office__reading') }}
),

final as (
    select
        {{ natural_key(['office_code', 'read_at']) }} as reading_id,
        office_code,
        read_at,
        read_date,
        energy_kwh as used_kwh
    from readings
)

select * from final
"""
FACT_SAID = """description: 电表读数 · Readings.
grain: one row an office and moment
key: reading_id
day_column: read_date
fresh: {within_days: 2}
reconciled: [{receipts: office.reading}]
columns:
  reading_id: 读数标识 · Durable id.
  used_kwh: {between: [0, 12.5], severity: warn}
"""
MART = """with

readings as (
    select * from {{ ref('fct_reading') }}
),

days as (
    select
        office_code,
        read_date as usage_date,
        count(*) as readings,
        sum(used_kwh) as used_kwh
    from readings
    group by office_code, read_date
),

final as (
    select
        days.office_code,
        days.usage_date,
        days.readings,
        days.used_kwh
    from days
)

select * from final
"""
MART_SAID = """description: 逐日用电 · Electricity of a day.
grain: one row an office and day
key: [office_code, usage_date]
full_rebuild: {budget_seconds: 5, why: small}
reconciled:
  - {total: readings, of: fct_reading}
  - {rows: dim_other}
columns:
  readings: 读数数 · Readings.
  used_kwh: 用电量 · Of the day.
"""


READING = "office.reading"
Contracts = dict[str, Contract]


def write(project: Path, **texts: str) -> None:
    """Files of the marts folder `meters` by model name; `__said` gives the declaration."""
    for name, text in texts.items():
        model, _, said = name.partition("__said")
        path = project / "models" / "marts" / "meters" / f"{model}.{'yml' if name.endswith('said') else 'sql'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        assert not said


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    write(folder, fct_reading=FACT, fct_reading__said=FACT_SAID, mart_usage=MART, mart_usage__said=MART_SAID)
    return folder


@pytest.fixture
def contracts() -> dict[str, Contract]:
    return load_contracts(office.CONTRACTS)


def models(files: Mapping[Path, str], folder: str) -> dict[str, dict[str, Any]]:
    (text,) = (text for path, text in files.items() if path.name == f"_{folder}__models.yml")
    return {model["name"]: model for model in yaml.safe_load(text)["models"]}


def columns(model: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {column["name"]: column for column in model["columns"]}


def staged(contracts: Contracts, **said: Any) -> Contracts:
    """The contracts with something else said of the staging model of the readings."""
    contract = contracts[READING]
    spec = contract.citylake.tables["reading"]
    tables = {"reading": TableSpec.model_validate(spec.model_dump() | {"staging": said})}
    citylake = contract.citylake.model_copy(update={"tables": tables})
    return contracts | {READING: replace(contract, citylake=citylake)}


def test_staging_renames_and_is_described_by_the_contract(contracts: Contracts, project: Path) -> None:
    said = {"model": "meters", "columns": {"energy_kwh": "used_kwh", "_event_date": "day"}}
    files = generated_files(staged(contracts, **said), project.with_name("other"))
    (sql,) = (text for path, text in files.items() if path.name == "stg_office__meters.sql")
    wanted = ["office_code", "read_at", "_event_date as day", "energy_kwh as used_kwh", "_batch_id", "_loaded_at"]
    assert [line.strip(" ,") for line in sql.split("select\n")[1].split("    from")[0].splitlines()] == wanted
    model = models(files, "office")["stg_office__meters"]
    assert model["config"] == {"group": "readings"}
    assert model["data_tests"] == [{"primary_key": {"arguments": {"columns": ["office_code", "read_at"]}}}]
    assert model["description"].endswith("\nGrain: one row per office and moment.\n")
    used = columns(model)["used_kwh"]
    assert used["description"].startswith("用电量(千瓦时) · Energy used")
    assert used["config"] == {"meta": {"classification": "public"}}


def test_the_key_of_events_holds_within_their_day(contracts: Contracts, project: Path) -> None:
    call = models(generated_files(contracts, project), "office")["stg_office__call"]
    (key,) = (test["primary_key"]["arguments"]["columns"] for test in call["data_tests"])
    contract = contracts["office.call"]
    assert key == [*contract.tables[0].key, f"{contract.tables[0].event_time}".replace("_at", "_date")]


def test_texts_follow_lineage_through_renames_and_ctes(contracts: Contracts, project: Path) -> None:
    found = models(generated_files(contracts, project), "meters")
    staging = columns(models(generated_files(contracts, project), "office")["stg_office__reading"])
    fact, mart = columns(found["fct_reading"]), columns(found["mart_usage"])
    assert fact["used_kwh"]["description"] == staging["energy_kwh"]["description"]
    assert mart["usage_date"]["description"] == staging["read_date"]["description"]
    assert mart["office_code"]["config"] == {"meta": {"classification": "public"}}
    assert mart["used_kwh"]["description"] == "用电量 · Of the day."
    assert fact["reading_id"] == {"name": "reading_id", "description": "读数标识 · Durable id."}


def test_checks_and_settings_follow_the_declaration(contracts: Contracts, project: Path) -> None:
    found = models(generated_files(contracts, project), "meters")
    fact, mart = found["fct_reading"], found["mart_usage"]
    assert fact["config"] == {
        "group": "meters",
        "materialized": "incremental",
        "incremental_strategy": "affected_days",
        "meta": {"citylake": {"feeds": [READING], "day_column": "read_date"}},
    }
    receipts = {"feed": READING, "table_name": "reading", "day_column": "read_date"}
    assert fact["data_tests"] == [
        {"primary_key": {"arguments": {"columns": ["reading_id"]}}},
        {"content_is_fresh": {"arguments": {"within_days": 2, "day_column": "read_date"}}},
        {"row_count_equals_receipts": {"arguments": receipts}},
    ]
    between = {"arguments": {"low": 0, "high": 12.5}, "config": {"severity": "warn"}}
    assert columns(fact)["used_kwh"]["data_tests"] == [{"value_between": between}]
    assert mart["config"]["meta"] == {"citylake": {"full_rebuild": {"budget_seconds": 5, "why": "small"}}}
    assert mart["data_tests"][1:] == [
        {"total_equals": {"arguments": {"measure": "readings", "to": "ref('fct_reading')"}}},
        {"row_count_equals": {"arguments": {"to": "ref('dim_other')"}}},
    ]


OPEN = """with

usage as (
    select * from {{ ref('mart_usage') }}
),

final as (
    select
        office_code,
        usage_date,
        readings
    from usage
)

select * from final
"""
OPEN_SAID = """description: 开放用电 · Open.
grain: one row an office and day
key: [office_code, usage_date]
expires: {column: usage_date, ended_by: mart_usage}
"""


def test_rows_that_leave_are_declared_with_the_key(contracts: Contracts, project: Path) -> None:
    write(project, pub_usage=OPEN, pub_usage__said=OPEN_SAID)
    config = models(generated_files(contracts, project), "meters")["pub_usage"]["config"]
    expires = {"column": "usage_date", "ended_by": "mart_usage", "key": ["office_code", "usage_date"]}
    assert config["meta"] == {"citylake": {"expires": expires}}
    write(project, pub_usage__said=OPEN_SAID.replace(", ended_by: mart_usage", ""))
    config = models(generated_files(contracts, project), "meters")["pub_usage"]["config"]
    assert config["meta"]["citylake"]["expires"] == {"column": "usage_date", "key": ["office_code", "usage_date"]}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("column: usage_date", "column: readings", "readings is no date by its name"),
        ("column: usage_date", "column: last_date", "pub_usage does not select last_date"),
        ("ended_by: mart_usage", "ended_by: mart_other", "mart_other is not an internal model"),
        ("ended_by: mart_usage", "ended_by: pub_usage", "pub_usage is not an internal model"),
        ("ended_by: mart_usage", "ended_by: fct_reading", "fct_reading does not select usage_date"),
        ("ended_by", "until", "unknown key; allowed: column, ended_by"),
    ],
)
def test_a_wrong_expiry_is_named(old: str, new: str, message: str, contracts: Contracts, project: Path) -> None:
    write(project, pub_usage=OPEN, pub_usage__said=OPEN_SAID.replace(old, new))
    with pytest.raises(ConfigurationError) as error:
        generated_files(contracts, project)
    assert message in str(error.value)
    assert "pub_usage.yml" in str(error.value)


def test_only_rows_of_the_open_edition_leave(contracts: Contracts, project: Path) -> None:
    write(project, mart_usage__said=f"{MART_SAID}expires: {{column: usage_date}}\n")
    with pytest.raises(ConfigurationError, match="mart_usage is not in the open edition"):
        generated_files(contracts, project)


COUNTED = """description: 开放计数 · Counts.
grain: one row an office and day
key: [office_code, usage_date]
small_cells: {count: readings, by: usage_date, cell: office_code, total: all}
"""


def test_small_cells_are_declared_with_their_threshold(contracts: Contracts, project: Path) -> None:
    write(project, pub_usage=OPEN, pub_usage__said=COUNTED)
    config = models(generated_files(contracts, project), "meters")["pub_usage"]["config"]
    counted = {"count": "readings", "by": ["usage_date"], "cell": "office_code", "total": "all", "ratios": []}
    assert config["meta"] == {"citylake": {"small_cells": {"k": 5, **counted}}}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("count: readings", "count: people", "pub_usage does not select people"),
        ("by: usage_date", "by: [week, usage_date]", "pub_usage does not select week"),
        ("cell: office_code", "cell: town", "pub_usage does not select town"),
        ("total: all", "total: all, ratios: share", "pub_usage does not select share"),
        ("total: all", "total: all, k: 1", "k: "),
        ("by: usage_date", "by: []", "by: "),
    ],
)
def test_wrong_small_cells_are_named(old: str, new: str, message: str, contracts: Contracts, project: Path) -> None:
    write(project, pub_usage=OPEN, pub_usage__said=COUNTED.replace(old, new))
    with pytest.raises(ConfigurationError) as error:
        generated_files(contracts, project)
    assert message in str(error.value)
    assert "pub_usage.yml" in str(error.value)


def test_only_open_tables_have_small_cells(contracts: Contracts, project: Path) -> None:
    said = "small_cells: {count: readings, by: usage_date, cell: office_code, total: all}\n"
    write(project, mart_usage__said=f"{MART_SAID}{said}")
    with pytest.raises(ConfigurationError, match="mart_usage is not in the open edition"):
        generated_files(contracts, project)


def test_a_reference_lends_its_text_and_a_wrong_word_is_named(contracts: Contracts, project: Path) -> None:
    write(project, dim_office=FACT.replace("reading_id", "office_id"))
    write(project, dim_office__said="description: 办公点 · O.\ngrain: one\nkey: office_id\n"
          "columns: {office_id: 办公点标识 · Office., used_kwh: 电 · E.}\n")  # fmt: skip
    write(project, fct_reading=FACT.replace("office_code,\n        read_at,", "md5(office_code) as office_id,", 1))
    said = FACT_SAID + "  office_id: {references: dim_office}\n"
    write(project, fct_reading__said=said, mart_usage=MART.replace("office_code", "used_kwh"))
    write(
        project,
        mart_usage__said="description: 日 · D.\ngrain: x\nkey: k\ncolumns: {readings: 数 · N., used_kwh: 电 · E.}",
    )
    fact = models(generated_files(contracts, project), "meters")["fct_reading"]
    assert columns(fact)["office_id"]["description"] == "办公点标识 · Office."
    relation = {"arguments": {"to": "ref('dim_office')", "field": "office_id"}}
    assert columns(fact)["office_id"]["data_tests"] == [{"relationships": relation}]

    write(project, fct_reading__said=said + "  no_such: 无 · None.\nfreshness: 1\n")
    with pytest.raises(ConfigurationError, match=r"fct_reading\.yml:\d+: freshness: unknown key; did you mean `fresh`"):
        generated_files(contracts, project)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (FACT_SAID.replace("  reading_id: 读数标识 · Durable id.\n", ""), r"reading_id: no model upstream has it"),
        (FACT_SAID + "  no_such: 无 · None.\n", r"fct_reading\.yml:10: columns\.no_such: is described"),
        (FACT_SAID.replace("receipts: office.reading", "total: x"), r"reconciled\[0\]: `total` and `of` belong"),
        (FACT_SAID.replace("day_column: read_date", "spread: [1]"), r"`spread` and `feeds` belong to a model"),
        (FACT_SAID.replace("receipts: office.reading", "rows: dim_other"), r"`rows` compares all: use `total`"),
        (FACT_SAID.replace("key: reading_id\n", ""), r"key: required key is missing"),
        (": -", "not YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_nothing_is_given(
    said: str, message: str, contracts: Contracts, project: Path
) -> None:
    write(project, fct_reading__said=said)
    with pytest.raises(ConfigurationError, match=message) as raised:
        generated_files(contracts, project)
    assert "make generate" in str(raised.value)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (FACT.replace("select * from final", "select * from readings"), "the last line must be"),
        (FACT.replace("energy_kwh as used_kwh", "*"), "`final` must name each column"),
        (FACT.replace("final as (", "last as ("), "the last CTE must be `final`"),
        (FACT.replace("from readings\n", "from\n"), "cannot be parsed"),
    ],
)
def test_sql_of_another_form_is_refused(sql: str, message: str, contracts: Contracts, project: Path) -> None:
    write(project, fct_reading=sql)
    with pytest.raises(ConfigurationError, match=message):
        generated_files(contracts, project)


def test_a_model_nobody_describes_is_named(contracts: Contracts, project: Path) -> None:
    write(project, mart_other=MART)
    with pytest.raises(ConfigurationError, match=r"mart_other is not described"):
        generated_files(contracts, project)


def test_models_that_disagree_are_asked(contracts: Contracts, project: Path) -> None:
    other = FACT.replace("as reading_id", "as reading_id,\n        1 as readings").replace("energy_kwh as", "1 as")
    write(project, fct_other=other, fct_other__said="description: 他 · O.\ngrain: x\nkey: reading_id\n"
          "columns: {reading_id: 甲 · A., used_kwh: 乙 · B., readings: 丙 · C.}\n")  # fmt: skip
    joined = MART.replace("sum(used_kwh)", "sum(x)").replace("from readings\n", "from readings\n    cross join o\n")
    write(
        project, mart_usage=joined.replace("days as", "o as (\n    select * from {{ ref('fct_other') }}\n),\n\ndays as")
    )
    write(project, mart_usage__said="description: 日 · D.\ngrain: x\nkey: k\ncolumns: {readings: 数 · N.}\n")
    with pytest.raises(ConfigurationError, match=r"mart_usage\.yml:4: columns\.used_kwh: the models it reads say diff"):
        generated_files(contracts, project)


def test_a_hand_written_staging_model_is_left_alone_and_must_be_there(contracts: Contracts, project: Path) -> None:
    by_hand = staged(contracts, hand_written=True, columns={"energy_kwh": "used_kwh"})
    with pytest.raises(ConfigurationError, match=r"tables\.reading\.staging: write stg_office__reading\.sql by hand"):
        generated_files(by_hand, project)
    folder = project / "models" / "staging" / "office"
    folder.mkdir(parents=True)
    sql = "with\n\nsource as (\n    select * from {{ source('office', 'reading') }}\n),\n\nfinal as (\n    select\n"
    sql += "        office_code,\n        read_at,\n        _event_date as read_date,\n        energy_kwh,\n"
    sql += "        energy_kwh * 2 as used_kwh\n    from source\n)\n\nselect * from final\n"
    (folder / "stg_office__reading.sql").write_text(sql)
    (folder / "stg_office__reading.yml").write_text(
        "description: 读数 · R.\ngrain: one\nkey: [office_code, read_at]\ncolumns: {energy_kwh: 半 · Half.}\n"
    )
    files = generated_files(by_hand, project)
    assert folder / "stg_office__reading.sql" not in files
    model = models(files, "office")["stg_office__reading"]
    assert model["config"]["group"] == "readings"
    assert columns(model)["used_kwh"]["description"].startswith("用电量")
    assert columns(model)["energy_kwh"]["description"] == "半 · Half."


def test_a_stale_missing_or_orphaned_file_is_found_and_a_persons_is_not(contracts: Contracts, project: Path) -> None:
    files = generated_files(contracts, project)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert generated_paths(project) == set(files)
    sql = next(path for path in files if path.suffix == ".sql")
    sql.write_text(files[sql] + " ", encoding="utf-8")
    assert stale(files, project) == [sql]
    sql.unlink()
    assert stale(files, project) == [sql]
    without = {path: text for path, text in files.items() if path != sql}
    sql.write_text(files[sql], encoding="utf-8")
    assert stale(without, project) == [sql]
    sql.write_text("-- by hand\n", encoding="utf-8")
    assert stale(without, project) == []


def asked(contracts: Contracts, feed: str, **said: Any) -> Contracts:
    """The contracts with a fact asked for."""
    contract = contracts[feed]
    (table,) = contract.tables
    spec = contract.citylake.tables[table.name].model_dump() | {"fact": said}
    citylake = contract.citylake.model_copy(update={"tables": {table.name: TableSpec.model_validate(spec)}})
    return contracts | {feed: replace(contract, citylake=citylake)}


def test_a_fact_follows_from_the_contract_without_what_is_personal(contracts: Contracts, project: Path) -> None:
    said = f"description: 日期 · Days.\ngrain: one\nkey: {CALENDAR_KEY}\ncolumns:\n"
    said += f"  {CALENDAR_KEY}: 日期 · Day.\n  used_kwh: 电 · E.\n"
    write(project, **{CALENDAR: FACT.replace("reading_id", CALENDAR_KEY), f"{CALENDAR}__said": said})
    given = asked(contracts, "office.call")
    (table,) = given["office.call"].tables
    kept = [replace(c, classification="personal") if not c.primary_key and not c.required else c for c in table.columns]
    given["office.call"] = replace(given["office.call"], tables=(replace(table, columns=tuple(kept)),))
    files = generated_files(given, project)
    (path,) = (path for path in files if path.name == "fct_call.sql")
    private = {
        c.name for c in given["office.call"].tables[0].bronze_columns if c.classification in ("personal", "sensitive")
    }
    assert path.parent.name == contracts["office.call"].product
    assert private
    assert not [name for name in private if name in files[path]]
    model = models(files, path.parent.name)["fct_call"]
    day = model["config"]["meta"]["citylake"]["day_column"]
    assert model["config"]["materialized"] == "incremental"
    assert [next(iter(test)) for test in model["data_tests"]] == [
        "primary_key", "content_is_fresh", "row_count_equals_receipts",
    ]  # fmt: skip
    relation = {"to": f"ref('{CALENDAR}')", "field": CALENDAR_KEY}
    assert columns(model)[day]["data_tests"] == [{"relationships": {"arguments": relation}}]
    assert next(iter(columns(model))) == "call_id"
    assert " · Durable id: hash of " in columns(model)["call_id"]["description"]


def test_moments_enter_a_durable_id_as_wall_clock_and_names_may_differ(contracts: Contracts, project: Path) -> None:
    files = generated_files(asked(contracts, READING, model="meter", fresh_within_days=9), project)
    (sql,) = (text for path, text in files.items() if path.name == "fct_meter.sql")
    assert (
        "natural_key([\n            'office_code',\n            local_timestamp('read_at'),\n        ]) }} as meter_id"
        in sql
    )
    (fresh,) = (
        test["content_is_fresh"]["arguments"]["within_days"]
        for test in models(files, "readings")["fct_meter"]["data_tests"]
        if "content_is_fresh" in test
    )
    assert fresh == 9


def test_a_fact_of_the_same_name_by_hand_is_named(contracts: Contracts, project: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"office\.reading asks for a fact of this name: keep one"):
        generated_files(asked(contracts, READING), project)


def test_a_restricted_model_says_so_to_dbt_beside_other_meta(contracts: Contracts, project: Path) -> None:
    said = f"{MART_SAID}edition: restricted\nconfig: {{meta: {{area: power}}}}\n"
    write(project, mart_usage__said=said)
    config = models(generated_files(contracts, project), "meters")["mart_usage"]["config"]
    assert config["meta"]["citylake"]["edition"] == "restricted"
    assert config["meta"]["area"] == "power"
    write(project, mart_usage__said=f"{MART_SAID}config: {{meta: {{citylake: {{}}}}}}\n")
    with pytest.raises(ConfigurationError, match="is written from the other keys"):
        generated_files(contracts, project)
