"""A delivery as a file on this machine: its name as text, how it is opened, and the errors where it cannot be read or
written.
"""

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
    """A path as the department wrote it. Its machines may name files in GBK, which reads as GB18030; bytes that are
    neither that nor UTF-8 become escapes.
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
    """What `st_mode` says it is instead of a regular file, such as `a named pipe`; None for a file."""
    return None if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "something else")


def open_file(path: Path) -> BinaryIO:
    """A regular file, open for reading; waits for nobody. Raises OSError, also for a pipe, a socket or a device.

    Looking at the kind first would not do: what lies at a path can change between the look and the opening.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    kind = not_a_file(os.fstat(handle).st_mode)
    if kind is not None:
        os.close(handle)
        raise OSError(errno.EINVAL, f"it is {kind}, not a file")
    return os.fdopen(handle, "rb")


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
