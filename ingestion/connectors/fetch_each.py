"""A source asked for one interval after another: what it fails at stops no other (ingestion.isolation)."""

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
    """What the source has for each interval that could be asked for; what the others met is kept in `isolated`.

    Raises as Connector.fetch, except SourceError.
    """
    problems = isolated.unreadable
    source = contract.citylake.source
    patience = float("inf") if isinstance(source, FileDrop) else 2 * source.timeouts.total
    for number, interval in enumerate(intervals, start=1):
        begun = time.monotonic()
        try:
            found = connector.fetch(contract, interval, clock())
        except SomeUnreadable as error:
            problems.add(error)
            found = error.found
        except SourceError as error:
            problems.add(error)
            patience -= time.monotonic() - begun
            if error.is_whole_source or patience < 0:
                problems.unasked += len(intervals) - number
                return
            continue
        except CitylakeError:
            raise
        except Exception as error:
            isolated.add(error, interval)
            continue
        yield interval, found
