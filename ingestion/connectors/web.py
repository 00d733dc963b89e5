"""HTTP session with a department's server: credentials, redirects, retries, time-outs, errors.

The credential is sent to the origin of the connection's base URL only, wherever a redirect or a next link leads; which
hosts those may lead to is decided by `ingestion.connectors.allowed_hosts`. Data is requested with GET only, so every
request can be repeated; DELETE ends what a server keeps for us. The connectors interpret the responses.
"""

from __future__ import annotations

import json
import logging
import time
import weakref
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeVar
from urllib.parse import urljoin

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from ingestion.connections import Connection, fits_header
from ingestion.connectors import tls
from ingestion.connectors.allowed_hosts import AllowedHosts, origin, redacted
from ingestion.connectors.fetch_errors import FetchError, RetryableFetchError, retry_after
from ingestion.contract.sources import FhirBulk, HttpFile, JsonApi

USER_AGENT = "citylake"
MAX_REDIRECTS = 5
MAX_TOKEN_BYTES = 2**20
_ANSWERS = (200, 206, 304, 404, 410, 416)
_RETRIED = (408, 425, 429, 500, 502, 503, 504)
_LOCATION = "citylake_location"
_BACKOFF = wait_random_exponential(multiplier=0.5, max=30)

T = TypeVar("T")
Explain = Callable[[httpx.Response], str]

log = logging.getLogger(__name__)


