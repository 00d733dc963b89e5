"""One HTTP session with a department's server: credentials, redirects, retries, time-outs.

Owns what every HTTP source needs and how its failures are told. The credential goes to the origin of
the connection's base URL and nowhere else, whatever a redirect or a next link says; which hosts these may name is
ingestion.connectors.onward's. Only GET is sent, so every request may be sent again. What an answer means is the
connector's business.
"""

from __future__ import annotations

import json
import logging
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urljoin

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from ingestion.connections import Connection, fits_header
from ingestion.connectors import tls
from ingestion.connectors.fetch_errors import FetchError, RetryableFetchError, retry_after
from ingestion.connectors.onward import Onward, origin, shown
from ingestion.contract.sources import HttpFile, JsonApi

USER_AGENT = "citylake"
MAX_REDIRECTS = 5
MAX_TOKEN_BYTES = 2**20
_ANSWERS = (200, 206, 304, 404, 410, 416)
_RETRIED = (408, 425, 429, 500, 502, 503, 504)
_LOCATION = "citylake_location"
_BACKOFF = wait_random_exponential(multiplier=0.5, max=30)

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass
class Session:
    """Requests of one source. `connection` is None for a public server without one."""

    source: HttpFile | JsonApi
    connection: Connection | None
    sleep: Callable[[float], None] = time.sleep
    _client: httpx.Client | None = None
    _token: str | None = field(default=None, repr=False)

    def url(self, path: str) -> httpx.URL:
        """`path` below the connection's base URL, or itself where it is absolute."""
        return httpx.URL(urljoin(self.connection.base_url, path) if self.connection else path)

    @property
    def onward(self) -> Onward:
        """Where the server may send us on to: the connection's word, or the contract's where there is none."""
        if self.connection is None:
            return Onward(tuple(self.source.redirect_hosts))
        return Onward(self.connection.redirect_hosts, self.source.connection)

    def deadline(self) -> float:
        """When a delivery that begins now must be here, on the monotonic clock."""
        return time.monotonic() + self.source.timeouts.total

    def with_retries(self, send: Callable[[], T], deadline: float) -> T:
        """`send()` until it succeeds, attempts end or the deadline comes. Raises FetchError: that of the last attempt.

        A server's Retry-After is waited for, unless it is longer than the contract's `max_wait`: then the
        next run asks again, and not sooner.
        """

        def wait(state: RetryCallState) -> float:
            problem = state.outcome.exception() if state.outcome else None
            asked = problem.wait if isinstance(problem, RetryableFetchError) else None
            return _BACKOFF(state) if asked is None else asked

        def stop(state: RetryCallState) -> bool:
            problem = state.outcome.exception() if state.outcome else None
            asked = (problem.wait if isinstance(problem, RetryableFetchError) else None) or 0.0
            late = time.monotonic() + asked >= deadline
            return late or asked > self.source.max_wait or stop_after_attempt(self.source.attempts)(state)

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
        """The answer to one GET after its redirects, body not yet read.

        Statuses 200, 206, 304, 404, 410 and 416 are answers; everything else raises FetchError.
        """
        with _as_fetch_errors(url):
            response = self._followed(url, {**self.source.headers, **(headers or {})}, deadline)
            try:
                self._judge(response)
                yield response
            finally:
                response.close()

    def _followed(self, url: httpx.URL, headers: dict[str, str], deadline: float) -> httpx.Response:
        seen: list[httpx.URL] = []
        while True:
            if time.monotonic() > deadline:
                raise FetchError(f"took longer than {self.source.timeouts.total:.0f} s in all", shown(url))
            if url.scheme not in ("http", "https") or not url.host:
                raise FetchError("points to something that is not http(s)", shown(url))
            seen.append(url)
            request = self._authorised(self.client.build_request("GET", url, headers=headers), deadline)
            response = self.client.send(request, stream=True)
            location = response.extensions.get(_LOCATION)
            if location is None:
                return response
            response.close()
            before, url = url, _joined(url, location)
            self.onward.check_redirect(url, start=seen[0], before=before)
            if url in seen:
                raise FetchError("redirects in a circle", shown(url))
            if len(seen) > MAX_REDIRECTS:
                raise FetchError(f"redirects more than {MAX_REDIRECTS} times", shown(url))

    def _authorised(self, request: httpx.Request, deadline: float) -> httpx.Request:
        """The request with the credential, where it goes to the connection's own origin."""
        given = self.connection
        if given is None or given.auth == "none" or origin(request.url) != origin(httpx.URL(given.base_url)):
            return request
        secret = given.token.get_secret_value() if given.token else ""
        if given.auth == "basic" and given.password:
            basic = httpx.BasicAuth(given.login or "", given.password.get_secret_value())
            return next(basic.auth_flow(request))
        if given.auth == "query":
            request.url = request.url.copy_merge_params({given.parameter or "": secret})
        elif given.auth == "header":
            request.headers[given.parameter or ""] = secret
        else:
            bearer = self._granted(given, deadline) if given.auth == "oauth2" else secret
            request.headers["authorization"] = f"Bearer {bearer}"
        return request

    def _granted(self, given: Connection, deadline: float) -> str:
        """An access token for client credentials (RFC 6749, 4.4), asked for once a session."""
        if self._token is None:
            asked = {"grant_type": "client_credentials"} | ({"scope": given.scope} if given.scope else {})
            url = self.url(given.token_url or "")
            client = (given.login or "", given.password.get_secret_value() if given.password else "")
            try:
                with self.client.stream("POST", url, data=asked, auth=client) as answer:
                    self._judge(answer)
                    found = _member(_small(answer, deadline), "access_token")
                if found is None:
                    raise FetchError("gave no access token for the connection's client", shown(url), is_refusal=True)
            except FetchError as error:
                # Without a token nothing of this source can be asked for.
                error.is_whole_source = True
                raise
            self._token = found
        return self._token

    def _judge(self, response: httpx.Response) -> None:
        status, url = response.status_code, shown(response.url)
        if status in _ANSWERS:
            return
        what = f"answered {status} {response.reason_phrase}".rstrip()
        if status in _RETRIED:
            asked = retry_after(response.headers.get("retry-after"), response.headers.get("date"))
            wait = f" and asks to wait {asked:.0f} s" if asked is not None else ""
            busy = RetryableFetchError(f"{what}{wait}", url, wait=asked)
            # A server that asks to be left alone longer than that is not asked for anything else either.
            busy.is_whole_source = asked is not None and asked > self.source.max_wait
            raise busy
        if status == httpx.codes.UNAUTHORIZED and self._token is not None:
            # A granted token runs out: the next attempt asks for another.
            self._token = None
            raise RetryableFetchError(what, url, is_refusal=True)
        raise FetchError(what, url, is_refusal=status in (401, 403, 407))

    @property
    def client(self) -> httpx.Client:
        """Opened at the first request, closed with the session."""
        if self._client is None:
            limits = self.source.timeouts
            given = self.connection
            # A proxy or a netrc of this machine's environment is not the connection's: nothing is taken from there.
            self._client = httpx.Client(
                trust_env=False,
                follow_redirects=False,
                event_hooks={"response": [_keep_location]},
                timeout=httpx.Timeout(limits.read, connect=limits.connect),
                headers={"user-agent": USER_AGENT, "accept-encoding": "identity"},
                proxy=given.proxy.get_secret_value() if given and given.proxy else None,
                verify=tls.context(given, self.source.connection),
            )
            weakref.finalize(self, self._client.close)
        return self._client


