"""Surveillance on the simulated city: the planted outbreak, late cards and weekly counts are found, and no more.

The cards are those that a right receiver accepts of the city's 60 days of history and five days of the run; the truth
is computed from what the city did.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from infra.simulator.city import City
from infra.simulator.feeds.wjj import notifiable_disease_card
from infra.simulator.health_truth import accepted, health_effects
from tests.acceptance.card_tables import CARDS, card_tables
from tests.support.model_tables import ModelTables

LAST_DAY = "2026-03-06"
SENT = """
    select
        card_no, revision: cast(revision as integer), report_type, sex, belongs_to, town_code: nullif(town_code, ''),
        case_class, onset_date: cast(onset_date as date), diagnosed_at: cast(diagnosed_at as timestamptz),
        death_date: cast(nullif(death_date, '') as date), disease_code, is_withdrawn: cast(is_withdrawn as boolean),
        facility_code: reporting_facility, reported_at: cast(reported_at as timestamptz),
        reported_date: cast(timezone('Asia/Shanghai', cast(reported_at as timestamptz)) as date), _batch_id: 'b'
    from sent
"""
MOST_FALSE_FLAGS = 3
"""Weeks of a disease in a town flagged without an outbreak, of over 2,000 that can be judged; EARS C2 flags over 30."""


@pytest.fixture(scope="module")
def city() -> City:
    return City(history=60, days=5)


@pytest.fixture(scope="module")
def truth(city: City) -> dict[str, Any]:
    return health_effects(city)


@pytest.fixture(scope="module")
def tables(city: City) -> Iterator[ModelTables]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        found = card_tables(connection, LAST_DAY)
        sent = list(accepted(city, notifiable_disease_card.FEED, notifiable_disease_card.card_rows))
        names = sent[0].cells
        columns = {name: np.concatenate([rows.cells[name] for rows in sent]).astype(str) for name in names}
        connection.register("sent", pa.table(columns))
        found.insert(CARDS, SENT)
        yield found


def test_cases_by_week_are_those_of_the_truth(tables: ModelTables, truth: dict[str, Any]) -> None:
    counted: dict[str, dict[str, dict[str, int]]] = {}
    for disease, town, week, cases in tables.rows(
        "fct_notifiable_weekly", "disease_code, town_code, week_start_date, cases", "cases > 0"
    ):
        counted.setdefault(disease, {}).setdefault(town, {})[week.isoformat()] = cases
    assert counted == truth["weekly"]


def test_late_cards_by_class_are_those_of_the_truth(tables: ModelTables, truth: dict[str, Any]) -> None:
    found = tables.rows(
        "mart_report_timeliness",
        "managed_as, sum(cards)::bigint, sum(late_cards)::bigint from mart_report_timeliness group by all --",
    )
    counted = {name: {"reported": cards, "late": late} for name, cards, late in found}
    assert counted.pop("unknown") == {"reported": 10, "late": 0}, "cards whose first report was refused"
    assert counted == truth["late_cards"]


def test_the_outbreak_is_flagged_in_its_week_and_few_others_are(tables: ModelTables, truth: dict[str, Any]) -> None:
    planted = truth["outbreak"]
    flagged = tables.rows(
        "mart_disease_surveillance", "disease_code, town_code, week_start_date, first_flagged_date", "is_flagged"
    )
    monday, sunday = map(date.fromisoformat, planted["week"])
    first = [
        day
        for disease, town, week, day in flagged
        if (disease, town, week) == (planted["disease"], planted["town"], monday)
    ]
    assert first and monday <= first[0] <= sunday
    assert len(flagged) - 1 <= MOST_FALSE_FLAGS, flagged
    by_c2 = tables.rows("mart_disease_surveillance", "disease_code, town_code, week_start_date", "is_c2_flagged")
    assert (planted["disease"], planted["town"], monday) in by_c2
    assert len(by_c2) > 10 * MOST_FALSE_FLAGS, "the method that does not decide is the one with more false flags"
    ((judged,),) = tables.rows("mart_disease_surveillance", "count(*)", "assessed_days > 0")
    assert judged > 2000
