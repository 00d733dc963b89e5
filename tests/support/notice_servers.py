"""Real servers for notices, on loopback: a mail server that keeps what it gets, a webhook that keeps and answers."""

from __future__ import annotations

import email
import email.policy
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from tests.support.ports import free_port


@dataclass
class Mailbox:
    """Mails by arrival. `answers` are given to RCPT in turn, then 250; `logins` are those that came."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        message = email.message_from_bytes(envelope.content or b"", policy=email.policy.default)
        self.mails.append(message)  # type: ignore[arg-type]
        return "250 kept"

    @property
    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails]


@contextmanager
def mail_server(port: int | None = None, *, certificate: Path | None = None, password: str = "") -> Iterator[Mailbox]:
    """With a certificate it demands STARTTLS and the login `citylake` with `password`."""
    box = Mailbox(port or free_port())
    options: dict[str, Any] = {}
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))

        def authenticate(
            _server: Any, _session: Any, _envelope: Any, _mechanism: str, said: LoginPassword
        ) -> AuthResult:
            box.logins.append((said.login.decode(), said.password.decode()))
            return AuthResult(success=said.password.decode() == password, handled=False)

        options = {"tls_context": context, "require_starttls": True, "auth_required": True}
        options["authenticator"] = authenticate
    controller = Controller(box, hostname="127.0.0.1", port=box.port, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class Hook:
    """Posts by arrival: (headers, body). `answers` are (status, seconds to wait) in turn, then (204, 0)."""

    url: str = ""
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[tuple[int, float]] = field(default_factory=list)

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.posts]

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(document["event"], document["incident"]["kind"]) for document in self.documents]


@contextmanager
def webhook_server(port: int = 0) -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.posts.append((dict(self.headers.items()), body))
            status, wait = hook.answers.pop(0) if hook.answers else (204, 0.0)
            time.sleep(wait)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if status in (301, 302):
                self.send_header("Location", hook.url)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                # The client gave up waiting, which is what it was to do.
                self.close_connection = True

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        hook.url = f"http://127.0.0.1:{server.server_address[1]}/hooks/token-7f3a?key=hidden"
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield hook
        finally:
            server.shutdown()


@contextmanager
def silent_server() -> Iterator[int]:
    """Accepts connections and never says a word; its port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield int(listening.getsockname()[1])


def certificate(folder: Path) -> Path:
    """A self-signed certificate for localhost, its key beside it."""
    made = folder / "localhost.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(made.with_suffix(".key")),
         "-out", str(made)],
        check=True, capture_output=True,
    )  # fmt: skip
    return made
