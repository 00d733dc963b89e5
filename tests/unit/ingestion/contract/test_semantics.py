"""Contradictions inside a contract that is spelled correctly."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ingestion.contract.extension import ColumnSpec
from ingestion.contract.model import _spelled

VALUE = "customProperties[0].value"
TABLE = f"{VALUE}.tables.visit"


def _only(found: dict[str, str], path: str, text: str) -> None:
    assert list(found) == [path], found
    assert text in found[path]


@pytest.mark.parametrize(
    ("column", "change", "path", "text"),
    [
        (0, {"name": "Visit Id"}, "schema[0].properties[0].name", "not a column name"),
        (0, {"primaryKeyPosition": 2}, "schema[0].properties", "must count 1, 2"),
        (2, {"physicalType": "TEXT"}, "schema[0].properties[2].physicalType", "allowed: VARCHAR"),
        (2, {"physicalType": "BIGNT"}, "schema[0].properties[2].physicalType", "did you mean `BIGINT`?"),
        (2, {"logicalType": "number"}, "schema[0].properties[2].logicalType", "disagrees with INTEGER: `integer`"),
        (2, {"logicalTypeOptions": {"maxLength": 3}}, "schema[0].properties[2].logicalTypeOptions", "not for INTEGER"),
        (
            2,
            {"logicalTypeOptions": {"minimum": 9, "maximum": 1}},
            "schema[0].properties[2].logicalTypeOptions",
            "above",
        ),
        (2, {"enum": [{"value": "good"}]}, "schema[0].properties[2].enum[0].value", "not a value of INTEGER"),
        (2, {"enum": [{"value": False}]}, "schema[0].properties[2].enum[0].value", "put it in quotes"),
        (0, {"logicalTypeOptions": {"pattern": "(a"}}, "schema[0].properties[0].logicalTypeOptions", "not a regular"),
        (0, {"logicalTypeOptions": {"pattern": "(?=a)"}}, "schema[0].properties[0].logicalTypeOptions", "look-around"),
        (2, {"transformLogic": "1 + 1"}, "schema[0].properties[2].physicalName", "either physicalName"),
        (2, {"classification": "secret"}, "schema[0].properties[2].classification", "allowed: public, internal"),
        (2, {"classification": "personal"}, "schema[0].properties[2].classification", "needs a `deidentify`"),
        (2, {"physicalName": "day"}, "schema[0].properties[2].physicalName", "two columns read 'day'"),
        (2, {"businessName": " "}, "schema[0].properties[2].businessName", "Chinese title"),
    ],
)
def test_column(columns: Any, problems: Any, column: int, change: dict[str, Any], path: str, text: str) -> None:
    columns[column].update(change)
    found = problems()
    assert path in found, found
    assert text in found[path]


@pytest.mark.parametrize(
    ("name", "classification", "refused"),
    [
        ("id_card", "public", True),
        ("身份证号码", "internal", True),
        ("phone", None, True),
        ("phone", "public", False),
        ("contactName", None, True),
        ("legal_rep", None, True),
        ("business_name", None, False),
        ("telemetry", None, False),
        ("station_name", None, False),
    ],
)
def test_direct_identifiers_need_deidentification(
    columns: Any, problems: Any, name: str, classification: str | None, refused: bool
) -> None:
    columns[2] = columns[2] | {"physicalName": name, "classification": classification}
    found = problems()
    assert [path for path in found] == (["schema[0].properties[2].name"] if refused else [])


@pytest.mark.parametrize("clock", ["current_date", "NOW()", "today ()", "current_timestamp", "get_current_time()"])
def test_an_expression_asks_no_clock(columns: Any, problems: Any, clock: str) -> None:
    """Read again, the same bytes would give other values; a rule has `content_date`."""
    columns[2] = {k: v for k, v in columns[2].items() if k != "physicalName"}
    columns[2]["transformLogic"] = f"cast(date_diff('day', visited_at, {clock}) as integer)"
    assert any("differs at each reading" in message for message in problems().values())


@pytest.mark.parametrize(
    ("spec", "key", "text"),
    [
        ({"ambiguous_time": "earlier"}, "ambiguous_time", "is for TIMESTAMPTZ, not INTEGER"),
        ({"format": "%Y"}, "format", "is for DATE, TIMESTAMP and TIMESTAMPTZ, not INTEGER"),
        ({"timezone": "Mars/Base"}, "timezone", "not an IANA time zone"),
        ({"normalise": ["upper"]}, "normalise", "is for VARCHAR"),
        ({"deidentify": {"method": "mask"}}, "deidentify", "needs a VARCHAR column"),
        ({"deidentify": {"method": "generalise", "to": "month"}}, "deidentify", "does not fit INTEGER"),
        ({"path": "$.score"}, "path", "is for JSON"),
    ],
)
def test_column_entry(citylake: Any, problems: Any, spec: dict[str, Any], key: str, text: str) -> None:
    citylake["tables"]["visit"]["columns"]["score"] = spec
    citylake["tables"]["visit"]["rules"] = []
    _only(problems(), f"{TABLE}.columns.score.{key}", text)


def test_gtfs_time_is_integer(citylake: Any, problems: Any) -> None:
    citylake["tables"]["visit"]["columns"]["score"] = {"format": "gtfs_time"}
    assert problems() == {}
    citylake["tables"]["visit"]["columns"]["badge"]["format"] = "gtfs_time"
    _only(problems(), f"{TABLE}.columns.badge.format", "must be INTEGER")


def test_entries_for_columns_and_tables_that_do_not_exist(citylake: Any, problems: Any) -> None:
    citylake["tables"]["visit"]["columns"]["scores"] = {"missing": [9]}
    citylake["tables"]["visits"] = {}
    found = problems()
    assert "did you mean `score`?" in found[f"{TABLE}.columns.scores"]
    assert "did you mean `visit`?" in found[f"{VALUE}.tables.visits"]


@pytest.mark.parametrize(
    ("event_time", "text"), [("visited", "did you mean `visited_on`?"), ("score", "score is INTEGER")]
)
def test_event_time(citylake: Any, problems: Any, event_time: str, text: str) -> None:
    citylake["tables"]["visit"]["event_time"] = event_time
    _only(problems(), f"{TABLE}.event_time", text)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("scor >= 0", "names `scor`, which is not a column; did you mean `score`?"),
        ("score in (select 1)", "`select` is not allowed"),
        ("score > 0; drop table x", "`;` is not allowed"),
        ("score > 0 -- always", "comments are not allowed"),
    ],
)
def test_rule_expressions(citylake: Any, problems: Any, expression: str, text: str) -> None:
    citylake["tables"]["visit"]["rules"][0]["expression"] = expression
    assert text in problems()[f"{TABLE}.rules[0].expression"]


@pytest.mark.parametrize(
    "expression",
    [
        "score between 0 and 100",
        "visited_on <= content_date",
        "visited_on >= date '2020-01-01' + interval 3 days",
        "case when badge like 'it''s select%' then true else \"score\" > 1 end",
        "extract(year from visited_on) > 2000 and try_cast(badge as integer) is not null",
        "regexp_matches(badge, '^[a-z; --]+$')",
    ],
)
def test_ordinary_expressions_pass(citylake: Any, problems: Any, expression: str) -> None:
    citylake["tables"]["visit"]["rules"][0]["expression"] = expression
    assert problems() == {}


def test_a_rule_cannot_read_a_dropped_column(citylake: Any, problems: Any) -> None:
    citylake["tables"]["visit"]["columns"]["badge"]["deidentify"] = {"method": "drop"}
    _only(problems(), f"{TABLE}.rules[0].expression", "`badge`, which is dropped")


def test_rule_ids_are_unique_and_checks_name_text_columns(citylake: Any, problems: Any) -> None:
    rule = {"id": "passable", "check": "uscc", "column": "score", "description": "x"}
    citylake["tables"]["visit"]["rules"].append(rule)
    found = problems()
    assert found[f"{TABLE}.rules[0].id"] == "two rules are named 'passable'"
    assert found[f"{TABLE}.rules[1].column"] == "check uscc reads VARCHAR, not INTEGER"


def test_a_check_rule_needs_its_column(citylake: Any, problems: Any) -> None:
    citylake["tables"]["visit"]["rules"][0] = {"id": "a", "check": "uscc", "description": "x"}
    _only(problems(), f"{TABLE}.rules[0]", "a check rule names its column")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("office/visit/visit.csv", "exactly one {interval:<strftime>}, has 0"),
        ("office/{interval:%Y%m%d}/{interval:%Y%m%d}.csv", "has 2"),
        ("/office/{interval:%Y%m%d}.csv", "must be relative"),
        ("../{interval:%Y%m%d}.csv", "must be relative"),
        ("office/{interval:%Y%m}.csv", "does not tell one day from the next"),
        ("office/{interval:%Y%m%Q}.csv", "%Q is not allowed"),
    ],
)
def test_source_path(citylake: Any, problems: Any, path: str, text: str) -> None:
    citylake["source"]["path"] = path
    _only(problems(), f"{VALUE}.source.path", text)


@pytest.mark.parametrize("path", ["{interval:%Y-%m-%d}.csv", "a/{interval:%y%j}*.csv", "{interval:%Y}/x.csv"])
def test_source_paths_that_tell_days_apart(citylake: Any, problems: Any, path: str) -> None:
    citylake["source"]["path"] = path
    assert (problems() == {}) == ("%Y}" not in path)


@pytest.mark.parametrize(
    ("cron", "text"),
    [
        ("0 8 * *", "has 4 fields"),
        ("@daily", "has 1 fields"),
        ("60 8 * * *", "'60' is not a minute (0-59"),
        ("0 8 * * mon", "'mon' is not a day of week"),
        ("0 8-7 * * *", "'8-7' is not a hour"),
        ("*/0 8 * * *", "is not a minute"),
    ],
)
def test_cron(citylake: Any, problems: Any, cron: str, text: str) -> None:
    citylake["schedule"] = cron
    _only(problems(), f"{VALUE}.schedule", text)


def test_cron_of_every_form(citylake: Any, problems: Any) -> None:
    citylake["schedule"] = "*/15,3 0-6/2 1,15 * 7"
    assert problems() == {}


def test_zip_tables_name_their_members(base: Any, citylake: Any, problems: Any) -> None:
    citylake["format"] = {"type": "zip", "optional_members": ["visits.txt"]}
    found = problems()
    assert "the ZIP member" in found["schema[0].physicalName"]
    assert "no table reads 'visits.txt'" in found[f"{VALUE}.format.optional_members"]
    base["schema"][0]["physicalName"] = "visits.txt"
    assert problems() == {}


def test_only_a_zip_carries_several_tables(base: Any, problems: Any) -> None:
    base["schema"].append(copy.deepcopy(base["schema"][0]) | {"name": "other"})
    assert problems()["schema"] == "format csv carries one table, not 2"


def test_synthetic_is_said_in_the_description(base: Any, problems: Any) -> None:
    base["description"]["purpose"] = "Visits."
    _only(problems(), "description.purpose", "does not say `synthetic`")


def test_catalogue_conditions(citylake: Any, problems: Any) -> None:
    citylake["catalogue"]["open_attribute"] = "有条件开放"
    _only(problems(), f"{VALUE}.catalogue.open_condition", "required with")
    citylake["catalogue"] |= {"share_type": "不予共享", "open_attribute": "无条件开放", "legal_basis": "x"}
    _only(problems(), f"{VALUE}.catalogue.open_attribute", "cannot be open")


def test_delivery_and_correction_agree(citylake: Any, problems: Any) -> None:
    citylake["delivery"] = "events"
    _only(problems(), VALUE, "`correction`")


def test_a_delta_needs_a_key(columns: Any, citylake: Any, problems: Any) -> None:
    del columns[0]["primaryKey"], columns[0]["primaryKeyPosition"]
    assert problems() == {}
    citylake["correction"] = "delta"
    _only(problems(), f"{VALUE}.correction", "delta updates by key, and visit has none")


def test_a_key_may_not_be_generalised_or_dropped(columns: Any, citylake: Any, problems: Any) -> None:
    citylake["tables"]["visit"]["columns"]["visit_id"] = {"deidentify": {"method": "drop"}}
    _only(problems(), f"{TABLE}.columns.visit_id.deidentify", "would merge different keys")


@pytest.mark.parametrize(
    ("column", "kind", "spec", "path", "text"),
    [
        ("visited_on", "DATE", {"format": "era_jpn"}, "format", "`era_jp`, `era_roc`, `excel_serial`"),
        ("visited_on", "DATE", {"format": "%Y", "formats": ["iso", "era_jp"]}, None, "either `format` or `formats`"),
        ("visited_on", "DATE", {"formats": ["iso"]}, "formats", "at least 2 items"),
        ("visited_on", "DATE", {"formats": ["iso", "gtfs_time"]}, "formats", "gtfs_time"),
        ("visited_on", "DATE", {"formats": ["era_jp", "excel_serial"]}, None, ""),
        ("visited_on", "TIMESTAMP", {"format": "era_jp"}, "format", "gives days: the column must be DATE"),
        ("visited_on", "TIMESTAMP", {"format": "excel_serial_1904"}, None, ""),
        ("score", "INTEGER", {"format": "excel_serial"}, "format", "is for DATE, TIMESTAMP and TIMESTAMPTZ"),
        ("score", "INTEGER", {"implied_decimals": 1}, "implied_decimals", "is for DECIMAL and DOUBLE, not INTEGER"),
        ("score", "DECIMAL(5,1)", {"implied_decimals": 1}, None, ""),
        ("score", "DECIMAL(5,1)", {"implied_decimals": 0}, "implied_decimals", "greater than or equal to 1"),
    ],
)
def test_reading(
    citylake: Any,
    columns: Any,
    problems: Any,
    column: str,
    kind: str,
    spec: dict[str, Any],
    path: str | None,
    text: str,
) -> None:
    logical = {"DATE": "date", "TIMESTAMP": "timestamp", "INTEGER": "integer", "DECIMAL(5,1)": "number"}[kind]
    next(c for c in columns if c["name"] == column).update(physicalType=kind, logicalType=logical)
    citylake["tables"]["visit"]["columns"][column] = spec
    found = problems()
    if not text:
        assert found == {}
        return
    where = f"{TABLE}.columns.{column}" + (f".{path}" if path else "")
    assert text in found[where], found


def test_a_fixed_width_column_reads_a_declared_field(citylake: Any, columns: Any, problems: Any) -> None:
    fields = {name: {"start": n * 10 + 1, "width": 10} for n, name in enumerate(("id", "day", "scor", "badge"))}
    citylake["format"] = {"type": "fixed_width", "min_length": 40, "fields": fields}
    _only(
        problems(), "schema[0].properties[2].physicalName", "'score' is no field of the format; declared: id, day, scor"
    )
    fields["score"] = fields.pop("scor")
    assert problems() == {}


def test_a_fixed_width_layout_that_cannot_be(citylake: Any, problems: Any) -> None:
    citylake["format"] = {"type": "fixed_width", "min_length": 5, "fields": {"id": {"start": 1, "width": 9, "with": 3}}}
    found = problems()
    assert any("unknown key; did you mean `width`?" in message for message in found.values()), found
    assert any("beyond the longest line" in message for message in found.values()), found


def test_settings_that_came_later_count_only_where_they_are_set() -> None:
    """A contract's revision, and with it its bronze, stays when the vocabulary grows."""
    assert not {"formats", "implied_decimals", "blanks"} & set(_spelled(ColumnSpec(format="iso")))
    assert _spelled(ColumnSpec(implied_decimals=1))["implied_decimals"] == 1


