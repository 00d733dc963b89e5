"""Connector for files that a department puts into a folder of an SFTP server.

The contract's path is that of a file drop (`path_pattern`). A file is taken once its size and time have stood still for
the contract's `settle_seconds`. One that was taken in is not fetched again while size and time are the same. What
matches and cannot be read is reported after the others were collected, and stops none of them (ingestion.isolation).
"""

from __future__ import annotations

import logging
import os
import posixpath
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import asyncssh

from ingestion import clocks
from ingestion.connectors.base import Fetched, content_as_of
from ingestion.connectors.earlier_files import EarlierFiles
from ingestion.connectors.fetch_errors import FetchError, as_source_error
from ingestion.connectors.local_file import unreadable
from ingestion.connectors.path_pattern import path_parts
from ingestion.connectors.retries import read_with_retries
from ingestion.connectors.scratch import scratch_folder
from ingestion.connectors.sftp_download import SftpDownload, StillChanging
from ingestion.connectors.sftp_folder import NoFolder, RemoteFile, RemoteFolder, Report
from ingestion.connectors.sftp_session import SftpSession
from ingestion.contract.model import Contract
from ingestion.contract.sources import Sftp
from ingestion.errors import SourceError
from ingestion.intervals import Interval
from ingestion.isolation import SomeUnreadable, UnreadableItems
from ingestion.lake import Lake

NAME = "sftp/1"
_SECOND_LOOK = 2.0
"""Seconds between two looks at a file whose age is judged by two clocks, the server's and this machine's."""
_RIGHTS = "ask the department to let this account read it, then run the same command again"
_GONE = (
    "run the same command again; where files go again and again, ask the department to leave them until they are read"
)

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class SftpConnector:
    """See ingestion.connectors.base.Connector. All intervals share one session and one look at each folder."""

    lake: Lake
    contract: Contract
    source: Sftp

    @cached_property
    def _session(self) -> SftpSession:
        return SftpSession(self.source, self.lake.sftp_server(self.source.connection))

    @cached_property
    def _folder(self) -> RemoteFolder:
        return RemoteFolder(self._session.connection.folder)

    @cached_property
    def _earlier(self) -> EarlierFiles:
        return EarlierFiles(self.lake, self.contract)

    def fetch(self, contract: Contract, interval: Interval, now: datetime) -> list[Fetched]:
        """Every finished file that matches the interval's path, in name order; `known` names one taken in before.

        Raises SomeUnreadable, which carries the readable files, where some cannot be read.
        """
        deadline = time.monotonic() + self.source.timeouts.total
        parts = path_parts(contract, interval, self.source.path, "the connection's folder")
        problems = UnreadableItems()

        def report(name: str, what: str, step: str) -> None:
            problems.add(unreadable(contract, interval, name, what, next_step=step))

        try:
            files = self._listed(parts, report, deadline)
        except FetchError as error:
            raise as_source_error(error, contract, interval) from error
        fetched = []
        for file in files:
            with problems.noted():
                found = self._fetched(file, interval, now, deadline)
                fetched += [found] if found is not None else []
        if problems.found:
            raise SomeUnreadable(problems.found, fetched)
        return fetched

    def _listed(self, parts: tuple[str, ...], report: Report, deadline: float) -> list[RemoteFile]:
        told: list[tuple[str, str, str]] = []

        async def read(sftp: asyncssh.SFTPClient) -> list[RemoteFile]:
            told.clear()
            return await self._folder.files(sftp, parts, lambda *what: told.append(what))

        try:
            files = self._with_retries(read, deadline)
        except NoFolder:
            error = FetchError(
                f"has no folder {self._session.connection.folder or '.'!r} for this account",
                self._session.connection.where,
                advice="ask the department where the files lie now, and correct the connection's folder",
            )
            error.is_whole_source = True
            raise error from None
        for problem in told:
            report(*problem)
        return files

    def _fetched(self, file: RemoteFile, interval: Interval, now: datetime, deadline: float) -> Fetched | None:
        """The file as a delivery; None where it is still being written. Raises SourceError where it cannot be read."""
        source = f"sftp:{self._session.connection.where}/{file.name}"
        modified = datetime.fromtimestamp(min(file.modified, 2**32), UTC)
        facts = {"content-length": str(file.size), "last-modified": format_datetime(modified, usegmt=True)}
        delivery = Fetched(
            path=Path(os.devnull),
            filename=posixpath.basename(file.name),
            source=source,
            connector=NAME,
            fetched_at=now.astimezone(UTC),
            content_as_of=content_as_of(self.contract, interval, modified=modified, fetched=now),
            headers=facts,
            known=self._earlier.batch(interval, source, facts),
        )
        if delivery.known is not None:
            return delivery
        if file.size > self.source.max_bytes:
            raise self._too_long(file, interval)
        if not self._is_settled(file, deadline):
            log.info("%s is still being written; it is left for the next run", file.name)
            return None
        with scratch_folder(self.lake, self.contract, interval) as scratch:
            download = SftpDownload(file, scratch.folder / "payload", self.source.timeouts.read)
            try:
                self._with_retries(download.take, deadline)
            except StillChanging:
                log.info("%s changed while it was read; it is left for the next run", file.name)
                return None
            except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPNoSuchFile) as error:
                is_gone = isinstance(error, asyncssh.SFTPNoSuchFile)
                what, step = ("it is gone", _GONE) if is_gone else ("permission denied", _RIGHTS)
                raise unreadable(
                    self.contract, interval, file.name, f"cannot be read: {what}", next_step=step
                ) from None
            return scratch.remove_with(replace(delivery, path=download.path))

    def _is_settled(self, file: RemoteFile, deadline: float) -> bool:
        """Whether the file has stood still for the contract's time.

        The server does not tell its time, so age is its time stamp against this machine's clock. One from a moment
        ahead of that clock is looked at twice, that long apart; any other is looked at again after a moment, by the
        download, so that a file still growing is seen even where the server's clock is far behind.
        """
        settle = self.source.settle_seconds
        age = clocks.now().timestamp() - file.modified
        if 0 <= age < settle:
            return False
        wait = settle if age < 0 else min(settle, _SECOND_LOOK)
        left = (self._folder.looked_at or 0.0) + wait - time.monotonic()
        if time.monotonic() + left >= deadline:
            return False
        time.sleep(max(left, 0.0))
        return True

    def _too_long(self, file: RemoteFile, interval: Interval) -> SourceError:
        limit = self.source.max_bytes
        return unreadable(
            self.contract, interval, file.name, f"has {file.size:,} bytes, more than the contract's {limit:,} bytes",
            next_step="ask the department first; then raise `max_bytes` of the source",
        )  # fmt: skip

    def _with_retries(self, read: Callable[[asyncssh.SFTPClient], Awaitable[T]], deadline: float) -> T:
        """Run a read until it succeeds, attempts are used up or the deadline is reached. Raises the last FetchError."""
        return read_with_retries(
            lambda: self._session.run(read, deadline),
            attempts=self.source.attempts,
            deadline=deadline,
            again="asked again",
        )
