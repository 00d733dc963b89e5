"""Which hosts a server may send a request on to, by a redirect or by a link to a next page or file (docs/adr/0008, 7).

Allowed are the host of the first request, and the hosts in `redirect_hosts` of the connection, or of the contract's
source where it names no connection. A next page must have the same origin or a declared host. A step from https to
http, or to a URL with a login in it, is always refused. Errors show scheme, host and port of the target and no more.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from ingestion.connectors.fetch_errors import FetchError
from ingestion.values.hosts import is_declared, same_host

_LONGEST_HOST = 253


@dataclass(frozen=True)
class AllowedHosts:
    """`declared` hosts (`host` or `host:port`), and the name of the `connection` that lists them (None: contract)."""

    declared: tuple[str, ...] = ()
    connection: str | None = None

    def check_redirect(self, url: httpx.URL, *, start: httpx.URL, before: httpx.URL) -> None:
        """Check the redirect from `before` to `url` of a request that began at `start`. Raises FetchError."""
        _check_form(url, before, "redirects to")
        if not same_host(_host(url), _host(start)) and not self._is_declared(url):
            what = f"redirects to another server, {server(url)}, which is not declared"
            raise FetchError(what, redacted(before), advice=self._advice(url))

    def check_next(self, url: httpx.URL, *, start: httpx.URL, page: httpx.URL, what: str = "a next page") -> None:
        """Check the link from the page at `page` to the next page at `url`, of an API at `start`. Raises FetchError.

        `what` is linked, if it is no page: the status or a file of an export.
        """
        _check_form(url, page, f"names {what} at")
        if origin(url) not in (origin(start), origin(page)) and not self._is_declared(url):
            does = f"names {what} on another server, {server(url)}, which is not declared"
            raise FetchError(does, redacted(start), advice=self._advice(url))

    def _is_declared(self, url: httpx.URL) -> bool:
        return is_declared(_host(url), url.port, url.scheme, self.declared)

    def _advice(self, url: httpx.URL) -> str:
        name = self.connection
        where = f"connection {name!r} (CITYLAKE_CONN_{name.upper()}, or the Airflow connection's extra)" if name else \
            "the source in the contract"  # fmt: skip
        return f"ask the department whether that server is its own; if so, add {_bracketed(_host(url))!r} to " \
            f"`redirect_hosts` of {where}"  # fmt: skip


def _check_form(url: httpx.URL, before: httpx.URL, does: str) -> None:
    if url.scheme not in ("http", "https") or not url.host:
        raise FetchError(f"{does} something that is not http(s)", redacted(before))
    if url.userinfo:
        raise FetchError(f"{does} a URL with a login in it, at {server(url)}", redacted(before))
    if before.scheme == "https" and url.scheme == "http":
        what = f"{does} {server(url)}: from https to http is not followed"
        raise FetchError(what, redacted(before), advice="ask the department to name an https URL")


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host[:_LONGEST_HOST]


def server(url: httpx.URL) -> str:
    """Scheme, host and port of a URL, for error messages."""
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://{_bracketed(url.host)}{port}"


def redacted(url: httpx.URL) -> str:
    """A URL without login and query, which may hold credentials: for messages, logs and manifests."""
    return f"{server(url)}{url.path}"


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port, with the scheme's default port filled in (RFC 6454, 4)."""
    return url.scheme, url.host.lower(), url.port or {"http": 80, "https": 443}.get(url.scheme)
