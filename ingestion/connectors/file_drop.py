"""Connector for files that a department puts into its folder below CITYLAKE_DROP.

The contract's path pattern has one `{interval:<strftime>}`, filled in the calendar's local time, and may have shell
wildcards. Names that begin with a dot or end in .part, .tmp or .filepart are files still being written; they are left
for the next run. Nothing outside the drop folder is opened or listed: symbolic links are followed within it only. A
folder whose name matches a wildcard is ignored. Anything else that matches and is no readable file is reported after
the readable files were collected, and stops none of them (ingestion.isolation).
"""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path, PurePosixPath

from ingestion.connectors.base import Fetched, content_as_of
from ingestion.connectors.local_file import cannot_be_read, name_as_text, not_a_file, unreadable
from ingestion.connectors.templates import INTERVAL, fill_interval
from ingestion.contract.model import Contract
from ingestion.contract.sources import FileDrop
from ingestion.errors import SourceError
from ingestion.intervals import Interval
from ingestion.isolation import SomeUnreadable, UnreadableItems

NAME = "file_drop/1"
_WILDCARD = re.compile(r"[*?\[]")
_UNFINISHED = (".part", ".tmp", ".filepart")
_SEND_ITSELF = "ask the department to send the file itself, and remove the link"
_NOT_THERE = (FileNotFoundError, NotADirectoryError)


@dataclass(frozen=True)
class _Seen:
    """What was seen of folders before: their sorted names, and those that lie inside the drop folder."""

    names: dict[Path, list[str]] = field(default_factory=dict)
    inside: set[Path] = field(default_factory=set)


@dataclass(frozen=True)
class FileDropConnector:
    """See ingestion.connectors.base.Connector.

    A folder is looked at once in the life of a connector, which is one run: what arrives meanwhile is the next run's.
    """

    root: Path
    seen: _Seen = field(default_factory=_Seen)

    def fetch(self, contract: Contract, interval: Interval, now: datetime) -> list[Fetched]:
        """Every finished file that matches the interval's pattern, in name order.

        Raises SomeUnreadable, which carries the readable files, where some cannot be read.
        """
        scan = _Scan(self.root, contract, interval, UnreadableItems(), self.seen)
        files = scan.files(PurePosixPath(_pattern(contract, interval)).parts)
        fetched = []
        for path in files:
            with scan.problems.noted():
                source = f"file_drop:{scan.name(path)}"
                fetched.append(fetched_file(contract, interval, path, source=source, connector=NAME, now=now))
        if scan.problems.found:
            raise SomeUnreadable(scan.problems.found, fetched)
        return fetched


