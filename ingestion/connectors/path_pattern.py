"""The path of a contract as the names of one interval's files: what folders are searched for, and what is left.

File drops and SFTP folders share it. Names that begin with a dot or end in .part, .tmp or .filepart are files still
being written; they are left for the next run.
"""

from __future__ import annotations

import fnmatch
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import PurePosixPath

from ingestion.connectors.templates import INTERVAL, fill_interval
from ingestion.contract.model import Contract
from ingestion.errors import SourceError
from ingestion.intervals import Interval

_WILDCARD = re.compile(r"[*?\[]")
_UNFINISHED = (".part", ".tmp", ".filepart")


def path_parts(contract: Contract, interval: Interval, declared: str, folder: str) -> tuple[str, ...]:
    """The parts of a contract's path with the interval filled in. Raises SourceError where it may leave `folder`."""
    pattern = fill_interval(declared, contract, interval)
    parts = PurePosixPath(pattern).parts
    unsafe = pattern.startswith("/") or "\\" in pattern or "\x00" in pattern or ".." in parts or "**" in pattern
    if len(INTERVAL.findall(declared)) != 1 or unsafe or not parts:
        error = SourceError(
            f"source path {declared!r} must be relative, stay below {folder} and hold one {{interval:<strftime>}}",
            feed=f"{contract.department}.{contract.feed}",
            left="nothing was fetched",
            next_step=f"correct `path` of the source in {contract.path.name}",
        )
        error.is_whole_source = True
        raise error
    return parts


def is_exact(part: str) -> bool:
    """Whether a part of a path is one name and no pattern."""
    return _WILDCARD.search(part) is None


def matching(part: str, names: Sequence[str]) -> Iterator[str]:
    """The names (sorted) that match one part of a path.

    Only the names that begin like the pattern are tried, so that a run does not pay for the years before it.
    """
    wildcard = _WILDCARD.search(part)
    beginning = part if wildcard is None else part[: wildcard.start()]
    alike = takewhile(lambda name: name.startswith(beginning), names[bisect_left(names, beginning) :])
    matches = re.compile(fnmatch.translate(part)).match
    return (name for name in alike if matches(name))


def is_unfinished(name: str) -> bool:
    """Whether a file of this name is still being written."""
    return name.startswith(".") or name.lower().endswith(_UNFINISHED)
