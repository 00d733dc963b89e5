"""The time in the city, which decides ages, lateness, default days and expiry dates.

It differs from the machine's time (ingestion.clocks.now) where the city is simulated: there it stands still until it is
set again. What was recorded is of the machine's time; `recorded_in_city` gives the city's at that moment, for people
who are shown both.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ingestion.clocks import now
from ingestion.errors import ConfigurationError
from ingestion.settings import Settings


def city_time(settings: Settings, clock: Callable[[], datetime] = now) -> datetime:
    """The current time in the city's zone: that of the simulation, or of `clock`. Raises ConfigurationError."""
    zone, file = ZoneInfo(settings.timezone), settings.city_time
    if file is None:
        return clock().astimezone(zone)
    try:
        said = datetime.fromisoformat(file.read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"CITYLAKE_CITY_TIME={str(file)!r} holds no ISO time: {error}",
            left="nothing was done",
            next_step="unset it, or let the simulated city write it",
        ) from error
    return said.astimezone(zone) if said.tzinfo else said.replace(tzinfo=zone)


def set_city_time(file: Path, moment: datetime, clock: Callable[[], datetime] = now) -> None:
    """Set a simulated city's time, and note since when of the machine's time it is so."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with _settings_file(file).open("a", encoding="utf-8") as noted:
        noted.write(json.dumps([clock().isoformat(), moment.isoformat()]) + "\n")
    partial = file.with_name(f".{file.name}.part")
    partial.write_text(moment.isoformat(), encoding="utf-8")
    partial.replace(file)


def recorded_in_city(settings: Settings, clock: Callable[[], datetime] = now) -> Callable[[datetime], datetime]:
    """How to show moments that are recorded in the machine's time: as the city's time at that moment.

    In a city that is not simulated, they are the same. A moment from before the city's time was first set, or after
    the present, is none of the machine's and stays as it is.
    """
    file = settings.city_time
    if file is None or not file.is_file():
        return lambda moment: moment
    since, times = zip(*_settings(file, city_time(settings, clock)), strict=True)
    present = clock()

    def shown(moment: datetime) -> datetime:
        place = bisect_right(since, moment)
        return times[place - 1] if place and moment <= present else moment

    return shown


def _settings(file: Path, current: datetime) -> list[tuple[datetime, datetime]]:
    """Since when of the machine's time which time of the city holds; where nobody noted it, only the `current` one."""
    noted = _settings_file(file)
    if not noted.is_file():
        return [(datetime.fromtimestamp(file.stat().st_mtime, UTC), current)]
    lines = [json.loads(line) for line in noted.read_text(encoding="utf-8").splitlines()]
    return [(datetime.fromisoformat(since), datetime.fromisoformat(moment)) for since, moment in lines]


def _settings_file(file: Path) -> Path:
    return file.with_name(f"{file.name}.set")
