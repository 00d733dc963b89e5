"""Visits of a day in hospital A's system and in hospital B's, and the examinations made in them. All SYNTHETIC.

A day is drawn from the day alone, so that any day can be made by itself. Planted are visits and examinations of
residents who were examined in the other system some days before (`AGAIN_AFTER`), and the visits of the outbreak's
cases. Nobody else is examined again within a month: a day examines one group of residents only.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Literal

import numpy as np

from infra.simulator.health import places
from infra.simulator.health.lines import seconds
from infra.simulator.health.outbreak import ill_on
from infra.simulator.health.residents import BOTH, GROUPS, ONLY_A, ONLY_B, Residents, Run, residents
from infra.simulator.rows import Texts

System = Literal["A", "B"]
A_DAY = 165
"""Visits without an examination on an average day and in one system, per unit of scale."""
EXAMINED, TWO_ITEMS = 70, 12
"""Visits with an examination, and how many of them have two."""
OTHERS: dict[System, System] = {"A": "B", "B": "A"}
HOSPITALS: dict[System, str] = {"A": places.HOSPITAL_A, "B": places.HOSPITAL_B}
RECOGNISES: System = "B"
AGAIN_AFTER = (2, 5, 9)
"""Days after which a resident is examined again in the other system, one each and unit of scale; after the first of
them the system `RECOGNISES` accepts the earlier result instead."""
EMERGENCIES, INPATIENTS = 24, 6
"""Visits a day of these classes, in the hospital. An inpatient of a day stays one to six nights, one of each."""
_WEEK = (1.15, 1.08, 1.02, 1.0, 0.98, 0.74, 0.62)
_TO_THE_CENTRE = 0.55
"""Share of a system's patients in towns with a centre of it who go there."""
_CHILD_YEARS = 10
_ASKED = 0.6
"""Share of visits whose onset was asked."""
AMBULATORY, EMERGENCY, INPATIENT = "AMB", "EMER", "IMP"
_OPENS, _BUSY = 7 * 3600 + 1800, 10 * 3600
_EMERGENCY_FROM, _EMERGENCY_FOR = 600, 21 * 3600
REPEATED, OUTBREAK = "repeated", "outbreak"
"""Stories: rows that an analysis must find, kept clean of dirt."""


@dataclass(frozen=True)
class Visits:
    """Parallel columns of one system's visits of a day, in order of their numbers.

    `nights` is 0 but for inpatients. `onset` is NaT where it was not asked. `item` is the code of an examination,
    `second` that of another, or empty; `recognised` says that a result of elsewhere was accepted instead.
    """

    serial: np.ndarray
    resident: np.ndarray
    facility: Texts
    visit_class: Texts
    clinic: Texts
    icd10: Texts
    started: np.ndarray
    ended: np.ndarray
    nights: np.ndarray
    onset: np.ndarray
    item: Texts
    second: Texts
    recognised: np.ndarray
    story: Texts

    def __len__(self) -> int:
        """Visits."""
        return len(self.serial)

    def take(self, index: np.ndarray) -> Visits:
        """Some of the visits."""
        return Visits(**{one.name: getattr(self, one.name)[index] for one in fields(Visits)})


def visits(run: Run, system: System, day_no: int) -> Visits:
    """The visits that began on a day in one system."""
    return _visits(run, system, day_no)


def discharged(run: Run, day_no: int) -> Visits:
    """Hospital A's inpatients who go home on a day: their visits began one to six days before."""
    parts = []
    for nights in range(1, INPATIENTS + 1):
        before = visits(run, "A", day_no - nights)
        parts.append(before.take(np.flatnonzero(before.nights == nights)))
    return _joined(parts)


@lru_cache(maxsize=256)
def _visits(run: Run, system: System, day_no: int) -> Visits:
    return _joined([_base(run, system, day_no), _again(run, system, day_no), _outbreak(run, system, day_no)])


