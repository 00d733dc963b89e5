"""Decisions, repairs and lists: legal life as planted, and what the truth file says of it."""

from __future__ import annotations

import json
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from infra.simulator import penalties, permits
from infra.simulator.city import City
from infra.simulator.credit_lists import LISTS, SANCTION
from infra.simulator.decisions import LAG, STORY, WITHIN, Form, first_reports
from infra.simulator.workdays import before, is_workday
from tests.support.needs import public_file

FORMS = (permits.BY_INTERFACE, permits.BY_WORKBOOK, penalties.BY_INTERFACE, penalties.BY_WORKBOOK)
every_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.feed)


@pytest.fixture(scope="module")
def credit(truth: dict[str, Any]) -> dict[str, Any]:
    """Expected answers about credit."""
    found: dict[str, Any] = truth["effects"]["credit"]
    return found


def sent(drop: dict[str, Any], feed: str) -> list[dict[str, Any]]:
    """Rows of all files of a feed, each with the file's day."""
    named = feed.partition(".")[2]
    return [
        {**row, "day": path.rpartition(f"{named}_")[2][:8]}
        for path, tables in drop.items()
        if path.split("/")[1] == named
        for row in tables[named]
    ]


@every_form
def test_workdays_from_decision_to_report_are_counted(form: Form) -> None:
    city = City(plan=())
    for day_no in (-40, -7, 1, 5):
        rows, day = first_reports(city, form, day_no), city.date_of(day_no)
        usual = rows.take(np.flatnonzero(rows.cells[STORY] == ""))
        for decided, lag in zip(usual.cells["decision_date"], usual.cells[LAG], strict=True):
            first = date.fromisoformat(decided)
            between = [first + timedelta(days=n) for n in range(1, (day - first).days + 1)]
            assert sum(is_workday(one) for one in between) == int(lag)
            assert is_workday(first)
        assert sum(int(lag) > WITHIN for lag in usual.cells[LAG]) == form.late


@every_form
def test_who_a_decision_is_about_can_be_told(form: Form) -> None:
    rows = first_reports(City(plan=()), form, 1)
    kinds = rows.cells["party_kind"]
    person = kinds == "自然人"
    assert {"法人及非法人组织", "自然人", "个体工商户"} == set(kinds)
    assert all(rows.cells["party_name"] != "")
    assert all((rows.cells["party_id_no"] != "") == person)
    assert not any(rows.cells["uscc"][person])
    assert len(set(rows.cells["doc_no"])) == len(rows)


def test_numbers_of_decisions_are_of_one_feed_and_day_but_for_those_revoked(
    drop: dict[str, Any], credit: dict[str, Any]
) -> None:
    seen: dict[str, set[tuple[str, str]]] = {}
    for form in FORMS:
        for row in sent(drop, form.feed):
            number = (
                row.get("xk_wsh") or row.get("cf_wsh") or row.get("行政许可决定文书号") or row.get("行政处罚决定书文号")
            )
            if number:
                seen.setdefault(number, set()).add((form.feed, row["day"]))
    again = {number for number, places in seen.items() if len(places) > 1}
    assert again == {one["doc_no"] for one in credit["revoked"]}


def test_layouts_of_workbooks_swap_two_identifiers(drop: dict[str, Any]) -> None:
    for layout in (permits.LAYOUT_2018, penalties.LAYOUT_2018):
        assert [layout[f"行政相对人代码_{n}"] for n in (2, 3)] == ["registration_no", "organisation_code"]
    for layout in (permits.LAYOUT_2016, penalties.LAYOUT_2016):
        assert [layout[f"行政相对人代码_{n}"] for n in (3, 2)] == ["registration_no", "organisation_code"]
    for kind, module in (("permit", permits), ("penalty", penalties)):
        found = {
            tuple(tables[f"admin_{kind}_workbook"][0])
            for path, tables in drop.items()
            if f"/admin_{kind}_workbook/" in path
        }
        assert found == {tuple(module.LAYOUT_2018), tuple(module.LAYOUT_2016)}


