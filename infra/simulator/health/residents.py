"""The residents of the city, made once: who they are, where they live, in which hospital's system they are known.

All SYNTHETIC. A person keeps one citizen id in every feed. Who goes to both systems is few: the shares say how many.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np

from infra.simulator import identifiers as ids
from infra.simulator import words
from infra.simulator.city import City, generator
from infra.simulator.rows import Texts, texts
from infra.simulator.towns import TOWNS

BASE = 20_000
"""Residents per unit of scale."""
ONLY_A, ONLY_B, BOTH = 0, 1, 2
_SHARES = (0.49, 0.49, 0.02)
"""Of residents who go to hospital A's system, to hospital B's, to both."""
_UUIDS = 0.2
"""Share of hospital A's patients whose FHIR id is a UUID; the others have a number."""
GROUPS = 31
"""A resident is examined on days of one group only, so that nobody is examined again within a month by chance."""
_OLDEST, _YOUNGEST = np.datetime64("1934-01-01", "D"), np.datetime64("2025-11-01", "D")
_SEQUENCES = 998
"""Of a day of birth; those of the two lowest digits' parity say the sex."""

Ints = np.ndarray


@dataclass(frozen=True)
class Run:
    """What everything of a run of the city follows from; equal for equal cities, so that days can be kept by it."""

    seed: int
    start: date
    scale: int

    @classmethod
    def of(cls, city: City) -> Run:
        """The run of a city."""
        return cls(city.seed, city.start, city.scale)

    def rng(self, *names: object) -> np.random.Generator:
        """The generator of these names (City.rng)."""
        return generator(self.seed, *names)

    def date_of(self, day_no: int) -> date:
        """The local date of a day of the run, 1 for the first."""
        return self.start + timedelta(days=day_no - 1)

    def midnight(self, day_no: int) -> np.datetime64:
        """Local midnight at which a day of the run starts, in seconds."""
        return np.datetime64(self.date_of(day_no), "s")


@dataclass(frozen=True)
class Residents:
    """Parallel columns. `town` is an index of TOWNS, `goes_to` one of ONLY_A, ONLY_B, BOTH; `a_id` is the id of the
    person's Patient resource, `b_number` the patient number of hospital B."""

    citizen_id: Texts
    surname: Texts
    given: Texts
    is_male: np.ndarray
    birth: np.ndarray
    town: Ints
    town_code: Texts
    address: Texts
    phone: Texts
    goes_to: Ints
    a_id: Texts
    b_number: Texts

    def __len__(self) -> int:
        """Residents."""
        return len(self.citizen_id)

    @property
    def name(self) -> Texts:
        """Full names."""
        return self.surname + self.given

    def group(self) -> Ints:
        """The group of days on which each may be examined, below GROUPS."""
        return np.arange(len(self)) % GROUPS


def residents(run: Run) -> Residents:
    """The residents of the city."""
    return _made(run.seed, run.scale)


@lru_cache(maxsize=2)
def _made(seed: int, scale: int) -> Residents:
    rng, count = generator(seed, "residents"), BASE * scale
    days = int((_YOUNGEST - _OLDEST).astype(np.int64))
    # Distinct pairs of a day of birth and a sequence: citizen ids are distinct.
    drawn = np.unique(rng.integers(0, days * _SEQUENCES, count + count // 20 + 1000))
    drawn = rng.permutation(drawn)[:count]
    birth, sequence = _OLDEST + (drawn // _SEQUENCES).astype("timedelta64[D]"), drawn % _SEQUENCES + 1
    weights = np.array([town.weight for town in TOWNS])
    town = rng.choice(len(TOWNS), count, p=weights / weights.sum())
    road = _pick(rng, words.ROADS, count) + _pick(rng, words.ROAD_TAILS, count)
    return Residents(
        citizen_id=ids.citizen_id(birth, sequence),
        surname=_pick(rng, words.SURNAMES, count),
        given=_pick(rng, words.GIVEN_FIRST, count) + _pick(rng, words.GIVEN_LAST, count),
        is_male=sequence % 2 == 1,
        birth=birth,
        town=town,
        town_code=np.array([one.code for one in TOWNS], dtype=object)[town],
        address="中山市"
        + np.array([one.name for one in TOWNS], dtype=object)[town]
        + road
        + texts(rng.integers(1, 400, count), "%d")
        + "号"
        + texts(rng.integers(101, 2900, count), "%d")
        + "房",
        phone=ids.mobile(rng, count),
        goes_to=rng.choice(3, count, p=_SHARES),
        a_id=_a_ids(rng, count),
        b_number=texts(rng.permutation(count) + 1, "%d"),
    )


def _a_ids(rng: np.random.Generator, count: int) -> Texts:
    """Numbers from 1 on, some replaced by UUIDs; number 123 stays one."""
    numbers = rng.permutation(count) + 1
    is_uuid = (rng.random(count) < _UUIDS) & (numbers != 123)  # noqa: PLR2004  the number both hospitals have
    nibbles = rng.integers(0, 16, (count, 32))
    nibbles[:, 12], nibbles[:, 16] = 4, 8 + nibbles[:, 16] % 4
    hexes = np.ascontiguousarray(np.array(list("0123456789abcdef"), "U1")[nibbles]).view("U32").ravel()
    cuts = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
    spelled = hexes.view("U1").reshape(count, 32)
    parts = [np.ascontiguousarray(spelled[:, a:b]).view(f"U{b - a}").ravel().astype(object) for a, b in cuts]
    uuids = parts[0] + "-" + parts[1] + "-" + parts[2] + "-" + parts[3] + "-" + parts[4]
    return np.where(is_uuid, uuids, texts(numbers, "%d")).astype(object)


def _pick(rng: np.random.Generator, values: tuple[str, ...], count: int) -> Texts:
    return np.array(values, dtype=object)[rng.integers(0, len(values), count)]
