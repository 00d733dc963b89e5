"""A department's server for tests: a real HTTP server on 127.0.0.1 that answers, or fails, as it is told."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MODIFIED = datetime(2026, 3, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    at: float


@dataclass(frozen=True)
class Answer:
    """One answer. `length` declares another length than the body's. `cut`: bytes after which the connection is
    closed. `chunked`: no declared length. `stall`: seconds before anything. `drip`: seconds between bytes.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    cut: int | None = None
    chunked: bool = False
    stall: float = 0.0
    drip: float = 0.0


Route = Callable[[Asked], Answer]


@dataclass
class Server:
    """`routes` maps paths to what answers them; every request is kept in `asked`, its path and status in `answered`.

    `connections` counts those that were taken, also where TLS came to nothing.
    """

    routes: dict[str, Route] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    answered: list[tuple[str, int]] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"
    connections: int = 0

    @property
    def url(self) -> str:
        """Base URL."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        """Paths asked for, in order."""
        return [one.path for one in self.asked]

    def script(self, path: str, *answers: Answer) -> None:
        """Answer `path` with these in turn; the last one stays."""
        left = list(answers)
        self.routes[path] = lambda _: left.pop(0) if len(left) > 1 else left[0]

    def file(self, path: str, body: bytes, *, modified: datetime = MODIFIED, etag: str | None = None) -> None:
        """Serve a file as a good server does: ETag, Last-Modified, ranges, conditional GET."""
        tag = etag or f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        said = {
            "ETag": tag,
            "Last-Modified": format_datetime(modified, usegmt=True),
            "Accept-Ranges": "bytes",
            "Content-Type": "text/csv",
        }
        self.routes[path] = lambda asked: served(asked, body, tag, said)


def served(asked: Asked, body: bytes, tag: str, said: dict[str, str]) -> Answer:
    """What a good server answers for a file."""
    if tag in asked.headers.get("if-none-match", ""):
        return Answer(status=304, headers=said)
    wanted = asked.headers.get("range", "")
    if wanted.startswith("bytes=") and asked.headers.get("if-range", tag) == tag:
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        part = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
        return Answer(body[start:], 206, {**said, **part})
    return Answer(body, headers=said)


class _Web(ThreadingHTTPServer):
    """Knows what it serves, and when it must stop stalling."""

    def __init__(self, made: Server, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.made = made
        self.context = context
        self.stopped = threading.Event()

    def get_request(self) -> tuple[socket.socket, Any]:
        """As ever, or with TLS; a client that does not trust us is none of our errors."""
        connection, address = super().get_request()
        self.made.connections += 1
        if self.context is None:
            return connection, address
        try:
            return self.context.wrap_socket(connection, server_side=True), address
        except OSError:
            connection.close()
            raise


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Web

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(parts.path, query, headers, time.monotonic())
        self.server.made.asked.append(asked)
        route = self.server.made.routes.get(parts.path)
        answer = route(asked) if route else Answer(b"not here", 404)
        self.server.made.answered.append((asked.path, answer.status))
        self._send(answer)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.do_GET()

    def _send(self, answer: Answer) -> None:
        if answer.stall:
            self.server.stopped.wait(answer.stall)
        self._begin(answer)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif answer.status != 304:
            self.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
        self.end_headers()
        with contextlib.suppress(OSError):
            self._body(answer)

    def _begin(self, answer: Answer) -> None:
        """The status line; the answer's own Date, where it has one, instead of the clock's."""
        self.send_response_only(answer.status)
        if "Date" not in answer.headers:
            self.send_header("Date", self.date_time_string())

    def _body(self, answer: Answer) -> None:
        body = answer.body[: answer.cut]
        for place in range(len(body)) if answer.drip else ():
            self.wfile.write(body[place : place + 1])
            if self.server.stopped.wait(answer.drip):
                return
        if answer.drip:
            return
        self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body) if answer.chunked else body)
        if answer.chunked and answer.cut is None:
            self.wfile.write(b"0\r\n\r\n")
        if answer.cut is not None or answer.length is not None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A running server, with `context` over HTTPS; it ends with the block."""
    made = Server(scheme="https" if context else "http")
    httpd = _Web(made, context)
    made.port = httpd.server_address[1]
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        httpd.stopped.set()
        httpd.shutdown()
        thread.join()
        httpd.server_close()
