"""公交线网: the timetable as a GTFS ZIP, delivered on the first day and changed on the fourth.

Referentially sound but for the planted rows: a stop_time without a stop, a ragged stop no
trip serves, a repeated service exception. `notes.txt` is a member GTFS does not know.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from infra.simulator.city import City
from infra.simulator.dirt import spoil
from infra.simulator.feed import Feed
from infra.simulator.model import Slot, TableTruth
from infra.simulator.network import Network, Route
from infra.simulator.planted import GTFS
from infra.simulator.rows import Rows, texts
from infra.simulator.words import MARK, NOTES
from infra.simulator.writers import csv_bytes, zip_bytes

FIRST_DAY, CHANGED_DAY = 1, 4
SERVICES = {"WK": (14, (1, 1, 1, 1, 1, 0, 0)), "WE": (9, (0, 0, 0, 0, 0, 1, 1))}
"""Service to departures a direction (per unit of scale) and days from Monday to Sunday."""
EXCEPTIONS = tuple(
    (service, day, kind) for day in (date(2026, 4, 6), date(2026, 5, 1)) for service, kind in (("WK", 2), ("WE", 1))
)
"""清明 and 劳动节: weekday service removed, weekend service added."""

_FIRST_DEPARTURE, _LAST_DEPARTURE = 6 * 3600, 23 * 3600 + 40 * 60
_DWELL = 20
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_AGENCY = "MN01"
_GROW = ("trips", "stop_times")
"""Tables `scale` multiplies; the others, and dirt in them, stay as they are."""

Ints = NDArray[np.int64]


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    version = 1 if city.day_no(slot.start) < CHANGED_DAY else 2
    routes = city.network.in_version(version)
    day = slot.start.date()
    tables = {
        "agency": _table(agency_id=[_AGENCY], agency_name=[f"中山公交{MARK}"], agency_url=["https://example.invalid/bus"],
                         agency_timezone=["Asia/Shanghai"], agency_lang=["zh"]),
        "stops": _stops(city.network),
        "routes": _table(route_id=[r.id for r in routes], agency_id=[_AGENCY] * len(routes),
                         route_short_name=[r.short_name for r in routes], route_long_name=[r.long_name for r in routes],
                         route_type=[str(r.kind) for r in routes]),
        **_trips(city, routes),
        "calendar": _calendar(day),
        "calendar_dates": _table(service_id=[e[0] for e in EXCEPTIONS], date=[f"{e[1]:%Y%m%d}" for e in EXCEPTIONS],
                                 exception_type=[str(e[2]) for e in EXCEPTIONS]),
        "feed_info": _table(feed_publisher_name=[f"模拟城市 synthetic city{MARK}"], feed_publisher_url=["https://example.invalid/"],
                            feed_lang=["zh"], feed_version=[f"{day:%Y%m%d}-v{version}"],
                            feed_start_date=[f"{day:%Y%m%d}"], feed_end_date=[f"{_end(day):%Y%m%d}"]),
    }  # fmt: skip
    for name, rows in tables.items():
        rng = city.rng(GTFS, day, "dirt", name)
        scale = city.scale if name in _GROW else 1
        spoil(rows, city.planted(GTFS, slot.start, table=name), rng, scale=scale, day=day.isoformat())
    members = {f"{name}.txt": csv_bytes(rows, list(rows.cells)) for name, rows in tables.items()}
    members["notes.txt"] = NOTES.encode()
    return zip_bytes(members, slot.arrives_at), {name: rows.truth() for name, rows in tables.items()}


def _table(**columns: list[str]) -> Rows:
    return Rows({name: np.array(values, dtype=object) for name, values in columns.items()})


def _end(day: date) -> date:
    return day + timedelta(days=180)


def _stops(network: Network) -> Rows:
    return Rows(
        {
            "stop_id": network.stop_id.copy(),
            "stop_name": network.stop_name.copy(),
            "stop_lat": texts(network.latitude, "%.6f"),
            "stop_lon": texts(network.longitude, "%.6f"),
        }
    )


def _calendar(day: date) -> Rows:
    services = list(SERVICES)
    weekdays = {name: [str(SERVICES[s][1][i]) for s in services] for i, name in enumerate(_DAYS)}
    dates = {"start_date": [f"{day:%Y%m%d}"] * len(services), "end_date": [f"{_end(day):%Y%m%d}"] * len(services)}
    return _table(service_id=services, **weekdays, **dates)


def _trips(city: City, routes: tuple[Route, ...]) -> dict[str, Rows]:
    """Trips and their stop times: every route, service and direction, some past midnight."""
    trips: Rows | None = None
    times: Rows | None = None
    for route in routes:
        for service, (departures, _) in SERVICES.items():
            for direction in (0, 1):
                more_trips, more_times = _runs(city.network, route, service, direction, departures * city.scale)
                trips, times = _grown(trips, more_trips), _grown(times, more_times)
    if trips is None or times is None:
        raise ValueError("a network needs at least one route")
    return {"trips": trips, "stop_times": times}


def _grown(rows: Rows | None, more: Rows) -> Rows:
    if rows is None:
        return more
    rows.append(more)
    return rows


def _runs(network: Network, route: Route, service: str, direction: int, departures: int) -> tuple[Rows, Rows]:
    """All runs of one route, service and direction over the service day."""
    stops = route.stops if direction == 0 else route.stops[::-1]
    legs = route.seconds if direction == 0 else route.seconds[::-1]
    arrives = np.concatenate([[0], np.cumsum(legs + _DWELL)])
    leaves = arrives + np.where(np.arange(len(stops)) < len(stops) - 1, _DWELL, 0)
    starts = np.linspace(_FIRST_DEPARTURE, _LAST_DEPARTURE, departures).astype(np.int64) // 60 * 60
    trip_id = f"{route.id}-{service}-{direction}-" + texts(np.arange(1, departures + 1), "%04d")
    trips = Rows(
        {
            "route_id": np.full(departures, route.id, dtype=object),
            "service_id": np.full(departures, service, dtype=object),
            "trip_id": trip_id,
            "trip_headsign": np.full(departures, network.stop_name[stops[-1]], dtype=object),
            "direction_id": np.full(departures, str(direction), dtype=object),
        }
    )
    times = Rows(
        {
            "trip_id": np.repeat(trip_id, len(stops)),
            "arrival_time": _clock((starts[:, None] + arrives).ravel()),
            "departure_time": _clock((starts[:, None] + leaves).ravel()),
            "stop_id": np.tile(network.stop_id[stops], departures),
            "stop_sequence": np.tile(texts(np.arange(1, len(stops) + 1), "%d"), departures),
        }
    )
    return trips, times


def _clock(seconds: Ints) -> NDArray[np.object_]:
    """`HH:MM:SS` after noon minus 12 h; hours go past 24."""
    return texts(seconds // 3600, "%02d") + texts(seconds // 60 % 60, ":%02d") + texts(seconds % 60, ":%02d")


FEED = Feed(
    department="jtj",
    name="gtfs_static",
    every="day",
    filename="zhongshan_gtfs_{start:%Y%m%d}{suffix}.zip",
    arrives=timedelta(hours=5),
    render=_render,
    only_days=(FIRST_DAY, CHANGED_DAY),
    history="none",
)
