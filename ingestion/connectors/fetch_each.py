"""Fetch several intervals from one source, so that a failure of one interval stops no other (ingestion.isolation)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from ingestion.connectors.base import Connector, Fetched
from ingestion.contract.model import Contract
from ingestion.contract.sources import FileDrop
from ingestion.errors import CitylakeError, SourceError
from ingestion.intervals import Interval
from ingestion.isolation import Isolated, SomeUnreadable


def fetch_each(
    connector: Connector,
    contract: Contract,
    intervals: Sequence[Interval],
    clock: Callable[[], datetime],
    isolated: Isolated,
) -> Iterator[tuple[Interval, list[Fetched]]]:
    """The deliveries of each interval that could be fetched; the errors of the others are added to `isolated`.

    Stops early, counting the intervals not asked for in `isolated.unreadable.unasked`, where the whole source cannot
    be read or failed requests took more than twice the contract's total time-out. Raises what Connector.fetch raises,
    except SourceError.
    """
    problems = isolated.unreadable
    source = contract.citylake.source
    seconds_left = float("inf") if isinstance(source, FileDrop) else 2 * source.timeouts.total
    for number, interval in enumerate(intervals, start=1):
        started = time.monotonic()
        try:
            fetched = connector.fetch(contract, interval, clock())
        except SomeUnreadable as error:
            problems.add(error)
            fetched = error.found
        except SourceError as error:
            problems.add(error)
            seconds_left -= time.monotonic() - started
            if error.is_whole_source or seconds_left < 0:
                problems.unasked += len(intervals) - number
                return
            continue
        except CitylakeError:
            raise
        except Exception as error:
            isolated.add(error, interval)
            continue
        yield interval, fetched
