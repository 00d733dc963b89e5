"""The bus network: stops around town centres, routes that thread them, and two ferries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.simulator import words
from infra.simulator.rows import Texts
from infra.simulator.towns import TOWNS

STOPS = 180
BUS, FERRY = 3, 4
"""GTFS route types."""
WHARVES = (
    ("中山港客运码头", 22.566, 113.493),
    ("马鞍岛码头", 22.582, 113.557),
    ("神湾码头", 22.316, 113.349),
    ("磨刀门码头", 22.271, 113.412),
)
BUS_ROUTES = 32
"""The first version of the feed serves two fewer."""
_PER_ROUTE = 14

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Route:
    """One line: `stops` index the network's stops in travel order; `seconds` run between neighbours."""

    id: str
    short_name: str
    long_name: str
    kind: int
    stops: Ints
    seconds: Ints


@dataclass(frozen=True)
class Network:
    """Stops as columns (WGS 84 degrees) and all routes, buses first."""

    stop_id: Texts
    stop_name: Texts
    latitude: Floats
    longitude: Floats
    routes: tuple[Route, ...]

    def in_version(self, version: int) -> tuple[Route, ...]:
        """Version 1 lacks the last two bus routes."""
        last = BUS_ROUTES - 2 if version == 1 else BUS_ROUTES
        return tuple(r for i, r in enumerate(self.routes) if i < last or r.kind == FERRY)


def make_network(rng: np.random.Generator) -> Network:
    """The network from one generator."""
    land = STOPS - len(WHARVES)
    town = np.arange(land) % len(TOWNS)
    latitude = np.round(np.array([t.latitude for t in TOWNS])[town] + rng.normal(0, 0.012, land), 6)
    longitude = np.round(np.array([t.longitude for t in TOWNS])[town] + rng.normal(0, 0.012, land), 6)
    names = _stop_names(rng, town)
    latitude = np.concatenate([latitude, [w[1] for w in WHARVES]])
    longitude = np.concatenate([longitude, [w[2] for w in WHARVES]])
    stop_name = np.array([*names, *(w[0] for w in WHARVES)], dtype=object) + words.MARK
    stop_id = np.array([f"S{i:04d}" for i in range(1, STOPS + 1)], dtype=object)
    places = np.column_stack([latitude, longitude])
    routes = [_bus(rng, number, places[:land], stop_name) for number in range(1, BUS_ROUTES + 1)]
    for number in (1, 2):
        wharves = np.array([land + 2 * number - 2, land + 2 * number - 1])
        routes.append(_route((f"F{number:02d}", f"水上{number}线", FERRY), wharves, places, stop_name, 7.0))
    return Network(stop_id, stop_name, latitude, longitude, tuple(routes))


def _stop_names(rng: np.random.Generator, town: Ints) -> list[str]:
    """Distinct names inside a town: every pair of word and side is used once."""
    pairs = [side + word for side in words.STOP_SIDES for word in words.STOP_WORDS]
    order = rng.permutation(len(pairs))
    short = [t.name.removesuffix("街道").removesuffix("镇") for t in TOWNS]
    return [short[t] + pairs[order[(i // len(TOWNS) + 7 * t) % len(pairs)]] for i, t in enumerate(town.tolist())]


def _bus(rng: np.random.Generator, number: int, places: Floats, names: Texts) -> Route:
    """A line between two distant stops through those closest to the straight way."""
    start = int(rng.integers(len(places)))
    away = _metres(places[start], places)
    end = int(rng.choice(np.argsort(away)[len(places) // 3 :]))
    way = places[end] - places[start]
    along = (places - places[start]) @ way / (way @ way)
    distance_to_line = np.linalg.norm(places - places[start] - along[:, None] * way, axis=1)
    distance_to_line[(along < 0) | (along > 1)] = np.inf
    distance_to_line[[start, end]] = -1.0
    chosen = np.argsort(distance_to_line, kind="stable")[:_PER_ROUTE]
    chosen = chosen[np.isfinite(distance_to_line[chosen])]
    stops = chosen[np.argsort(along[chosen], kind="stable")]
    return _route((f"R{number:03d}", f"{number:03d}路", BUS), stops, places, names, 6.5)


def _route(line: tuple[str, str, int], stops: Ints, places: Floats, names: Texts, metres_per_second: float) -> Route:
    route_id, short, kind = line
    legs = _metres(places[stops[:-1]], places[stops[1:]])
    seconds = np.maximum(60, np.round(legs / metres_per_second)).astype(np.int64)
    ends = [names[stops[i]].removesuffix(words.MARK) for i in (0, -1)]
    return Route(route_id, short, f"{ends[0]} — {ends[1]}{words.MARK}", kind, stops, seconds)


def _metres(a: Floats, b: Floats) -> Floats:
    """Flat-earth distance, good to a per cent over the city."""
    scale = np.array([111_000.0, 111_000.0 * np.cos(np.radians(22.5))])
    return np.linalg.norm((np.atleast_2d(a) - np.atleast_2d(b)) * scale, axis=1)
