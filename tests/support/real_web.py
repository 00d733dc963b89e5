"""Real public files behind a web server that wants a token: what each data set's publisher would run.

Files are read where they lie, at each request. A file carries the validators of a good server, and as
Last-Modified the moment it was published, which is what its content is true as of. Planted failures come first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from infra.web_contracts import overlaid
from ingestion.connectors.templates import fill_interval
from ingestion.contract.load import load_contracts
from ingestion.contract.sources import HttpFile
from tests.support.real_lake import ACCEPTANCE, Dropped
from tests.support.web import Answer, Asked, Route, Server, served

CONNECTION = "public_data"
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

SERVED = {
    "noaa.ghcnd": ("ghcnd/{interval:%Y}/USW00094728.dly", "text/plain"),
    "noaa.isd": ("isd/{interval:%Y}/010010-99999.txt", "text/plain"),
    "takamatsu.food_permit": ("takamatsu/{interval:%Y-%m}/permits.xlsx", WORKBOOK),
    "fsa.ratings": ("fhrs/{interval:%Y-%m-%d}/ratings.xml", "application/xml"),
    "southbend.licences": ("southbend/{interval:%Y}/Business_Licenses.csv", "text/csv"),
    "chicago.licences": ("chicago/{interval:%Y}/Business_Licenses.csv", "text/csv"),
    "nyc311.requests": ("nyc311/{interval:%Y}/requests.csv", "text/csv"),
}
"""Path on the server and media type, by feed."""

OTHERWISE: dict[str, dict[str, Any]] = {
    # At one address lies one file: an authority's ratings are those of the day they were published.
    "fsa.ratings": {"calendar": {"every": "day", "timezone": "Europe/London", "start": date(2020, 1, 1)}},
}
"""Further keys of the `citylake` value that change with the source, by feed."""

ATTEMPTS = {"nyc311.requests": 2}
"""Requests of one file before the task fails and Airflow's own retry takes over, where not the contract's default."""


@dataclass(frozen=True)
class Published:
    """One file on the server: its path there, and where it really lies."""

    feed: str
    path: str
    file: Path
    day: date


def web_contracts(folder: Path) -> Path:
    """The acceptance contracts with the served feeds read over HTTP; the folder."""
    changes = {}
    for feed, (url, media_type) in SERVED.items():
        source: dict[str, Any] = {
            "connector": "http",
            "connection": CONNECTION,
            "url": url,
            "media_types": [media_type],
        }
        if feed in ATTEMPTS:
            source["attempts"] = ATTEMPTS[feed]
        changes[f"{feed.replace('.', '/')}.yaml"] = {"source": source, **OTHERWISE.get(feed, {})}
    return overlaid(ACCEPTANCE / "contracts", changes, folder)


def publish(server: Server, token: str, files: Iterable[Dropped], real_data: Path, contracts: Path) -> list[Published]:
    """Serve the files where the contracts look for them; what was published."""
    known = load_contracts(contracts)
    published = []
    for item in files:
        contract = known[item.feed]
        source = contract.citylake.source
        if not isinstance(source, HttpFile):
            raise TypeError(f"{item.feed} is not read over HTTP")
        day = item.published.date() if item.feed in OTHERWISE else item.interval_day
        (interval,) = contract.calendar.meeting(day)
        path = f"/{fill_interval(source.url, contract, interval)}"
        file = real_data / item.source
        server.routes[path] = _guarded(_file(item, file, SERVED[item.feed][1]), token)
        published.append(Published(item.feed, path, file, day))
    return published


def fails_first(server: Server, path: str, *failures: Answer) -> None:
    """Answer `path` with these in turn, then as before. `Answer(cut=…)` alone breaks off the real answer there."""
    well, left = server.routes[path], list(failures)

    def route(asked: Asked) -> Answer:
        if not left:
            return well(asked)
        failure = left.pop(0)
        return replace(well(asked), cut=failure.cut) if failure.cut is not None else failure

    server.routes[path] = route


def _file(item: Dropped, file: Path, media_type: str) -> Route:
    tag = f'"{hashlib.sha256(file.read_bytes()).hexdigest()[:16]}"'
    said = {
        "ETag": tag,
        "Last-Modified": format_datetime(item.published, usegmt=True),
        "Accept-Ranges": "bytes",
        "Content-Type": media_type,
    }
    return lambda asked: served(asked, file.read_bytes(), tag, said)


def _guarded(route: Route, token: str) -> Route:
    def guarded(asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {token}":
            return Answer(b"who are you?", 401, {"WWW-Authenticate": "Bearer"})
        return route(asked)

    return guarded
