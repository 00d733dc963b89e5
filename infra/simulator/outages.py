"""Planted failures of the departments' servers, switched on and off by a control call of tests and the demo."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from starlette.responses import HTMLResponse, PlainTextResponse, Response

Kind = Literal["outage", "limit", "page", "half", "slow", "changing", "expired"]
KINDS: tuple[str, ...] = get_args(Kind)
"""outage: 503. limit: 429, wait a second. page: a sign-in page with 200. half: the connection ends in the middle.
slow: nothing for `SLOW` seconds. changing: the API's data changes between two pages. expired: files of an export are
gone; other requests are answered."""

SLOW = 30.0

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


@dataclass
class Outages:
    """By department, what its server does wrong and for how many requests (None: until it is cleared)."""

    now: dict[str, tuple[Kind, int | None]] = field(default_factory=dict)

    def plant(self, department: str, kind: str, times: int | None) -> None:
        """Let the department's next requests fail. Raises ValueError for an unknown kind."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
        self.now[department] = (kind, times)

    def take(self, department: str, *, is_export: bool = False) -> Kind | None:
        """The failure for this request, None for none; counts down the requests that are to fail. `is_export`: it is
        for a file of an export, which alone can have expired."""
        kind, times = self.now.get(department, (None, None))
        if kind == "expired" and not is_export:
            return None
        if kind is not None and times is not None:
            if times <= 1:
                del self.now[department]
            else:
                self.now[department] = (kind, times - 1)
        return kind


def failure(kind: Kind | None) -> Response | None:
    """The response in place of the data; None where the data is sent, complete or not."""
    if kind == "outage":
        return PlainTextResponse("SYNTHETIC outage\n", 503)
    if kind == "limit":
        return PlainTextResponse("SYNTHETIC limit\n", 429, {"Retry-After": "1"})
    if kind == "expired":
        return PlainTextResponse("SYNTHETIC: the export has expired\n", 410)
    if kind == "page":
        return HTMLResponse(
            "<!DOCTYPE html><html><head><title>统一身份认证 SYNTHETIC</title></head><body></body></html>"
        )
    return None


async def half(app: App, scope: Message, receive: Receive, send: Send) -> None:
    """Send the response of `app` up to the middle of its body, then close the connection."""
    declared = 0

    async def cut(message: Message) -> None:
        nonlocal declared
        if message["type"] == "http.response.start":
            declared = next(int(value) for name, value in message["headers"] if name.lower() == b"content-length")
        elif message["type"] == "http.response.body":
            body = message.get("body", b"")
            await send({**message, "body": body[: max(1, declared // 2)], "more_body": True})
            raise ConnectionAbortedError("SYNTHETIC: half a body")
        await send(message) if message["type"] == "http.response.start" else None

    await app(scope, receive, cut)


async def slow() -> None:
    """Send nothing for `SLOW` seconds."""
    await asyncio.sleep(SLOW)
