"""Decisions as units report them day by day: who, by whom, when decided and when reported. All SYNTHETIC.

Owns what permits and penalties have in common: authorities, parties, dates, late reports, decisions revoked later and
planted dirt. `permits` and `penalties` say the rest. A day's file is drawn from the day alone: what a day reports was
decided up to a month before, seldom years before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from infra.simulator.authorities import DECIDING, PLATFORM, Authority
from infra.simulator.city import City
from infra.simulator.dirt import lose, spoil
from infra.simulator.model import Slot
from infra.simulator.organisations import Cells, Ints
from infra.simulator.parties import Parties, draw_parties
from infra.simulator.planted import Planted, of_file
from infra.simulator.rows import CLEAN, Rows, Texts, texts
from infra.simulator.workdays import before, is_workday

WITHIN = 7
"""Workdays in which a decision must be reported (国发〔2014〕21号)."""
LATEST = 20
_ON_TIME = (0.08, 0.2, 0.22, 0.18, 0.12, 0.1, 0.06, 0.04)
"""Shares of reports so many workdays after the decision."""
REVOKED_AFTER = 2
"""Days after its report that a decision is reported again as revoked."""
_RELAYED = 0.2
"""Share that another unit passes on."""
_EPOCH = date(2015, 1, 1)
_OPENS, _CLOSES = 8 * 3600 + 1800, 17 * 3600 + 1800
PLANTED, REVOKED = "planted", "revoked"
"""Stories of rows with planted dirt, and of decisions reported again."""
LAG, STORY, ENTITY = "_lag", "_story", "_entity"
"""Columns that no file has: workdays from decision to report, what the row is planted for, and its entity."""


@dataclass(frozen=True)
class Story:
    """Rows that are planted because an analysis must find them: parties and days of decision, by whom."""

    name: str
    parties: Parties
    decided: np.ndarray
    authority: Authority


@dataclass(frozen=True)
class Form:
    """How decisions of one feed are made. `workday` and `other` are rows a day and unit of scale, `late` of them more
    than seven workdays after the decision. `details` gives the cells that the kind of decision has of its own."""

    feed: str
    letter: str
    by_workbook: bool
    workday: int
    other: int
    late: int
    weight: Callable[[Authority], float]
    details: Callable[[np.random.Generator, Cells], Cells]
    stories: Callable[[City, int], Sequence[Story]] = lambda _city, _day: ()
    dirt: tuple[Planted, ...] = ()

    @property
    def authorities(self) -> tuple[Authority, ...]:
        """Those that report in this feed."""
        return tuple(one for one in DECIDING if one.by_workbook == self.by_workbook and self.weight(one))

    @property
    def plan(self) -> tuple[Planted, ...]:
        """What is planted, with the feed's name."""
        return tuple(replace(entry, feed=self.feed) for entry in self.dirt)


def reported(city: City, form: Form, slot: Slot) -> Rows:
    """The rows of one file: first reports with dirt, then what was revoked; without what an incomplete one loses."""
    day_no = city.day_no(slot.start)
    rows = first_reports(city, form, day_no, slot.revision)
    earlier = day_no - REVOKED_AFTER
    if earlier >= 1 or day_no < 1:
        rows.append(_revoked(city, form, day_no, first_reports(city, form, earlier)))
    lost = city.unresolved_in(form.feed, day_no, slot.revision)
    lose(rows, lost, city.rng(form.feed, day_no, slot.revision, "lost"))
    return rows


def first_reports(city: City, form: Form, day_no: int, revision: int = 1) -> Rows:
    """What is reported for the first time on a day, dirt included."""
    rows = _clean(city, form, day_no)
    if day_no < 1:
        return rows  # what is handed over of the past was cleaned
    plan = of_file(city.plan_of(form.feed, form.plan), city.plan_day(day_no), 0, revision)
    reach, original = rows.cells[STORY] == "", {name: cells.copy() for name, cells in rows.cells.items()}
    rng = city.rng(form.feed, day_no, revision, "dirt")
    spoil(rows, plan, rng, scale=city.scale, day=city.date_of(day_no).isoformat(), reach=reach)
    changed = np.any([rows.cells[name][: len(reach)] != cells for name, cells in original.items()], axis=0)
    rows.cells[STORY][: len(reach)][changed] = PLANTED
    return rows


