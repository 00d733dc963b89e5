"""The city: everything that outlives one delivery, made once from the seed.

Owns what feeds share (stations, businesses, the bus network) and the rule by which random
numbers are drawn: a generator depends on the seed and the names given to `rng`, never on
what was drawn before. So one day can be made alone, in any order, with the same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

import numpy as np

from infra.simulator.businesses import Businesses, make_businesses
from infra.simulator.credit_lists import Lists, make_lists
from infra.simulator.model import LOCAL
from infra.simulator.network import Network, make_network
from infra.simulator.organisation_changes import Organisations, make_organisations
from infra.simulator.planted import LAST_DAY, PLAN, PLAN_DAYS, UNRESOLVED, Planted, of_file
from infra.simulator.rows import Texts
from infra.simulator.towns import NATIONAL_STATION_TOWN, TOWNS
from infra.simulator.words import MARK

SEED = 442_000
START = date(2026, 3, 2)
DAYS = 5


def generator(seed: int, *names: object) -> np.random.Generator:
    """The generator of these names in the city of a seed."""
    text = "|".join(str(part) for part in (seed, *names))
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")))


@dataclass(frozen=True)
class Stations:
    """Weather stations as columns; the national one first, then one a town, `scale` times."""

    id: Texts
    name: Texts
    town_code: Texts
    latitude: np.ndarray
    longitude: np.ndarray
    altitude_m: np.ndarray


class City:
    """A simulated city over `days` local days from `start`.

    `scale` (1 to 300) multiplies stations, businesses, trips and daily rows, and planted
    counts with them. A `plan` replaces all that is planted, also by declared feeds; it may be empty. `history` days
    before the run are handed over; it changes nothing but what is sent whole at their beginning. With `unresolved`,
    what `planted.UNRESOLVED` has is planted on the last day too; other days stay as they are.
    """

    def __init__(
        self,
        seed: int = SEED,
        start: date = START,
        days: int = DAYS,
        scale: int = 1,
        plan: tuple[Planted, ...] | None = None,
        history: int = 0,
        *,
        unresolved: bool = False,
    ) -> None:
        """Make what is shared; feeds make the rest when asked."""
        if scale < 1 or days < 1:
            raise ValueError("scale and days are at least 1")
        self.seed, self.start, self.days, self.scale, self.history = seed, start, days, scale, history
        self.unresolved = unresolved
        self.plan, self._is_given = (PLAN, False) if plan is None else (plan, True)
        newcomers = [self.rng("newcomers", day) for day in range(1, days + 1)]
        self.businesses: Businesses = make_businesses(self.rng("businesses"), newcomers, start, scale)
        self.network: Network = make_network(self.rng("network"))
        self.stations: Stations = _make_stations(self.rng("stations"), scale)

    @property
    def organisations(self) -> Organisations:
        """The market entities, made when first asked for."""
        return _organisations(self.seed, self.start, self.days, self.scale)

    @property
    def lists(self) -> Lists:
        """The lists of incentives and sanctions."""
        return _lists(self.seed, self.start, self.days, self.scale)

    def rng(self, *names: object) -> np.random.Generator:
        """The generator of these names: stable over runs, machines and order."""
        return generator(self.seed, *names)

    def day_no(self, moment: date | datetime) -> int:
        """Day of the run, 1 for the first; may be outside 1 to `days`."""
        day = moment.date() if isinstance(moment, datetime) else moment
        return (day - self.start).days + 1

    def date_of(self, day_no: int) -> date:
        """The local date of a day of the run."""
        return self.start + timedelta(days=day_no - 1)

    def midnight(self, day_no: int) -> datetime:
        """Local midnight at which a day of the run starts."""
        day = self.date_of(day_no)
        return datetime(day.year, day.month, day.day, tzinfo=LOCAL)

    def plan_day(self, day_no: int) -> int:
        """Day of the plan week."""
        return (day_no - 1) % PLAN_DAYS + 1

    def planted(self, feed: str, start: datetime, revision: int = 1, table: str = "") -> list[Planted]:
        """The plan's entries for one table of one file; `start` is its interval's start."""
        return of_file(self.plan_of(feed), self.plan_day(self.day_no(start)), start.hour, revision, table)

    def plan_of(self, feed: str, own: tuple[Planted, ...] = ()) -> tuple[Planted, ...]:
        """Everything planted in one feed; `own` is what a declared feed brings."""
        return (*(entry for entry in self.plan if entry.feed == feed), *(() if self._is_given else own))

    def unresolved_in(self, feed: str, day_no: int, revision: int | None = None) -> list[Planted]:
        """What is planted in a feed on a day for people to act on, in one revision of its file or in all."""
        if not self.unresolved or day_no - self.days != LAST_DAY:
            return []
        return [entry for entry in UNRESOLVED if entry.feed == feed and revision in (None, entry.revision)]


@lru_cache(maxsize=2)
def _organisations(seed: int, start: date, days: int, scale: int) -> Organisations:
    """Of all cities with these arguments: making them takes longer than the rest of a city."""
    city = City(seed, start, days, scale)
    return make_organisations(city.rng, city.businesses, start, days, scale)


@lru_cache(maxsize=2)
def _lists(seed: int, start: date, days: int, scale: int) -> Lists:
    city = City(seed, start, days, scale)
    return make_lists(city.rng, city.organisations, start, days, scale)


def _make_stations(rng: np.random.Generator, scale: int) -> Stations:
    national = next(town for town in TOWNS if town.code == NATIONAL_STATION_TOWN)
    places = [national, *TOWNS] * scale
    count = len(places)
    numbers = [f"G{number:04d}" for number in range(2001, 2000 + count)]
    names = [f"{town.name.removesuffix('街道').removesuffix('镇')}站{MARK}" for town in places]
    names[0] = f"中山国家站{MARK}"
    return Stations(
        id=np.array(["G59485", *numbers], dtype=object),
        name=np.array(names, dtype=object),
        town_code=np.array([town.code for town in places], dtype=object),
        latitude=np.round(np.array([town.latitude for town in places]) + rng.normal(0, 0.004, count), 4),
        longitude=np.round(np.array([town.longitude for town in places]) + rng.normal(0, 0.004, count), 4),
        altitude_m=np.round(np.array([town.altitude_m for town in places]) + rng.uniform(0, 5, count), 1),
    )
