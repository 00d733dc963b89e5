"""Generators of column values for declared feeds (`declared`): each makes the texts of one column of one file.

A generator is drawn from a generator of random numbers of its own, so that a new column changes no other. What tells a
story (rain, a failing business) is written out in code instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np

from infra.simulator import identifiers, words
from infra.simulator.rows import Texts, texts
from infra.simulator.towns import TOWNS

_HOURS = 24
_SPREAD_DEG = 0.008
"""Of places in a town around its centre, about 900 metres."""


@dataclass(frozen=True)
class Draw:
    """What a generator has: random numbers of the column and of the file by name, how many rows, the interval's local
    start, and the columns before it."""

    rng: np.random.Generator
    shared: Callable[[str], np.random.Generator]
    count: int
    start: datetime
    cells: Mapping[str, Texts]

    @property
    def place(self) -> np.ndarray:
        """Numbers of the rows, from 0; where a feed reports on fixed things (stations), the thing's number."""
        return np.arange(self.count)


@dataclass(frozen=True)
class Generator:
    """One column. `quoted`: in JSON its values are strings."""

    make: Callable[[Draw], Texts]
    quoted: bool = True


def fixed(values: Sequence[str]) -> Generator:
    """One value a row, in order: what does not change from file to file. A larger city has more of them, numbered."""

    def make(draw: Draw) -> Texts:
        again = draw.place // len(values)
        numbered = np.where(again > 0, "-" + again.astype(str).astype(object), "").astype(object)
        return np.array(values, dtype=object)[draw.place % len(values)] + numbered

    return Generator(make)


def choice(shares: Mapping[str, float]) -> Generator:
    """One of the words, as often as its share says."""
    weights = np.array(list(shares.values()))
    names = np.array(list(shares), dtype=object)
    return Generator(lambda draw: names[draw.rng.choice(len(names), draw.count, p=weights / weights.sum())])


def number(low: float, high: float, *, digits: int = 0, peak_hour: int | None = None) -> Generator:
    """Numbers from `low` to `high`, small ones more often; with `peak_hour` a daily course that is highest then."""

    def make(draw: Draw) -> Texts:
        share = draw.rng.beta(1.6, 4.0, draw.count)
        if peak_hour is not None:
            share *= 0.7 + 0.3 * np.cos((draw.start.hour - peak_hour) / _HOURS * 2 * np.pi)
        return texts(low + (high - low) * share, f"%.{digits}f")

    return Generator(make, quoted=False)


def moment(pattern: str = "%Y-%m-%d %H:%M:%S", *, until_hour: int = 0) -> Generator:
    """The interval's start, or sorted moments from it on to `until_hour` of its day. `pattern` is strftime's."""

    def make(draw: Draw) -> Texts:
        seconds = np.sort(draw.rng.integers(0, max(1, until_hour * 3600), draw.count))
        return _stamps(np.datetime64(draw.start.replace(tzinfo=None), "s") + seconds.astype("timedelta64[s]"), pattern)

    return Generator(make)


def later(column: str, minutes: tuple[int, int], pattern: str = "%Y-%m-%d %H:%M:%S") -> Generator:
    """Moments some minutes after those of another column of the same pattern."""

    def make(draw: Draw) -> Texts:
        before = np.array([datetime.strptime(text, pattern) for text in draw.cells[column]], dtype="datetime64[s]")  # noqa: DTZ007 - local, as written
        return _stamps(before + (draw.rng.integers(*minutes, draw.count) * 60).astype("timedelta64[s]"), pattern)

    return Generator(make)


def serial(pattern: str) -> Generator:
    """A number a row: strftime's codes are of the interval's start, `#` is the number with five digits."""
    return Generator(
        lambda draw: np.array([draw.start.strftime(pattern).replace("#", f"{n + 1:05d}") for n in draw.place], object)
    )


def town(field: Literal["code", "name", "latitude", "longitude"] = "code") -> Generator:
    """Code or name of a town drawn by its population, or a place in it; a row's columns are of one town."""

    def make(draw: Draw) -> Texts:
        weights = np.array([place.weight for place in TOWNS])
        chosen = draw.shared("town").choice(len(TOWNS), draw.count, p=weights / weights.sum())
        values: list[Any] = [getattr(place, field) for place in TOWNS]
        if field in ("code", "name"):
            return np.array(values, dtype=object)[chosen]
        return texts(np.array(values)[chosen] + draw.rng.normal(0, _SPREAD_DEG, draw.count), "%.5f")

    return Generator(make, quoted=field in ("code", "name"))


def road() -> Generator:
    """A made-up road."""
    names = [f"{name}{tail}{words.MARK}" for name in words.ROADS for tail in words.ROAD_TAILS]
    return Generator(lambda draw: np.array(names, dtype=object)[draw.rng.integers(0, len(names), draw.count)])


def plate() -> Generator:
    """Made-up plates of the province's letter T: 粤T and five digits."""
    return Generator(lambda draw: "粤T" + texts(draw.rng.integers(0, 100_000, draw.count), "%05d"))


def mobile() -> Generator:
    """Made-up mobile numbers."""
    return Generator(lambda draw: identifiers.mobile(draw.rng, draw.count))


def _stamps(moments: np.ndarray, pattern: str) -> Texts:
    return np.array([moment.strftime(pattern) for moment in moments.astype(object)], dtype=object)
