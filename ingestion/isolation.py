"""What one delivery, feed, model or product meets never stops another.

Whoever works on several of them catches what each one raises here, goes on with the others and says it at the end.
Owns the crash log of a defect and how several errors become one. Which receipt a defect leaves is
ingestion.delivery.attempt's.
"""

from __future__ import annotations

import copy
import traceback
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingestion import clocks
from ingestion.errors import (
    CitylakeError,
    ContractError,
    LakeBusy,
    ObjectNotFound,
    SourceError,
    StoreError,
    UnexpectedError,
)
from ingestion.machine.disk import as_disk_error
from ingestion.machine.rights import own_folder
from ingestion.settings import Settings

_STORE_FAILURES = 2
"""Store or disk errors in a row after which the next delivery would fail the same way."""

_NAMED = 4
"""Errors after the first one that are named in a message; the others are counted."""

_NAMED_ITEMS = 20
"""Unreadable items that one error names; the rest are counted."""


def as_known_error(
    error: Exception,
    settings: Settings,
    what: str,
    *,
    feed: str | None = None,
    interval: str | None = None,
    left: str | None = None,
) -> CitylakeError:
    """`error` as one of this project's: itself, the disk's refusal behind it, or an UnexpectedError with a crash log.

    `what` says which step met it, such as "conform". Neither message nor XCom may hold values of the data, so
    an unexpected error is named by its type; its text is in the crash log only.
    """
    if isinstance(error, CitylakeError):
        return error
    refused = as_disk_error(error, what, feed=feed, interval=interval, left=left)
    if refused is not None:
        return refused
    log = write_crash_log(error, settings)
    return UnexpectedError(
        f"unexpected error in {what}: {type(error).__name__}; this is a defect of the lake, not of the input",
        feed=feed,
        interval=interval,
        left=left or "what was committed stays; the last release stays",
        next_step=f"send {log} to the maintainers" if log else "repeat with `citylake --debug`",
    )


def raise_unless_unexpected(error: Exception, settings: Settings, what: str) -> UnexpectedError:
    """For whoever leaves out the one thing that failed and goes on: a defect comes back, its crash log written.

    Raises any error made on purpose, and the disk's refusal, as they are: they concern the others too.
    """
    known = as_known_error(error, settings, what)
    if isinstance(known, UnexpectedError):
        return known
    raise known from error


def write_crash_log(error: Exception, settings: Settings) -> Path | None:
    """The traceback as a private file (0600) below the state folder; None where not even that can be written.

    Values of variables are left out, since they may hold personal data.
    """
    try:
        folder = own_folder(own_folder(settings.state_root) / "crashes")
        name = f"{clocks.now():%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}-{type(error).__name__}.log"
        path = folder / name
        path.touch(mode=0o600)
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8", errors="backslashreplace")
    except (OSError, ValueError):
        return None
    return path


class SomeUnreadable(SourceError):
    """Some items of an interval cannot be read: `problems`, one each. `found` is what the others gave."""

    def __init__(self, problems: Sequence[SourceError], found: Sequence[Any]) -> None:
        first = problems[0]
        facts = {"interval": first.interval, "left": first.left, "next_step": first.next_step}
        super().__init__(_joined(problems), feed=first.feed, **facts)
        self.problems = tuple(problems)
        self.found = list(found)


@dataclass
class UnreadableItems:
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


class Isolated:
    """Runs one thing after another of one feed; what one of them raises is kept, and the others go on.

    A wrong contract and `LakeBusy` end the run at once, as do two errors of the store or the disk in a row: what comes
    after them would wait for the same thing. `raise_collected` says everything that was met, once, at the end.
    """

    def __init__(self, settings: Settings, feed: str, what: str) -> None:
        """Messages name `feed` and `what`, a step such as "ingest".

        `unreadable` is what could not be read, `others` what else was met.
        """
        self.unreadable = UnreadableItems()
        self._settings = settings
        self._feed = feed
        self._what = what
        self.others: list[CitylakeError] = []
        self._in_a_row = 0

    @contextmanager
    def each(self, interval: object = None) -> Iterator[None]:
        """One delivery. Raises only what no other delivery could get past."""
        try:
            yield
        except (LakeBusy, ContractError):
            raise
        except Exception as error:
            self.add(error, interval)
        else:
            self._in_a_row = 0

    def add(self, error: Exception, interval: object = None) -> None:
        """Keep what one of them raised. Raises it where it is the store's or the disk's, a second time in a row."""
        known = as_known_error(
            error,
            self._settings,
            self._what,
            feed=self._feed,
            interval=str(interval) if interval is not None else None,
        )
        if isinstance(known, SourceError):
            self.unreadable.add(known)
            return
        self.others.append(known)
        lasting = _is_everybodys(known)
        self._in_a_row = self._in_a_row + 1 if lasting else 0
        if self._in_a_row >= _STORE_FAILURES:
            self.raise_collected()

    def raise_collected(self) -> None:
        """Raise what was met, as one error of the first one's class; nothing where all went well."""
        errors = self.errors
        if errors:
            raise combined(errors)

    @property
    def errors(self) -> list[CitylakeError]:
        """What was met: all that could not be read as one error, then the others."""
        unreadable = self.unreadable.together()
        return [*([unreadable] if unreadable is not None else []), *self.others]


def combined(errors: list[CitylakeError]) -> CitylakeError:
    """Several errors as one of the first one's class, so that whoever retries by class still does."""
    first, others = errors[0], errors[1:]
    if not others:
        return first
    one = copy.copy(first)
    more = "; ".join(" ".join(filter(None, (error.interval, error.message))) for error in others[:_NAMED])
    rest = f"; and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    one.message = f"{first.message}; also {more}{rest}"
    one.args = (one.render(),)
    return one


def _is_everybodys(error: CitylakeError) -> bool:
    return isinstance(error, StoreError) and not isinstance(error, ObjectNotFound)


def _joined(problems: Sequence[SourceError]) -> str:
    """The messages of one or more, each with its interval where they differ, the first of them in full number."""
    if len(problems) == 1:
        return problems[0].message
    several = len({problem.interval for problem in problems}) > 1
    messages = [f"{p.interval}: {p.message}" if several and p.interval else p.message for p in problems[:_NAMED_ITEMS]]
    more = [f"and {len(problems) - _NAMED_ITEMS} more"] if len(problems) > _NAMED_ITEMS else []
    return f"{len(problems)} items could not be read: {'; '.join([*messages, *more])}"
