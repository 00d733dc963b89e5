"""Download one file over SFTP into scratch; where the connection broke, the next attempt goes on from there.

Only while the file has the same size and time as before: any other is read again from the beginning. A file whose size
or time changed while it was read is still being written, and is left.
"""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import asyncssh

from ingestion.connectors.sftp_folder import RemoteFile

PIECE = 2**20
"""Bytes asked for at a time; the library splits them into requests and sends these together."""
_LOG_EVERY = 15.0

log = logging.getLogger(__name__)


class StillChanging(Exception):
    """The file's size or time is another than a moment ago."""


class SftpDownload:
    """A file at `path`, as far as it has come. `silence` is how long the server may be silent, in seconds."""

    def __init__(self, file: RemoteFile, path: Path, silence: float) -> None:
        self.file = file
        self.path = path
        self._silence = silence
        self._said = time.monotonic()

    async def take(self, sftp: asyncssh.SFTPClient) -> None:
        """Read the rest. Raises asyncssh.Error, TimeoutError, OSError, and StillChanging."""
        async with asyncio.timeout(self._silence):
            handle = await sftp.open(self.file.path, "rb", encoding=None)
        try:
            await self._compare(handle)
            with self.path.open("ab") as target:
                while (have := target.tell()) < self.file.size:
                    async with asyncio.timeout(self._silence):
                        data: bytes = await handle.read(min(PIECE, self.file.size - have), have)
                    if not data:
                        raise StillChanging
                    target.write(data)
                    self._log_progress(have + len(data))
            await self._compare(handle)
        finally:
            # A handle of a broken session cannot be given back.
            try:
                async with asyncio.timeout(self._silence):
                    await handle.close()
            except (asyncssh.Error, OSError):
                log.debug("the handle of %s was not given back", self.file.name)
        async with asyncio.timeout(self._silence):
            self._check(await sftp.stat(self.file.path))

    async def _compare(self, handle: asyncssh.SFTPClientFile) -> None:
        async with asyncio.timeout(self._silence):
            self._check(await handle.stat())

    def _check(self, attrs: asyncssh.SFTPAttrs) -> None:
        if (attrs.size or 0, int(attrs.mtime or 0)) != (self.file.size, self.file.modified):
            self.path.unlink(missing_ok=True)
            raise StillChanging

    def _log_progress(self, have: int) -> None:
        if time.monotonic() - self._said >= _LOG_EVERY:
            self._said = time.monotonic()
            log.info("%s: %.1f of %.1f MB", self.file.name, have / 1e6, self.file.size / 1e6)
