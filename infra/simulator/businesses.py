"""The food businesses of the city: one register, made once, that grows and loses some every day."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date

import numpy as np
from numpy.typing import NDArray

from infra.simulator import identifiers as ids
from infra.simulator import words
from infra.simulator.effects import CLUSTER
from infra.simulator.rows import Texts, texts
from infra.simulator.towns import TOWNS

BASE = 2_990
A_DAY = 4
KINDS = ("销售", "餐饮", "单位食堂")
NEVER = 10**6
_SEQUENCES = 999_999
_CANTEEN = 2

TRADERS, QUIET, UPSTAIRS, REVOKED, GONE = 0.6, 0.1, 0.03, 0.12, 0.02
"""Shares: sole traders (never a canteen); quiet; address with a comma; revoked rather than closed; gone before."""

Ints = NDArray[np.int64]
Days = NDArray[np.datetime64]


@dataclass(frozen=True)
class Businesses:
    """Parallel columns, one entry a business, in order of entry.

    `opened` and `closed` are days of the run (1 = first; `opened` 0 was there before, `closed`
    0 is gone before). `quiet` businesses are never inspected nor complained about: dirt in the
    register falls on them only, so that a refused register row orphans nothing. `failing` is
    the planted cluster.
    """

    licence_no: Texts
    name: Texts
    uscc: Texts
    legal_rep: Texts
    legal_rep_id: Texts
    kind: Texts
    items: Texts
    address: Texts
    town_code: Texts
    issued: Days
    valid_to: Days
    phone: Texts
    opened: Ints
    closed: Ints
    revoked: NDArray[np.bool_]
    quiet: NDArray[np.bool_]
    failing: NDArray[np.bool_]

    def __len__(self) -> int:
        """Businesses."""
        return len(self.licence_no)

    def visible(self, day: int) -> Ints:
        """Index of businesses that officers meet and citizens know on a day of the run, or before its first."""
        day = max(day, 1)
        return np.flatnonzero(~self.quiet & (self.opened < day) & (self.closed > day))

    def cluster(self) -> Ints:
        """Index of the failing cluster."""
        return np.flatnonzero(self.failing)


def make_businesses(base: np.random.Generator, daily: list[np.random.Generator], start: date, scale: int) -> Businesses:
    """The register from one generator for what was there and one for each day of the run.

    Raises ValueError where the six-digit sequence of licence numbers would overflow.
    """
    total = BASE * scale + A_DAY * scale * len(daily)
    if total > _SEQUENCES:
        raise ValueError(f"{total} businesses do not fit the licence number; keep scale and days below {_SEQUENCES}")
    first = np.datetime64(start, "D")
    issued = first - base.integers(1, 365 * 5, BASE * scale).astype("timedelta64[D]")
    parts = [_make(base, issued, np.zeros(BASE * scale, np.int64), 1)]
    for day, rng in enumerate(daily, start=1):
        opened = np.full(A_DAY * scale, day, np.int64)
        sequence = 1 + BASE * scale + A_DAY * scale * (day - 1)
        parts.append(_make(rng, np.full(A_DAY * scale, first + (day - 1)), opened, sequence))
    return _with_cluster(_concatenated(parts), base, CLUSTER.size * scale)


def person_names(rng: np.random.Generator, count: int) -> Texts:
    """Made-up names of people."""
    parts = (words.SURNAMES, words.GIVEN_FIRST, words.GIVEN_LAST)
    surname, first, last = (_pick(rng, part, count) for part in parts)
    return surname + first + last


def _pick(rng: np.random.Generator, values: tuple[str, ...], count: int) -> Texts:
    return np.array(values, dtype=object)[rng.integers(0, len(values), count)]


def _make(rng: np.random.Generator, issued: Days, opened: Ints, sequence: int) -> Businesses:
    count = len(issued)
    serial = np.arange(sequence, sequence + count, dtype=np.int64)
    kind_no = rng.choice(3, count, p=[0.52, 0.42, 0.06])
    weights = np.array([town.weight for town in TOWNS])
    town = rng.choice(len(TOWNS), count, p=weights / weights.sum())
    trader = (rng.random(count) < TRADERS) & (kind_no != _CANTEEN)
    birth = np.datetime64("1958-01-01", "D") + rng.integers(0, 365 * 45, count).astype("timedelta64[D]")
    number = ids.citizen_id(birth, rng.integers(1, 1000, count))
    town_name = np.array([t.name for t in TOWNS], dtype=object)[town]
    road = _pick(rng, words.ROADS, count) + _pick(rng, words.ROAD_TAILS, count)
    floor = np.where(rng.random(count) < UPSTAIRS, ",首层", "").astype(object)
    return Businesses(
        licence_no=ids.food_licence_no(kind_no + 1, serial),
        name="中山市"
        + _pick(rng, words.BRANDS, count)
        + _pick(rng, words.BRAND_TAILS, count)
        + _by_kind(rng, words.TRADES, kind_no)
        + words.MARK,
        uscc=np.where(trader, "", ids.uscc(serial * 7_919)).astype(object),
        legal_rep=person_names(rng, count),
        legal_rep_id=np.where(trader, ids.printed_id(number), number).astype(object),
        kind=np.array(KINDS, dtype=object)[kind_no],
        items=_by_kind(rng, words.ITEMS, kind_no),
        address="中山市" + town_name + road + texts(rng.integers(1, 400, count), "%d") + "号" + floor,
        town_code=np.array([t.code for t in TOWNS], dtype=object)[town],
        issued=issued,
        valid_to=issued + np.timedelta64(365 * 5, "D"),
        phone=ids.mobile(rng, count),
        opened=opened,
        closed=_closing(rng, opened),
        revoked=rng.random(count) < REVOKED,
        quiet=rng.random(count) < QUIET,
        failing=np.zeros(count, bool),
    )


def _by_kind(rng: np.random.Generator, lists: dict[str, tuple[str, ...]], kind_no: Ints) -> Texts:
    drawn = [_pick(rng, lists[kind], len(kind_no)) for kind in KINDS]
    return np.choose(kind_no, drawn)


def _closing(rng: np.random.Generator, opened: Ints) -> Ints:
    """One in fifty was gone before the run; the rest go with a mean of two years."""
    later = opened + rng.geometric(1 / 730, len(opened))
    gone = (rng.random(len(opened)) < GONE) & (opened == 0)
    return np.where(gone, 0, later)


def _concatenated(parts: list[Businesses]) -> Businesses:
    return Businesses(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Businesses)})


def _with_cluster(all_: Businesses, rng: np.random.Generator, size: int) -> Businesses:
    candidates = np.flatnonzero(
        (all_.town_code == CLUSTER.town) & (all_.kind == "餐饮") & (all_.opened == 0) & (all_.closed > 0) & ~all_.quiet
    )
    chosen = rng.permutation(candidates)[:size]
    all_.failing[chosen] = True
    all_.closed[chosen] = NEVER
    return all_
