"""An export of a FHIR server: taken once, resumed, kicked off again where it expires, and every failure told."""

from __future__ import annotations

import json
import logging
import shutil
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from ingestion.connections import Connection
from ingestion.connectors import fhir_bulk_export
from ingestion.connectors.factory import connector_for
from ingestion.connectors.fetch_errors import FetchError
from ingestion.connectors.fhir_bulk_manifest import _is_of_request
from ingestion.contract.extension import ColumnSpec
from ingestion.contract.model import Column, Contract, Table
from ingestion.delivery.holds import decide
from ingestion.delivery.ingest import ingest_interval
from ingestion.errors import ConfigurationError, SourceError
from ingestion.lake import Lake
from ingestion.receipts.manifests import read_manifest
from ingestion.receipts.model import Receipt
from tests.support.fhir_server import TAKEN_AT, FhirServer, outcome, serving_fhir
from tests.support.lakes import contract, day, lake

NEW, OLD = "2026-03-02T09:00:00Z", "2026-02-01T09:00:00Z"
OPTIONAL: dict[str, Any] = {"type": "fhir", "server": "https://x.example/r4", "optional": ["Encounter"]}
FAST: dict[str, Any] = {"timeouts": {"connect": 2, "read": 2, "total": 20}, "attempts": 3, "max_wait": 5}


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polls follow each other soon."""
    monkeypatch.setattr(fhir_bulk_export, "_FIRST_WAIT", 0.02)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FhirServer]:
    folder = tmp_path / "resources"
    folder.mkdir()
    put(folder, "Patient", *(("p1", NEW), ("p2", NEW), ("p3", OLD)))
    put(folder, "Encounter", *((f"e{n}", NEW) for n in range(5)))
    with serving_fhir(folder) as made:
        yield made


@pytest.fixture
def made(tmp_path: Path, server: FhirServer) -> Lake:
    connection = Connection.model_validate({"base_url": server.url, "token": server.token})
    return replace(lake(tmp_path), connections={"hospital_a": connection}.__getitem__)


def put(folder: Path, kind: str, *found: tuple[str, str]) -> None:
    lines = (
        json.dumps({"resourceType": kind, "id": one, "meta": {"lastUpdated": at}, "photo": "442000199001011234"})
        for one, at in found
    )
    (folder / f"{kind}.000.ndjson").write_text("\n".join(lines), encoding="utf-8")


def feed(
    server: FhirServer, *, delivery: str = "interval", facts: dict[str, Any] | None = None, **said: Any
) -> Contract:
    source = {"connector": "fhir_bulk", "connection": "hospital_a", "export": "Group/all/$export", **FAST, **said}
    said = {"source": source, "format": {"type": "fhir", "server": server.url}, **(facts or {})}
    given = contract(delivery, **said)
    tables = []
    for kind in ("Patient", "Encounter"):
        key = Column("id", "VARCHAR", "id", "", "", primary_key=1, spec=ColumnSpec(path="$.id"))
        tables.append(Table(kind.lower(), "", "", "one resource", kind, (key,), None, ()))
    return replace(given, tables=tuple(tables))


def fails(made: Lake, given: Contract) -> str:
    """The message of a fetch that fails: feed, interval, state and next step are told; nothing is stored or left."""
    with pytest.raises(SourceError) as caught:
        ingest_interval(made, given, day(0))
    assert list(made.store.list("")) == []
    assert not list(made.settings.scratch_root.iterdir())
    message = str(caught.value)
    assert message.startswith("office.readings [2026-03-02")
    assert "nothing was stored" in message
    assert "citylake ingest office.readings --interval" in message
    for secret in ("s3cret-token", "442000199001011234", "张三"):
        assert secret not in message
    return message


def raw(made: Lake, delivery: Any) -> zipfile.ZipFile:
    receipt = Receipt.model_validate_json(made.store.get_bytes(delivery.receipt))
    path = made.settings.scratch_root.parent / "raw.zip"
    path.write_bytes(made.store.get_bytes(str(receipt.raw_key)))
    return zipfile.ZipFile(path)


def test_what_changed_is_exported_once(made: Lake, server: FhirServer) -> None:
    """Bearer token, `_since`, several files of a type, the manifest; the export is deleted at the server."""
    server.per_file, server.polls = 2, 2
    given = feed(server)
    (first,) = ingest_interval(made, given, day(0))
    assert (first.outcome, first.received, first.accepted) == ("accepted", 7, 7)
    (request,) = server.kicked_off
    assert dict(request.query_params) == {
        "_type": "Patient,Encounter", "_since": "2026-03-02T00:00:00Z", "_outputFormat": "application/fhir+ndjson",
    }  # fmt: skip
    assert request.url.path == "/r4/Group/all/$export"
    assert request.headers["prefer"] == "respond-async"
    assert request.headers["accept"] == "application/fhir+json"
    assert (server.count("GET", "/status/1"), server.count("DELETE", "/status/1")) == (3, 1)
    with raw(made, first) as archive:
        names = [f"Encounter.{n:03d}.ndjson" for n in range(3)]
        assert sorted(archive.namelist()) == [*names, "Patient.000.ndjson", "manifest.json"]
        sent = server.exports[1].manifest
        assert json.loads(archive.read("manifest.json")) == {**sent, "request": sent["request"].partition("?")[0]}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    manifest = read_manifest(made.store, given, day(0), first.batch)
    assert manifest.content_as_of.isoformat() == "2026-03-04T00:30:00+00:00"
    assert manifest.headers["transaction-time"] == "2026-03-04T00:30:00+00:00"
    assert manifest.source.startswith(f"fhir_bulk:{server.url}/Group/all/")
    before = len(server.asked)
    (again,) = ingest_interval(made, given, day(0))
    assert (again.outcome, again.batch, len(server.asked)) == ("duplicate", first.batch, before)
    assert ingest_interval(made, given, day(40_000)) == []
    assert TAKEN_AT.endswith("+08:00")


def test_the_first_interval_and_a_snapshot_ask_for_everything(made: Lake, server: FhirServer) -> None:
    given = feed(server, facts={"calendar": {"every": "day", "timezone": "UTC", "start": "2026-03-02"}})
    (first,) = ingest_interval(made, given, day(0))
    assert first.accepted == 8
    whole = feed(server, delivery="snapshot", since=False)
    (found,) = connector_for(made, whole).fetch(whole, day(0), made.clock())
    assert found.replaces
    assert ["_since" in request.query_params for request in server.kicked_off] == [False, False]


def test_an_export_without_a_file_is_no_delivery_yet(made: Lake, server: FhirServer) -> None:
    assert ingest_interval(made, feed(server), day(1)) == []
    assert list(made.store.list("")) == []
    assert server.count("DELETE", "/status/1") == 1
    (found,) = ingest_interval(made, feed(server, facts={"empty": "no_data"}), day(1))
    assert "no file of Patient" in found.message  # the contract says that every export has patients


def test_a_break_is_resumed(made: Lake, server: FhirServer) -> None:
    server.said["cut"] = 2
    (first,) = ingest_interval(made, feed(server), day(0))
    assert (first.outcome, first.accepted) == ("accepted", 7)
    assert server.count("GET", "/files/1/Encounter-0") == 2


def test_files_may_come_as_gzip(made: Lake, server: FhirServer) -> None:
    server.said["gzip"] = True
    (first,) = ingest_interval(made, feed(server), day(0))
    assert (first.outcome, first.accepted) == ("accepted", 7)


@pytest.mark.parametrize("what", ["expired_status", "expired_files"])
def test_an_export_that_expires_is_kicked_off_again(made: Lake, server: FhirServer, what: str) -> None:
    server.said[what] = 2
    (first,) = ingest_interval(made, feed(server), day(0))
    assert (first.outcome, len(server.kicked_off)) == ("accepted", 3)
    assert [server.count("DELETE", f"/status/{n}") for n in (1, 2, 3)] == [1, 1, 1]


@pytest.mark.parametrize("what", ["expired_status", "expired_files"])
def test_exports_that_always_expire_are_given_up(made: Lake, server: FhirServer, what: str) -> None:
    server.said[what] = 99
    message = fails(made, feed(server))
    assert "exported 3 times and never downloaded whole" in message
    assert "how long its server keeps an export" in message
    assert len(server.kicked_off) == 3


def test_an_export_that_never_ends_is_given_up(
    made: Lake, server: FhirServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.said |= {"never_ends": True, "retry_after": "1"}
    with caplog.at_level(logging.INFO):
        message = fails(made, feed(server, timeouts={"connect": 2, "read": 2, "total": 2}))
    assert "did not end its export in 2 s" in message
    assert "; 50%)" in message
    assert "raise `source.timeouts.total`" in message
    assert "asked again in 1 s" in caplog.text
    assert server.count("DELETE", "/status/1") == 1
    server.said["retry_after"] = "Fri, 31 Dec 2027 23:59:59 GMT"
    assert "between two polls, longer than the contract's 5 s" in fails(made, feed(server))


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"location": ""}, "named no Content-Location"),
    ({"location": "http://elsewhere.example/status/1"}, "names the status of the export on another server"),
    ({"kick_off": [outcome(400, "not-supported")]}, "400 Bad Request (OperationOutcome: error not-supported)"),
    ({"kick_off": [outcome(200, "informational")]}, "answered 200 at once"),
    ({"status_answers": [outcome(500, "processing")]}, "failed to export: it answered 500"),
    ({"manifest_body": b"<html><body>login</body></html>"}, "not the manifest of an export"),
    ({"manifest": {"request": "https://x.example/r4/Group/all/$export?_type=Device"}}, "manifest of another request"),
    ({"manifest": {"output": [{"type": "Patient"}]}}, "not the manifest of an export"),
    ({"manifest": {"transactionTime": "2026-03-03T00:30:00"}}, "transactionTime has no offset"),
    ({"manifest": {"link": [{"relation": "next", "url": "https://x.example/2"}]}}, "a manifest in several parts"),
    ({"manifest": {"output": [{"type": "Patient", "url": "http://elsewhere.example/1"}]}}, "a file of the export on"),
    ({"manifest": {"transactionTime": "2026-03-02T23:59:59Z"}}, "exported its state of 2026-03-02 23:59, before the"),
    ({"miscount": 1}, "declares 6 resources in Encounter.000.ndjson and sent 5"),
    ({"fhir_version": "5.0.0"}, "serves FHIR 5.0.0, where the contract declares 4.0"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "words"), FAULTS, ids=[words for _, words in FAULTS])
def test_what_a_server_does_wrong_is_told(
    made: Lake, server: FhirServer, said: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.said |= said
    _no_waiting(monkeypatch)
    assert words in fails(made, feed(server))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("12 of 40 files", "12 of 40"),
        ("66.7 % done, 2/3", "66.7 %, 2/3"),
        ("patient 442000199001011234", "no progress told"),
        ("1 of 442000199001011234", "no progress told"),
        ("Zhang San", "no progress told"),
        ("", "no progress told"),
    ],
)
def test_what_is_told_of_progress(said: str, told: str) -> None:
    assert fhir_bulk_export._progress(said) == told


def test_a_busy_server_is_asked_again(made: Lake, server: FhirServer, monkeypatch: pytest.MonkeyPatch) -> None:
    _no_waiting(monkeypatch)
    busy = {"retry-after": "0"}
    server.said |= {
        "kick_off": [outcome(429, "throttled", headers=busy)],
        "status_answers": [outcome(503, "transient"), outcome(429, "throttled", headers=busy)],
        "file_answers": [outcome(500, "exception"), outcome(502, "timeout")],
        "fhir_version": None,
    }
    (first,) = ingest_interval(made, feed(server), day(0))
    assert (first.outcome, first.accepted) == ("accepted", 7)


def test_errors_that_the_server_reports_hold_the_delivery(made: Lake, server: FhirServer) -> None:
    """Its files are kept and listed with their number of outcomes; warnings alone hold nothing."""
    warning = b'{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"informational"}]}\n'
    server.said |= {"error": [warning], "deleted": [b'{"resourceType":"Bundle"}\n{"resourceType":"Bundle"}\n']}
    (first,) = ingest_interval(made, feed(server), day(0))
    assert first.outcome == "accepted"
    receipt = Receipt.model_validate_json(made.store.get_bytes(str(first.receipt)))
    assert receipt.ignored_members == ["manifest.json", "deleted.000.ndjson (2 lines)", "error.000.ndjson (1 line)"]
    failed = warning.replace(b"warning", b"error").replace(b"informational", b"processing")
    server.said["error"] = [warning + failed + failed]
    for kind in ("Patient", "Encounter"):
        put(server.folder, kind, ("x1", "2026-03-03T09:00:00Z"))
    (held,) = ingest_interval(made, feed(server), day(1))
    assert held.outcome == "held"
    assert "2 errors of its export (OperationOutcome: processing 2)" in held.message


def test_a_rejected_export_is_asked_for_again(made: Lake, server: FhirServer) -> None:
    """One that waits for the steward is not."""
    failed = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"processing"}]}\n'
    server.said["error"] = [failed]
    given = feed(server)
    (first,) = ingest_interval(made, given, day(0))
    (waits,) = ingest_interval(made, given, day(0))
    assert (first.outcome, waits.outcome, len(server.kicked_off)) == ("held", "duplicate", 1)
    decide(made, first.batch, "reject", "incomplete", "a.steward")
    server.said = {"manifest": {"transactionTime": "2026-03-04T09:00:00+08:00"}}
    (again,) = ingest_interval(made, given, day(0))
    assert (again.outcome, len(server.kicked_off)) == ("accepted", 2)
    (taken,) = ingest_interval(made, given, day(0))
    assert (taken.outcome, taken.batch, len(server.kicked_off)) == ("duplicate", again.batch, 2)


def test_the_same_archive_as_a_file_is_held_too(made: Lake, server: FhirServer) -> None:
    server.said["error"] = [b'{"resourceType":"OperationOutcome","issue":[{"severity":"fatal","code":"timeout"}]}\n']
    given = feed(server)
    (found,) = connector_for(made, given).fetch(given, day(0), made.clock())
    as_file = feed(server, facts={"source": {"path": "office/readings_{interval:%Y%m%d}*.zip"}})
    path = made.settings.drop_root / "office" / "readings_20260302.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(found.path, path)
    (held,) = ingest_interval(made, as_file, day(0))
    assert held.outcome == "held"
    assert "1 errors of its export (OperationOutcome: timeout 1)" in held.message


def test_an_export_of_nothing_may_be_of_an_earlier_moment(made: Lake, server: FhirServer) -> None:
    server.said["manifest"] = {"transactionTime": "2026-03-02T00:00:00Z", "output": []}
    assert ingest_interval(made, feed(server), day(0)) == []


def test_a_token_that_expires_between_two_polls_is_renewed(
    made: Lake, server: FhirServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _no_waiting(monkeypatch)
    server.said["next_token"], server.polls = "another-token", 2
    login = {"auth": "oauth2", "login": "c", "password": "p", "token_url": f"{server.url}/token"}
    connection = Connection.model_validate({"base_url": server.url, **login})
    made = replace(made, connections={"hospital_a": connection}.__getitem__)
    (first,) = ingest_interval(made, feed(server), day(0))
    assert (first.outcome, server.count("POST", "/token"), len(server.kicked_off)) == ("accepted", 2, 1)


def test_a_token_in_the_query_is_refused(made: Lake, server: FhirServer) -> None:
    """The server would repeat it, in the manifest that is kept."""
    connection = Connection.model_validate(
        {"base_url": server.url, "token": server.token, "auth": "query", "parameter": "key"}
    )
    made = replace(made, connections={"hospital_a": connection}.__getitem__)
    with pytest.raises(ConfigurationError, match="sends its token in the query"):
        ingest_interval(made, feed(server), day(0))
    assert server.asked == []


def test_signatures_of_addresses_are_not_kept(made: Lake, server: FhirServer) -> None:
    url = f"{server.url}/files/1/Patient-0?signature=s1gn3d"
    server.said["manifest"] = {"output": [{"type": "Patient", "url": url}], "extension": {"at": f"{url}#s1gn3d"}}
    (first,) = ingest_interval(made, feed(server, facts={"max_refused_share": 1.0, "format": OPTIONAL}), day(0))
    with raw(made, first) as archive:
        kept = archive.read("manifest.json").decode()
    assert "s1gn3d" not in kept
    assert json.loads(kept)["output"][0]["url"] == url.partition("?")[0]


def test_a_server_that_asks_for_no_wait_is_not_asked_in_a_loop(
    made: Lake, server: FhirServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fhir_bulk_export, "_FIRST_WAIT", 0.25)
    server.said["never_ends"] = True
    message = fails(made, feed(server, timeouts={"connect": 2, "read": 2, "total": 1}, max_wait=0))
    assert "did not end its export in 1 s" in message
    assert server.count("GET", "/status/1") <= 5


@pytest.mark.parametrize(
    ("said", "is_same"),
    [
        ("_type=Patient,Encounter&_since=2026-03-02T00:00:00.000Z&_outputFormat=application/fhir+ndjson", True),
        (
            "_type=Patient&_type=Encounter&_since=2026-03-02T08:00:00%2B08:00&_outputFormat=application/fhir%2Bndjson",
            True,
        ),
        ("_type=Patient&_since=2026-03-02T00:00:00Z&_outputFormat=application/fhir%2Bndjson", False),
        ("_type=Patient,Encounter&_since=2026-03-02T00:00:01Z&_outputFormat=application/fhir%2Bndjson", False),
    ],
)
def test_the_request_is_known_in_every_spelling(said: str, is_same: bool) -> None:
    params = {
        "_outputFormat": "application/fhir+ndjson",
        "_type": "Patient,Encounter",
        "_since": "2026-03-02T00:00:00Z",
    }
    asked = httpx.URL("https://x.example/r4/$export").copy_merge_params(params)
    assert _is_of_request(asked, httpx.URL(f"https://x.example/r4/$export?{said}")) is is_same


@pytest.mark.parametrize("version", ["4.0", "4.0.1"])
def test_a_version_may_be_said_without_its_last_number(made: Lake, server: FhirServer, version: str) -> None:
    server.said["fhir_version"] = version
    assert ingest_interval(made, feed(server), day(0))[0].outcome == "accepted"


def test_a_short_answer_has_the_deadline_too() -> None:
    """A server that sends a byte now and then keeps nobody for ever."""

    def answer(status: int) -> httpx.Response:
        return httpx.Response(status, content=iter([b"{", b"}"]), request=httpx.Request("GET", "https://x.example/s"))

    assert fhir_bulk_export.short_body(answer(200), 10, time.monotonic() + 60) == b"{}"
    assert fhir_bulk_export.short_body(answer(500), 10, time.monotonic() - 1) == b""
    with pytest.raises(FetchError, match="too slow"):
        fhir_bulk_export.short_body(answer(200), 10, time.monotonic() - 1)
    with pytest.raises(FetchError, match="over 1 bytes"):
        fhir_bulk_export.short_body(answer(200), 1, time.monotonic() + 60)


def test_a_limit_is_told_as_the_contract_has_it(made: Lake, server: FhirServer) -> None:
    assert "more than the contract's 800" in fails(made, feed(server, max_bytes=800))


def test_the_credential_goes_to_the_own_server_only(made: Lake, server: FhirServer, tmp_path: Path) -> None:
    """Files on another host that the connection declares: without the credential, or not at all."""
    with serving_fhir(server.folder) as other:
        other.exports[1] = replace(
            other._exported(1, _Asked()), manifest={"requiresAccessToken": False}, left=0
        )  # fmt: skip
        listed = [{"type": "Patient", "url": f"{other.url}/files/1/Patient-0"}]
        server.said["manifest"] = {"output": listed, "requiresAccessToken": False}
        connection = Connection.model_validate(
            {"base_url": server.url, "token": server.token, "redirect_hosts": [f"127.0.0.1:{other.port}"]}
        )
        made = replace(made, connections={"hospital_a": connection}.__getitem__)
        given = feed(server)
        (found,) = connector_for(made, given).fetch(given, day(0), made.clock())
        with zipfile.ZipFile(found.path) as archive:
            assert len(archive.read("Patient.000.ndjson").splitlines()) == 3
        assert other.credentials == [("/r4/files/1/Patient-0", None)]
        del found
        server.said["manifest"]["requiresAccessToken"] = True
        assert "wants the credential for files on another server" in fails(made, given)
        assert len(other.credentials) == 1


class _Asked:
    query_params = {"_type": "Patient"}  # noqa: RUF012  what the server reads of a request
    url = ""


def test_what_no_table_reads_stays_out_of_bronze(made: Lake, server: FhirServer) -> None:
    (first,) = ingest_interval(made, feed(server), day(0))
    assert first.outcome == "accepted"
    for info in made.store.list("bronze/"):
        url = made.store.url(info.key)
        text = str(duckdb.sql(f"select * from read_parquet('{url}')").fetchall())
        assert "442000199001011234" not in text


def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other at once."""
    monkeypatch.setattr("ingestion.connectors.web._BACKOFF", lambda _: 0.0)
    monkeypatch.setattr("ingestion.connectors.fhir_bulk_export._FIRST_WAIT", 0.0)
