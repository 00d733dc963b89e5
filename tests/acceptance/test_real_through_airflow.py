"""Seven real data sets from a web server through a real Airflow into a bucket, and to a release that is read there.

The recounts are those of the tests without Airflow, word for word, on this lake. The server wants a token, which
is an Airflow connection, and fails at first where it says so. Tests are one story: the last triggers all once more.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb
import httpx
import pytest

from infra.stack.airflow_api import AirflowApi
from infra.stack.stack import Stack
from ingestion.connections import Connection
from ingestion.delivery.outcome import Delivery, from_receipt
from ingestion.keys import RAW, RECEIPTS
from ingestion.lake import Lake, open_lake
from ingestion.machine import extensions
from ingestion.receipts.model import Manifest, Receipt
from ingestion.settings import Settings
from ingestion.store.s3 import S3Store
from tests.acceptance import test_real_registers as registers
from tests.acceptance import test_real_tables as tables
from tests.support import s3_servers
from tests.support.ports import stack_base
from tests.support.real_lake import ACCEPTANCE, Released
from tests.support.real_web import CONNECTION, SERVED, Published, fails_first, publish, web_contracts
from tests.support.s3_servers import S3Server
from tests.support.web import Answer, Server, serving
from warehouse.build.runner import is_built
from warehouse.gate.record import latest
from warehouse.release import pointer
from warehouse.sql import connect

pytestmark = pytest.mark.faults

FILES = (*tables.FILES, *registers.FILES)
AS_OF = date(2026, 7, 31)
PRODUCTS = {"climate", "synoptic", "jp_food", "food_ratings", "licences", "requests_311"}
CLIMATE, RATINGS, REQUESTS = "noaa.ghcnd", "fsa.ratings", "nyc311.requests"
STORE = "minio" if s3_servers.built_minio() else "rclone"
SECONDS = 240.0
QUIET_LOOKS = 4


class Filled(NamedTuple):
    """Everything is up and has run once. `first` is how the server answered meanwhile."""

    lake: Lake
    stack: Stack
    store: S3Server
    server: Server
    token: str
    published: list[Published]
    first: list[tuple[str, int]]


@pytest.fixture(scope="module", params=[STORE])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, real_data: Path
) -> Iterator[Filled]:
    home = tmp_path_factory.mktemp("real-web")
    token = secrets.token_urlsafe(24)
    contracts = web_contracts(home / "contracts")
    time_file = home / "city-time.txt"
    time_file.write_text(f"{AS_OF}T23:00:00+08:00", encoding="utf-8")
    with getattr(s3_servers, request.param)(home / "bucket") as store, serving() as server:
        published = publish(server, token, FILES, real_data, contracts)
        _plant(server, published)
        settings = store.settings(
            home / "lake",
            "s3://municipal/real",
            contracts=contracts,
            dbt_project=ACCEPTANCE / "dbt_project",
            city_time=time_file,
            schedule_until=date(1987, 12, 31),  # before every calendar: nothing runs but what is triggered
            retry_delay_seconds=1,
            lock_timeout_seconds=120,
        )
        lake = _opened(settings, Connection.model_validate({"base_url": server.url, "token": token}))
        stack = Stack(settings, base=stack_base())
        try:
            stack.up()
            api = stack.api()
            _give_credential(api, server.url, token)
            _wait(lambda: api.get("/dags", limit=100)["total_entries"] > len(lake.contracts))
            _pause_maintenance(api)
            assert set(_run(api, published, "first").values()) == {"success"}
            first = list(server.answered)
            _await_release(lake, api)
            yield Filled(lake, stack, store, server, token, published, first)
        finally:
            stack.down()


def _plant(server: Server, published: list[Published]) -> None:
    """A busy moment, half a body, and an outage that outlasts the connector's own attempts."""
    busy = Answer(b"busy", 503, {"Retry-After": "0"})
    first = {one.feed: one for one in reversed(published)}
    fails_first(server, first[RATINGS].path, busy)
    fails_first(server, first[CLIMATE].path, Answer(cut=first[CLIMATE].file.stat().st_size // 2))
    fails_first(server, first[REQUESTS].path, busy, busy)


def _opened(settings: Settings, connection: Connection) -> Lake:
    """The lake for this test's own eyes; tasks are not told the connection."""
    lake = open_lake(settings)
    assert isinstance(lake.store, S3Store)
    lake.store.ensure_bucket()
    return replace(lake, connections={CONNECTION: connection}.__getitem__)


def _give_credential(api: AirflowApi, url: str, token: str) -> None:
    extra = json.dumps({"auth": "bearer"})
    connection = {"connection_id": CONNECTION, "conn_type": "http", "host": url, "password": token, "extra": extra}
    api.post("/connections", connection)


def _pause_maintenance(api: AirflowApi) -> None:
    """What runs by the clock, or writes pages after a release, has tests of its own."""
    for dag in api.get("/dags", tags="maintenance")["dags"]:
        api.patch(f"/dags/{dag['dag_id']}", {"is_paused": True})


def _run(api: AirflowApi, published: list[Published], name: str) -> dict[str, str]:
    """One run a feed, over all the days it has files of; state by feed."""
    for feed in SERVED:
        days = [one.day for one in published if one.feed == feed]
        api.trigger(feed, name, conf={"from": str(min(days)), "to": str(max(days))})
    return api.wait(dict.fromkeys(SERVED, name), seconds=SECONDS)


def _await_release(lake: Lake, api: AirflowApi) -> None:
    """The triggered runs have ended, the last of them took in every feed, and no late run is seen for a few polls."""

    def is_quiet() -> bool:
        for _ in range(QUIET_LOOKS):
            if api.active(["warehouse"]) or not is_built(lake, AS_OF):
                return False
            time.sleep(0.7)
        return True

    _wait(is_quiet)


def _wait(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < deadline, "took too long"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def released(filled: Filled) -> Released:
    """What the tests without Airflow are given, read from the bucket."""
    lake = filled.lake
    lake.log.refresh()
    found = [(i.key, Receipt.model_validate_json(lake.store.get_bytes(i.key))) for i in lake.store.list(f"{RECEIPTS}/")]
    deliveries: dict[str, list[Delivery]] = {}
    for key, receipt in sorted(found, key=lambda pair: pair[1].interval.start):
        deliveries.setdefault(f"{receipt.department}.{receipt.feed}", []).append(from_receipt(receipt, key, ""))
    recorded, manifest = latest(lake.store), pointer.current(lake)
    assert recorded is not None
    assert manifest is not None
    return Released(lake, deliveries, recorded.verdicts, manifest.id)


@pytest.fixture
def db(released: Released) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(released.lake, "internal") as connection:
        yield connection


test_every_product_of_the_tables_passed = tables.test_every_product_passed
test_every_product_of_the_registers_passed = registers.test_every_product_passed
test_everything_reconciles = tables.test_everything_reconciles
test_daily_climate_counts = tables.test_daily_climate_counts
test_surface_report_counts = tables.test_surface_report_counts
test_permits_with_era_dates_and_serials = tables.test_permits_with_era_dates_and_serials
test_a_name_taken_for_a_formula_is_set_aside = tables.test_a_name_taken_for_a_formula_is_set_aside
test_two_rating_vocabularies_in_one_fact = registers.test_two_rating_vocabularies_in_one_fact
test_headers_among_the_licences = registers.test_headers_among_the_licences
test_repeated_terms_of_one_licence = registers.test_repeated_terms_of_one_licence
test_one_data_set_under_two_headers = registers.test_one_data_set_under_two_headers


def test_each_feed_took_in_what_its_source_says(released: Released) -> None:
    """Received, accepted, refused rows as each SOURCE.md has them; the tests above recount them from the bytes."""
    found = {
        feed: [(d.outcome, d.received, d.accepted, d.quarantined, d.duplicates) for d in deliveries]
        for feed, deliveries in released.deliveries.items()
    }
    assert found == {
        "noaa.ghcnd": [("accepted", 391_566, 391_566, 0, 0)],
        "noaa.isd": [("accepted", 2_907, 2_907, 0, 0)],
        "takamatsu.food_permit": [
            ("accepted", 7_377, 7_377, 0, 0),
            ("accepted", 7_321, 7_320, 1, 0),
            ("accepted", 7_350, 7_350, 0, 0),
        ],
        "fsa.ratings": [("accepted", 3_313, 3_313, 0, 0), ("accepted", 3_816, 3_816, 0, 0)],
        "southbend.licences": [("accepted", 2_514, 2_509, 5, 0)],
        "chicago.licences": [("accepted", 255, 255, 0, 0)],
        "nyc311.requests": [("accepted", 117, 117, 0, 0), ("accepted", 500, 500, 0, 0)],
    }


def test_only_products_that_were_sent_nothing_are_held_back(filled: Filled, released: Released) -> None:
    assert {v.product for v in released.verdicts if v.decision == "passed"} == PRODUCTS
    api = filled.stack.api()
    newest = api.runs("warehouse", limit=1)[0]["dag_run_id"]
    assert {task: state for task, state in api.tasks("warehouse", newest).items() if task != "blocked_products"} == {
        "build": "success", "test": "success", "gate": "success", "publish": "success",
    }  # fmt: skip
    assert "noaa" not in _log_of(api, "warehouse", newest, "blocked_products")
    assert api.get("/importErrors")["import_errors"] == []


def test_manifests_say_where_the_bytes_came_from(filled: Filled) -> None:
    keys = [i.key for i in filled.lake.store.list(f"{RAW}/") if i.key.endswith("manifest.json")]
    manifests = [Manifest.model_validate_json(filled.lake.store.get_bytes(key)) for key in keys]
    assert {m.source for m in manifests} == {f"http:{filled.server.url}{one.path}" for one in filled.published}
    dropped = {(item.feed, item.published) for item in FILES}
    assert {(f"{m.department}.{m.feed}", m.content_as_of) for m in manifests} == dropped
    assert {frozenset(m.headers) & {"etag", "last-modified"} for m in manifests} == {
        frozenset({"etag", "last-modified"})
    }
    assert {m.connector for m in manifests} == {"http/1"}


def test_a_failing_server_is_asked_again_and_the_log_says_so(filled: Filled) -> None:
    """At once for what passes by itself, by Airflow's retry for an outage that lasts longer."""
    api, first = filled.stack.api(), {one.feed: one for one in reversed(filled.published)}

    def statuses(feed: str) -> list[int]:
        return [status for path, status in filled.first if path == first[feed].path]

    assert statuses(RATINGS) == [503, 200]
    assert statuses(CLIMATE) == [200, 206]
    assert statuses(REQUESTS) == [503, 503, 200]
    where = f"{filled.server.url}{first[RATINGS].path}"
    assert f"{where} answered 503 Service Unavailable" in _log_of(api, RATINGS, "first", "extract")
    assert "attempt 2 of 4" in _log_of(api, CLIMATE, "first", "extract")
    assert "answered 503 Service Unavailable" in _log_of(api, REQUESTS, "first", "extract")
    tries = api.get(f"/dags/{REQUESTS}/dagRuns/first/taskInstances/extract")["try_number"]
    assert tries == 2


def test_one_run_covered_many_intervals(filled: Filled) -> None:
    """Days and years without a file were asked for, and awaited."""
    absent = [path for path, status in filled.first if status == 404]
    assert len([path for path in absent if path.startswith("/fhrs/2020-08-")]) == 8
    assert {path for path in absent if path.startswith("/nyc311/")} == {
        f"/nyc311/{year}/requests.csv" for year in range(2017, 2023)
    }


def test_the_token_was_shown_to_the_server_and_is_written_nowhere(filled: Filled) -> None:
    assert httpx.get(f"{filled.server.url}{filled.published[0].path}", trust_env=False).status_code == 401
    shown = {a.headers.get("authorization") for a in filled.server.asked if a.headers["user-agent"] == "citylake"}
    assert shown == {f"Bearer {filled.token}"}
    token, store = filled.token.encode(), filled.lake.store
    assert [i.key for i in store.list("") if token in store.get_bytes(i.key)] == []
    logs = [path for path in filled.stack.root.rglob("*.log") if path.is_file()]
    assert len([path for path in logs if "task_id=extract" in str(path)]) >= len(SERVED)
    assert [path for path in logs if b"Logging error" in path.read_bytes()] == []
    # Airflow keeps the credential encrypted in its database; nothing below the lake's home has it in clear.
    files = [path for path in filled.lake.settings.root.rglob("*") if path.is_file()]
    assert [path for path in files if token in path.read_bytes()] == []


def test_the_release_is_read_over_s3_by_plain_duckdb(filled: Filled, released: Released) -> None:
    """No code of ours, and no project on the path: the extension, a secret, the pointer, one attach."""
    endpoint, root = filled.store.endpoint.removeprefix("http://"), filled.lake.store.url("published/internal")
    script = f"""
import duckdb, json
c = duckdb.connect(config={{"autoinstall_known_extensions": False}})
c.execute("load '{extensions.path("httpfs")}'")
c.execute("create secret (type s3, key_id '{filled.store.access_key}', secret '{filled.store.secret_key}', "
          "endpoint '{endpoint}', url_style 'path', use_ssl false, region 'us-east-1')")
release = json.loads(c.execute("select content from read_text('{root}/current.json')").fetchone()[0])["release"]
c.execute(f"attach '{root}/releases/{{release}}/warehouse.duckdb' as r (read_only)")
names = [n for (n,) in c.execute("select table_name from duckdb_tables() where database_name = 'r' union all "
         "select view_name from duckdb_views() where database_name = 'r' and not internal").fetchall()]
print(json.dumps([release, {{n: c.execute(f"select count(*) from r.main.{{n}}").fetchone()[0] for n in names}}]))
"""
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    release, rows = json.loads(done.stdout)
    assert release == released.release_id
    assert {name: rows[name] for name in ("fct_food_hygiene_rating", "fct_licence_term", "fct_service_request")} == {
        "fct_food_hygiene_rating": 3_313 + 3_816,
        "fct_licence_term": 2_509 + 255,
        "fct_service_request": 117 + 500,
    }


def test_the_same_days_again_take_nothing_in_twice(filled: Filled) -> None:
    store, api = filled.lake.store, filled.stack.api()
    before, seen = {i.key for i in store.list("")}, len(filled.server.answered)
    warehouse = {run["dag_run_id"] for run in api.runs("warehouse")}
    assert set(_run(api, filled.published, "again").values()) == {"success"}
    answered = filled.server.answered[seen:]
    assert {path: status for path, status in answered if status != 404} == {one.path: 304 for one in filled.published}
    assert len(answered) == len(set(answered))
    assert {feed: api.tasks(feed, "again")["conform"] for feed in SERVED} == dict.fromkeys(SERVED, "skipped")
    assert {i.key for i in store.list("")} == before
    assert {run["dag_run_id"] for run in api.runs("warehouse")} == warehouse


def _log_of(api: AirflowApi, dag: str, run: str, task: str) -> str:
    lines = api.get(f"/dags/{dag}/dagRuns/{run}/taskInstances/{task}/logs/1", full_content=True)["content"]
    return "\n".join(str(line) for line in lines)
