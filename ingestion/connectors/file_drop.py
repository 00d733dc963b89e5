"""Files a department puts into its folder below CITYLAKE_DROP.

Owns the path pattern: one `{interval:<strftime>}` in the calendar's local time, and shell
wildcards. Names that begin with a dot or end in .part, .tmp or .filepart are files still being
written and are left for the next look. Nothing outside the drop folder is ever opened.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from ingestion.clocks import formatted
from ingestion.connectors.base import Fetched, content_as_of
from ingestion.connectors.local_file import cannot_be_read, name_as_text
from ingestion.contract.model import Contract
from ingestion.contract.sources import FileDrop
from ingestion.errors import SourceError
from ingestion.intervals import Interval

NAME = "file_drop/1"
_INTERVAL = re.compile(r"\{interval:([^{}]*)\}")
_UNFINISHED = (".part", ".tmp", ".filepart")


@dataclass(frozen=True)
class FileDropConnector:
    """See ingestion.connectors.base.Connector."""

    root: Path

    def fetch(self, contract: Contract, interval: Interval, now: datetime) -> list[Fetched]:
        """Every finished file that matches the interval's pattern, in name order."""
        pattern = self._pattern(contract, interval)
        found = sorted(path for path in self.root.glob(pattern) if path.is_file() and not _unfinished(path))
        return [self._fetched(contract, interval, path, now) for path in found]

    def _fetched(self, contract: Contract, interval: Interval, path: Path, now: datetime) -> Fetched:
        relative = name_as_text(path.relative_to(self.root).as_posix())
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise SourceError(
                f"{relative!r} is a link that leaves the drop folder",
                feed=f"{contract.department}.{contract.feed}",
                interval=str(interval),
                left="the file was not opened; nothing was stored",
                next_step="ask the department to send the file itself, and remove the link",
            )
        return fetched_file(contract, interval, path, source=f"file_drop:{relative}", connector=NAME, now=now)

    def _pattern(self, contract: Contract, interval: Interval) -> str:
        source = contract.citylake.source
        declared = source.path if isinstance(source, FileDrop) else ""
        local = contract.calendar.named(interval)
        pattern, count = _INTERVAL.subn(lambda match: formatted(local, match[1]), declared)
        parts = PurePosixPath(pattern).parts
        unsafe = pattern.startswith("/") or "\\" in pattern or "\x00" in pattern or ".." in parts or "**" in pattern
        if count != 1 or unsafe or not parts:
            raise SourceError(
                f"source path {declared!r} must be relative, stay below the drop folder and hold one "
                "{interval:<strftime>}",
                feed=f"{contract.department}.{contract.feed}",
                left="nothing was fetched",
                next_step=f"correct `path` of the source in {contract.path.name}",
            )
        return pattern


def fetched_file(
    contract: Contract, interval: Interval, path: Path, *, source: str, connector: str, now: datetime
) -> Fetched:
    """A local file as a fetched delivery. Raises SourceError when it cannot be read."""
    name = name_as_text(path.name)
    try:
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OverflowError, ValueError):
        # A time no calendar has.
        modified = now
    except OSError as error:
        raise cannot_be_read(contract, interval, name, error) from error
    as_of = content_as_of(contract, interval, modified=modified, fetched=now)
    return Fetched(path, name, source, connector, now.astimezone(UTC), as_of)


def _unfinished(path: Path) -> bool:
    return path.name.startswith(".") or path.name.lower().endswith(_UNFINISHED)
