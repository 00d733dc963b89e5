"""Send a notice by mail and by webhook, as the settings say, with time-outs and retries.

A failure is returned as text, not raised, and the text holds no address, URL or secret. The text of a notice comes from
warehouse.incidents.notice, its recipients from warehouse.incidents.notify.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from ingestion import clocks
from ingestion.errors import ConfigurationError
from ingestion.settings import Settings
from warehouse.incidents.model import ChannelName
from warehouse.incidents.notice import Text

_WORKBOOK = ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_TRANSIENT_HTTP = (408, 425, 429)
_SERVER_ERRORS = range(500, 600)
_TRANSIENT_SMTP = range(400, 500)


class Channel(Protocol):
    """One way to send notices."""

    @property
    def name(self) -> ChannelName:
        """The channel's name in a stored notice."""
        ...

    def send(self, text: Text, recipient: str | None) -> str | None:
        """Send one notice; None when it was sent, else why not."""
        ...


def channels(settings: Settings) -> list[Channel]:
    """The channels that the settings configure, possibly none. Raises ConfigurationError where settings contradict."""
    mail = mail_channel(settings)
    configured: list[Channel] = [mail] if mail else []
    if settings.webhook_url is not None:
        configured.append(Webhook(settings))
    return configured


def mail_channel(settings: Settings) -> Smtp | None:
    """The mail server; None where none is configured. Raises ConfigurationError where settings contradict."""
    return Smtp(_check_mail_settings(settings)) if settings.smtp_host is not None else None


@dataclass(frozen=True)
class Attachment:
    """A workbook that a mail carries, and the name it has there."""

    name: str
    path: Path


@dataclass(frozen=True)
class Smtp:
    """Sends one mail to one person. The Message-ID is the notice's id, so most mail readers show a repeat once."""

    settings: Settings
    name: ChannelName = "smtp"

    def send(self, text: Text, recipient: str | None, *, attachments: Sequence[Attachment] = ()) -> str | None:
        """See Channel.send."""
        if recipient is None:
            return "the contract names no mail address"
        try:
            message = self._message(text, recipient)
            for one in attachments:
                message.add_attachment(one.path.read_bytes(), *_WORKBOOK, filename=one.name)
        except (ValueError, MessageError):
            return "a mail address in the contract or the settings cannot be used"
        return _send_with_retries(self.settings, lambda: self._deliver(message))

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

    def _deliver(self, message: EmailMessage) -> None:
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
    """Sends one POST of JSON. Redirects are not followed; the body of the response is not read."""

    settings: Settings
    name: ChannelName = "webhook"

    def send(self, text: Text, recipient: str | None) -> str | None:
        """See Channel.send."""
        body = json.dumps(text.document, ensure_ascii=False, sort_keys=True).encode()
        return _send_with_retries(self.settings, lambda: self._post(body, text.id))

    def _post(self, body: bytes, notice: str) -> None:
        url = self.settings.webhook_url.get_secret_value() if self.settings.webhook_url else ""
        headers = {"Content-Type": "application/json", "Idempotency-Key": notice, **self._signature(body)}
        with (
            _hiding_urls(),
            httpx.Client(timeout=self.settings.notice_timeout_seconds, follow_redirects=False) as client,
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            if not response.is_success:
                raise _HttpStatusError(response.status_code)

    def _signature(self, body: bytes) -> dict[str, str]:
        """HMAC-SHA256 over `<timestamp>.<body>`, so that a captured notice cannot be played again later."""
        if self.settings.webhook_secret is None:
            return {}
        moment = str(int(clocks.now().timestamp()))
        key = self.settings.webhook_secret.get_secret_value().encode()
        digest = hmac.new(key, moment.encode() + b"." + body, hashlib.sha256).hexdigest()
        return {"X-Citylake-Timestamp": moment, "X-Citylake-Signature": f"sha256={digest}"}


_posting: ContextVar[bool] = ContextVar("posting", default=False)


class _HideUrls(logging.Filter):
    """Drops httpx's log lines while a webhook is called: they hold its whole URL, which is a secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _posting.get()


logging.getLogger("httpx").addFilter(_HideUrls())


@contextmanager
def _hiding_urls() -> Iterator[None]:
    token = _posting.set(True)
    try:
        yield
    finally:
        _posting.reset(token)


class _HttpStatusError(OSError):
    """The webhook's server responded with a status that is not success."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


_FAILURES = (OSError, smtplib.SMTPException, httpx.HTTPError, httpx.InvalidURL)


def _send_with_retries(settings: Settings, send: Callable[[], None]) -> str | None:
    """Try a few times, with growing random waits, while the failure may be transient; None, or the last failure
    as text."""
    retrying = Retrying(
        stop=stop_after_attempt(settings.notice_attempts),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        retry=retry_if_exception(_is_transient),
        reraise=True,
    )
    try:
        retrying(send)
    except _FAILURES as error:
        return _describe_failure(error)
    return None


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, _HttpStatusError):
        return error.status in _TRANSIENT_HTTP or error.status in _SERVER_ERRORS
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code in _TRANSIENT_SMTP for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code in _TRANSIENT_SMTP
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | smtplib.SMTPNotSupportedError | ssl.SSLError):
        return False
    return isinstance(error, _FAILURES)


def _describe_failure(error: Exception) -> str:
    """The failure as text, without messages of servers or libraries, which may hold addresses."""
    if isinstance(error, _HttpStatusError):
        return str(error)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"recipient refused, SMTP {', '.join(str(code) for code, _ in error.recipients.values())}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"SMTP {error.smtp_code}"
    # smtplib raises a time-out as a lost connection.
    if any(isinstance(e, TimeoutError | httpx.TimeoutException) for e in (error, error.__context__)):
        return "no answer in time"
    return type(error).__name__


def _check_mail_settings(settings: Settings) -> Settings:
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
