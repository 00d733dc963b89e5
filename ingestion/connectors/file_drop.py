"""Connector for files that a department puts into its folder below CITYLAKE_DROP.

The contract's path pattern has one `{interval:<strftime>}`, filled in the calendar's local time, and may have shell
wildcards. Names that begin with a dot or end in .part, .tmp or .filepart are files still being written; they are left
for the next run. Nothing outside the drop folder is opened or listed: symbolic links are followed within it only. A
folder whose name matches a wildcard is ignored. Anything else that matches and is no readable file is reported after
the readable files were collected, and stops none of them (ingestion.isolation).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ingestion.connectors.base import Fetched, content_as_of
from ingestion.connectors.local_file import cannot_be_read, name_as_text, not_a_file, unreadable
from ingestion.connectors.path_pattern import is_exact, is_unfinished, matching, path_parts
from ingestion.contract.model import Contract
from ingestion.contract.sources import FileDrop
from ingestion.intervals import Interval
from ingestion.isolation import SomeUnreadable, UnreadableItems

NAME = "file_drop/1"
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
        source = contract.citylake.source
        declared = source.path if isinstance(source, FileDrop) else ""
        files = scan.files(path_parts(contract, interval, declared, "the drop folder"))
        fetched = []
        for path in files:
            with scan.problems.noted():
                name = f"file_drop:{scan.name(path)}"
                fetched.append(fetched_file(contract, interval, path, source=name, connector=NAME, now=now))
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
        named = is_exact(parts[-1])
        return [path for path in matched if not is_unfinished(path.name) and self._is_file(path, named=named)]

    def name(self, path: Path) -> str:
        """The path below the drop folder as text."""
        return name_as_text(path.relative_to(self.root).as_posix())

    def _matches(self, folder: Path, part: str) -> Iterator[Path]:
        """Paths in a folder whose names match one part of a pattern."""
        try:
            if is_exact(part):
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
        yield from (folder / name for name in matching(part, names))

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

    def _is_file(self, path: Path, *, named: bool) -> bool:
        mode = self._mode(path)
        kind = None if mode is None else not_a_file(mode)
        if kind is not None and (named or not stat.S_ISDIR(mode or 0)):
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
