"""The page "today" without an Airflow: its app over a lake, callers by name, a client that speaks to it in process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI, HTTPException, Request

from dags.today.access import Caller
from dags.today.airflow_rest import AirflowRefused
from dags.today.app import create_app
from dags.today.forms import Signer
from dags.today.render import Page
from ingestion.lake import Lake

PREFIX = "/today"
SECRET = "a secret of tests"  # noqa: S105 - opens nothing
HOST = "http://lake.example"


def _yes(_: str) -> bool:
    return True


def _no(_: str) -> bool:
    return False


def _of_office(dag: str) -> bool:
    return dag == "warehouse" or dag.startswith("office.")


CALLERS = {
    "admin": Caller("admin", "admin", "token-admin", _yes, _yes),
    "operator": Caller("operator", "op", "token-operator", _yes, _yes),
    "viewer": Caller("viewer", "viewer", "token-viewer", _yes, _no),
    "steward": Caller("steward", "viewer", "token-steward", _yes, _no, frozenset({"office"})),
    "neighbour": Caller("neighbour", "viewer", "token-neighbour", _yes, _no, frozenset({"other"})),
    "office": Caller("office", "user", "token-office", _of_office, lambda dag: dag.startswith("office.")),
    "stranger": Caller("stranger", "no role", "token-stranger", _no, _no),
}
"""Accounts by name. `office` may read and run the feeds of one department only; `stranger` may read nothing."""


@dataclass
class NotedAirflow:
    """In place of Airflow's REST API: notes each call, answers from `answers` (path to document)."""

    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, str, str, Any]] = field(default_factory=list)
    token: str = ""

    def __call__(self, token: str) -> Any:
        self.token = token
        return self

    def get(self, path: str, **query: Any) -> Any:
        return self._answer("GET", path, query)

    def post(self, path: str, body: Any) -> Any:
        return self._answer("POST", path, body)

    def patch(self, path: str, body: Any) -> Any:
        return self._answer("PATCH", path, body)

    def _answer(self, method: str, path: str, body: Any) -> Any:
        self.calls.append((method, path, self.token, body))
        if path not in self.answers:
            raise AirflowRefused(f"Airflow answers 404: {path}", left="nothing was started")
        return self.answers[path]


@dataclass
class Browser:
    """A client of one account. It follows no redirect and keeps no cookie."""

    app: FastAPI
    account: str | None
    language: str = "en"

    def get(self, path: str, **headers: str) -> httpx.Response:
        """GET below the page's prefix."""
        return self._send("GET", path, headers)

    def post(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> httpx.Response:
        """POST a form as a browser on the page would; `fields` without `csrf` get a good token."""
        token = Signer(SECRET).csrf(self.account or "")
        return self._send("POST", path, {"origin": HOST, **headers}, data={"csrf": token, **(fields or {})})

    def _send(self, method: str, path: str, headers: dict[str, str], **content: Any) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        own = {"x-account": self.account} if self.account else {}

        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
                return await client.request(
                    method, f"{PREFIX}{path}", headers={"accept-language": self.language, **own, **named}, **content
                )

        return asyncio.run(sent())


def site(
    lake: Lake | Callable[[], Lake], airflow: NotedAirflow | None = None, callers: dict[str, Caller] | None = None
) -> FastAPI:
    """The page mounted below its prefix, as Airflow's API server does it."""
    known = callers or CALLERS

    def identify(request: Request) -> None:
        account = request.headers.get("x-account")
        if account is None:
            raise HTTPException(401, "Not authenticated")
        request.state.caller = known[account]

    opened = lake if callable(lake) else lambda: lake
    page = Page(opened, Signer(SECRET), airflow or NotedAirflow(), "citylake of tests")
    root = FastAPI()
    root.mount(PREFIX, create_app(page, identify))
    return root


def words(response: httpx.Response) -> str:
    """What a page says, without its markup."""
    text = re.sub(r"<(script|style|head)\b.*?</\1>", " ", response.text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())
