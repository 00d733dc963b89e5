"""An SSH session with a department's SFTP server, and its errors as FetchError.

The server is known by the connection's host keys alone: no `known_hosts`, no first use, no certificate; before the key
is checked no credential is sent. Nothing of the account that runs this is asked: no agent, no key and no configuration
in its home. Algorithms are those that OpenSSH 9 offers by itself. What is read is `sftp_folder`'s and
`sftp_download`'s.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from ingestion.connectors.fetch_errors import FetchError, RetryableFetchError
from ingestion.contract.sources import Sftp
from ingestion.sftp_connection import SftpConnection

KEX = (
    "mlkem768x25519-sha256", "sntrup761x25519-sha512@openssh.com", "curve25519-sha256", "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512", "diffie-hellman-group14-sha256",
)  # fmt: skip
CIPHERS = (
    "chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes192-ctr",
    "aes128-ctr",
)  # fmt: skip
MACS = (
    "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "umac-128-etm@openssh.com", "hmac-sha2-256",
    "hmac-sha2-512",
)  # fmt: skip
HOST_KEYS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""Signature algorithms by the type of the host key. A server has one key of each type and shows the first asked for."""

_CLOSING = 5.0
_CHANGED_KEY = (
    "ask the department, by telephone and not through this server, whether it changed the key; if it did, put its "
    "fingerprint into the connection's `host_key`, if not, somebody answers in its place"
)
logging.getLogger("asyncssh").setLevel(logging.WARNING)  # it names every file and login at INFO

log = logging.getLogger(__name__)
T = TypeVar("T")


class _Client(asyncssh.SSHClient):
    """Takes the connection's host keys and no other."""

    def __init__(self, expected: frozenset[str]) -> None:
        self._expected = expected
        self.shown: asyncssh.SSHKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.shown = key
        return key.get_fingerprint("sha256") in self._expected

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        return False


class _Opened:
    """What is open, on an event loop in a thread of its own: it can be closed from any thread, and answers keepalives
    while nothing is read.
    """

    def __init__(self) -> None:
        self.ssh: asyncssh.SSHClientConnection | None = None
        self.sftp: asyncssh.SFTPClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            # Requests that were under way when a session broke fail after it: the session has told why.
            self._loop.set_exception_handler(lambda _, context: log.debug("%s", context.get("message")))
            self._thread = threading.Thread(target=self._loop.run_forever, name="sftp", daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def hang_up(self) -> None:
        ssh, self.ssh, self.sftp = self.ssh, None, None
        if ssh is not None:
            ssh.abort()
            with suppress(asyncssh.Error, OSError):
                await ssh.wait_closed()

    async def _end(self) -> None:
        await self.hang_up()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def close(self) -> None:
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or not thread.is_alive():
            return
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._end(), loop).result(_CLOSING)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_CLOSING)
        if not thread.is_alive():
            loop.close()


