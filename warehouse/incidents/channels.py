"""How a notice leaves the lake: by mail and by webhook, as the settings say.

Owns time-outs, tries and what a failure is called. A failure is an answer, never an exception, and its text
holds no address, URL or secret. What a notice says is warehouse.incidents.notice's; who gets it, and that
each gets it once, is warehouse.incidents.notify's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Protocol

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from ingestion import clocks
from ingestion.errors import ConfigurationError
from ingestion.settings import Settings
from warehouse.incidents.model import ChannelName
from warehouse.incidents.notice import Text

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_TRANSIENT_HTTP = (408, 425, 429)
_SERVER_ERRORS = range(500, 600)
_TRANSIENT_SMTP = range(400, 500)


class Channel(Protocol):
    """One way out."""

    @property
    def name(self) -> ChannelName:
        """As in a notice."""
        ...

    def send(self, text: Text, recipient: str | None) -> str | None:
        """Send one notice; None, or why it did not go out."""
        ...


def channels(settings: Settings) -> list[Channel]:
    """Those the settings configure; none is no error. Raises ConfigurationError where they contradict."""
    found: list[Channel] = []
    if settings.smtp_host is not None:
        found.append(Smtp(_checked(settings)))
    if settings.webhook_url is not None:
        found.append(Webhook(settings))
    return found


@dataclass(frozen=True)
class Smtp:
    """One mail to one steward. The message id is the notice's own: sent twice, it is one mail to most readers."""

    settings: Settings
    name: ChannelName = "smtp"

    def send(self, text: Text, recipient: str | None) -> str | None:
        """See Channel.send."""
        if recipient is None:
            return "the contract names no mail address"
        try:
            message = self._message(text, recipient)
        except (ValueError, MessageError):
            return "a mail address in the contract or the settings cannot be used"
        return _tried(self.settings, lambda: self._sent(message))

    def _message(self, text: Text, recipient: str) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = text.subject
        message["From"] = Address("citylake", addr_spec=self.settings.smtp_sender or "")
        message["To"] = Address(addr_spec=recipient)
        message["Date"] = format_datetime(text.at)
        message["Message-ID"] = f"<{text.id.replace('@', '.')}@citylake>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text.body)
        return message

    def _sent(self, message: EmailMessage) -> None:
        settings = self.settings
        host, port, timeout = settings.smtp_host or "", settings.smtp_port, settings.notice_timeout_seconds
        secure = ssl.create_default_context()
        with (
            smtplib.SMTP_SSL(host, port, timeout=timeout, context=secure)
            if settings.smtp_security == "tls"
            else smtplib.SMTP(host, port, timeout=timeout)
        ) as server:
            if settings.smtp_security == "starttls":
                server.starttls(context=secure)
            if settings.smtp_user and settings.smtp_password:
                server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
            server.send_message(message)


@dataclass(frozen=True)
class Webhook:
    """One POST of JSON. Redirects are not followed; the answer's body is not read."""

    settings: Settings
    name: ChannelName = "webhook"

    def send(self, text: Text, recipient: str | None) -> str | None:
        """See Channel.send."""
        body = json.dumps(text.document, ensure_ascii=False, sort_keys=True).encode()
        return _tried(self.settings, lambda: self._post(body, text.id))

    def _post(self, body: bytes, notice: str) -> None:
        url = self.settings.webhook_url.get_secret_value() if self.settings.webhook_url else ""
        headers = {"Content-Type": "application/json", "Idempotency-Key": notice, **self._signature(body)}
        with (
            _unlogged(),
            httpx.Client(timeout=self.settings.notice_timeout_seconds, follow_redirects=False) as client,
            client.stream("POST", url, content=body, headers=headers) as answer,
        ):
            if not answer.is_success:
                raise _Answered(answer.status_code)

    def _signature(self, body: bytes) -> dict[str, str]:
        """HMAC-SHA256 over `<timestamp>.<body>`, so that a captured notice cannot be played again later."""
        if self.settings.webhook_secret is None:
            return {}
        moment = str(int(clocks.now().timestamp()))
        key = self.settings.webhook_secret.get_secret_value().encode()
        digest = hmac.new(key, moment.encode() + b"." + body, hashlib.sha256).hexdigest()
        return {"X-Citylake-Timestamp": moment, "X-Citylake-Signature": f"sha256={digest}"}


_posting: ContextVar[bool] = ContextVar("posting", default=False)


class _Unlogged(logging.Filter):
    """httpx logs every URL whole; a webhook's is a secret, in its path as often as in its query."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _posting.get()


logging.getLogger("httpx").addFilter(_Unlogged())


@contextmanager
def _unlogged() -> Iterator[None]:
    token = _posting.set(True)
    try:
        yield
    finally:
        _posting.reset(token)


class _Answered(OSError):
    """The webhook's server answered something else than success."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


_FAILURES = (OSError, smtplib.SMTPException, httpx.HTTPError, httpx.InvalidURL)


def _tried(settings: Settings, send: Callable[[], None]) -> str | None:
    """A few tries with growing, random waits where the failure may pass; None, or what the last one was."""
    tries = Retrying(
        stop=stop_after_attempt(settings.notice_attempts),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        retry=retry_if_exception(_may_pass),
        reraise=True,
    )
    try:
        tries(send)
    except _FAILURES as error:
        return _named(error)
    return None


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, _Answered):
        return error.status in _TRANSIENT_HTTP or error.status in _SERVER_ERRORS
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code in _TRANSIENT_SMTP for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code in _TRANSIENT_SMTP
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | smtplib.SMTPNotSupportedError | ssl.SSLError):
        return False
    return isinstance(error, _FAILURES)


def _named(error: Exception) -> str:
    """What happened, without what a server or a library says of addresses."""
    if isinstance(error, _Answered):
        return str(error)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"recipient refused, SMTP {', '.join(str(code) for code, _ in error.recipients.values())}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"SMTP {error.smtp_code}"
    # smtplib tells a time-out as a lost connection.
    if any(isinstance(e, TimeoutError | httpx.TimeoutException) for e in (error, error.__context__)):
        return "no answer in time"
    return type(error).__name__


def _checked(settings: Settings) -> Settings:
    wrong = None
    if not settings.smtp_sender:
        wrong = "CITYLAKE_SMTP_HOST needs CITYLAKE_SMTP_SENDER"
    elif bool(settings.smtp_user) != (settings.smtp_password is not None):
        wrong = "CITYLAKE_SMTP_USER and CITYLAKE_SMTP_PASSWORD belong together"
    elif settings.smtp_security == "none" and settings.smtp_password is not None:
        wrong = "a mail password is not sent without TLS: CITYLAKE_SMTP_SECURITY must be starttls or tls"
    elif settings.smtp_security == "none" and settings.smtp_host not in _LOOPBACK:
        wrong = "CITYLAKE_SMTP_SECURITY=none is for a relay on this machine (127.0.0.1, localhost)"
    if wrong:
        raise ConfigurationError(wrong, left="incidents are recorded; no mail is sent", next_step="see .env.example")
    return settings
