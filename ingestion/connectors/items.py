"""The items of a source, one by one: what cannot be read stops no other, and is named at the end.

The rule for every source, wherever files, URLs or intervals are gone through: take the others, then raise one
SourceError that names each bad item. Two things end the going through early: a server that cannot be reached at all
or asked to be left alone (`SourceError.is_whole_source`), and failures that together took longer than the contract's
total time-out of two deliveries: one that takes all its time stops no other, a server that always does is left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from ingestion.connectors.base import Connector, Fetched
from ingestion.contract.model import Contract
from ingestion.contract.sources import FileDrop
from ingestion.errors import SourceError
from ingestion.intervals import Interval

NAMED = 20
"""Bad items that one error names; the rest are counted."""


class SomeUnreadable(SourceError):
    """Some items of an interval cannot be read: `problems`, one each. `found` are the others."""

    def __init__(self, problems: Sequence[SourceError], found: Sequence[Fetched]) -> None:
        first = problems[0]
        facts = {"interval": first.interval, "left": first.left, "next_step": first.next_step}
        super().__init__(_joined(problems), feed=first.feed, **facts)
        self.problems = tuple(problems)
        self.found = list(found)


@dataclass
class Problems:
    """What could not be read so far. `unasked` counts the intervals that were then not asked for."""

    found: list[SourceError] = field(default_factory=list)
    unasked: int = 0

    def add(self, error: SourceError) -> None:
        """Remember one, or each of several."""
        self.found += error.problems if isinstance(error, SomeUnreadable) else [error]

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Remember a SourceError of the block instead of raising it."""
        try:
            yield
        except SourceError as error:
            self.add(error)

    def raise_all(self) -> None:
        """Raise one SourceError that names every item; nothing where all could be read."""
        if len(self.found) == 1 and not self.unasked:
            raise self.found[0]
        if self.found:
            raise self._together() from self.found[0]

    def _together(self) -> SourceError:
        first = self.found[0]
        rest = f"; {self.unasked} more intervals were not asked for" if self.unasked else ""
        one = len(self.found) == 1
        return SourceError(
            f"{_joined(self.found)}{rest}",
            feed=first.feed,
            interval=first.interval if len({p.interval for p in self.found}) == 1 else f"{first.interval} and others",
            left=first.left if one else "nothing of these was stored; everything else of the feed was taken in",
            next_step=first.next_step,
        )


def fetch_each(
    connector: Connector,
    contract: Contract,
    intervals: Sequence[Interval],
    now: Callable[[], datetime],
    problems: Problems,
) -> Iterator[tuple[Interval, list[Fetched]]]:
    """What the source has for each interval that could be asked for; the others are added to `problems`.

    Raises as Connector.fetch, except SourceError.
    """
    source = contract.citylake.source
    patience = float("inf") if isinstance(source, FileDrop) else 2 * source.timeouts.total
    for number, interval in enumerate(intervals, start=1):
        begun = time.monotonic()
        try:
            found = connector.fetch(contract, interval, now())
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
        yield interval, found


def _joined(problems: Sequence[SourceError]) -> str:
    """The messages of one or more, each with its interval where they differ, the first of them in full number."""
    if len(problems) == 1:
        return problems[0].message
    several = len({problem.interval for problem in problems}) > 1
    told = [f"{p.interval}: {p.message}" if several and p.interval else p.message for p in problems[:NAMED]]
    more = [f"and {len(problems) - NAMED} more"] if len(problems) > NAMED else []
    return f"{len(problems)} items could not be read: {'; '.join([*told, *more])}"