@dataclass
class Session:
    """HTTP requests of one source. `connection` is None for a public server that needs no credentials."""

    source: HttpFile | JsonApi | FhirBulk
    connection: Connection | None
    sleep: Callable[[float], None] = time.sleep
    _client: httpx.Client | None = None
    _token: str | None = field(default=None, repr=False)

    def url(self, path: str) -> httpx.URL:
        """`path` below the connection's base URL, or itself where it is absolute."""
        return httpx.URL(urljoin(self.connection.base_url, path) if self.connection else path)

    @property
    def allowed_hosts(self) -> AllowedHosts:
        """Hosts that redirects and next links may lead to: those of the connection, else of the contract's source."""
        if self.connection is None:
            return AllowedHosts(tuple(self.source.redirect_hosts))
        return AllowedHosts(self.connection.redirect_hosts, self.source.connection)

    def deadline(self) -> float:
        """Moment on the monotonic clock (seconds) by which a delivery that begins now must be complete."""
        return time.monotonic() + self.source.timeouts.total

    def with_retries(self, send: Callable[[], T], deadline: float) -> T:
        """Call `send` until it succeeds, attempts are used up or the deadline is reached.

        Raises the FetchError of the last attempt. A server's Retry-After is respected; where it is longer than the
        contract's `max_wait` there is no further attempt before the next run.
        """

        def wait(state: RetryCallState) -> float:
            problem = state.outcome.exception() if state.outcome else None
            server_wait = problem.wait if isinstance(problem, RetryableFetchError) else None
            return _BACKOFF(state) if server_wait is None else server_wait

        def stop(state: RetryCallState) -> bool:
            problem = state.outcome.exception() if state.outcome else None
            server_wait = (problem.wait if isinstance(problem, RetryableFetchError) else None) or 0.0
            late = time.monotonic() + server_wait >= deadline
            return late or server_wait > self.source.max_wait or stop_after_attempt(self.source.attempts)(state)

        def log_retry(state: RetryCallState) -> None:
            problem = state.outcome.exception() if state.outcome else None
            following = f"attempt {state.attempt_number + 1} of {self.source.attempts}"
            log.warning("%s; asked again in %.1f s, %s", problem, state.upcoming_sleep, following)

        retrying = Retrying(
            retry=retry_if_exception_type(RetryableFetchError),
            wait=wait,
            stop=stop,
            sleep=self.sleep,
            before_sleep=log_retry,
            reraise=True,
        )
        return retrying(send)

    @contextmanager
    def get(self, url: httpx.URL, deadline: float, headers: dict[str, str] | None = None) -> Iterator[httpx.Response]:
        """The response to one GET after its redirects; the body is not read yet.

        Statuses 200, 206, 304, 404, 410 and 416 are returned to the caller; any other raises FetchError.
        """
        with self.request("GET", url, deadline, headers) as response:
            yield response

    @contextmanager
    def request(
        self, method: Literal["GET", "DELETE"], url: httpx.URL, deadline: float, headers: dict[str, str] | None = None,
        *, answers: Container[int] = _ANSWERS, anonymous: bool = False, explain: Explain | None = None,
    ) -> Iterator[httpx.Response]:  # fmt: skip
        """As `get`, with these `answers` returned to the caller. `anonymous`: the credential is not sent.

        `explain` gives what the body of any other answer says, to follow its status; it may raise its own FetchError.
        """
        with _as_fetch_errors(url):
            headers = {**self.source.headers, **(headers or {})}
            response = self._send_with_redirects(method, url, headers, deadline, anonymous=anonymous)
            try:
                self._raise_for_status(response, answers, explain)
                yield response
            finally:
                response.close()

    def _send_with_redirects(
        self, method: str, url: httpx.URL, headers: dict[str, str], deadline: float, *, anonymous: bool
    ) -> httpx.Response:
        seen: list[httpx.URL] = []
        while True:
            if time.monotonic() > deadline:
                raise FetchError(f"took longer than {self.source.timeouts.total:.0f} s in all", redacted(url))
            if url.scheme not in ("http", "https") or not url.host:
                raise FetchError("points to something that is not http(s)", redacted(url))
            seen.append(url)
            request = self.client.build_request(method, url, headers=headers)
            request = request if anonymous else self._authorise(request, deadline)
            response = self.client.send(request, stream=True)
            location = response.extensions.get(_LOCATION)
            if location is None:
                return response
            response.close()
            before, url = url, _redirect_target(url, location)
            self.allowed_hosts.check_redirect(url, start=seen[0], before=before)
            if url in seen:
                raise FetchError("redirects in a circle", redacted(url))
            if len(seen) > MAX_REDIRECTS:
                raise FetchError(f"redirects more than {MAX_REDIRECTS} times", redacted(url))

    def _authorise(self, request: httpx.Request, deadline: float) -> httpx.Request:
        """The request with the credential added, where its target is the connection's own origin."""
        connection = self.connection
        if (
            connection is None
            or connection.auth == "none"
            or origin(request.url) != origin(httpx.URL(connection.base_url))
        ):
            return request
        secret = connection.token.get_secret_value() if connection.token else ""
        if connection.auth == "basic" and connection.password:
            basic = httpx.BasicAuth(connection.login or "", connection.password.get_secret_value())
            return next(basic.auth_flow(request))
        if connection.auth == "query":
            request.url = request.url.copy_merge_params({connection.parameter or "": secret})
        elif connection.auth == "header":
            request.headers[connection.parameter or ""] = secret
        else:
            bearer = self._access_token(connection, deadline) if connection.auth == "oauth2" else secret
            request.headers["authorization"] = f"Bearer {bearer}"
        return request

    def _access_token(self, connection: Connection, deadline: float) -> str:
        """The OAuth 2.0 access token of the client credentials grant (RFC 6749, 4.4), requested once per session."""
        if self._token is None:
            form = {"grant_type": "client_credentials"} | ({"scope": connection.scope} if connection.scope else {})
            url = self.url(connection.token_url or "")
            client = (connection.login or "", connection.password.get_secret_value() if connection.password else "")
            try:
                with self.client.stream("POST", url, data=form, auth=client) as answer:
                    self._raise_for_status(answer)
                    token = _text_member(_read_token_answer(answer, deadline), "access_token")
                if token is None:
                    raise FetchError("gave no access token for the connection's client", redacted(url), is_refusal=True)
            except FetchError as error:
                # Without a token no request to this source can succeed.
                error.is_whole_source = True
                raise
            self._token = token
        return self._token

    def _raise_for_status(
        self, response: httpx.Response, answers: Container[int] = _ANSWERS, explain: Explain | None = None
    ) -> None:
        status, url = response.status_code, redacted(response.url)
        if status in answers:
            return
        what = f"answered {status} {response.reason_phrase}".rstrip() + (explain(response) if explain else "")
        if status in _RETRIED:
            server_wait = retry_after(response.headers.get("retry-after"), response.headers.get("date"))
            wait = f" and asks to wait {server_wait:.0f} s" if server_wait is not None else ""
            busy = RetryableFetchError(f"{what}{wait}", url, wait=server_wait)
            # Where the server asks for a longer wait than that, the source's other intervals are not requested either.
            busy.is_whole_source = server_wait is not None and server_wait > self.source.max_wait
            raise busy
        if status == httpx.codes.UNAUTHORIZED and self._token is not None:
            # The access token has expired: the next attempt requests another.
            self._token = None
            raise RetryableFetchError(what, url, is_refusal=True)
        raise FetchError(what, url, is_refusal=status in (401, 403, 407))

    @property
    def client(self) -> httpx.Client:
        """The HTTP client: opened at the first request, closed with the session."""
        if self._client is None:
            timeouts = self.source.timeouts
            connection = self.connection
            # trust_env=False: proxies and netrc logins of this machine's environment are not the connection's.
            self._client = httpx.Client(
                trust_env=False,
                follow_redirects=False,
                event_hooks={"response": [_move_location]},
                timeout=httpx.Timeout(timeouts.read, connect=timeouts.connect),
                headers={"user-agent": USER_AGENT, "accept-encoding": "identity"},
                proxy=connection.proxy.get_secret_value() if connection and connection.proxy else None,
                verify=tls.context(connection, self.source.connection),
            )
            weakref.finalize(self, self._client.close)
        return self._client


