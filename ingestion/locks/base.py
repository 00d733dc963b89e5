"""The interface of locks: one process of the lake at a time does what a name stands for.

Owns what all kinds have in common: who waits, what a person is told, and the check before a commit step that the lock
is still held. Which step takes which lock is its caller's (docs/adr/0026). Locks that concern only this machine's files
are not here but in ingestion.machine.locks.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from ingestion.errors import CitylakeError, LockUnavailable

Busy: TypeAlias = Callable[[str | None], CitylakeError]
"""Makes the error of a lock that was not free in time. It is given who holds the lock, None where that is not known."""


class Held(ABC):
    """A lock that this process has taken."""

    def __init__(self) -> None:
        self.process = os.getpid()

    @abstractmethod
    def why_lost(self) -> str | None:
        """None while the lock is held, else what became of it. Asks whoever keeps the lock."""

    @abstractmethod
    def release(self) -> None:
        """Free the lock. Raises nothing where it was lost."""


class Locks(ABC):
    """Named locks. One holder at a time, in this process too: taking a lock twice does not nest."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}

    @contextmanager
    def exclusive(self, name: str, *, busy: Busy, timeout: float = 0.0) -> Iterator[None]:
        """Hold the lock `name` for the time of the block.

        Waits at most `timeout` seconds (0: not at all), then raises what `busy` makes. Raises LockUnavailable and
        StoreError where the lock cannot be asked for, ConfigurationError where it never can.
        """
        with self._holding(name, timeout) as is_mine:
            if not is_mine:
                raise busy(self.holder(name))
            yield

    @contextmanager
    def if_free(self, name: str) -> Iterator[bool]:
        """Hold the lock `name` for the time of the block if nobody else does; whether it is held. Raises as above."""
        with self._holding(name, 0.0) as is_mine:
            yield is_mine

    def require_held(self, name: str) -> None:
        """Call it right before a commit step of the block. Raises LockUnavailable where the lock is not held any more.

        What the block stored before is then invisible to readers, as after a crash.
        """
        held = self._held.get(name)
        if held is None or held.process != os.getpid():
            reason: str | None = "this process does not hold it"
        else:
            reason = held.why_lost()
        if reason is not None:
            raise LockUnavailable(
                f"the lock {name!r} is lost: {reason}",
                left="this step was not committed; what was committed before stays",
                next_step="run the same command again",
            )

    @abstractmethod
    def holder(self, name: str) -> str | None:
        """Who holds the lock, in words; None where that is not known."""

    @abstractmethod
    def _take(self, name: str, timeout: float) -> Held | None:
        """The lock, or None where it was not free within `timeout` seconds."""

    @contextmanager
    def _holding(self, name: str, timeout: float) -> Iterator[bool]:
        held = self._take(name, timeout)
        if held is None:
            yield False
            return
        self._held[name] = held
        try:
            yield True
        finally:
            # In a forked child the lock is still its parent's.
            if held.process == os.getpid():
                if self._held.get(name) is held:
                    del self._held[name]
                held.release()