def test_a_list_of_records_is_found_by_member_names(citylake: Any, problems: Any) -> None:
    citylake["format"] = {"type": "json", "records": "$.data[0].items"}
    where = "customProperties[0].value.format.records"
    assert "is not a path of member names" in problems()[where]
    citylake["format"] = {"type": "json", "records": '$.data."odd key".数据'}
    assert where not in problems()


def test_blanks_may_be_kept_around_texts_only(citylake: Any, problems: Any) -> None:
    columns = citylake["tables"]["visit"]["columns"]
    columns["visit_id"] = {"blanks": "keep"}
    columns["score"] = {"blanks": "trim"}
    assert problems() == {}
    columns["score"] = {"blanks": "keep"}
    found = problems()["customProperties[0].value.tables.visit.columns.score.blanks"]
    assert found == "`keep` is for VARCHAR: no value of INTEGER has blanks around it"
    columns["score"] = {"blanks": "cut"}
    assert "is not allowed" in problems()["customProperties[0].value.tables.visit.columns.score.blanks"]


def test_fixed_width_says_of_its_fields_what_blanks_are(citylake: Any, problems: Any) -> None:
    fields = {name: {"start": n * 10 + 1, "width": 10} for n, name in enumerate(("id", "day", "score", "badge"))}
    citylake["format"] = {"type": "fixed_width", "min_length": 40, "fields": fields}
    citylake["tables"]["visit"]["columns"]["visit_id"] = {"blanks": "keep"}
    where = "customProperties[0].value.tables.visit.columns.visit_id.blanks"
    _only(problems(), where, "fixed width text says it of its fields (`fields.<name>.blanks`)")


@pytest.mark.parametrize("value", ["３", "1_0", "1.0"])
def test_allowed_whole_numbers_are_plain(columns: Any, problems: Any, value: str) -> None:
    columns[2]["enum"] = [{"value": value}]
    assert "is not a value of INTEGER" in problems()["schema[0].properties[2].enum[0].value"]
