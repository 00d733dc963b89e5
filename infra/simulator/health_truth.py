"""What a right analysis of the health feeds finds in the history and the run's days: expected answers, for tests only.

Computed from what the city sent and a right receiver accepts, of every file the last version that arrives in the run,
never from files. The history that counts is the city's (`City(history=…)`), handed over without dirt.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from infra.simulator.city import City
from infra.simulator.feed import Feed
from infra.simulator.feeds.wjj import (
    appointment,
    e_prescription,
    hospital_a_record,
    hospital_b_visit,
    lab_report,
    notifiable_disease_card,
)
from infra.simulator.health import outbreak
from infra.simulator.health.appointments import MISSED
from infra.simulator.health.cards import CLASSES, LIMIT_HOURS, OTHERS_HOURS
from infra.simulator.health.hospital_a import RESIDENT
from infra.simulator.health.residents import Run
from infra.simulator.model import Slot
from infra.simulator.rows import CLEAN, CONFLICT, Rows
from infra.simulator.schedule import arriving

Json = dict[str, Any]
RowsOf = Callable[[City, Slot], Rows]
REPEATED_WITHIN = timedelta(days=14)
"""An examination is repeated where another facility examined the resident for the same item at most so long ago."""
Weekly = dict[str, dict[str, dict[str, int]]]


def health_effects(city: City) -> Json:
    """Expected answers, JSON-ready.

    `outbreak` where and when the planted cases are; `repeats` examinations asked for again and how many of them
    recognised the earlier result instead; `residents.pairs` who was seen in both hospitals' systems; `visits` by
    system, and of A how many name a patient who was never sent; `cards` counts of revised, withdrawn and corrected
    ones; `late_cards` first reports and how many of them came after the limit of their disease, by its class; `weekly`
    cases that are not withdrawn by disease, town and Monday of the diagnosis of their last revision, `weekly_as_of` the
    same from what was reported by a moment; `appointments` by channel and last status; `prescriptions` lines by system
    and status.
    """
    history = _reports(city)
    moment = city.midnight(city.days)
    return {
        "outbreak": _outbreak(city),
        "repeats": _repeats(history),
        "residents": _residents(city),
        "visits": _visits(city),
        "cards": _card_counts(city),
        "late_cards": _late(city),
        "weekly": weekly(city),
        "weekly_as_of": {"as_of": moment.isoformat(), "weekly": weekly(city, moment)},
        "appointments": _appointments(city),
        "prescriptions": _prescriptions(city),
    }


def weekly(city: City, as_of: datetime | None = None) -> Weekly:
    """Cases by disease code, town code and Monday; with `as_of` of what was reported before that moment."""
    counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for card in _last_revisions(city, as_of).values():
        if card["is_withdrawn"] == "false":
            diagnosed = date.fromisoformat(card["diagnosed_at"][:10])
            monday = diagnosed - timedelta(days=diagnosed.weekday())
            counts[card["disease_code"]][card["town_code"]][monday.isoformat()] += 1
    return {
        disease: {town: dict(sorted(weeks.items())) for town, weeks in sorted(towns.items())}
        for disease, towns in sorted(counts.items())
    }


def accepted(city: City, feed: Feed, rows_of: RowsOf) -> Iterator[Rows]:
    """The accepted rows of each interval's last version, oldest first; of two with one key the one that came first."""
    for slot in _slots(city, feed):
        rows = rows_of(city, slot)
        conflicts = np.flatnonzero(rows.fate == CONFLICT)
        firsts = conflicts[: len(conflicts) // 2]
        yield rows.take(np.union1d(np.flatnonzero(rows.fate == CLEAN), firsts))


def _slots(city: City, feed: Feed) -> list[Slot]:
    found: dict[datetime, Slot] = {}
    for day_no in range(1 - city.history, 1):
        for hour in range(24) if feed.every == "hour" else (0,):
            start = city.midnight(day_no) + timedelta(hours=hour)
            found[start] = Slot(start, 1, start + feed.arrives)
    for day_no in range(1, city.days + 1):
        found.update({slot.start: slot for slot in arriving(city, feed, day_no)})
    return [found[start] for start in sorted(found)]


def _table(name: str) -> RowsOf:
    return lambda city, slot: hospital_a_record.record_rows(city, slot, name)


def _records(rows: Rows, *columns: str) -> Iterator[tuple[str, ...]]:
    return zip(*(rows.cells[name] for name in columns), strict=True)


def _outbreak(city: City) -> Json:
    run = Run.of(city)
    monday = outbreak.first_day(run)
    week = [monday.isoformat(), (monday + timedelta(days=6)).isoformat()]
    is_there = city.day_no(monday) > -city.history
    cards = sum(outbreak.CASES) * city.scale if is_there else 0
    return {"disease": outbreak.DISEASE, "town": outbreak.TOWN, "week": week, "cards": cards}


def _reports(city: City) -> dict[str, tuple[str, str, str, datetime, bool]]:
    """Every report by its number: resident, item, facility that examined, when, and whether it recognises another."""
    found: dict[str, tuple[str, str, str, datetime, bool]] = {}
    for rows in accepted(city, hospital_a_record.FEED, _table("diagnostic_report")):
        cells = _records(rows, "id", RESIDENT, "item_code", "organization", "examined_at", "is_recognised")
        for number, resident, item, organization, at, is_recognised in cells:
            facility = organization.rpartition("/")[2].upper()
            examined = datetime.fromisoformat(at).replace(tzinfo=None)
            found["A" + number] = resident, item, facility, examined, is_recognised == "true"
    for rows in accepted(city, lab_report.FEED, lab_report.report_rows):
        cells = _records(rows, "report_no", RESIDENT, "item_code", "laboratory_code", "examined_at", "is_recognised")
        for number, resident, item, facility, at, is_recognised in cells:
            examined = datetime.strptime(at, "%Y%m%d%H%M%S")  # noqa: DTZ007  local, as written
            found["B" + number] = resident, item, facility, examined, is_recognised == "Y"
    return found


def _repeats(reports: dict[str, tuple[str, str, str, datetime, bool]]) -> Json:
    by_resident: dict[tuple[str, str], list[tuple[datetime, str, bool]]] = defaultdict(list)
    for resident, item, facility, at, is_recognised in reports.values():
        by_resident[resident, item].append((at, facility, is_recognised))
    repeated, recognised = 0, 0
    for exams in by_resident.values():
        for at, facility, is_recognised in exams:
            if any(
                other != facility and not is_result and timedelta(0) < at - when <= REPEATED_WITHIN
                for when, other, is_result in exams
            ):
                repeated += 1
                recognised += is_recognised
    return {"reports": len(reports), "repeated": repeated, "recognised": recognised}


def _residents(city: City) -> Json:
    seen: dict[str, set[str]] = {"A": set(), "B": set()}
    for rows in accepted(city, hospital_a_record.FEED, _table("encounter")):
        known = _records(rows, RESIDENT, "patient")
        seen["A"].update(resident for resident, patient in known if patient != hospital_a_record.NOBODY)
    for rows in accepted(city, hospital_b_visit.FEED, hospital_b_visit.visit_rows):
        seen["B"].update(rows.cells[RESIDENT])
    return {"A": len(seen["A"]), "B": len(seen["B"]), "pairs": len(seen["A"] & seen["B"])}


def _visits(city: City) -> Json:
    encounters: dict[str, str] = {}
    for rows in accepted(city, hospital_a_record.FEED, _table("encounter")):
        encounters.update(dict(zip(rows.cells["id"], rows.cells["patient"], strict=True)))
    numbers = [
        number
        for rows in accepted(city, hospital_b_visit.FEED, hospital_b_visit.visit_rows)
        for number in rows.cells["门诊号"]
    ]
    dangling = sum(patient == hospital_a_record.NOBODY for patient in encounters.values())
    return {"A": len(encounters), "B": len(set(numbers)), "dangling": dangling}


def _cards(city: City) -> Iterator[dict[str, str]]:
    names = ("card_no", "revision", "town_code", "diagnosed_at", "disease_code", "corrected_from_code", "is_withdrawn",
             "reported_at")  # fmt: skip
    for rows in accepted(city, notifiable_disease_card.FEED, notifiable_disease_card.card_rows):
        for record in _records(rows, *names):
            yield dict(zip(names, record, strict=True))


def _last_revisions(city: City, as_of: datetime | None = None) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for card in _cards(city):
        if as_of is not None and datetime.fromisoformat(card["reported_at"]) >= as_of:
            continue
        before = found.get(card["card_no"])
        if before is None or int(card["revision"]) > int(before["revision"]):
            found[card["card_no"]] = card
    return found


def _card_counts(city: City) -> Json:
    rows = list(_cards(city))
    last = _last_revisions(city).values()
    return {
        "rows": len(rows),
        "cards": len(last),
        "revisions": sum(card["revision"] != "0" for card in rows),
        "withdrawn": sum(card["is_withdrawn"] == "true" for card in last),
        "corrected_disease": sum(card["corrected_from_code"] != "" for card in last),
    }


def _late(city: City) -> Json:
    """By class of the disease first reported, from the first report's own times."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for card in _cards(city):
        if card["revision"] != "0":
            continue
        code = card["disease_code"]
        reported, diagnosed = (datetime.fromisoformat(card[name]) for name in ("reported_at", "diagnosed_at"))
        limit = timedelta(hours=LIMIT_HOURS.get(code, OTHERS_HOURS))
        counts[CLASSES[code]].update(reported=1, late=int(reported - diagnosed > limit))
    return {name: dict(count) for name, count in sorted(counts.items())}


def _appointments(city: City) -> Json:
    last: dict[str, tuple[str, str]] = {}
    for rows in accepted(city, appointment.FEED, appointment.appointment_rows):
        for number, channel, status in _records(rows, "appointment_no", "channel", "status"):
            last[number] = channel, status
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for channel, status in last.values():
        counts[channel][status] += 1
    missed = sum(count[MISSED] for count in counts.values())
    by_channel = {channel: dict(sorted(count.items())) for channel, count in sorted(counts.items())}
    return {"total": len(last), "by_channel": by_channel, "no_shows": missed}


def _prescriptions(city: City) -> Json:
    counts: dict[str, Counter[str]] = {"A": Counter(), "B": Counter()}
    for rows in accepted(city, hospital_a_record.FEED, _table("medication_request")):
        counts["A"].update(rows.cells["status"])
    for rows in accepted(city, e_prescription.FEED, e_prescription.prescription_rows):
        counts["B"].update(rows.cells["status"])
    return {system: dict(sorted(count.items())) for system, count in counts.items()}
