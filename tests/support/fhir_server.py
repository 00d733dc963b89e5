"""A FHIR server over a folder of NDJSON that exports by the Bulk Data Access IG 2.0, or fails, as it is told.

It is a real HTTP server (starlette, uvicorn) on 127.0.0.1. An export holds the resources of the types asked for whose
`meta.lastUpdated` is at or after `_since`, `per_file` of them in a file; files are served with ETag and ranges.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

TAKEN_AT = "2026-03-04T08:30:00+08:00"
"""After the first two days of `tests.support.lakes`."""


@dataclass
class _Exported:
    """One export: the answers of its status that are left, its manifest and its files by name."""

    number: int
    left: int
    manifest: dict[str, Any]
    files: dict[str, bytes]


@dataclass
class FhirServer:
    """`said` are faults by name, each a value that the handlers below look up; `asked` are method and path, in order.

    `polls`: answers 202 before the manifest. `expired`: that many exports are gone by the time their files (`files`) or
    manifest (`status`) are asked for. `next_token`: what the token is once the status has been asked.
    """

    folder: Path
    port: int = 0
    token: str = "s3cret-token"  # noqa: S105  made up, to be looked for
    per_file: int = 1000
    polls: int = 1
    said: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    kicked_off: list[Request] = field(default_factory=list)
    credentials: list[tuple[str, str | None]] = field(default_factory=list)
    exports: dict[int, _Exported] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Base URL of the FHIR server."""
        return f"http://127.0.0.1:{self.port}/r4"

    def count(self, method: str, ending: str) -> int:
        """How many requests of a method had a path that ends so."""
        return sum(1 for how, path in self.asked if how == method and path.endswith(ending))

    def app(self) -> Starlette:
        """The handlers."""
        return Starlette(
            routes=[
                Route("/r4/metadata", self._metadata),
                Route("/r4/token", self._give_token, methods=["POST"]),
                Route("/r4/status/{number:int}", self._status, methods=["GET", "DELETE"]),
                Route("/r4/files/{number:int}/{name}", self._file),
                Route("/r4/{export:path}", self._kick_off),
            ]
        )

    def _note(self, request: Request) -> bool:
        self.asked.append((request.method, request.url.path))
        self.credentials.append((request.url.path, request.headers.get("authorization")))
        return request.headers.get("authorization") == f"Bearer {self.token}"

    def _give_token(self, request: Request) -> Response:
        self.asked.append((request.method, request.url.path))
        return JSONResponse({"access_token": self.token, "token_type": "bearer"})

    def _metadata(self, request: Request) -> Response:
        self._note(request)
        version = self.said.get("fhir_version", "4.0.1")
        if version is None:
            return Response(status_code=404)
        return JSONResponse({"resourceType": "CapabilityStatement", "fhirVersion": version})

    def _kick_off(self, request: Request) -> Response:
        if not self._note(request):
            return outcome(401, "login")
        self.kicked_off.append(request)
        answers = self.said.get("kick_off", [])
        if answers:
            return answers.pop(0)  # type: ignore[no-any-return]
        number = len(self.exports) + 1
        self.exports[number] = self._exported(number, request)
        location = self.said.get("location", f"{self.url}/status/{number}")
        headers = {"content-location": location} if location else {}
        return outcome(202, "informational", severity="information", headers=headers)

    def _exported(self, number: int, request: Request) -> _Exported:
        since, files, output = request.query_params.get("_since", ""), dict[str, bytes](), []
        for kind in request.query_params["_type"].split(","):
            found = [line for line in self._resources(kind) if _updated(line) >= since]
            for first in range(0, len(found), self.per_file):
                part = found[first : first + self.per_file]
                name = f"{kind}-{first}"
                files[name] = b"".join(line + b"\n" for line in part)
                output.append(self._listed(number, kind, name, len(part)))
        manifest = {
            "transactionTime": TAKEN_AT,
            "request": str(request.url),
            "requiresAccessToken": True,
            "output": output,
            "error": [],
        }
        for section in ("error", "deleted"):
            for place, text in enumerate(self.said.get(section, [])):
                files[f"{section}-{place}"] = text
                kind = "OperationOutcome" if section == "error" else "Bundle"
                manifest.setdefault(section, []).append(self._listed(number, kind, f"{section}-{place}", None))
        return _Exported(number, self.polls, {**manifest, **self.said.get("manifest", {})}, files)

    def _listed(self, number: int, kind: str, name: str, count: int | None) -> dict[str, Any]:
        listed: dict[str, Any] = {"type": kind, "url": f"{self.url}/files/{number}/{name}"}
        return {**listed, "count": count + int(self.said.get("miscount", 0))} if count is not None else listed

    def _resources(self, kind: str) -> list[bytes]:
        return [
            line
            for path in sorted(self.folder.glob(f"{kind}.*.ndjson"))
            for line in path.read_bytes().splitlines()
            if line
        ]

    def _status(self, request: Request) -> Response:
        if not self._note(request):
            return outcome(401, "login")
        export = self.exports[request.path_params["number"]]
        if request.method == "DELETE":
            return Response(status_code=202)
        if self.said.get("expired_status", 0) >= export.number:
            return Response(status_code=410)
        if self.said.get("status_answers"):
            return self.said["status_answers"].pop(0)  # type: ignore[no-any-return]
        if export.left or self.said.get("never_ends"):
            export.left -= 1
            self.token = self.said.pop("next_token", self.token)
            headers = {"x-progress": "Zhang San: 50% of it", "retry-after": str(self.said.get("retry_after", "0"))}
            return Response(status_code=202, headers=headers)
        body = self.said.get("manifest_body", json.dumps(export.manifest).encode())
        return Response(body, media_type="application/json")

    def _file(self, request: Request) -> Response:
        authorised = self._note(request)
        number, name = request.path_params["number"], request.path_params["name"]
        export = self.exports[number]
        if not authorised and export.manifest["requiresAccessToken"]:
            return outcome(401, "login")
        if self.said.get("expired_files", 0) >= number:
            return Response(status_code=404)
        if self.said.get("file_answers"):
            return self.said["file_answers"].pop(0)  # type: ignore[no-any-return]
        return self._sent(request, export.files[name])

    def _sent(self, request: Request, body: bytes) -> Response:
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {"etag": tag, "accept-ranges": "bytes"}
        media = "application/fhir+ndjson"
        if self.said.get("gzip"):
            return Response(gzip.compress(body), headers={"content-encoding": "gzip"}, media_type=media)
        wanted = request.headers.get("range", "")
        if wanted and request.headers.get("if-range") == tag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            headers["content-range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            return Response(body[start:], 206, headers=headers, media_type=media)
        if self.said.get("cut", 0):
            self.said["cut"] -= 1
            return StreamingResponse(
                _cut(body), headers={**headers, "content-length": str(len(body))}, media_type=media
            )  # fmt: skip
        return Response(body, headers=headers, media_type=media)


def outcome(status: int, code: str, *, severity: str = "error", headers: dict[str, str] | None = None) -> Response:
    """An answer with an OperationOutcome, whose diagnostics hold what no message may repeat."""
    issue = {"severity": severity, "code": code, "diagnostics": "张三 442000199001011234"}
    body = {"resourceType": "OperationOutcome", "issue": [issue]}
    return JSONResponse(body, status, headers=headers, media_type="application/fhir+json")


@contextlib.contextmanager
def serving_fhir(folder: Path) -> Iterator[FhirServer]:
    """A running server over `folder`."""
    made = FhirServer(folder)
    server = uvicorn.Server(uvicorn.Config(made.app(), port=0, log_level="critical", lifespan="off", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    made.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.should_exit = True
        thread.join(10)


def _cut(body: bytes) -> Iterator[bytes]:
    """Half of the body, and then the connection breaks."""
    yield body[: len(body) // 2]
    raise ConnectionError("cut, as a test wants it")


def _updated(line: bytes) -> str:
    return str(json.loads(line).get("meta", {}).get("lastUpdated", "9999"))
