"""Times of an interval put into paths, URLs and query parameters."""

from __future__ import annotations

import re
from datetime import UTC

from ingestion.clocks import formatted
from ingestion.contract.model import Contract
from ingestion.contract.sources import JsonApi
from ingestion.intervals import Interval

_INTERVAL = re.compile(r"\{interval:([^{}]*)\}")
_MOMENT = re.compile(r"\{(start|end):([^{}]*)\}")


def fill_interval(text: str, contract: Contract, interval: Interval) -> str:
    """`{interval:<strftime>}` as the interval's name in the calendar's local time."""
    local = contract.calendar.named(interval)
    return _INTERVAL.sub(lambda match: formatted(local, match[1]), text)


def fill_params(source: JsonApi, contract: Contract, interval: Interval) -> dict[str, str]:
    """The contract's query parameters with `{start:…}` and `{end:…}` of the interval."""
    zone = UTC if source.time == "utc" else contract.calendar.zone
    moments = {"start": interval.start.astimezone(zone), "end": interval.end.astimezone(zone)}
    return {
        name: _MOMENT.sub(lambda match: formatted(moments[match[1]], match[2]), value)
        for name, value in source.params.items()
    }
