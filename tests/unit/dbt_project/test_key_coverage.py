"""Food licences find their organisation, and what resolves to nothing is counted."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from tests.support.dbt_files import DbtFiles
from tests.support.rendered import Rendered
from tests.unit.dbt_project.registers import PROJECT, organisations, state

CODE, OTHER, UNKNOWN = "91442000MA4W000110", "91442000MA51AB2C27", "12442000456074104Y"
TRADER = {"entity_kind": "个体工商户"}
HERE, THERE = "442000001", "442000002"


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    """Six licences: by code, by a former code, by name; a name of two, one in another town, a code nobody has."""
    connection = organisations(
        [
            state("2026-03-02 10:00", entity_no="coded", uscc=OTHER),
            state("2026-03-03 10:00", entity_no="coded", uscc=CODE),
            state("2026-03-02 10:00", entity_no="trader", entity_name="甲店", **TRADER),
            state("2026-03-02 10:00", entity_no="twin 1", entity_name="乙店", **TRADER),
            state("2026-03-02 10:00", entity_no="twin 2", entity_name="乙店", **TRADER),
            state("2026-03-02 10:00", entity_no="far", entity_name="丙店", town_code=THERE, **TRADER),
            state("2026-03-02 10:00", entity_no="company", entity_name="丁店"),
        ]
    )
    licences = [
        ("by code", CODE, "x"),
        ("by former code", OTHER, "x"),
        ("by name", None, "甲店"),
        ("two of the name", None, "乙店"),
        ("name in another town", None, "丙店"),
        ("name of a company", None, "丁店"),
        ("unknown code", UNKNOWN, "甲店"),
    ]
    connection.execute(
        "create table dim_food_business (food_business_id varchar, licence_no varchar, uscc varchar, "
        "operator_name varchar, town_code varchar, place_id varchar)"
    )
    for name, uscc, operator in licences:
        connection.execute(
            f"insert into dim_food_business values ($1, $1, $2, $3, '{HERE}', md5('{HERE}'))", [name, uscc, operator]
        )
    connection.execute(
        f"""
        create table dim_place as select md5(unnest(['{HERE}', '{THERE}', '{THERE}'])) as place_id;
        create table fct_food_inspection as
            select unnest(['by code', 'by code', 'by name', 'not in the register', null]) as food_business_id;
        create table fct_food_complaint as
            select unnest(['by former code', null]) as food_business_id, md5('{HERE}') as place_id;
        create table fct_weather_hourly as select unnest([md5('{THERE}'), null, 'unknown']) as place_id;
        create table fct_traffic_incident as select unnest(['{HERE}', null, '442000999']) as town_code;
        create table fct_permit as
            select * from (values (md5('{CODE}'), 'uscc', '法人及非法人组织'),
                (md5('{CODE}'), 'registration_no', '个体工商户'),
                (null, null, '个体工商户'), (null, null, '自然人')) as t(organisation_id, resolved_by, party_kind);
        create table fct_penalty as from fct_permit;
        create table fct_list_membership as from fct_permit;
        """
    )
    for name in ("mart_food_business_organisation", "gov_mart_key_coverage"):
        connection.execute(f"create table {name} as {Rendered(PROJECT).model(name)}")
    yield connection
    connection.close()


def test_licences_find_their_organisation_by_code_or_by_the_name_of_one_trader(db: duckdb.DuckDBPyConnection) -> None:
    found = db.execute(
        "select food_business_id, entity_no, resolved_by, confidence::double from mart_food_business_organisation "
        "left join int_organisation_entity using (organisation_id)"
    ).fetchall()
    assert sorted(found) == [
        ("by code", "coded", "uscc", 1.0),
        ("by former code", "coded", "uscc", 0.9),
        ("by name", "trader", "name", 0.6),
        ("name in another town", None, None, None),
        ("name of a company", None, None, None),
        ("two of the name", None, None, None),
        ("unknown code", None, None, None),
    ]


def test_every_row_is_resolved_or_counted(db: duckdb.DuckDBPyConnection) -> None:
    found = db.execute(
        "select feed, conformed_key, rows, resolved, resolved_by_code, resolved_by_name, unresolved, "
        "resolved_share::double from gov_mart_key_coverage"
    ).fetchall()
    assert sorted(found) == [
        # Natural persons are not looked for; a number that is no credit code is counted apart.
        ("fgj.admin_penalty", "organisation", 3, 2, 1, 0, 1, 0.6667),
        ("fgj.admin_permit", "organisation", 3, 2, 1, 0, 1, 0.6667),
        ("fgj.credit_list", "organisation", 4, 2, 1, 0, 2, 0.5),
        ("gaj.traffic_incident", "place", 3, 1, 1, 0, 2, 0.3333),
        ("gsj.market_entity", "place", 6, 6, 6, 0, 0, 1.0),
        ("qxj.wx_station_hourly", "place", 3, 1, 1, 0, 2, 0.3333),
        ("syj.complaint", "organisation", 2, 1, 1, 0, 1, 0.5),
        ("syj.complaint", "place", 2, 2, 2, 0, 0, 1.0),
        ("syj.food_inspection", "organisation", 5, 3, 2, 1, 2, 0.6),
        ("syj.food_licence", "organisation", 7, 3, 2, 1, 4, 0.4286),
        ("syj.food_licence", "place", 7, 7, 7, 0, 0, 1.0),
    ]


def test_a_join_that_repeats_or_loses_rows_shows(db: duckdb.DuckDBPyConnection) -> None:
    """Rows are counted before the joins: the mart's check compares them with what was resolved and what was not."""
    connection = db.cursor()
    connection.execute("create temp table twice as select 'f' as f_id, 'k' as k_id, 'uscc' as m from range(2)")
    connection.execute("create temp table facts as select 'f' as f_id; create temp table ks as select 'k' as k_id")
    sql = Rendered(PROJECT).macro("key_coverage", [["d", "f", "k", "facts", "m", "twice", "f_id"]])
    (line,) = connection.execute(f"select rows, resolved, unresolved from ({sql})").fetchall()
    assert line == (1, 2, 0)


def test_lines_name_feeds_that_are_there(db: duckdb.DuckDBPyConnection) -> None:
    from ingestion.contract.load import load_contracts
    from ingestion.settings import Settings

    feeds = [feed for (feed,) in db.execute("select distinct feed from gov_mart_key_coverage").fetchall()]
    assert set(feeds) <= set(load_contracts(Settings().contracts))
    departments = db.execute("select feed, department_code from gov_mart_key_coverage").fetchall()
    assert all(feed.startswith(f"{department}.") for feed, department in departments)


def test_a_blocked_register_of_organisations_holds_no_food_product() -> None:
    """A product that reads another's models is blocked with it; the links are a product of their own."""
    project = DbtFiles(PROJECT)
    reads = {
        name: {project.models[ref].group for ref in model.refs if ref in project.models}
        for name, model in project.models.items()
    }
    food = [name for name, model in project.models.items() if model.group == "food_safety"]
    assert len(food) > 5
    assert [name for name in food if "organisation" in reads[name]] == []
    assert "organisation" in reads["mart_food_business_organisation"]
