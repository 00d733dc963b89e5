"""Hospital A's FHIR server: exports by the Bulk Data Access IG 2.0 over what has been delivered. All SYNTHETIC.

`$export` with `_since` exports what was new or changed on that local day, the newest version of the day's ZIP; without
it, that of the newest day. A day that has not arrived has nothing. The status is asked twice before the manifest
comes. Owns the exports that run; who may ask is the departments' business (infra.simulator.departments).
"""

from __future__ import annotations

import json
import secrets
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from infra.simulator.feeds.wjj.hospital_a_record import FEED
from infra.simulator.model import LOCAL

CONNECTION = "wjj_his_a"
BASE = f"/{FEED.department}/fhir"
FILES = f"{BASE}/files/"
"""Where files of exports lie."""
POLLS = 1
"""Times that the status says the export is not finished."""
KEPT = 50
"""Exports that are remembered; the oldest expires."""
FHIR_JSON, NDJSON = "application/fhir+json", "application/fhir+ndjson"
FORMATS = (NDJSON, "application/ndjson", "ndjson")
MANIFEST = "manifest.json"
_TYPES = ("Organization", "Patient", "Encounter", "Condition", "MedicationRequest", "DiagnosticReport",
          "DocumentReference")  # fmt: skip


@dataclass
class Export:
    """An export: the request, `_since`, the day's archive (None where none came), its members, how often it was
    polled."""

    request: str
    since: str | None
    archive: Path | None
    members: tuple[str, ...]
    polls: int = 0


class FhirServer:
    """The server over the drop folder; `bears` says whether a request has the token."""

    def __init__(self, drop: Path, bears: Callable[[Request], bool]) -> None:
        self._folder = drop / FEED.department / FEED.name
        self._bears = bears
        self._exports: dict[str, Export] = {}

    def routes(self) -> list[BaseRoute]:
        """Its routes, from the departments' root."""
        return [
            Route(f"{BASE}/metadata", self._metadata),
            Route(f"{BASE}/$export", self._kick_off),
            Route(f"{BASE}/Patient/$export", self._kick_off),
            Route(f"{BASE}/exports/{{number}}", self._status, methods=["GET", "DELETE"]),
            Route(f"{FILES}{{number}}/{{member}}", self._file),
        ]

    async def _metadata(self, _: Request) -> Response:
        operation = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"
        return _json(
            {
                "resourceType": "CapabilityStatement",
                "status": "active",
                "date": "2026-01-01",
                "kind": "instance",
                "implementation": {"description": "SYNTHETIC hospital A 模拟"},
                "fhirVersion": "4.0.1",
                "format": ["json"],
                "rest": [{"mode": "server", "operation": [{"name": "export", "definition": operation}]}],
            }
        )

    async def _kick_off(self, request: Request) -> Response:
        if not self._bears(request):
            return _outcome(401, "login", "a bearer token is needed")
        if "respond-async" not in request.headers.get("prefer", ""):
            return _outcome(400, "invalid", "an export needs Prefer: respond-async")
        asked = request.query_params
        types = [name for name in asked.get("_type", "").split(",") if name] or list(_TYPES)
        unknown = [name for name in types if name not in _TYPES]
        if unknown or asked.get("_outputFormat", NDJSON) not in FORMATS:
            return _outcome(400, "not-supported", "types of this server, and NDJSON")
        try:
            since = asked.get("_since")
            archive = self._archive(since)
        except ValueError:
            return _outcome(400, "value", "_since is an instant with an offset")
        if archive is None and since is None:
            return _outcome(404, "not-found", "nothing has arrived")
        members = () if archive is None else _members(archive, types)
        number = secrets.token_hex(8)
        self._exports[number] = Export(str(request.url), since, archive, members)
        while len(self._exports) > KEPT:
            self._exports.pop(next(iter(self._exports)))
        where = str(request.url.replace(path=f"{BASE}/exports/{number}", query=""))
        return Response(status_code=202, headers={"content-location": where})

    async def _status(self, request: Request) -> Response:
        if not self._bears(request):
            return _outcome(401, "login", "a bearer token is needed")
        number = request.path_params["number"]
        export = self._exports.get(number)
        if export is None:
            return _outcome(404, "not-found", "no such export")
        if request.method == "DELETE":
            del self._exports[number]
            return Response(status_code=202)
        export.polls += 1
        if export.polls <= POLLS:
            return Response(status_code=202, headers={"retry-after": "1", "x-progress": "SYNTHETIC, in progress"})
        files = str(request.url.replace(path=f"{FILES}{number}/", query=""))
        return _json(_manifest(export, files), media_type="application/json")

    async def _file(self, request: Request) -> Response:
        if not self._bears(request):
            return _outcome(401, "login", "a bearer token is needed")
        export, member = self._exports.get(request.path_params["number"]), request.path_params["member"]
        if export is None or export.archive is None or member not in export.members:
            return _outcome(404, "not-found", "no such file of an export")
        with zipfile.ZipFile(export.archive) as archive:
            return Response(archive.read(member), media_type=NDJSON)

    def _archive(self, since: str | None) -> Path | None:
        """The newest version of the day's file, or of the newest day's. Raises ValueError."""
        day = None if since is None else datetime.fromisoformat(since)
        if day is not None and day.tzinfo is None:
            raise ValueError("no offset")
        name = "*" if day is None else FEED.filename.format(start=day.astimezone(LOCAL), suffix="*")
        found = [path for path in self._folder.glob(name) if not path.name.startswith(".")]
        return max(found, key=lambda path: (path.stat().st_mtime, path.name), default=None)


def _members(archive: Path, types: list[str]) -> tuple[str, ...]:
    with zipfile.ZipFile(archive) as opened:
        return tuple(name for name in opened.namelist() if name.partition(".")[0] in types)


def _manifest(export: Export, files: str) -> dict[str, object]:
    """The manifest as hospital A wrote it, with the addresses of this server and the types that were asked for.

    The hospital writes its file in the day's last hour; an export is of the day's end.
    """
    if export.archive is None:
        # Nothing is new since that moment.
        said, counts = {"transactionTime": export.since}, {}
    else:
        with zipfile.ZipFile(export.archive) as archive:
            said = json.loads(archive.read(MANIFEST))
        written = datetime.fromisoformat(said["transactionTime"]).astimezone(LOCAL)
        midnight = written.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        said["transactionTime"] = midnight.isoformat()
        counts = {entry["url"].rpartition("/")[2]: entry["count"] for entry in said["output"]}
    output = [{"type": name.partition(".")[0], "url": files + name, "count": counts[name]} for name in export.members]
    return {
        "transactionTime": said["transactionTime"],
        "request": export.request,
        "requiresAccessToken": True,
        "output": output,
        "error": [],
    }


def _json(content: dict[str, object], *, status: int = 200, media_type: str = FHIR_JSON) -> Response:
    return Response(json.dumps(content, ensure_ascii=False), status, media_type=media_type)


def _outcome(status: int, code: str, text: str) -> Response:
    issue = {"severity": "error", "code": code, "diagnostics": f"SYNTHETIC: {text}"}
    return _json({"resourceType": "OperationOutcome", "issue": [issue]}, status=status)
