"""A web source's bad intervals: the others are taken, and the bad ones named at the end."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingestion.connections import Connection
from ingestion.delivery.ingest import ingest_intervals
from ingestion.errors import SourceError
from ingestion.lake import Lake
from tests.support.lakes import day, rows
from tests.support.pages import PATH as API
from tests.support.pages import readings
from tests.support.ports import free_port
from tests.support.web import Answer, Asked, Server
from warehouse.capture import Captured, Extracted, capture, conform_days, extract_days
from warehouse.reconcile.run import reconcile

pytestmark = pytest.mark.faults

DAYS = [day(number) for number in range(4)]
LAST = DAYS[-1].start.date()
BACK = {"feed": {"recapture": timedelta(days=3)}}
ONCE = {"attempts": 1}


def path(number: int) -> str:
    return f"/files/readings_202603{2 + number:02}.csv"


@pytest.fixture
def late(made: Lake) -> Lake:
    return replace(made, clock=lambda: datetime(2026, 3, 9, tzinfo=UTC))


BAD = {
    "error": Answer(b"no", 500),
    "forbidden": Answer(b"no", 403),
    "credential": Answer(b"no", 401),
    "page": Answer(b"<!DOCTYPE html><html><title>Sign in</title></html>"),
    "cut": Answer(rows("ab").encode(), length=999),
    "redirect": Answer(status=302, headers={"Location": "http://localhost:1/internal?key=abc"}),
    "silent": Answer(b"", stall=3),
    "large": Answer(b"id,seen,value\n" + b"x" * 2000),
}


@pytest.mark.parametrize("what", BAD)
def test_an_interval_that_fails_stops_no_other(late: Lake, server: Server, http_contract, what: str) -> None:
    for number in (0, 2, 3):
        server.file(path(number), rows([number]).encode())
    server.script(path(1), BAD[what])
    feed = http_contract(**BACK, **ONCE, max_bytes=1000)
    captured = Captured()
    with pytest.raises(SourceError, match=r"^office\.readings \[2026-03-03T00:00Z, 2026-03-04T00:00Z\): ") as raised:
        capture(late, feed, LAST, captured)
    assert [one.interval for one in captured.deliveries] == [DAYS[0], DAYS[2], DAYS[3]]
    assert "key=abc" not in str(raised.value)


def test_every_interval_that_fails_is_named(late: Lake, server: Server, http_contract) -> None:
    server.script(path(0), Answer(b"no", 500))
    server.script(path(2), Answer(b"no", 403))
    server.file(path(1), rows("a").encode())
    server.file(path(3), rows("b").encode())
    feed = http_contract(**BACK, **ONCE)
    extracted = Extracted()
    with pytest.raises(SourceError, match=r"2 items could not be read: \[2026-03-02.*answered 500.*\[2026-03-04.*403"):
        extract_days(late, feed, LAST, LAST, extracted)
    assert [one.outcome for one in conform_days(late, feed, LAST, LAST, extracted.waiting)] == ["accepted"] * 2
    found = reconcile(replace(late, contracts={"office.readings": feed}), deep=True)
    assert [(row.interval, row.status) for row in found.rows if row.step == "source"] == [
        ("2026-03-03", "ok"),
        ("2026-03-05", "ok"),
        ("2026-03-02", "off"),
        ("2026-03-04", "off"),
    ]


def test_a_server_that_cannot_be_reached_is_asked_once(late: Lake, http_contract) -> None:
    """Nothing else of it can be read now, and every further time-out would be waited for in vain."""
    gone = Connection.model_validate({"base_url": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(SourceError, match=r"cannot be reached: .*; 3 more intervals were not asked for") as raised:
        list(ingest_intervals(replace(late, connections=lambda _: gone), http_contract(**ONCE), DAYS))
    assert raised.value.interval == str(DAYS[0])


def test_a_server_that_asks_to_be_left_alone_is(late: Lake, server: Server, http_contract) -> None:
    server.script(path(0), Answer(b"busy", 429, {"Retry-After": "3600"}))
    with pytest.raises(SourceError, match=r"asks to wait 3600 s; 3 more intervals were not asked for"):
        list(ingest_intervals(late, http_contract(), DAYS))
    assert server.paths() == [path(0)]


def test_failures_together_cost_no_more_time_than_two_deliveries_may(late: Lake, server: Server, http_contract) -> None:
    """One that takes all its time stops no other; a server that does so every time is left for the next run."""
    for number in range(8):
        server.script(path(number), Answer(b"", stall=3))
    feed = http_contract(timeouts={"connect": 1, "read": 0.3, "total": 0.4}, **ONCE)
    with pytest.raises(SourceError, match=r"\d more intervals were not asked for"):
        list(ingest_intervals(late, feed, [day(number) for number in range(8)]))
    assert 1 < len(server.asked) < 8


def test_a_page_that_fails_stops_no_other_interval(made: Lake, server: Server, api_contract) -> None:
    def answer(asked: Asked) -> Answer:
        bad = asked.query["day"] == "2026-03-03"
        return Answer(json.dumps({"data": 1 if bad else readings("a")}).encode())

    server.routes[API] = answer
    taken = []
    with pytest.raises(SourceError, match=r"2026-03-03T00:00Z.*sent no list of records"):
        for one in ingest_intervals(made, api_contract(), DAYS):
            taken.append(one.interval)
    assert taken == [DAYS[0], DAYS[2], DAYS[3]]
