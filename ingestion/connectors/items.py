"""The items of a source, one by one: what cannot be read stops no other, and is named at the end.

The rule for every source, wherever files, URLs or intervals are gone through: take the others, then raise one
SourceError that names each bad item. Two things end the going through early: a server that cannot be reached at all
or asked to be left alone (`SourceError.is_whole_source`), and failures that together took longer than the contract's
total time-out of two deliveries: one that takes all its time stops no other, a server that always does is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ingestion.connectors.base import Fetched
from ingestion.errors import SourceError

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

    def together(self) -> SourceError | None:
        """One SourceError that names every item; None where all could be read."""
        if len(self.found) == 1 and not self.unasked:
            return self.found[0]
        return self._together() if self.found else None

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


def _joined(problems: Sequence[SourceError]) -> str:
    """The messages of one or more, each with its interval where they differ, the first of them in full number."""
    if len(problems) == 1:
        return problems[0].message
    several = len({problem.interval for problem in problems}) > 1
    told = [f"{p.interval}: {p.message}" if several and p.interval else p.message for p in problems[:NAMED]]
    more = [f"and {len(problems) - NAMED} more"] if len(problems) > NAMED else []
    return f"{len(problems)} items could not be read: {'; '.join([*told, *more])}"