@lru_cache(maxsize=256)
def _base(run: Run, system: System, day_no: int) -> Visits:
    people, rng = residents(run), run.rng("health", system, day_no)
    day = run.date_of(day_no)
    usual = int(A_DAY * _WEEK[day.weekday()]) + int(rng.integers(-8, 9))
    may_be_examined = people.group() == day.toordinal() % GROUPS
    own = people.goes_to == {"A": ONLY_A, "B": ONLY_B}[system]
    examined = rng.permutation(np.flatnonzero(own & may_be_examined))[: EXAMINED * run.scale]
    known = own | (people.goes_to == BOTH)
    others = rng.permutation(np.flatnonzero(known & ~may_be_examined))[: usual * run.scale]
    who = np.concatenate([examined, others])
    count = len(who)
    item, second = _items(rng, count, len(examined), TWO_ITEMS * run.scale)
    draft = _Draft(
        who,
        icd10=_diagnoses(rng, people, who, day),
        facility=_facility(rng, people, who, system),
        item=item,
        second=second,
        recognised=np.zeros(count, bool),
        story=_stories(run, system, day_no, count, len(examined)),
    )
    return _made(run, rng, day_no, draft, emergencies=EMERGENCIES * run.scale, inpatients=INPATIENTS * run.scale)


def _again(run: Run, system: System, day_no: int) -> Visits:
    """Who was examined in the other system some days before and is examined here again, or has the result accepted."""
    who, item, recognised = [], [], []
    for place, days in enumerate(AGAIN_AFTER):
        earlier = _base(run, OTHERS[system], day_no - days)
        chosen = _chosen_again(run, OTHERS[system], day_no - days)[place]
        who.append(earlier.resident[chosen])
        item.append(earlier.item[chosen])
        recognised.append(np.full(len(chosen), place == 0 and system == RECOGNISES))
    everyone, rng = np.concatenate(who), run.rng("health", system, day_no, "again")
    count = len(everyone)
    draft = _Draft(
        everyone,
        icd10=_diagnoses(rng, residents(run), everyone, run.date_of(day_no)),
        facility=np.full(count, HOSPITALS[system], object),
        item=np.concatenate(item),
        second=np.full(count, "", object),
        recognised=np.concatenate(recognised),
        story=np.full(count, REPEATED, object),
    )
    return _made(run, rng, day_no, draft, first=7000 * run.scale)


def _outbreak(run: Run, system: System, day_no: int) -> Visits:
    """The outbreak's cases: in the system that the person goes to, A for who goes to both."""
    ill, people = ill_on(run, day_no), residents(run)
    who = ill[(people.goes_to[ill] == ONLY_B) == (system == "B")]
    count, rng = len(who), run.rng("health", system, day_no, "outbreak")
    draft = _Draft(
        who,
        icd10=np.full(count, places.DENGUE, object),
        facility=np.full(count, HOSPITALS[system], object),
        item=np.full(count, "", object),
        second=np.full(count, "", object),
        recognised=np.zeros(count, bool),
        story=np.full(count, OUTBREAK, object),
    )
    return _made(run, rng, day_no, draft, first=8000 * run.scale)


def _chosen_again(run: Run, system: System, day_no: int) -> list[np.ndarray]:
    """Which examined visits of a day are examined again elsewhere, by `AGAIN_AFTER`."""
    chosen = run.rng("health", system, day_no, "chosen again").permutation(EXAMINED * run.scale)
    return [chosen[place * run.scale : (place + 1) * run.scale] for place in range(len(AGAIN_AFTER))]


def _stories(run: Run, system: System, day_no: int, count: int, examined: int) -> Texts:
    story = np.full(count, "", object)
    chosen = np.concatenate(_chosen_again(run, system, day_no))
    story[chosen[chosen < examined]] = REPEATED
    return story


@dataclass(frozen=True)
class _Draft:
    """What visits are before they have a time: parallel columns as those of `Visits`."""

    resident: np.ndarray
    icd10: Texts
    facility: Texts
    item: Texts
    second: Texts
    recognised: np.ndarray
    story: Texts


