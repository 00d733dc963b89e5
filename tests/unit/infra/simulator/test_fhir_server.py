"""Hospital A's FHIR server by a plain client: kick-off, polling, manifest, files, and what it refuses."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.simulator.city import City
from infra.simulator.feeds.wjj import hospital_a_record
from infra.simulator.fhir_server import BASE, KEPT
from infra.simulator.model import Slot
from infra.simulator.serve import Served, serving

ASYNC = {"Prefer": "respond-async", "Accept": "application/fhir+json"}
FIRST = "2026-03-01T16:00:00Z"
"""The beginning of the city's first day."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    city, feed = City(), hospital_a_record.FEED
    made: Path = tmp_path_factory.mktemp("hospital")
    start = city.midnight(1)
    delivery = feed.deliver(city, Slot(start, 1, start + feed.arrives))
    path = made / "drop" / delivery.path
    path.parent.mkdir(parents=True)
    path.write_bytes(delivery.content)
    return made


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with serving(folder) as running:
        yield running


@pytest.fixture
def web(served: Served) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {served.token}"}
    with httpx.Client(base_url=served.url, headers=headers, trust_env=False, timeout=5) as client:
        yield client


def exported(web: httpx.Client, **asked: str) -> tuple[str, dict[str, Any]]:
    """Status address and manifest of an export."""
    kicked_off = web.get(f"{BASE}/$export", params=asked, headers=ASYNC)
    assert kicked_off.status_code == 202, kicked_off.text
    status = kicked_off.headers["content-location"]
    first = web.get(status)
    assert (first.status_code, first.headers["retry-after"]) == (202, "1")
    done = web.get(status)
    assert done.status_code == 200
    manifest: dict[str, Any] = done.json()
    return status, manifest


def test_an_export_of_a_day_is_the_days_file(folder: Path, web: httpx.Client) -> None:
    (path,) = folder.rglob("*.zip")
    _, manifest = exported(web, _since=FIRST)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name.endswith(".ndjson")}
    files = {entry["url"].rpartition("/")[2]: entry for entry in manifest["output"]}
    assert files.keys() == members.keys()
    for name, entry in files.items():
        answer = web.get(entry["url"])
        assert answer.content == members[name]
        assert entry["count"] == len(answer.content.splitlines())
        assert {json.loads(line)["resourceType"] for line in answer.text.splitlines()} == {entry["type"]}
    assert manifest["transactionTime"] == "2026-03-03T00:00:00+08:00"  # an earlier one would not be the whole day
    assert (manifest["requiresAccessToken"], manifest["error"]) == (True, [])
    assert httpx.URL(manifest["request"]).params["_since"] == FIRST


def test_types_and_days(web: httpx.Client) -> None:
    _, some = exported(web, _since=FIRST, _type="Patient,Encounter")
    assert {entry["type"] for entry in some["output"]} == {"Patient", "Encounter"}
    _, newest = exported(web)
    assert newest["output"]
    _, other = exported(web, _since="2026-03-02T16:00:00Z")
    assert other["output"] == []


def test_an_export_ends_when_it_is_deleted_or_expires(served: Served, web: httpx.Client) -> None:
    status, manifest = exported(web, _since=FIRST, _type="Patient")
    served.plant("wjj", "expired", 1)
    address = manifest["output"][0]["url"]
    assert web.get(f"{BASE}/metadata").status_code == 200
    assert [web.get(address).status_code for _ in range(2)] == [410, 200]
    assert web.delete(status).status_code == 202
    assert (web.get(status).status_code, web.get(address).status_code) == (404, 404)
    oldest, _ = exported(web, _since=FIRST, _type="Patient")
    for _ in range(KEPT):
        web.get(f"{BASE}/$export", headers=ASYNC)
    assert web.get(oldest).status_code == 404


@pytest.mark.parametrize(
    ("asked", "headers"),
    [
        ({}, {}),
        ({"_type": "Vehicle"}, ASYNC),
        ({"_outputFormat": "text/csv"}, ASYNC),
        ({"_since": "yesterday"}, ASYNC),
        ({"_since": "2026-03-02T00:00:00"}, ASYNC),
    ],
)
def test_what_it_refuses(web: httpx.Client, asked: dict[str, str], headers: dict[str, str]) -> None:
    answer = web.get(f"{BASE}/$export", params=asked, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert answer.headers["x-data-status"] == "SYNTHETIC"


def test_it_says_its_version_to_anyone_and_exports_for_the_token_only(served: Served) -> None:
    statement = httpx.get(f"{served.url}{BASE}/metadata", trust_env=False).json()
    assert (statement["resourceType"], statement["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
    for path in ("$export", "exports/1", "files/1/Patient.000.ndjson"):
        answer = httpx.get(f"{served.url}{BASE}/{path}", headers=ASYNC, trust_env=False)
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (401, "login")
