"""Market entities for tests of the models of organisations: states and a register as tables, and the models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any

import duckdb
import yaml

from ingestion.settings import Settings
from tests.support.rendered import Rendered, load_seed

PROJECT = Settings().dbt_project
MODELS = (
    "int_market_entity_state",
    "int_organisation_entity",
    "int_organisation_successor",
    "dim_organisation",
    "dim_organisation_identifier",
)
"""In the order they are made."""
SEEDS = ("ref_uscc_exception", "ref_identifier_method")

_STATE: dict[str, tuple[str, Any]] = {
    "entity_no": ("varchar", "E1"),
    "uscc": ("varchar", None),
    "registration_no": ("varchar", None),
    "organisation_code": ("varchar", None),
    "tax_no": ("varchar", None),
    "entity_name": ("varchar", "中山市甲有限公司"),
    "former_name": ("varchar", None),
    "entity_kind": ("varchar", "企业"),
    "industry_code": ("varchar", "F5211"),
    "town_code": ("varchar", "442000001"),
    "registered_date": ("date", date(2010, 1, 4)),
    "approved_date": ("date", None),
    "status": ("varchar", "存续"),
    "status_date": ("date", None),
    "successor_uscc": ("varchar", None),
    "capital_wan": ("decimal(18, 4)", None),
    "updated_at": ("timestamptz", None),
    "updated_date": ("date", None),
    "_batch_id": ("varchar", None),
    "_loaded_at": ("timestamptz", datetime(2026, 4, 1)),  # noqa: DTZ001 - a value of the column, whatever its zone
}


def state(updated_at: str, **said: Any) -> dict[str, Any]:
    """One delivered state: `updated_at` is the city's wall clock; the day's batch unless said otherwise."""
    moment = datetime.fromisoformat(f"{updated_at}+08:00")
    given = {"updated_at": moment, "updated_date": moment.date(), "approved_date": moment.date()}
    batch = {"_batch_id": f"{moment:%Y%m%d}T000000Z-0"}
    return {name: default for name, (_, default) in _STATE.items()} | given | batch | said


def organisations(
    states: Iterable[Mapping[str, Any]], register: Iterable[tuple[str, str]] = ()
) -> duckdb.DuckDBPyConnection:
    """The models as tables. `register` has (entity_no, updated_at of the city) for each entity in the newest one."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'Asia/Shanghai'")
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in _STATE.items())
    connection.execute(f"create table stg_gsj__market_entities ({columns})")
    connection.execute("create table stg_gsj__market_entity_registers (entity_no varchar, updated_at timestamptz)")
    marks = ", ".join("?" * len(_STATE))
    for one in states:
        connection.execute(f"insert into stg_gsj__market_entities values ({marks})", [one[name] for name in _STATE])
    for number, updated_at in register:
        moment = datetime.fromisoformat(f"{updated_at}+08:00")
        connection.execute("insert into stg_gsj__market_entity_registers values (?, ?)", [number, moment])
    seeds = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["seeds"]["citylake"]
    for name in SEEDS:
        load_seed(connection, PROJECT, name, seeds[name]["+column_types"])
    for name, sql in _models().items():
        connection.execute(f"create table {name} as {sql}")
    return connection


@cache
def _models() -> dict[str, str]:
    rendered = Rendered(PROJECT, only_affected_days=lambda _: "true")
    return {name: rendered.model(name) for name in MODELS}