def _clean(city: City, form: Form, day_no: int) -> Rows:
    rng = city.rng(form.feed, day_no)
    day = city.date_of(day_no)
    count = (form.workday if is_workday(day) else form.other) * city.scale
    parties = draw_parties(city, rng, day_no, count)
    lag, decided = _decided(rng, day, count, form.late * city.scale)
    weights = np.array([form.weight(one) for one in form.authorities])
    chosen = np.array(form.authorities, dtype=object)[rng.choice(len(weights), count, p=weights / weights.sum())]
    story = np.full(count, "", dtype=object)
    for one in form.stories(city, day_no):
        more = len(one.decided)
        parties = Parties(
            {name: np.concatenate([cells, one.parties.cells[name]]) for name, cells in parties.cells.items()},
            np.concatenate([parties.entity, one.parties.entity]),
        )
        decided = np.concatenate([decided, one.decided])
        lag = np.concatenate([lag, _workdays_since(one.decided, day)])
        chosen = np.concatenate([chosen, np.full(more, one.authority, dtype=object)])
        story = np.concatenate([story, np.full(more, one.name, dtype=object)])
    cells = _cells(rng, form, day, parties, chosen, decided)
    cells |= form.details(rng, cells | {STORY: story})
    cells |= {LAG: texts(lag, "%d"), STORY: story, ENTITY: texts(parties.entity, "%d")}
    return Rows(cells, event_day=np.full(len(story), day.isoformat(), dtype=object))


def _decided(rng: np.random.Generator, day: date, count: int, late: int) -> tuple[Ints, np.ndarray]:
    """Workdays from decision to report, and days of decision; on days off nothing is reported on the last day."""
    shares = np.array(_ON_TIME if is_workday(day) else _ON_TIME[:-1])
    lag = rng.choice(len(shares), count, p=shares / shares.sum())
    late = min(late, count)
    lag[rng.permutation(count)[:late]] = rng.integers(WITHIN + 1, LATEST + 1, late)
    return lag, np.array(before(day, LATEST), dtype="datetime64[D]")[lag]


def _workdays_since(decided: np.ndarray, day: date) -> Ints:
    """Of the days of decision of a story; `LATEST` + 1 for all that is longer."""
    back = np.array(before(day, LATEST), dtype="datetime64[D]")[::-1]
    return len(back) - np.searchsorted(back, decided, side="right") + (decided < back[0])


def _cells(
    rng: np.random.Generator, form: Form, day: date, parties: Parties, authority: Texts, decided: np.ndarray
) -> Cells:
    count = len(authority)
    number = [
        f"{one.prefix}{form.letter}〔{when.astype(object).year}〕{(day - _EPOCH).days:04d}{serial:05d}号"
        for serial, (one, when) in enumerate(zip(authority, decided, strict=True), start=1)
    ]
    relayed = rng.random(count) < _RELAYED
    return {
        "doc_no": np.array(number, dtype=object),
        **parties.cells,
        "decision_date": decided.astype(str).astype(object),
        "authority": texts([one.name for one in authority]),
        "authority_code": texts([one.code for one in authority]),
        "status": np.full(count, "0", dtype=object),
        "source_unit": np.where(relayed, PLATFORM[0], [one.name for one in authority]).astype(object),
        "source_unit_code": np.where(relayed, PLATFORM[1], [one.code for one in authority]).astype(object),
        "reported_at": moments(rng, day, count),
    }


def moments(rng: np.random.Generator, day: date, count: int) -> Texts:
    """Sorted local times of a day's working hours, `2026-03-02T09:15:00+08:00`."""
    seconds = np.sort(rng.integers(_OPENS, _CLOSES, count)).astype("timedelta64[s]")
    return (np.datetime64(day, "s") + seconds).astype(str).astype(object) + "+08:00"


def _revoked(city: City, form: Form, day_no: int, first: Rows) -> Rows:
    """A few decisions of an earlier day, reported again as revoked: those whose first report was early."""
    early = first.cells[LAG].astype(np.int64) <= WITHIN // 2
    may = np.flatnonzero((first.fate == CLEAN) & (first.cells[STORY] == "") & early)
    rng = city.rng(form.feed, day_no, "revoked")
    again = first.take(np.sort(rng.permutation(may)[: city.scale]))
    day = city.date_of(day_no)
    again.cells["status"] = np.full(len(again), "1", dtype=object)
    again.cells["reported_at"] = moments(rng, day, len(again))
    again.cells[STORY] = np.full(len(again), REVOKED, dtype=object)
    again.event_day = np.full(len(again), day.isoformat(), dtype=object)
    return again