def _made(
    run: Run, rng: np.random.Generator, day_no: int, draft: _Draft, *, emergencies: int = 0, inpatients: int = 0,
    first: int = 0,
) -> Visits:  # fmt: skip
    """The visits, numbered from `first` + 1 on in the order of their beginning."""
    count, facility = len(draft.resident), draft.facility
    visit_class, nights = np.full(count, AMBULATORY, object), np.zeros(count, np.int64)
    in_hospital = rng.permutation(np.flatnonzero(np.char.startswith(facility.astype(str), "H") & (draft.story == "")))
    beds = in_hospital[:inpatients]
    visit_class[beds], nights[beds] = INPATIENT, np.arange(len(beds)) % INPATIENTS + 1
    visit_class[in_hospital[inpatients : inpatients + emergencies]] = EMERGENCY
    offset = _OPENS + np.floor(rng.beta(1.5, 2.2, count) * _BUSY).astype(np.int64)
    at_any_hour = _EMERGENCY_FROM + rng.integers(0, _EMERGENCY_FOR, count)
    offset = np.where(visit_class == EMERGENCY, at_any_hour, offset)
    started = run.midnight(day_no) + seconds(offset)
    # An inpatient goes home in the daytime.
    stay = nights * 86_400 - offset + rng.integers(9 * 3600, 16 * 3600, count)
    lasting = np.where(nights > 0, stay, rng.integers(600, 4800, count))
    onset = started - seconds(rng.integers(3600, 5 * 86_400, count))
    made = Visits(
        serial=np.zeros(count, np.int64),
        resident=draft.resident,
        facility=facility,
        visit_class=visit_class,
        clinic=_clinics(facility, visit_class, draft.icd10),
        icd10=draft.icd10,
        started=started,
        ended=started + seconds(lasting),
        nights=nights,
        onset=np.where(rng.random(count) < _ASKED, onset, np.datetime64("NaT", "s")),
        item=draft.item,
        second=draft.second,
        recognised=draft.recognised,
        story=draft.story,
    )
    # Numbers follow the order of beginning, the columns keep theirs: stories find their visits by place.
    made.serial[np.argsort(started, kind="stable")] = first + 1 + np.arange(count)
    return made


def _items(rng: np.random.Generator, count: int, examined: int, two: int) -> tuple[Texts, Texts]:
    """Codes of the first examination of the first visits and of the second of some of them."""
    codes = np.array(list(places.EXAMS), dtype=object)
    item, second = np.full(count, "", object), np.full(count, "", object)
    first = rng.choice(len(codes), examined, p=(0.24, 0.16, 0.14, 0.12, 0.1, 0.1, 0.06, 0.08))
    item[:examined] = codes[first]
    shift = rng.integers(1, len(codes), min(two, examined))
    second[: len(shift)] = codes[(first[: len(shift)] + shift) % len(codes)]
    return item, second


def _diagnoses(rng: np.random.Generator, people: Residents, who: np.ndarray, day: object) -> Texts:
    codes = np.array(list(places.DIAGNOSES), dtype=object)
    weights = np.array([share for share, _, _ in places.DIAGNOSES.values()])
    drawn = codes[rng.choice(len(codes), len(who), p=weights / weights.sum())]
    years = (np.datetime64(str(day), "D") - people.birth[who]).astype(np.int64) // 365
    drawn[(drawn == places.HAND_FOOT_MOUTH) & (years >= _CHILD_YEARS)] = places.COLD
    return drawn


def _facility(rng: np.random.Generator, people: Residents, who: np.ndarray, system: System) -> Texts:
    """The hospital, or the centre of the town where the system has one there."""
    hospital = HOSPITALS[system]
    of_town = np.array([one.code if one.system == system else hospital for one in places.CENTRES], dtype=object)
    stays = rng.random(len(who)) < _TO_THE_CENTRE
    return np.where(stays, of_town[people.town[who]], hospital).astype(object)


def _clinics(facility: Texts, visit_class: Texts, icd10: Texts) -> Texts:
    """A centre's general practice, the emergency room, or the diagnosis's clinic."""
    of_code = {code: clinic for code, (_, _, clinic) in places.DIAGNOSES.items()}
    codes = np.array(list(of_code), dtype=object)
    order = np.argsort(codes)
    by_code = np.array(list(of_code.values()), dtype=object)[order][np.searchsorted(codes[order], icd10)]
    emergency = np.where(visit_class == EMERGENCY, places.EMERGENCY, by_code)
    in_centre = np.char.startswith(facility.astype(str), "C")
    return np.where(in_centre, places.GENERAL, emergency).astype(object)


def _joined(parts: list[Visits]) -> Visits:
    return Visits(**{one.name: np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Visits)})
