"""Fill the times of an interval into a contract's paths, URLs and query parameters."""

from __future__ import annotations

import re
from datetime import UTC

from ingestion.clocks import formatted
from ingestion.contract.model import Contract
from ingestion.contract.sources import JsonApi
from ingestion.intervals import Interval

INTERVAL = re.compile(r"\{interval:([^{}]*)\}")
"""Placeholder of an interval's local start time, with its strftime format."""
_MOMENT = re.compile(r"\{(start|end):([^{}]*)\}")


def fill_interval(text: str, contract: Contract, interval: Interval) -> str:
    """`text` with every `{interval:<strftime>}` replaced by the interval's start in the calendar's local time."""
    local = contract.calendar.named(interval)
    return INTERVAL.sub(lambda match: formatted(local, match[1]), text)


def fill_params(source: JsonApi, contract: Contract, interval: Interval) -> dict[str, str]:
    """The contract's query parameters, with `{start:<strftime>}` and `{end:<strftime>}` of the interval filled in.

    The times are UTC or local, as the contract's `time` says.
    """
    zone = UTC if source.time == "utc" else contract.calendar.zone
    moments = {"start": interval.start.astimezone(zone), "end": interval.end.astimezone(zone)}
    return {
        name: _MOMENT.sub(lambda match: formatted(moments[match[1]], match[2]), value)
        for name, value in source.params.items()
    }
