"""The departments' web servers: what has been delivered so far, as files and as a paged API. All SYNTHETIC.

`/<department>/files/<feed>/<name>`: the newest version of a file, with ETag, Last-Modified, ranges and
conditional GET. `/<department>/api/<feed>?date=YYYY-MM-DD&cursor=…&limit=…`: the records of a day's
NDJSON file by cursor. Hospital A's exports are `fhir_server`. What has not arrived yet is 404.
`/_control/outages` is for tests and the demo.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from infra.simulator.feed import Feed
from infra.simulator.feeds import FEEDS
from infra.simulator.fhir_server import FILES, FhirServer
from infra.simulator.model import LOCAL
from infra.simulator.outages import App, Message, Outages, Receive, Send, failure, half, slow

LABEL = (b"x-data-status", b"SYNTHETIC")
PAGE_SIZE, MAX_PAGE_SIZE = 50, 200
_REVISION = re.compile(r"_r(\d+)$")
_MEDIA = {
    ".csv": "text/csv",
    ".hl7": "application/hl7-v2",
    ".ndjson": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".zip": "application/zip",
}


class Departments:
    """The ASGI application over a folder that `deliver` fills. `token` guards the data, `control` the outages."""

    def __init__(self, folder: Path, *, token: str, control: str) -> None:
        self._drop = folder / "drop"
        self._token = token
        self._control_token = control
        self.outages = Outages()
        self._changes = 0
        self._app: App = Starlette(
            routes=[
                *FhirServer(self._drop, lambda request: _bears(request, token)).routes(),
                Route("/", self._index),
                Route("/_control/outages", self._control, methods=["GET", "POST", "DELETE"]),
                Route("/{department}/files/{feed}/{name}", self._file),
                Route("/{department}/api/{feed}", self._page),
            ]
        )

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Label every response as synthetic; where an outage is planted, fail as it says."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], LABEL]}
            await send(message)

        department = scope["path"].split("/")[1]
        kind = self.outages.take(department, is_export=scope["path"].startswith(FILES))
        response = failure(kind)
        self._changes += kind == "changing"
        if kind == "slow":
            await slow()
        if response is not None:
            await response(scope, receive, labelled)
        elif kind == "half":
            await half(self._app, scope, receive, labelled)
        else:
            await self._app(scope, receive, labelled)

    async def _index(self, _: Request) -> Response:
        rows = "".join(
            f"<tr><td>{feed.department}</td><td>{feed.name}</td><td>{self._count(feed)}</td>"
            f"<td>/{feed.department}/files/{feed.name}/…{self._api_path(feed)}</td></tr>"
            for feed in FEEDS
        )
        return HTMLResponse(
            "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>SYNTHETIC departments</title>"
            "<h1>Simulated departments of Zhongshan · 模拟部门</h1><p><strong>SYNTHETIC: every value served here is "
            "made up. 所有数据均为模拟。</strong></p><table><tr><th>department<th>feed<th>files<th>served at</tr>"
            f"{rows}</table></html>"
        )

    async def _control(self, request: Request) -> Response:
        if not _bears(request, self._control_token):
            return PlainTextResponse("the control token is needed\n", 403)
        if request.method == "DELETE":
            self.outages.now.clear()
        elif request.method == "POST":
            asked = await request.json()
            try:
                self.outages.plant(asked["department"], asked["kind"], asked.get("times"))
            except (KeyError, ValueError) as error:
                return PlainTextResponse(f"{error}\n", 422)
        return JSONResponse(self.outages.now)

    async def _file(self, request: Request) -> Response:
        feed = self._feed(request)
        if not _bears(request, self._token):
            return _who()
        path = self._newest(feed, request.path_params["name"]) if feed else None
        if path is None:
            return PlainTextResponse("nothing of that name has arrived\n", 404)
        tag = f'"{_sha256(path)[:32]}"'
        modified = format_datetime(datetime.fromtimestamp(int(path.stat().st_mtime), UTC), usegmt=True)
        headers = {"etag": tag, "last-modified": modified}
        asked = request.headers.get("if-none-match")
        unchanged = tag in asked if asked else request.headers.get("if-modified-since") == modified
        if unchanged:
            return Response(status_code=304, headers=headers)
        return FileResponse(path, headers=headers, media_type=_MEDIA.get(path.suffix, "application/octet-stream"))

    async def _page(self, request: Request) -> Response:
        feed = self._feed(request)
        if not _bears(request, self._token):
            return _who()
        try:
            day = datetime.strptime(request.query_params["date"], "%Y-%m-%d").replace(tzinfo=LOCAL)
            limit = min(int(request.query_params.get("limit", PAGE_SIZE)), MAX_PAGE_SIZE)
            snapshot, start = _place(request.query_params.get("cursor"))
        except (KeyError, ValueError):
            return JSONResponse({"error": "date=YYYY-MM-DD, limit=1..200 and a cursor given by a page"}, 400)
        path = self._newest(feed, feed.filename.format(start=day, suffix="")) if feed else None
        if path is None or path.suffix != ".ndjson":
            return JSONResponse({"error": "that day has not arrived"}, 404)
        lines = path.read_text(encoding="utf-8").splitlines()
        now = f"{_sha256(path)[:12]}{f'-{self._changes}' if self._changes else ''}"
        if snapshot not in (None, now):
            return JSONResponse({"error": "the data changed since that cursor was given"}, 410)
        stop = start + max(1, limit)
        following = f'"{_cursor(now, stop)}"' if stop < len(lines) else "null"
        # Records are served as they were written: what the file says and what the API says are the same text.
        body = (
            f'{{"status":"SYNTHETIC","snapshot":"{now}","total":{len(lines)},"next":{following},'
            f'"data":[{",".join(lines[start:stop])}]}}'
        )
        return Response(body, media_type="application/json")

    def _feed(self, request: Request) -> Feed | None:
        wanted = f"{request.path_params['department']}.{request.path_params['feed']}"
        return next((feed for feed in FEEDS if feed.id == wanted), None)

    def _newest(self, feed: Feed, name: str) -> Path | None:
        """The newest version that arrived of a file named as the first one is."""
        folder, asked = self._drop / feed.department / feed.name, Path(name)
        if name.startswith(".") or not folder.is_dir() or _REVISION.search(asked.stem):
            return None
        versions = {
            int(found[1]) if (found := _REVISION.search(path.stem)) else 1: path
            for path in folder.iterdir()
            if path.suffix == asked.suffix and _REVISION.sub("", path.stem) == asked.stem
        }
        return versions[max(versions)] if versions else None

    def _count(self, feed: Feed) -> int:
        folder = self._drop / feed.department / feed.name
        return sum(not path.name.startswith(".") for path in folder.iterdir()) if folder.is_dir() else 0

    def _api_path(self, feed: Feed) -> str:
        return f" /{feed.department}/api/{feed.name}?date=…" if feed.filename.endswith(".ndjson") else ""


def _bears(request: Request, token: str) -> bool:
    return hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {token}".encode())


def _who() -> Response:
    return PlainTextResponse("a bearer token is needed\n", 401, {"WWW-Authenticate": 'Bearer realm="SYNTHETIC"'})


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cursor(snapshot: str, start: int) -> str:
    return base64.urlsafe_b64encode(f"{snapshot}/{start}".encode()).decode()


def _place(cursor: str | None) -> tuple[str | None, int]:
    """Snapshot and record number of a cursor. Raises ValueError."""
    if cursor is None:
        return None, 0
    try:
        snapshot, start = base64.urlsafe_b64decode(cursor).decode().split("/")
    except binascii.Error as error:
        raise ValueError("not a cursor") from error
    return snapshot, int(start)