@dataclass(frozen=True)
class _Scan:
    """One scan of the drop folder for an interval; paths that cannot be read are collected in `problems`."""

    root: Path
    contract: Contract
    interval: Interval
    problems: UnreadableItems
    seen: _Seen

    def files(self, parts: tuple[str, ...]) -> list[Path]:
        """Regular files below the root that match the parts of a pattern, in name order."""
        folders = [self.root]
        for part in parts[:-1]:
            folders = [match for folder in folders for match in self._matches(folder, part) if self._is_folder(match)]
        matched = sorted(path for folder in folders for path in self._matches(folder, parts[-1]))
        is_exact = _WILDCARD.search(parts[-1]) is None
        return [path for path in matched if not _is_unfinished(path) and self._is_file(path, is_exact=is_exact)]

    def name(self, path: Path) -> str:
        """The path below the drop folder as text."""
        return name_as_text(path.relative_to(self.root).as_posix())

    def _matches(self, folder: Path, part: str) -> Iterator[Path]:
        """Paths in a folder whose names match one part of a pattern."""
        wildcard = _WILDCARD.search(part)
        try:
            if wildcard is None:
                (folder / part).lstat()
                yield folder / part
                return
            names = self._names(folder)
        except _NOT_THERE as error:
            # A missing folder holds no file; a file in place of the drop folder itself is an error.
            if folder == self.root and isinstance(error, NotADirectoryError):
                self._add_os_error(folder, error)
            return
        except OSError as error:
            self._add_os_error(folder, error)
            return
        # Only the names that begin like the pattern are tried, so that a run does not pay for the years before it.
        beginning = part[: wildcard.start()]
        alike = takewhile(lambda name: name.startswith(beginning), names[bisect_left(names, beginning) :])
        matches = re.compile(fnmatch.translate(part)).match
        yield from (folder / name for name in alike if matches(name))

    def _names(self, folder: Path) -> list[str]:
        """The names in a folder, sorted. Raises OSError."""
        if folder not in self.seen.names:
            with os.scandir(folder) as entries:
                self.seen.names[folder] = sorted(entry.name for entry in entries)
        return self.seen.names[folder]

    def _is_folder(self, path: Path) -> bool:
        if path in self.seen.inside:
            return True
        mode = self._mode(path)
        if mode is None or not stat.S_ISDIR(mode):
            return False
        self.seen.inside.add(path)
        return True

    def _is_file(self, path: Path, *, is_exact: bool) -> bool:
        mode = self._mode(path)
        kind = None if mode is None else not_a_file(mode)
        if kind is not None and (is_exact or not stat.S_ISDIR(mode or 0)):
            step = "ask the department to send a file, and remove what lies there"
            self._add(path, f"cannot be read: it is {kind}, not a file", step)
        return mode is not None and kind is None

    def _mode(self, path: Path) -> int | None:
        """`st_mode` of the file or folder at a path, links followed; None where it is missing or outside the drop."""
        try:
            if path.parent in self.seen.inside:
                mode = path.lstat().st_mode
                if not stat.S_ISLNK(mode):
                    return mode
            real = path.resolve(strict=True)
            if real.is_relative_to(self.root.resolve()):
                return real.stat().st_mode
            self._add(path, "is a link that leaves the drop folder", _SEND_ITSELF)
        except RuntimeError:
            self._add(path, "is a link that leads back to itself", _SEND_ITSELF)
        except OSError as error:
            if isinstance(error, FileNotFoundError) and path.is_symlink():
                self._add(path, "is a link that leads nowhere", _SEND_ITSELF)
            else:
                self._add_os_error(path, error)
        return None

    def _add_os_error(self, path: Path, error: OSError) -> None:
        name = self.name(path) if path != self.root else "the drop folder"
        self.problems.add(cannot_be_read(self.contract, self.interval, name, error))

    def _add(self, path: Path, what: str, step: str) -> None:
        self.problems.add(unreadable(self.contract, self.interval, self.name(path), what, next_step=step))


def _pattern(contract: Contract, interval: Interval) -> str:
    source = contract.citylake.source
    declared = source.path if isinstance(source, FileDrop) else ""
    pattern = fill_interval(declared, contract, interval)
    parts = PurePosixPath(pattern).parts
    unsafe = pattern.startswith("/") or "\\" in pattern or "\x00" in pattern or ".." in parts or "**" in pattern
    if len(INTERVAL.findall(declared)) != 1 or unsafe or not parts:
        error = SourceError(
            f"source path {declared!r} must be relative, stay below the drop folder and hold one "
            "{interval:<strftime>}",
            feed=f"{contract.department}.{contract.feed}",
            left="nothing was fetched",
            next_step=f"correct `path` of the source in {contract.path.name}",
        )
        error.is_whole_source = True
        raise error
    return pattern


def fetched_file(
    contract: Contract, interval: Interval, path: Path, *, source: str, connector: str, now: datetime
) -> Fetched:
    """A local file as a fetched delivery. Raises SourceError when it cannot be read."""
    name = name_as_text(path.name)
    try:
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OverflowError, ValueError):
        # The file system holds a time that `datetime` cannot represent.
        modified = now
    except OSError as error:
        raise cannot_be_read(contract, interval, name, error) from error
    as_of = content_as_of(contract, interval, modified=modified, fetched=now)
    return Fetched(path, name, source, connector, now.astimezone(UTC), as_of)


def _is_unfinished(path: Path) -> bool:
    return path.name.startswith(".") or path.name.lower().endswith(_UNFINISHED)
