"""What a right analysis of the credit feeds finds in the run's days: expected answers for `truth`, for tests only.

Computed from what the city did, never from its files. Answers about decisions are about those reported in the run;
what was handed over of the past adds to them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np

from infra.simulator import penalties, permits
from infra.simulator.city import City
from infra.simulator.credit_lists import LISTS
from infra.simulator.decisions import ENTITY, LAG, REVOKED, REVOKED_AFTER, STORY, WITHIN, Form, first_reports, reported
from infra.simulator.model import Slot
from infra.simulator.repairs import repairs
from infra.simulator.rows import CLEAN, Rows

Json = dict[str, Any]
_FORMS = (permits.BY_INTERFACE, permits.BY_WORKBOOK, penalties.BY_INTERFACE, penalties.BY_WORKBOOK)


def credit_effects(city: City) -> Json:
    """Expected answers, JSON-ready."""
    return {
        "reported": _reported(city),
        "permits_while_sanctioned": _while_sanctioned(city),
        "publicity_ends": [*_three_years(city), *_repaired(city)],
        "revoked": _revoked(city),
        "lists": _list_changes(city),
        "organisations": _organisation_changes(city),
    }


def accepted(city: City, form: Form, day_no: int) -> Rows:
    """First reports of a day that are accepted, of the last version of its file that arrives in the run."""
    revision = 1
    for entry in city.plan_of(form.feed, form.plan):
        delay = entry.arrives_day - entry.day
        if entry.kind == "correction" and entry.day == city.plan_day(day_no) and day_no + delay <= city.days:
            revision = max(revision, entry.revision)
    rows = first_reports(city, form, day_no, revision)
    return rows.take(np.flatnonzero(rows.fate == CLEAN))


def _days(city: City, form: Form) -> Iterator[tuple[date, Rows]]:
    for day_no in range(1, city.days + 1):
        yield city.date_of(day_no), accepted(city, form, day_no)


def _reported(city: City) -> list[Json]:
    """Decisions by feed, authority and month of their first report, and how many of them came too late."""
    total: Counter[tuple[str, str, str]] = Counter()
    late: Counter[tuple[str, str, str]] = Counter()
    for form in _FORMS:
        for day, rows in _days(city, form):
            keys = [(form.feed, name, f"{day:%Y-%m}") for name in rows.cells["authority"]]
            total.update(keys)
            late.update(key for key, lag in zip(keys, rows.cells[LAG], strict=True) if int(lag) > WITHIN)
    return [
        {"feed": feed, "authority": authority, "month": month, "reported": count, "late": late[feed, authority, month]}
        for (feed, authority, month), count in sorted(total.items())
    ]


def _while_sanctioned(city: City) -> list[Json]:
    lists, found = city.lists, []
    for day, rows in _days(city, permits.BY_INTERFACE):
        planted = rows.take(np.flatnonzero(rows.cells[STORY] == permits.SANCTIONED))
        for doc_no, uscc, decided, entity in _records(planted, "doc_no", "uscc", "decision_date", ENTITY):
            day_no = city.day_no(date.fromisoformat(decided))
            held = lists.sanctions & (lists.entity == int(entity)) & (lists.first <= day_no) & (lists.last > day_no)
            codes = sorted(LISTS[number].code for number in lists.number[held])
            found.append(
                {"doc_no": doc_no, "uscc": uscc, "decision_date": decided, "reported_date": str(day), "lists": codes}
            )
    return found


def _three_years(city: City) -> list[Json]:
    """Decisions whose longest publicity of three years ends in the run."""
    rows = accepted(city, penalties.BY_INTERFACE, 1)
    planted = rows.take(np.flatnonzero(rows.cells[STORY] == penalties.ENDING))
    return [
        {
            "doc_no": doc_no,
            "reason": "maximum",
            "date": f"{int(decided[:4]) + penalties.ENDING_YEARS}{decided[4:]}",
            "reported_date": str(city.date_of(1)),
        }
        for doc_no, decided in _records(planted, "doc_no", "decision_date")
    ]


def _repaired(city: City) -> list[Json]:
    """Decisions whose publicity ends with a repair granted long after the shortest time."""
    found = []
    for day_no in range(1, city.days + 1):
        rows = repairs(city, day_no)
        planted = rows.take(np.flatnonzero(rows.cells[STORY] == penalties.OLD))
        found += [
            {
                "doc_no": doc_no,
                "reason": "repair",
                "date": str(city.date_of(day_no)),
                "reported_date": str(city.date_of(1)),
            }
            for (doc_no,) in _records(planted, "penalty_doc_no")
        ]
    return found


def _revoked(city: City) -> list[Json]:
    """Decisions reported in the run and again as revoked."""
    found = []
    for form in _FORMS:
        for day_no in range(1 + REVOKED_AFTER, city.days + 1):
            midnight = city.midnight(day_no)
            rows = reported(city, form, Slot(midnight, 1, midnight))
            planted = rows.take(np.flatnonzero(rows.cells[STORY] == REVOKED))
            found += [
                {"feed": form.feed, "doc_no": doc_no, "date": f"{midnight:%Y-%m-%d}"}
                for (doc_no,) in _records(planted, "doc_no")
            ]
    return found


def _list_changes(city: City) -> list[Json]:
    """Who is put on a list and who is taken off, by day."""
    lists, codes = city.lists, city.organisations.base.cells["uscc"]
    found = []
    for day_no in range(1, city.days + 1):
        for change, days in (("listed", lists.first), ("delisted", lists.last)):
            found += [
                {
                    "date": str(city.date_of(day_no)),
                    "change": change,
                    "list": LISTS[lists.number[at]].code,
                    "uscc": codes[lists.entity[at]],
                }
                for at in np.flatnonzero(days == day_no)
            ]
    return found


def _organisation_changes(city: City) -> Json:
    """Numbers of the entities that something happened to in the run, by what and by day."""
    organisations = city.organisations
    found: dict[str, dict[str, list[str]]] = {}
    for day_no in range(1, city.days + 1):
        numbers = organisations.state(day_no).cells["entity_no"]
        change = organisations.changes[day_no]
        for kind, index in {**change.kinds, "deleted": change.deleted}.items():
            if len(index):
                found.setdefault(kind, {})[str(city.date_of(day_no))] = sorted(numbers[index].tolist())
    return found


def _records(rows: Rows, *columns: str) -> list[tuple[str, ...]]:
    return list(zip(*(rows.cells[name] for name in columns), strict=True))
