"""The SFTP server from which hospital B and the laboratories hand over files: asyncssh over the drop folder, read-only.

It runs in a thread of its own. Its account sees the department's folders and nothing else. Password and host key both
follow from the run's token, so that a server started again with the same token is the one that a lake knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import asyncssh
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

CONNECTION, DEPARTMENT, LOGIN = "wjj_sftp", "wjj", "lake"
START_SECONDS = 30.0
_WRITES = asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC


def host_key(token: str) -> asyncssh.SSHKey:
    """The host key of a run (ed25519)."""
    private = Ed25519PrivateKey.from_private_bytes(_derived(token, "host key"))
    return asyncssh.import_private_key(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))


def password(token: str) -> str:
    """The password of the account `LOGIN` in a run."""
    return _derived(token, "password").hex()


def connection_uri(token: str, host: str, port: int) -> str:
    """The connection that a lake needs, with the fingerprint of the host key."""
    fingerprint = quote(host_key(token).get_fingerprint(), safe=":")
    return f"sftp://{LOGIN}:{password(token)}@{host}:{port}/?host_key={fingerprint}"


def _derived(token: str, purpose: str) -> bytes:
    return hmac.digest(token.encode(), purpose.encode(), "sha256")


class _Server(asyncssh.SSHServer):
    """Lets the one account in, by its password."""

    def __init__(self, token: str) -> None:
        self._password = password(token)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return hmac.compare_digest(f"{username}:{password}".encode(), f"{LOGIN}:{self._password}".encode())


class _ReadOnly(asyncssh.SFTPServer):
    """The department's folder as the root; every change is refused."""

    def __init__(self, channel: asyncssh.SSHServerChannel, folder: Path) -> None:
        super().__init__(channel, chroot=str(folder).encode())

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if pflags & _WRITES:
            raise _refused()
        return super().open(path, pflags, attrs)

    def open56(self, path: bytes, desired_access: int, flags: int, attrs: asyncssh.SFTPAttrs) -> object:
        raise asyncssh.SFTPOpUnsupported("SYNTHETIC: version 3 only")

    def _change(self, *_: object, **__: object) -> None:
        raise _refused()

    remove = rename = posix_rename = mkdir = rmdir = setstat = lsetstat = fsetstat = symlink = link = _change  # type: ignore[assignment]  all the same


def _refused() -> asyncssh.SFTPError:
    return asyncssh.SFTPPermissionDenied("SYNTHETIC: read-only")


@contextlib.contextmanager
def sftp_server(folder: Path, at: socket.socket, token: str) -> Iterator[None]:
    """Serve the department's part of `folder/drop` at the bound socket until the block ends."""
    root = folder / "drop" / DEPARTMENT
    root.mkdir(parents=True, exist_ok=True)
    loop, ready = asyncio.new_event_loop(), threading.Event()
    stop = asyncio.Event()

    async def run() -> None:
        server = await asyncssh.listen(
            sock=at,
            server_factory=partial(_Server, token),
            server_host_keys=[host_key(token)],
            sftp_factory=partial(_ReadOnly, folder=root),
            allow_pty=False,
            agent_forwarding=False,
            x11_forwarding=False,
        )
        ready.set()
        async with server:
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    if not ready.wait(START_SECONDS):
        raise TimeoutError("the simulated SFTP server did not start")
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
