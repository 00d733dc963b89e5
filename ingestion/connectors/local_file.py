"""Local files of deliveries: their names as text, opening them safely, the errors where reading or writing fails."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from ingestion.contract.model import Contract
from ingestion.errors import SourceError, StoreError
from ingestion.intervals import Interval


def name_as_text(name: str) -> str:
    """A file name as text, decoded as UTF-8 or else as GB18030 (departments' machines may use GBK).

    Bytes that are neither become backslash escapes.
    """
    raw = os.fsencode(name)
    for encoding in ("utf-8", "gb18030"):
        with contextlib.suppress(UnicodeDecodeError):
            return raw.decode(encoding)
    return raw.decode("utf-8", errors="backslashreplace")


_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def not_a_file(mode: int) -> str | None:
    """The kind of thing that `st_mode` describes, such as `a named pipe`; None for a regular file."""
    return None if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "something else")


def open_file(path: Path) -> BinaryIO:
    """Open a regular file for reading, without blocking. Raises OSError, also for a pipe, a socket or a device.

    The kind is checked on the open file, as the file at a path can be replaced between a check and the opening.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    kind = not_a_file(os.fstat(handle).st_mode)
    if kind is not None:
        os.close(handle)
        raise OSError(errno.EINVAL, f"it is {kind}, not a file")
    return os.fdopen(handle, "rb")


def unreadable(contract: Contract, interval: Interval, name: str, what: str, *, next_step: str) -> SourceError:
    """The error for a department's file that cannot be used; `what` is the predicate that follows its name."""
    return SourceError(
        f"{name!r} {what}",
        feed=f"{contract.department}.{contract.feed}",
        interval=str(interval),
        left="nothing was stored; the file is where the department put it",
        next_step=next_step,
    )


def cannot_be_read(contract: Contract, interval: Interval, name: str, error: OSError) -> SourceError:
    """The error for a department's file that cannot be opened or read."""
    step = "check the file and its permissions, then run the same command again"
    return unreadable(contract, interval, name, f"cannot be read: {error.strerror or error}", next_step=step)


def cannot_be_kept(contract: Contract, interval: Interval, name: str, error: OSError) -> StoreError:
    """The error for fetched bytes that cannot be written to the scratch folder, such as for lack of space."""
    return StoreError(
        f"{name} cannot be written to scratch: {error.strerror or error}",
        feed=f"{contract.department}.{contract.feed}",
        interval=str(interval),
        left="nothing was stored",
        next_step="free space below the lake's home, then run the same command again",
    )
