"""The departments over HTTP: labelled, guarded, honest about what has arrived, and failing when told to."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.simulator.city import City
from infra.simulator.deliver import deliver
from infra.simulator.feeds import FEEDS
from infra.simulator.outages import KINDS
from infra.simulator.serve import Served, serving

FIRST = "/qxj/files/wx_station_hourly/SURF_CHN_MUL_HOR_2026030214.csv"
COMPLAINTS = "/syj/api/complaint"
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("served")
    deliver(City(), 1, made)
    return made


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    with serving(folder) as running:
        yield running


@pytest.fixture
def web(served: Served) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {served.token}"}
    with httpx.Client(base_url=served.url, headers=headers, trust_env=False, timeout=2) as client:
        yield client


def test_every_answer_says_synthetic(served: Served, web: httpx.Client) -> None:
    index = httpx.get(served.url, trust_env=False)
    assert "SYNTHETIC" in index.text
    assert "wx_station_hourly" in index.text
    served.plant("syj", "outage", 1)
    for path in ("/", FIRST, "/nothing", COMPLAINTS):
        assert web.get(path).headers["x-data-status"] == "SYNTHETIC"


def test_data_needs_the_token(served: Served) -> None:
    for path in (FIRST, f"{COMPLAINTS}?date=2026-03-02"):
        for headers in ({}, {"Authorization": "Bearer guessed"}, {"Authorization": f"Bearer {served.control}"}):
            assert httpx.get(served.url + path, headers=headers, trust_env=False).status_code == 401
    with pytest.raises(OSError, match="403"):
        Served(served.url, served.token, served.token).plant("qxj", "outage")


def test_a_file_with_ranges_and_conditions(folder: Path, web: httpx.Client) -> None:
    content = (folder / "drop" / "qxj" / "wx_station_hourly" / Path(FIRST).name).read_bytes()
    whole = web.get(FIRST)
    assert whole.content == content
    assert whole.headers["content-type"].startswith("text/csv")
    assert whole.headers["last-modified"] == "Mon, 02 Mar 2026 06:06:00 GMT"
    tag = whole.headers["etag"]
    assert web.get(FIRST, headers={"If-None-Match": tag}).status_code == 304
    assert web.get(FIRST, headers={"If-Modified-Since": whole.headers["last-modified"]}).status_code == 304
    rest = web.get(FIRST, headers={"Range": "bytes=100-", "If-Range": tag})
    assert (rest.status_code, rest.content) == (206, content[100:])
    assert web.get(FIRST, headers={"Range": "bytes=100-", "If-Range": '"other"'}).content == content


def test_only_what_has_arrived_and_its_newest_version(tmp_path: Path) -> None:
    city = City()
    deliver(city, 1, tmp_path)
    with serving(tmp_path) as served:
        headers = {"Authorization": f"Bearer {served.token}"}

        def get(path: str) -> httpx.Response:
            return httpx.get(served.url + path, headers=headers, trust_env=False)

        first = get(FIRST)
        assert get(FIRST.replace("0302", "0303")).status_code == 404
        assert get(f"{COMPLAINTS}?date=2026-03-03").status_code == 404
        for day in (2, 3):
            deliver(city, day, tmp_path)
        corrected = get(FIRST)
        assert (
            corrected.content
            == (tmp_path / "drop" / FIRST[1:].replace("files/", "").replace(".csv", "_r2.csv")).read_bytes()
        )
        assert corrected.headers["etag"] != first.headers["etag"]
        assert get(f"{COMPLAINTS}?date=2026-03-03").status_code == 200


@pytest.mark.parametrize("name", ["..%2f..%2ftruth.json", ".hidden", "SURF_CHN_MUL_HOR_2026030214_r2.csv", "*.csv"])
def test_nothing_else_is_served(web: httpx.Client, name: str) -> None:
    assert web.get(f"/qxj/files/wx_station_hourly/{name}").status_code == 404


def test_the_pages_of_a_day_are_the_days_file(folder: Path, web: httpx.Client) -> None:
    (path,) = (folder / "drop" / "syj" / "complaint").glob("*.ndjson")
    records, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        asked = {"date": "2026-03-02", "limit": "30"} | ({"cursor": cursor} if cursor else {})
        page = web.get(COMPLAINTS, params=asked).json()
        records += page["data"]
        cursor, pages = page["next"], pages + 1
    assert records == [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert pages > 2
    assert page["total"] == len(records)
    assert web.get(COMPLAINTS, params={"date": "2026-03-02", "cursor": "bad"}).status_code == 400


def test_a_cursor_ends_with_the_data_it_was_given_for(served: Served, web: httpx.Client) -> None:
    first = web.get(COMPLAINTS, params={"date": "2026-03-02"}).json()
    served.plant("syj", "changing", 1)
    gone = web.get(COMPLAINTS, params={"date": "2026-03-02", "cursor": first["next"]})
    assert gone.status_code == 410


def test_planted_outages_count_down_and_clear(served: Served, web: httpx.Client) -> None:
    served.plant("qxj", "outage", 2)
    assert [web.get(FIRST).status_code for _ in range(3)] == [503, 503, 200]
    served.plant("qxj", "limit")
    limited = web.get(FIRST)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "1")
    assert web.get(COMPLAINTS, params={"date": "2026-03-02"}).status_code == 200
    served.clear()
    assert web.get(FIRST).status_code == 200
    served.plant("qxj", "page", 1)
    page = web.get(FIRST)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    served.plant("qxj", "half", 1)
    with pytest.raises(httpx.RemoteProtocolError):
        web.get(FIRST)
    served.plant("qxj", "slow", 1)
    with pytest.raises(httpx.ReadTimeout):
        web.get(FIRST, timeout=0.3)
    with pytest.raises(OSError, match="422"):
        served.plant("qxj", "earthquake")
    assert len(KINDS) == 7


@contextlib.contextmanager
def process(folder: Path, ready: Path, *more: str) -> Iterator[dict[str, Any]]:
    """`serve` as a process; what its ready file says."""
    command = [sys.executable, "-m", "infra.simulator", "serve", "--out", str(folder), "--ready", str(ready), *more]
    before = ready.stat().st_mtime_ns if ready.exists() else None
    started = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 30
        while (not ready.exists() or ready.stat().st_mtime_ns == before) and time.monotonic() < until:
            time.sleep(0.05)
        message = json.loads(ready.read_text(encoding="utf-8"))
        yield message
    finally:
        started.terminate()
        out, _ = started.communicate(timeout=20)
    assert out.strip() == message["url"]


def test_as_a_process_of_its_own(folder: Path, tmp_path: Path) -> None:
    """Started again at the same port, it is what a lake was told before."""
    ready = tmp_path / "ready.json"
    with process(folder, ready) as message:
        assert ready.stat().st_mode & 0o777 == 0o600
        names = {feed.department.upper() for feed in FEEDS} | {"WJJ_HIS_A", "WJJ_SFTP"}
        assert set(message["environment"]) == {f"CITYLAKE_CONN_{name}" for name in names}
        headers = {"Authorization": f"Bearer {message['token']}"}
        assert httpx.get(message["url"] + FIRST, headers=headers, trust_env=False).status_code == 200
    with process(folder, ready, "--port", message["url"].rsplit(":", 1)[1]) as again:
        assert again == message


def test_tokens_of_the_environment_come_first(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container is told them; whoever reaches it was told the same."""
    monkeypatch.setenv("SIMULATOR_TOKEN", "token-of-the-environment")
    monkeypatch.setenv("SIMULATOR_CONTROL", "control-of-the-environment")
    with process(folder, tmp_path / "ready.json", "--host", "127.0.0.1") as message:
        assert (message["token"], message["control"]) == ("token-of-the-environment", "control-of-the-environment")


def test_started_again_the_city_is_not_set_back_to_its_first_day(tmp_path: Path) -> None:
    clock = tmp_path / "time.txt"
    command = [sys.executable, "-m", "infra.simulator", "deliver", "--out", str(tmp_path), "--clock", str(clock)]
    subprocess.run([*command, "--day", "2026-03-03"], cwd=ROOT, check=True, capture_output=True)
    assert clock.read_text() == "2026-03-03T23:00:00+08:00"
    first = tmp_path / "drop/qxj/wx_station_hourly/SURF_CHN_MUL_HOR_2026030200.csv"
    with process(tmp_path, tmp_path / "ready.json", "--day", "2026-03-02", "--clock", str(clock)):
        assert clock.read_text() == "2026-03-03T23:00:00+08:00"
        assert not first.exists()