@contextmanager
def _as_fetch_errors(start: httpx.URL) -> Iterator[None]:
    """Transport failures as FetchError, with the host and path and no more of the URL. `start` was asked for."""
    try:
        yield
    except httpx.ConnectTimeout as error:
        raise _of_server(
            RetryableFetchError("did not take the connection in time", _asked(error)), error, start
        ) from None
    except httpx.TimeoutException as error:
        raise RetryableFetchError("stopped answering (time-out)", _asked(error)) from None
    except httpx.RemoteProtocolError as error:
        raise RetryableFetchError(f"broke off: {error}", _asked(error)) from None
    except httpx.LocalProtocolError as error:
        # What h11 says of a header quotes it, and it may be the credential.
        raise FetchError("was not asked: HTTP cannot carry the connection's credential", _asked(error)) from None
    except (httpx.ConnectError, httpx.ProxyError) as error:
        unreachable = RetryableFetchError(f"cannot be reached: {error}", _asked(error))
        raise _of_server(tls.untrusted(error, _asked(error)) or unreachable, error, start) from None
    except httpx.TransportError as error:
        raise tls.untrusted(error, _asked(error)) or RetryableFetchError(
            f"cannot be reached: {error}", _asked(error)
        ) from None
    except (httpx.InvalidURL, httpx.DecodingError, UnicodeError) as error:
        raise FetchError(f"sent something that is not HTTP: {type(error).__name__}", "the server") from None


def _of_server(failure: FetchError, error: httpx.RequestError, start: httpx.URL) -> FetchError:
    """The failure, of the whole source where it is the source's own server that cannot be reached."""
    failure.is_whole_source = origin(error.request.url) == origin(start)
    return failure


def _keep_location(response: httpx.Response) -> None:
    """Keep where a redirect leads for us to judge: httpx would read it first, and stumble over what is no URL."""
    if response.has_redirect_location:
        response.extensions[_LOCATION] = response.headers.pop("location")


def _joined(url: httpx.URL, location: str) -> httpx.URL:
    try:
        return url.join(location)
    except (httpx.InvalidURL, UnicodeError):
        raise FetchError("redirects to something that is not http(s)", shown(url)) from None


def _asked(error: httpx.RequestError) -> str:
    # An error of a body's reading knows no request of its own.
    try:
        return shown(error.request.url)
    except RuntimeError:
        return "the server"


def _small(answer: httpx.Response, deadline: float) -> bytes:
    """The body of an answer that has no reason to be long."""
    body = b""
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > MAX_TOKEN_BYTES or time.monotonic() > deadline:
            raise FetchError("sends more than a token, or sends it too slowly", shown(answer.url))
    return body


def _member(body: bytes, name: str) -> str | None:
    """A text member of a JSON answer that a header can carry."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    found = said.get(name) if isinstance(said, dict) else None
    return found if isinstance(found, str) and fits_header(found) else None


class _NoQuery(logging.Filter):
    """httpx logs every URL whole; a credential may be in its query."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(shown(a) if isinstance(a, httpx.URL) else a for a in record.args)
        return True


logging.getLogger("httpx").addFilter(_NoQuery())
