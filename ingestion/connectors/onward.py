"""Where a server may send us on to: by a redirect, or by the link of a next page (docs/adr/0008, 7).

The host asked for at first, and hosts that are declared: by the connection, or by the contract's source where it names
none. A next page must be of the same origin, or on a declared host. Never from https to http, and never to a URL with
a login in it. Errors show scheme, host and port of where the server points, and no more.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from ingestion.connectors.fetch_errors import FetchError
from ingestion.values.hosts import is_declared, same_host

_LONGEST_HOST = 253


@dataclass(frozen=True)
class Onward:
    """`declared` hosts (`host` or `host:port`); `connection` is whose they are, None for the contract's."""

    declared: tuple[str, ...] = ()
    connection: str | None = None

    def check_redirect(self, url: httpx.URL, *, start: httpx.URL, before: httpx.URL) -> None:
        """`before`, come to from `start`, redirects to `url`. Raises FetchError where that is not followed."""
        _check_form(url, before, "redirects to")
        if not same_host(_host(url), _host(start)) and not self._declares(url):
            what = f"redirects to another server, {server(url)}, which is not declared"
            raise FetchError(what, shown(before), advice=self._advice(url))

    def check_next(self, url: httpx.URL, *, start: httpx.URL, page: httpx.URL) -> None:
        """The page at `page` of the API at `start` names `url` as the next one. Raises FetchError."""
        _check_form(url, page, "names a next page at")
        if origin(url) not in (origin(start), origin(page)) and not self._declares(url):
            what = f"names a next page on another server, {server(url)}, which is not declared"
            raise FetchError(what, shown(start), advice=self._advice(url))

    def _declares(self, url: httpx.URL) -> bool:
        return is_declared(_host(url), url.port, url.scheme, self.declared)

    def _advice(self, url: httpx.URL) -> str:
        name = self.connection
        where = f"connection {name!r} (CITYLAKE_CONN_{name.upper()}, or the Airflow connection's extra)" if name else \
            "the source in the contract"  # fmt: skip
        return f"ask the department whether that server is its own; if so, add {_bracketed(_host(url))!r} to " \
            f"`redirect_hosts` of {where}"  # fmt: skip


def _check_form(url: httpx.URL, before: httpx.URL, does: str) -> None:
    if url.scheme not in ("http", "https") or not url.host:
        raise FetchError(f"{does} something that is not http(s)", shown(before))
    if url.userinfo:
        raise FetchError(f"{does} a URL with a login in it, at {server(url)}", shown(before))
    if before.scheme == "https" and url.scheme == "http":
        what = f"{does} {server(url)}: from https to http is not followed"
        raise FetchError(what, shown(before), advice="ask the department to name an https URL")


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host[:_LONGEST_HOST]


def server(url: httpx.URL) -> str:
    """Scheme, host and port, as an error may show them."""
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://{_bracketed(url.host)}{port}"


def shown(url: httpx.URL) -> str:
    """The part of a URL that may be shown: no login, no query."""
    return f"{server(url)}{url.path}"


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host, port."""
    return url.scheme, url.host.lower(), url.port or {"http": 80, "https": 443}.get(url.scheme)