class SftpSession:
    """Runs reads on one SFTP session, which is opened when first needed, and anew after it broke off."""

    def __init__(self, source: Sftp, connection: SftpConnection) -> None:
        self._source = source
        self.connection = connection
        self._opened = _Opened()
        weakref.finalize(self, self._opened.close)

    def run(self, read: Callable[[asyncssh.SFTPClient], Awaitable[T]], deadline: float) -> T:
        """What `read` returns. Raises FetchError, also where it takes until after `deadline` (monotonic clock, s).

        What concerns one file only (SFTPPermissionDenied, SFTPNoSuchFile) and what `read` itself raises comes through.
        """

        async def work() -> T:
            left = deadline - time.monotonic()
            total = f"took longer than {self._source.timeouts.total:.0f} s in all"
            if left <= 0:
                raise FetchError(total, self.connection.where)
            try:
                async with asyncio.timeout(left):
                    sftp = self._opened.sftp or await self._connected()
                    with self._as_fetch_errors():
                        return await read(sftp)
            except TimeoutError:
                raise FetchError(total, self.connection.where) from None

        async def guarded() -> T:
            try:
                return await work()
            except (FetchError, asyncio.CancelledError):
                await self._opened.hang_up()
                raise

        return self._opened.run(guarded())

    async def _connected(self) -> asyncssh.SFTPClient:
        """The client of a new session. Raises FetchError, with `is_whole_source` set."""
        try:
            with self._as_fetch_errors():
                self._opened.ssh = await self._logged_in()
                self._opened.sftp = await self._opened.ssh.start_sftp_client(path_errors="surrogateescape")
                return self._opened.sftp
        except OSError as error:
            lost = RetryableFetchError(f"cannot be reached: {error.strerror or error}", self.connection.where)
            lost.is_whole_source = True
            raise lost from None
        except FetchError as error:
            error.is_whole_source = True
            raise

    async def _logged_in(self) -> asyncssh.SSHClientConnection:
        """A connection to a server that has shown one of the keys: of each type in turn, until it has no other."""
        types = [*dict.fromkeys((*self.connection.key_types, *HOST_KEYS))]
        shown: list[asyncssh.SSHKey] = []
        while types:
            client = _Client(self.connection.fingerprints)
            try:
                return await self._connect(client, [name for kind in types for name in HOST_KEYS[kind]])
            except asyncssh.HostKeyNotVerifiable:
                if client.shown is None:
                    raise
                shown.append(client.shown)
                types = [kind for kind in types if kind != client.shown.get_algorithm()]
            except asyncssh.KeyExchangeFailed:
                if not shown:
                    raise
                break
        seen = " and ".join(f"{key.get_fingerprint('sha256')} ({key.get_algorithm()})" for key in shown)
        expected = " or ".join(sorted(self.connection.fingerprints))
        raise FetchError(
            f"shows another host key than the connection declares: {seen}, expected {expected}; no credential was sent",
            self.connection.where,
            advice=_CHANGED_KEY,
        )

    async def _connect(self, client: _Client, host_key_algs: list[str]) -> asyncssh.SSHClientConnection:
        connection, timeouts = self.connection, self._source.timeouts
        return await asyncssh.connect(
            connection.host, connection.port, client_factory=lambda: client, config=None,
            known_hosts=lambda host, addr, port: ([], [], [], [], [], [], []), server_host_key_algs=host_key_algs,
            x509_trusted_certs=None, username=connection.login,
            password=connection.password.get_secret_value() if connection.password else None,
            client_keys=self._private_key(), agent_path=None, pkcs11_provider=None, gss_host=None, gss_kex=False,
            gss_auth=False, host_based_auth=False, disable_trivial_auth=True, kex_algs=_supported(KEX),
            encryption_algs=CIPHERS, mac_algs=MACS, compression_algs=None,
            connect_timeout=timeouts.connect, login_timeout=timeouts.connect + timeouts.read,
            keepalive_interval=max(1.0, timeouts.read / 3), keepalive_count_max=3,
        )  # fmt: skip

    def _private_key(self) -> list[asyncssh.SSHKey] | None:
        """The connection's key; None where it has a password. Raises FetchError, which shows no part of it."""
        secret = self.connection.private_key
        if secret is None:
            return None
        text = secret.get_secret_value()
        phrase = self.connection.passphrase.get_secret_value() if self.connection.passphrase else None
        try:
            data = text if "-----BEGIN" in text else Path(text).expanduser().read_text(encoding="ascii")
            return [asyncssh.import_private_key(data, phrase)]
        except (OSError, UnicodeDecodeError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            why = error.strerror if isinstance(error, OSError) else type(error).__name__
            raise FetchError(
                f"cannot be asked: the connection's private key cannot be read ({why})",
                self.connection.where,
                advice="correct `private_key` (a path or the key's text) and `passphrase`; with one, as PKCS #8",
            ) from None  # fmt: skip

    @contextmanager
    def _as_fetch_errors(self) -> Iterator[None]:
        """Raise what asyncssh and the network report as FetchError, without any text of the server's."""
        where = self.connection.where
        try:
            yield
        except asyncssh.PermissionDenied:
            raise FetchError("does not let this account in: login, password or key", where, is_refusal=True) from None
        except asyncssh.KeyExchangeFailed:
            raise FetchError(
                "offers no algorithm that is still safe", where,
                advice="the department brings its SSH server up to date",
            ) from None  # fmt: skip
        except (asyncssh.ChannelOpenError, asyncssh.SFTPOpUnsupported) as error:
            raise FetchError(
                f"has no SFTP for this account{_kind(error)}", where,
                advice="ask the department to allow the account SFTP",
            ) from None  # fmt: skip
        except TimeoutError:
            raise RetryableFetchError("stopped answering", where) from None
        except (asyncssh.DisconnectError, asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection) as error:
            raise RetryableFetchError(f"broke off the connection{_kind(error)}", where) from None
        except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPNoSuchFile):
            raise
        except asyncssh.SFTPError as error:
            raise RetryableFetchError(f"answered with an error{_kind(error)}", where) from None
        except (ConnectionError, socket.gaierror) as error:
            raise RetryableFetchError(f"cannot be reached: {error.strerror or error}", where) from None


def _kind(error: asyncssh.Error) -> str:
    """What kind of error it is, by SSH's number; its text is the server's own and may name files or people."""
    return f" ({type(error).__name__}, code {error.code})"


def _supported(names: tuple[str, ...]) -> list[str]:
    """Those that this build of the library has: the newest depend on the version of OpenSSL."""
    from asyncssh.kex import get_kex_algs

    known = {name.decode("ascii") for name in get_kex_algs()}
    return [name for name in names if name in known]
