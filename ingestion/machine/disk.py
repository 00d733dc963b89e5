"""What this machine's disk refuses, as an error a person can act on.

A full disk may be met wherever a file is written: by Python, DuckDB, Arrow, SQLite or dbt, each with an exception of
its own, often wrapped in another. Owns how any of them is recognised. What a department's source or the object store
refuses is said by those.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

from ingestion.errors import DiskError

_REFUSALS = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file would be larger than this process may write",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the disk failed to read or write",
    errno.EACCES: "this account may not read or write there",
    errno.EPERM: "this account may not do that",
    errno.EMFILE: "this process has too many files open",
    errno.ENFILE: "this machine has too many files open",
}
"""Error numbers (POSIX.1-2017, errno.h) that say something of the machine and nothing of the data."""

_TEXTS = {
    "no space left on device": errno.ENOSPC,
    "database or disk is full": errno.ENOSPC,
    "disk quota exceeded": errno.EDQUOT,
    "file too large": errno.EFBIG,
    "read-only file system": errno.EROFS,
    "input/output error": errno.EIO,
    "permission denied": errno.EACCES,
    "too many open files": errno.EMFILE,
}
"""The same in the messages of libraries that give no number (strerror of the C library; SQLite)."""

_NEXT_STEPS = {
    errno.EACCES: "give this account the folder of the lake's home, then run the same command again",
    errno.EPERM: "give this account the folder of the lake's home, then run the same command again",
    errno.EROFS: "mount the file system writable, then run the same command again",
    errno.EIO: "look at the disk (dmesg), then run the same command again",
    errno.EMFILE: "raise the limit of open files (ulimit -n), then run the same command again",
    errno.ENFILE: "raise the machine's limit of open files, then run the same command again",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), then run the same command again",
}
_FREE_SPACE = "free space below the lake's home, then run the same command again"


def as_disk_error(
    error: BaseException, what: str, *, feed: str | None = None, interval: str | None = None, left: str | None = None
) -> DiskError | None:
    """The disk's refusal behind an exception or one of its causes; None where there is none.

    `what` names the step that met it.
    """
    for cause in _causes(error):
        number, place = _refusal(cause)
        if number is not None:
            where = f" ({place})" if place else ""
            return DiskError(
                f"{what} stopped: {_REFUSALS[number]}{where}",
                feed=feed,
                interval=interval,
                left=left or "what was committed stays; the last release stays",
                next_step=_NEXT_STEPS.get(number, _FREE_SPACE),
            )
    return None


def _refusal(error: BaseException) -> tuple[int | None, str | None]:
    """Error number and path of one exception, each None where it says none."""
    if isinstance(error, OSError) and error.errno is not None:
        number = error.errno if error.errno in _REFUSALS else None
        return number, str(error.filename) if error.filename else None
    if not _may_quote_the_system(error):
        return None, None
    text = str(error).lower()
    return next((number for words, number in _TEXTS.items() if words in text), None), None


def _may_quote_the_system(error: BaseException) -> bool:
    """Whether a message may hold the system's own words: not one made of a file's content, such as a ValueError."""
    library = type(error).__module__.split(".", 1)[0]
    return isinstance(error, OSError) or library in ("duckdb", "_duckdb", "sqlite3", "pyarrow", "dbt", "dbt_common")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception, then what caused it, each once."""
    seen: set[int] = set()
    waiting: BaseException | None = error
    while waiting is not None and id(waiting) not in seen:
        seen.add(id(waiting))
        yield waiting
        waiting = waiting.__cause__ or waiting.__context__
