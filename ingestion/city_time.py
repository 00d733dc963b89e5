"""The time in the city, which decides ages, lateness, default days and expiry dates.

It differs from the machine's time (ingestion.clocks.now) where the city is simulated.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
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
