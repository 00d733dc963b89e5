"""A delivery as a file on this machine: its name as text, and what is told where it cannot be read or written."""

from __future__ import annotations

import contextlib
import os

from ingestion.contract.model import Contract
from ingestion.errors import SourceError, StoreError
from ingestion.intervals import Interval


def name_as_text(name: str) -> str:
    """A path as the department wrote it. Its machines may name files in GBK, which reads as GB18030; bytes that are
    neither that nor UTF-8 become escapes.
    """
    raw = os.fsencode(name)
    for encoding in ("utf-8", "gb18030"):
        with contextlib.suppress(UnicodeDecodeError):
            return raw.decode(encoding)
    return raw.decode("utf-8", errors="backslashreplace")


def unreadable(contract: Contract, interval: Interval, name: str, what: str, *, next_step: str) -> SourceError:
    """The error for a department's file: `what` follows its name."""
    return SourceError(
        f"{name!r} {what}",
        feed=f"{contract.department}.{contract.feed}",
        interval=str(interval),
        left="nothing was stored; the file is where the department put it",
        next_step=next_step,
    )


def cannot_be_read(contract: Contract, interval: Interval, name: str, error: OSError) -> SourceError:
    """The error for a file that does not open."""
    step = "check the file and its permissions, then run the same command again"
    return unreadable(contract, interval, name, f"cannot be read: {error.strerror or error}", next_step=step)


def cannot_be_kept(contract: Contract, interval: Interval, name: str, error: OSError) -> StoreError:
    """The error for bytes that this machine has no room for."""
    return StoreError(
        f"{name} cannot be written to scratch: {error.strerror or error}",
        feed=f"{contract.department}.{contract.feed}",
        interval=str(interval),
        left="nothing was stored",
        next_step="free space below the lake's home, then run the same command again",
    )
