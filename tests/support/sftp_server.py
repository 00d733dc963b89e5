"""A real SFTP server (asyncssh) on loopback over a folder, behind a wire that can be cut after any byte."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

LOGIN, PASSWORD = "lake", "s3cret-word"


class _Account(asyncssh.SSHServer):
    def __init__(self, server: SftpServer) -> None:
        self._server = server

    def begin_auth(self, username: str) -> bool:
        self._server.logins.append(username)
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (LOGIN, PASSWORD)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key.get_fingerprint() in self._server.allowed_keys


@dataclass
class SftpServer:
    """`cuts`: for each next connection, after how many bytes to the client it breaks (None: never).

    `refused` are names that may not be opened, `on_read` is called with the path and offset of each read. `made_up` are
    names that every listing has besides.
    """

    root: Path
    keys: list[asyncssh.SSHKey]
    port: int = 0
    cuts: list[int | None] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    allowed_keys: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    offsets: list[int] = field(default_factory=list)
    on_read: Any = None
    made_up: list[bytes] = field(default_factory=list)
    sent: int = 0
    connections: int = 0

    @property
    def fingerprint(self) -> str:
        """Of the first host key."""
        return str(self.keys[0].get_fingerprint())

    def uri(self, **facts: str) -> str:
        """What stands behind a connection's name."""
        query = "&".join(f"{key}={value}" for key, value in {"host_key": self.fingerprint, **facts}.items())
        return f"sftp://{LOGIN}:{PASSWORD}@127.0.0.1:{self.port}/?{query}"


def _factory(server: SftpServer) -> Any:
    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: Any) -> None:
            super().__init__(channel, chroot=str(server.root))

        def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
            if Path(path.decode("utf-8", "surrogateescape")).name in server.refused:
                raise asyncssh.SFTPPermissionDenied("no")
            return super().open(path, pflags, attrs)

        async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
            if Path(path.decode()).name in server.refused:
                raise asyncssh.SFTPPermissionDenied("no")
            for name in server.made_up:
                yield asyncssh.SFTPName(name, attrs=asyncssh.SFTPAttrs(size=3, permissions=0o100644, mtime=0))
            async for one in super().scandir(path):
                yield one

        def read(self, file_obj: Any, offset: int, size: int) -> bytes:
            server.offsets.append(offset)
            if server.on_read is not None:
                server.on_read(Path(file_obj.name.decode()), offset)
            found: bytes = super().read(file_obj, offset, size)
            server.sent += len(found)
            return found

    return Files


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, both: tuple[asyncio.StreamWriter, ...], most: int | None
) -> None:
    with suppress(OSError, asyncio.CancelledError):
        left = most
        while data := await reader.read(4096):
            part = data if left is None else data[:left]
            writer.write(part)
            await writer.drain()
            left = None if left is None else left - len(part)
            if left == 0:
                break
    for one in both:
        one.transport.abort() if most is not None else one.close()


async def _serve(server: SftpServer, ready: threading.Event, stop: asyncio.Event, keys: list[Any]) -> None:
    inner = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=keys, server_factory=lambda: _Account(server), sftp_factory=_factory(server)
    )
    tasks: set[asyncio.Task[None]] = set()

    async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        most = server.cuts.pop(0) if server.cuts else None
        back, forth = await asyncio.open_connection("127.0.0.1", inner.get_port())
        both = (writer, forth)
        for task in (_pump(back, writer, both, most), _pump(reader, forth, both, None)):
            made = asyncio.create_task(task)
            tasks.add(made)
            made.add_done_callback(tasks.discard)

    outer = await asyncio.start_server(through, "127.0.0.1", 0)
    server.port = outer.sockets[0].getsockname()[1]
    ready.set()
    await stop.wait()
    outer.close()
    inner.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await inner.wait_closed()


@contextmanager
def sftp_server(root: Path, *types: str) -> Iterator[SftpServer]:
    """The server, with host keys of these types (default ssh-ed25519), until the end of the block."""
    keys = [asyncssh.generate_private_key(kind) for kind in types or ("ssh-ed25519",)]
    server = SftpServer(root, keys)
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(_serve(server, ready, stop, keys)), daemon=True)
    thread.start()
    ready.wait(20)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()
