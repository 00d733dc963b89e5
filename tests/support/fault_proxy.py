"""An HTTP proxy on loopback that hurts chosen requests on their way to a real S3 server.

Signatures stay valid: the host header is passed on as the client signed it. A fault is a rule;
each rule counts what it hit, so that a test can show that its fault happened.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import unquote, urlsplit

from tests.support.s3_servers import S3Server

Fault = Literal["503", "slow", "truncate", "half_put", "unreachable", "page"]

_SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
_PAGE = b"<!doctype html><html><body>Sign in to the network<br></body></html>"
_HOP = ("connection", "keep-alive", "transfer-encoding")


@dataclass
class Rule:
    """Which requests are hurt, how, and how often (`times` None: always). `slow` waits that many seconds."""

    fault: Fault
    method: str | None = None
    containing: str = ""
    times: int | None = None
    skip: int = 0
    seconds: float = 0.0
    hits: int = 0
    seen: int = 0

    def takes(self, method: str, path: str) -> bool:
        if (self.method is not None and method != self.method) or self.containing not in unquote(path):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True


@dataclass
class FaultProxy:
    """`server` is the S3 server as seen through the proxy."""

    server: S3Server
    rules: list[Rule] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def hurting(self, *rules: Rule) -> Iterator[None]:
        """Inside, the rules apply; every one must have hit something."""
        with self.lock:
            self.rules = list(rules)
        try:
            yield
        finally:
            with self.lock:
                self.rules = []
        assert all(rule.hits for rule in rules), f"a fault never happened: {rules}"

    def fault(self, method: str, path: str) -> Rule | None:
        with self.lock:
            return next((rule for rule in self.rules if rule.takes(method, path)), None)


@contextmanager
def fault_proxy(server: S3Server) -> Iterator[FaultProxy]:
    """A proxy in front of a running server, on a port of its own."""
    upstream = urlsplit(server.endpoint).netloc
    handler = type("Handler", (_Handler,), {"upstream": upstream})
    listener = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    listener.daemon_threads = True
    proxy = FaultProxy(replace(server, endpoint=f"http://127.0.0.1:{listener.server_address[1]}"))
    handler.proxy = proxy  # type: ignore[attr-defined]
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: str
    proxy: FaultProxy

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(30)

    def do_GET(self) -> None:
        self._pass_on()

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        rule = self.proxy.fault(self.command, self.path)
        fault = rule.fault if rule else None
        if fault == "unreachable":
            return self._cut()
        if fault == "503":
            return self._answer(503, [("Content-Type", "application/xml")], _SLOW_DOWN)
        if fault == "page":
            return self._answer(200, [("Content-Type", "text/html")], _PAGE)
        if fault == "half_put":
            self._half(body)
            return self._cut()
        if rule is not None and fault == "slow":
            time.sleep(rule.seconds)
        status, headers, data = self._ask(body)
        return self._answer(status, headers, data, cut=fault == "truncate")

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.upstream, timeout=30)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP:
                    connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            headers = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP]
            return response.status, headers, response.read()
        finally:
            connection.close()

    def _half(self, body: bytes) -> None:
        """Half of what was announced reaches the server, then the line is dead."""
        connection = http.client.HTTPConnection(self.upstream, timeout=30)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders(body[: len(body) // 2])
        connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, *, cut: bool = False) -> None:
        try:
            self.send_response_only(status)
            named = {name.lower() for name, _ in headers}
            for name, value in headers:
                self.send_header(name, value)
            if "content-length" not in named and self.command != "HEAD":
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[: len(data) // 2] if cut else data)
        except OSError:
            # The client gave up waiting; that is what the test is about.
            self.close_connection = True
        if cut:
            self._cut()

    def _cut(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """The test says what matters."""
