"""Run the departments' servers on 127.0.0.1, in this process (tests) or in one of their own (demo, compose).

A token is made for each run. `Served.environment()` gives the variables a lake needs to reach the departments: one
connection a department, as `CITYLAKE_CONN_<DEPARTMENT>`, and those of hospital A's FHIR server and of the SFTP server.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import uvicorn

from infra.simulator import fhir_server, sftp_server
from infra.simulator.deliver import write_whole
from infra.simulator.departments import Departments
from infra.simulator.feeds import FEEDS

START_SECONDS = 30.0


@dataclass(frozen=True)
class Served:
    """Where the departments are (`url`, without a slash at the end), the token for the data and that for the
    outages; the port of the SFTP server, at the same address."""

    url: str
    token: str
    control: str
    sftp_port: int = 0

    def environment(self) -> dict[str, str]:
        """Environment variables for a lake: for each department, the FHIR server and the SFTP server."""
        paths = {feed.department: f"/{feed.department}" for feed in FEEDS} | {fhir_server.CONNECTION: fhir_server.BASE}
        host = urlsplit(self.url).hostname or ""
        found = {name: f"{self.url}{path}?auth=bearer&token={self.token}" for name, path in paths.items()}
        found[sftp_server.CONNECTION] = sftp_server.connection_uri(self.token, host, self.sftp_port)
        return {f"CITYLAKE_CONN_{name.upper()}": value for name, value in sorted(found.items())}

    def plant(self, department: str, kind: str, times: int | None = None) -> None:
        """Let a department's server fail (infra.simulator.outages.KINDS), `times` requests or until `clear`."""
        self._call("POST", {"department": department, "kind": kind, "times": times})

    def clear(self) -> None:
        """End all planted failures."""
        self._call("DELETE", None)

    def _call(self, method: str, body: dict[str, object] | None) -> None:
        headers = {"Authorization": f"Bearer {self.control}", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body else None
        request = Request(f"{self.url}/_control/outages", data, headers, method=method)  # noqa: S310  our own address
        with urlopen(request, timeout=START_SECONDS) as answer:  # noqa: S310  as above
            answer.read()


class _Server(uvicorn.Server):
    """A uvicorn server that calls `listening` once it listens."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then call `listening`."""
        await super().startup(sockets)
        self._listening()


@contextlib.contextmanager
def serving(folder: Path, *, port: int = 0) -> Iterator[Served]:
    """The departments of `folder` (which `deliver` fills), served by a thread of this process; port 0 is a free one."""
    with contextlib.closing(_bound(port)) as at, contextlib.closing(_bound(0)) as files, contextlib.ExitStack() as more:
        served, ready = _served(at, files), threading.Event()
        more.enter_context(sftp_server.sftp_server(folder, files, served.token))
        server = _Server(_config(folder, served), ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [at]}, daemon=True)
        thread.start()
        if not ready.wait(START_SECONDS):
            raise TimeoutError("the simulated departments did not start")
        try:
            yield served
        finally:
            server.should_exit = server.force_exit = True
            thread.join()


def serve(
    folder: Path,
    *,
    port: int,
    sftp_port: int = 0,
    ready: Path | None,
    say: Callable[[str], None],
    host: str = "127.0.0.1",
    token: str | None = None,
    control: str | None = None,
) -> None:
    """Serve until a signal ends it. `ready` gets url, tokens and environment as JSON (mode 0600) once it listens.

    Tokens of an earlier `ready` are used again, and its SFTP port where that is free and none is given, so that with
    a fixed port saved connections stay right; `token` and `control`, where given, are used instead.
    """
    before = json.loads(ready.read_text(encoding="utf-8")) if ready is not None and ready.is_file() else {}
    files = _bound_again(sftp_port or before.get("sftp_port", 0), host, needed=bool(sftp_port))
    with contextlib.closing(_bound(port, host)) as at, contextlib.closing(files):
        served = _served(at, files)
        if before and ready is not None:
            served = replace(served, token=before["token"], control=before["control"])
            ready.unlink()
        served = replace(served, token=token or served.token, control=control or served.control)

        def listening() -> None:
            if ready is not None:
                ready_text = {**asdict(served), "environment": served.environment()}
                write_whole(ready, json.dumps(ready_text, indent=1).encode(), mode=0o600)
            say(served.url)

        with sftp_server.sftp_server(folder, files, served.token):
            _Server(_config(folder, served), listening).run(sockets=[at])


def _bound(port: int, host: str = "127.0.0.1") -> socket.socket:
    at = socket.socket()
    at.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    at.bind((host, port))
    return at


def _bound_again(port: int, host: str, *, needed: bool) -> socket.socket:
    """A socket at the port, at a free one where it is taken and not `needed`. Raises OSError."""
    try:
        return _bound(port, host)
    except OSError:
        if needed:
            raise
        return _bound(0, host)


def _served(at: socket.socket, files: socket.socket) -> Served:
    host, port = at.getsockname()
    made = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    return Served(f"http://{host}:{port}", *made, sftp_port=files.getsockname()[1])


def _config(folder: Path, served: Served) -> uvicorn.Config:
    app = Departments(folder, token=served.token, control=served.control)
    return uvicorn.Config(
        app, log_config=None, log_level="critical", access_log=False, lifespan="off", ws="none",
        timeout_graceful_shutdown=1,
    )  # fmt: skip
