"""地面站小时值: one CSV an hour with CMA element names, stamped in UTC at the hour's start.

Values follow one small weather story: a daily course, a cold front from north to south, and
the rain of `effects`. A correction repeats every station with temperature corrected.
"""

from __future__ import annotations

from datetime import UTC, timedelta

import numpy as np
from numpy.typing import NDArray

from infra.simulator.city import City
from infra.simulator.dirt import spoil
from infra.simulator.effects import FRONT, RAIN
from infra.simulator.feed import Feed
from infra.simulator.model import Slot, TableTruth
from infra.simulator.planted import PLAN_DAYS, WEATHER
from infra.simulator.rows import Rows, texts
from infra.simulator.writers import csv_bytes

Floats = NDArray[np.float64]

COLUMNS = (
    "Station_Id_C", "Station_Name", "Lat", "Lon", "Alti", "Year", "Mon", "Day", "Hour", "PRS", "TEM", "RHU",
    "PRE_1h", "WIN_D_Avg_2mi", "WIN_S_Avg_2mi", "Q_TEM", "Q_PRE_1h",
)  # fmt: skip

_CORRECTION_C = 0.4
_QC_GOOD, _QC_CORRECTED = "0", "3"


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    revision = 1 if slot.note == "redelivery" else slot.revision
    rows = _rows(city, slot, revision)
    plan = city.planted(WEATHER, slot.start, revision)
    rng = city.rng(WEATHER, slot.start.isoformat(), revision, "dirt")
    spoil(rows, plan, rng, scale=city.scale, day=slot.start.date().isoformat())
    return csv_bytes(rows, COLUMNS), {"wx_station_hourly": rows.truth()}


def _rows(city: City, slot: Slot, revision: int) -> Rows:
    stations = city.stations
    count = len(stations.id)
    rng = city.rng(WEATHER, slot.start.isoformat())
    plan_day, hour = city.plan_day(city.day_no(slot.start)), slot.start.hour
    utc = slot.start.astimezone(UTC)
    rain = _rain(rng, stations.town_code, plan_day, hour)
    cooled = FRONT.drop_c * _behind_front(stations.latitude, plan_day, hour)
    wet = rain > 0
    course = np.cos((hour - 14.5) / 24 * 2 * np.pi)
    warmth = 20.0 + 4.5 * course - 0.006 * stations.altitude_m - cooled - 1.5 * wet + rng.normal(0, 0.4, count)
    humidity = np.clip(74 - 3.2 * (warmth - 20) + 16 * wet - 0.9 * cooled + rng.normal(0, 2.5, count), 18, 100)
    tide = 1.4 * np.cos((hour - 10) / 12 * 2 * np.pi)
    pressure = 1014.5 + tide + 0.9 * cooled - stations.altitude_m / 8.3 + rng.normal(0, 0.2, count)
    direction = (160 + 200 * (cooled > 1) + rng.normal(0, 18, count)) % 360
    speed = np.maximum(0.4, rng.gamma(4, 0.5, count) + 0.25 * cooled)
    corrected = revision > 1
    cells = {
        "Station_Id_C": stations.id.copy(),
        "Station_Name": stations.name.copy(),
        "Lat": texts(stations.latitude, "%.4f"),
        "Lon": texts(stations.longitude, "%.4f"),
        "Alti": texts(stations.altitude_m, "%.1f"),
        **{name: _same(value, count) for name, value in zip(COLUMNS[5:9], utc.timetuple()[:4], strict=True)},
        "PRS": texts(pressure, "%.1f"),
        "TEM": texts(warmth + _CORRECTION_C * corrected, "%.1f"),
        "RHU": texts(humidity, "%.0f"),
        "PRE_1h": texts(rain, "%.1f"),
        "WIN_D_Avg_2mi": texts(np.floor(direction), "%.0f"),
        "WIN_S_Avg_2mi": texts(speed, "%.1f"),
        "Q_TEM": _same(_QC_CORRECTED if corrected else _QC_GOOD, count),
        "Q_PRE_1h": _same(_QC_GOOD, count),
    }
    return Rows(cells, event_day=_same(slot.start.date().isoformat(), count))


def _same(value: object, count: int) -> NDArray[np.object_]:
    return np.full(count, str(value), dtype=object)


def _rain(rng: np.random.Generator, town_code: NDArray[np.object_], plan_day: int, hour: int) -> Floats:
    """Millimetres of the hour: at least 0.1 wherever and whenever an episode says rain, else 0."""
    drawn = rng.gamma(2.0, 0.5, len(town_code))
    total = np.zeros(len(town_code))
    for episode in RAIN:
        if episode.day == plan_day and episode.first_hour <= hour < episode.first_hour + episode.hours:
            inside = np.isin(town_code.astype(str), episode.towns)
            total += np.where(inside, np.clip(drawn * episode.mean_mm, 0.1, 90.0), 0.0)
    return np.round(total, 1)


def _behind_front(latitude: Floats, plan_day: int, hour: int) -> Floats:
    """0 before the front, 1 in the cold air; the air warms again until the plan week ends."""
    since = (plan_day - FRONT.day) * 24 + hour - FRONT.hour
    lag = 3.0 * (22.72 - latitude) / 0.46
    arrived = 0.5 * (1 + np.tanh((since - lag) / 2.0))
    return arrived * max(0.0, 1 - max(0, since) / ((PLAN_DAYS - FRONT.day) * 24))


FEED = Feed(
    department="qxj",
    name="wx_station_hourly",
    every="hour",
    filename="SURF_CHN_MUL_HOR_{start:%Y%m%d%H}{suffix}.csv",
    arrives=timedelta(minutes=6),
    render=_render,
)
