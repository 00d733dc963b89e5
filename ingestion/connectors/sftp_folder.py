"""What an SFTP folder has for an interval: the finished files that match the contract's path.

A folder is listed once in the life of a connector, which is one run: what arrives meanwhile is the next run's. Nothing
outside the connection's folder is listed or opened: links are followed within it only.
"""

from __future__ import annotations

import posixpath
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import asyncssh

from ingestion.connectors.local_file import name_as_text, not_a_file
from ingestion.connectors.path_pattern import is_exact, is_unfinished, matching

_SEND_ITSELF = "ask the department to send the file itself, and remove the link"
_SEND_A_FILE = "ask the department to send a file, and remove what lies there"
_RIGHTS = "ask the department to let this account read it, then run the same command again"
_NO_NAME = "ask the department to correct its SFTP server: a name has neither a slash nor a NUL"
_NOT_THERE = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPNotADirectory)


class NoFolder(Exception):
    """The connection's folder is not on the server, or is none."""


Report = Callable[[str, str, str], None]
"""Told of what cannot be used: its name, the predicate that follows it, the next step."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of the server. `path` is where it is read, `name` its path below the connection's folder as text.

    `size` in bytes, `modified` in seconds since 1970 by the server's clock.
    """

    path: str
    name: str
    size: int
    modified: int


@dataclass
class RemoteFolder:
    """The connection's folder on the server, as seen by one run."""

    folder: str
    looked_at: float | None = None
    """When it was first listed (monotonic clock, s)."""
    _root: str | None = None
    _names: dict[str, dict[str, asyncssh.SFTPAttrs]] = field(default_factory=dict)

    async def files(self, sftp: asyncssh.SFTPClient, parts: tuple[str, ...], report: Report) -> list[RemoteFile]:
        """The files that match the parts of a path, in name order; what matches and is none goes to `report`.

        Raises asyncssh.Error and NoFolder.
        """
        folders = [await self.root(sftp)]
        for part in parts[:-1]:
            folders = [
                inner for outer in folders for path in await self._matches(sftp, outer, part, report)
                if (inner := await self._inner_folder(sftp, path, report)) is not None
            ]  # fmt: skip
        found = [path for folder in folders for path in await self._matches(sftp, folder, parts[-1], report)]
        files = [await self._file(sftp, path, report, named=is_exact(parts[-1])) for path in sorted(found)]
        return [one for one in files if one is not None]

    async def root(self, sftp: asyncssh.SFTPClient) -> str:
        """The folder's real path. Raises NoFolder."""
        if self._root is None:
            try:
                root = str(await sftp.realpath(self.folder or "."))
                is_folder = stat.S_ISDIR((await sftp.stat(root)).permissions or 0)
            except _NOT_THERE:
                is_folder = False
            if not is_folder:
                raise NoFolder
            self._root = root
        return self._root

    async def _matches(self, sftp: asyncssh.SFTPClient, folder: str, part: str, report: Report) -> list[str]:
        if folder not in self._names:
            if self.looked_at is None:
                self.looked_at = time.monotonic()
            try:
                listed = await sftp.readdir(folder)
            except _NOT_THERE:
                return []
            except asyncssh.SFTPPermissionDenied:
                report(self._text(folder) or "the folder", "cannot be listed: permission denied", _RIGHTS)
                return []
            found = {str(one.filename): one.attrs for one in listed}
            self._names[folder] = {name: found[name] for name in sorted(found)}
        names = [name for name in matching(part, list(self._names[folder])) if name not in (".", "..")]
        for name in filter(_is_no_name, names):
            report(name_as_text(name), "cannot be read: it is no name of a file", _NO_NAME)
        return [posixpath.join(folder, name) for name in names if not _is_no_name(name)]

    async def _inner_folder(self, sftp: asyncssh.SFTPClient, path: str, report: Report) -> str | None:
        found = await self._followed(sftp, path, report)
        return found[0] if found is not None and stat.S_ISDIR(found[1].permissions or 0) else None

    async def _file(self, sftp: asyncssh.SFTPClient, path: str, report: Report, *, named: bool) -> RemoteFile | None:
        if is_unfinished(posixpath.basename(path)):
            return None
        found = await self._followed(sftp, path, report)
        if found is None:
            return None
        real, attrs = found
        mode = attrs.permissions or stat.S_IFREG
        kind = not_a_file(mode)
        if kind is not None:
            if named or not stat.S_ISDIR(mode):
                report(self._text(path), f"cannot be read: it is {kind}, not a file", _SEND_A_FILE)
            return None
        return RemoteFile(real, self._text(path), attrs.size or 0, int(attrs.mtime or 0))

    async def _followed(
        self, sftp: asyncssh.SFTPClient, path: str, report: Report
    ) -> tuple[str, asyncssh.SFTPAttrs] | None:
        """Where a path leads and what lies there; None where that is outside the folder or not to be seen."""
        attrs = self._names[posixpath.dirname(path)][posixpath.basename(path)]
        if not stat.S_ISLNK(attrs.permissions or 0):
            return path, attrs
        root = await self.root(sftp)
        try:
            real = str(await sftp.realpath(path))
            if real != root and not real.startswith(root.rstrip("/") + "/"):
                report(self._text(path), "is a link that leaves the folder", _SEND_ITSELF)
                return None
            return real, await sftp.stat(real)
        except asyncssh.SFTPPermissionDenied:
            report(self._text(path), "cannot be read: permission denied", _RIGHTS)
        except asyncssh.SFTPError:
            report(self._text(path), "is a link that leads nowhere", _SEND_ITSELF)
        return None

    def _text(self, path: str) -> str:
        """The path below the folder as text."""
        return name_as_text(path.removeprefix((self._root or "").rstrip("/") + "/"))


def _is_no_name(name: str) -> bool:
    """Whether what a server lists can be no name of one file of the folder."""
    return "/" in name or "\x00" in name