@contextmanager
def _as_fetch_errors(start: httpx.URL) -> Iterator[None]:
    """Raise httpx's transport errors as FetchError, showing host and path of the URL only.

    `start` is the URL of the first request, before redirects.
    """
    try:
        yield
    except httpx.ConnectTimeout as error:
        raise _mark_whole_source(
            RetryableFetchError("did not take the connection in time", _requested_url(error)), error, start
        ) from None
    except httpx.TimeoutException as error:
        raise RetryableFetchError("stopped answering (time-out)", _requested_url(error)) from None
    except httpx.RemoteProtocolError as error:
        raise RetryableFetchError(f"broke off: {error}", _requested_url(error)) from None
    except httpx.LocalProtocolError as error:
        # The message of h11 quotes the header, which may hold the credential: it is not passed on.
        raise FetchError(
            "was not asked: HTTP cannot carry the connection's credential", _requested_url(error)
        ) from None
    except (httpx.ConnectError, httpx.ProxyError) as error:
        unreachable = RetryableFetchError(f"cannot be reached: {error}", _requested_url(error))
        raise _mark_whole_source(
            tls.certificate_error(error, _requested_url(error)) or unreachable, error, start
        ) from None
    except httpx.TransportError as error:
        raise tls.certificate_error(error, _requested_url(error)) or RetryableFetchError(
            f"cannot be reached: {error}", _requested_url(error)
        ) from None
    except (httpx.InvalidURL, httpx.DecodingError, UnicodeError) as error:
        raise FetchError(f"sent something that is not HTTP: {type(error).__name__}", "the server") from None


def _mark_whole_source(failure: FetchError, error: httpx.RequestError, start: httpx.URL) -> FetchError:
    """The failure, with `is_whole_source` set where the source's own server (not a redirect's) cannot be reached."""
    failure.is_whole_source = origin(error.request.url) == origin(start)
    return failure


def _move_location(response: httpx.Response) -> None:
    """Move the Location header into `response.extensions`: httpx would parse it at once and fail on an invalid URL."""
    if response.has_redirect_location:
        response.extensions[_LOCATION] = response.headers.pop("location")


def _redirect_target(url: httpx.URL, location: str) -> httpx.URL:
    try:
        return url.join(location)
    except (httpx.InvalidURL, UnicodeError):
        raise FetchError("redirects to something that is not http(s)", redacted(url)) from None


def _requested_url(error: httpx.RequestError) -> str:
    # An error while reading a body has no request attached.
    try:
        return redacted(error.request.url)
    except RuntimeError:
        return "the server"


def _read_token_answer(answer: httpx.Response, deadline: float) -> bytes:
    """The body of a token response, which must be short (MAX_TOKEN_BYTES). Raises FetchError."""
    body = b""
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > MAX_TOKEN_BYTES or time.monotonic() > deadline:
            raise FetchError("sends more than a token, or sends it too slowly", redacted(answer.url))
    return body


def _text_member(body: bytes, name: str) -> str | None:
    """A text member of a JSON object, where it can be sent in a header; else None."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    member = answer.get(name) if isinstance(answer, dict) else None
    return member if isinstance(member, str) and fits_header(member) else None


class _RedactQueries(logging.Filter):
    """Log filter for httpx, which logs complete URLs: removes their queries, which may hold a credential."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(redacted(a) if isinstance(a, httpx.URL) else a for a in record.args)
        return True


logging.getLogger("httpx").addFilter(_RedactQueries())