def test_permits_are_granted_while_sanctioned_where_planted_alone(drop: dict[str, Any], credit: dict[str, Any]) -> None:
    """By the lists of the run's days: of each permit the list of the day of its decision."""
    sanctions = {one.code for one in LISTS if one.kind == SANCTION}
    listed: dict[str, set[str]] = {}
    for row in sent(drop, "fgj.credit_list"):
        if row["名单代码"] in sanctions:
            listed.setdefault(row["day"], set()).add(row["统一社会信用代码"])
    found = {
        row["xk_wsh"]
        for row in sent(drop, "fgj.admin_permit")
        if row["xk_xdr_shxym"] in listed.get((row["xk_jdrq"] or "").replace("-", ""), set())
    }
    planted = credit["permits_while_sanctioned"]
    in_run = {one["doc_no"] for one in planted if one["decision_date"].replace("-", "") >= min(listed)}
    assert found == in_run
    assert len(planted) == len(permits.SANCTIONED_DAYS) * permits.SANCTIONED_A_DAY
    assert all(one["lists"] for one in planted)


def test_lists_differ_by_what_the_truth_says(drop: dict[str, Any], credit: dict[str, Any]) -> None:
    by_day: dict[str, set[tuple[str, str]]] = {}
    for row in sent(drop, "fgj.credit_list"):
        if row["名单代码"] in {one.code for one in LISTS if one.kind == SANCTION}:
            by_day.setdefault(row["day"], set()).add((row["名单代码"], row["统一社会信用代码"]))
    days = sorted(by_day)
    assert len(days) == 5
    for earlier, day in pairwise(days):
        said = {
            change: {
                (one["list"], one["uscc"])
                for one in credit["lists"]
                if one["date"].replace("-", "") == day and one["change"] == change and one["list"].startswith("S")
            }
            for change in ("listed", "delisted")
        }
        assert (by_day[day] - by_day[earlier], by_day[earlier] - by_day[day]) == (said["listed"], said["delisted"])
        assert all(said.values())


def test_old_penalties_are_repaired_on_the_day_their_publicity_ends(
    drop: dict[str, Any], credit: dict[str, Any]
) -> None:
    answers = {
        row["cf_wsh"]: row["jdrq"]
        for row in sent(drop, "fgj.credit_repair")
        if row["xfjg"] == "准予" and row["sqrq"] < "2026-02-20"
    }
    reported = {row["cf_wsh"]: row["cf_jdrq"] for row in sent(drop, "fgj.admin_penalty")}
    repaired = {one["doc_no"]: one["date"] for one in credit["publicity_ends"] if one["reason"] == "repair"}
    assert len(repaired) == penalties.RUN_DAYS - 1
    assert repaired.items() <= answers.items()
    assert all(reported[number] < "2025-03-01" for number in repaired)
    ending = {one["doc_no"]: one["date"] for one in credit["publicity_ends"] if one["reason"] == "maximum"}
    assert sorted(ending.values()) == [f"2026-03-0{day}" for day in range(2, 7)]
    assert all(reported[number] == f"2023{day[4:]}" for number, day in ending.items())


def test_late_reports_add_up(credit: dict[str, Any]) -> None:
    total = {form.feed: sum(one["late"] for one in credit["reported"] if one["feed"] == form.feed) for form in FORMS}
    stories = penalties.RUN_DAYS + penalties.RUN_DAYS - 1
    for form in FORMS:
        planted = stories if form is penalties.BY_INTERFACE else 0
        # Dirt may fall on a late report, and then it is refused.
        assert 0 <= 5 * form.late + planted - total[form.feed] <= 2


@pytest.mark.parametrize("year", [2025, 2026])
def test_the_calendar_is_that_of_the_state_council(year: int) -> None:
    said = json.loads(public_file(f"reference/china_holidays/{year}.json").read_text(encoding="utf-8"))["days"]
    assert all(is_workday(date.fromisoformat(one["date"])) != one["isOffDay"] for one in said)


def test_workdays_back_from_a_day_off_begin_before_it() -> None:
    """Spring Festival of 2026, 15 to 23 February; Saturday 28 February is worked for it."""
    found = before(date(2026, 3, 1), 5)
    assert found == [date(2026, 2, 28), *(date(2026, 2, day) for day in (27, 26, 25, 24, 14))]
