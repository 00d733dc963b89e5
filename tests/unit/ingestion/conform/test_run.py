"""Conform as a whole: counts, quarantine, duplicates, outputs."""

from __future__ import annotations

import io
import json
import resource
import stat
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import duckdb
import pyarrow.parquet as pq
import pytest

from ingestion.contract.extension import CsvFormat, JsonFormat, ZipFormat
from ingestion.errors import DeliveryRefused, StoreError


@pytest.fixture
def weather(make: Any) -> Any:
    return make.table(
        make.column("station", primary_key=1),
        make.column("observed_at", "TIMESTAMPTZ", primary_key=2),
        make.column("temperature_c", "DOUBLE", "TEM", minimum=-20, maximum=50),
        event_time="observed_at",
    )


def test_counts_quarantine_and_bronze(make: Any, weather: Any) -> None:
    payload = (
        "station,observed_at,TEM\n"
        "G1,2026-03-01 23:00:00,10.5\n"
        "G1,2026-03-02 00:00:00,99\n"
        ",never,/\n"
        "G1,2026-03-01 23:00:00,10.5\n"
        "G1,2026-03-01 23:00:00,11\n"
        "G2,2026-03-02 00:00:00,3\n"
    )
    found = make.conform(make.contract(weather), payload.encode()).tables["t"]
    assert (found.received, found.accepted, found.quarantined, found.duplicates) == (6, 2, 3, 1)
    assert found.rules == {
        "key_conflict": 1,
        "observed_at.type": 1,
        "station.required": 1,
        "temperature_c.range": 1,
        "temperature_c.type": 1,
    }
    assert found.days == {"2026-03-01": 1, "2026-03-02": 1}
    assert make.refused(found.quarantine) == [
        (2, ["temperature_c.range"]),
        (3, ["station.required", "observed_at.type", "temperature_c.type"]),
        (5, ["key_conflict"]),
    ]
    quarantine = {row["record"]: row for row in make.rows(found.quarantine)}
    for row in quarantine.values():
        piece = payload.encode()[row["byte_offset"] : row["byte_offset"] + row["byte_length"]]
        assert piece.decode() == row["original_text"]
    assert quarantine[2]["detail"] == "temperature_c=99"
    assert quarantine[5]["detail"] == "same key, other content than record 1"
    assert (quarantine[5]["batch"], quarantine[5]["table_name"]) == ("b1", "t")
    bronze = pq.ParquetFile(found.bronze).read()
    assert bronze.column_names == ["station", "observed_at", "temperature_c", "_batch_id", "_loaded_at", "_event_date"]
    assert bronze.to_pylist()[0] == {
        "station": "G1",
        "observed_at": datetime(2026, 3, 1, 15, tzinfo=UTC),
        "temperature_c": 10.5,
        "_batch_id": "b1",
        "_loaded_at": datetime(2026, 3, 3, 1, tzinfo=UTC),
        "_event_date": date(2026, 3, 1),
    }
    types = {name: kind for name, kind, *_ in duckdb.sql(f"describe from '{found.bronze}'").fetchall()}
    assert types["_loaded_at"] == types["observed_at"] == "TIMESTAMP WITH TIME ZONE"
    assert (types["_batch_id"], types["_event_date"]) == ("VARCHAR", "DATE")


def test_scratch_is_private_and_holds_only_results(make: Any, weather: Any) -> None:
    make.conform(make.contract(weather), b"station,observed_at,TEM\nG1,2026-03-02 00:00:00,1\nG1,x,1\n")
    assert stat.S_IMODE(make.scratch.stat().st_mode) == 0o700
    assert sorted(p.name for p in make.scratch.iterdir()) == ["t.bronze.parquet", "t.quarantine.parquet"]


def test_row_hash_ignores_order_and_technical_columns(make: Any) -> None:
    table = make.table(make.column("a"), make.column("b", "INTEGER"))
    one, other, changed = (
        make.conform(make.contract(table), text).row_hash
        for text in (b"a,b\nx,1\ny,2\n", b"b,a\n2,y\n1,x\n", b"a,b\nx,1\ny,3\n")
    )
    assert one == other != changed


def test_rows_of_a_table_without_key_are_duplicates_when_equal(make: Any) -> None:
    table = make.table(make.column("a"), make.column("b", "INTEGER"))
    found = make.conform(make.contract(table), b"a,b\nx,1\nx,01\nx,2\nx,1\n").tables["t"]
    assert (found.accepted, found.duplicates, found.quarantined) == (2, 2, 0)


def test_every_later_content_of_a_key_is_a_conflict(make: Any) -> None:
    table = make.table(make.column("k", primary_key=1), make.column("v"))
    found = make.conform(make.contract(table), b"k,v\na,1\na,2\na,2\na,1\n").tables["t"]
    assert (found.accepted, found.duplicates, found.rules) == (1, 1, {"key_conflict": 2})
    assert make.rows(found.bronze) == [{"k": "a", "v": "1"}]
    assert make.refused(found.quarantine) == [(2, ["key_conflict"]), (3, ["key_conflict"])]


def test_a_refused_row_does_not_make_a_good_row_a_duplicate(make: Any) -> None:
    table = make.table(make.column("k", primary_key=1), make.column("v", "INTEGER"))
    found = make.conform(make.contract(table), b"k,v\na,bad\na,1\n").tables["t"]
    assert (found.accepted, found.quarantined, found.rules) == (1, 1, {"v.type": 1})


def test_ndjson(make: Any) -> None:
    table = make.table(
        make.column("id", primary_key=1),
        make.column("badge", source="badge", path="$.inspector.badge"),
        # The name a contract gives a nested member: the same text as its path.
        make.column("score", "DECIMAL(5,1)", source="result.score", path="$.result.score", minimum=0, maximum=100),
        make.column("is_passed", "BOOLEAN", path="$.result.passed"),
        make.column("tags", path="$.tags[*].y"),
    )
    payload = (
        '{"id":"1","inspector":{"badge":"B7","name":"n"},"result":{"score":88.5,"passed":true},"tags":[{"y":1},{"y":"k"}]}\n'
        '{"id":"2","result":{"score":null}}\r\n'
        "\n"
        '{"id":"3","result":\n'
        "[1,2]\n"
        '{"id":"4","result":{"score":101}}'
    )
    found = make.conform(make.contract(table, format=JsonFormat(type="ndjson")), payload.encode()).tables["t"]
    assert (found.received, found.accepted) == (5, 2)
    assert make.refused(found.quarantine) == [(3, ["json_malformed"]), (4, ["json_malformed"]), (5, ["score.range"])]
    texts = {row["record"]: row["original_text"] for row in make.rows(found.quarantine)}
    assert texts[3] == '{"id":"3","result":'
    first, second = make.rows(found.bronze)
    assert (first["badge"], float(first["score"]), first["is_passed"], first["tags"]) == ("B7", 88.5, True, '[1,"k"]')
    assert set(second.values()) == {"2", None}


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_document_larger_than_its_cap_on_the_envelope(make: Any, encoding: Any) -> None:
    table = make.table(make.column("id", "INTEGER", primary_key=1), make.column("name"))
    records = [{"id": i if i % 100 else "x", "name": f"中山 {i}"} for i in range(5_000)]
    payload = json.dumps({"code": 0, "data": records}, ensure_ascii=False).encode(encoding)
    form = JsonFormat(type="json", records="$.data", encoding=encoding)
    found = make.conform(make.contract(table, format=form), payload, max_document_bytes=1_000).tables["t"]
    assert (found.received, found.accepted, found.rules) == (5_000, 4_950, {"id.type": 50})
    row = make.rows(found.quarantine)[1]
    assert row["original_text"] == '{"id": "x", "name": "中山 100"}'
    assert (row["byte_offset"] is None) == (encoding == "gb18030")


@pytest.mark.parametrize(("path", "document"), [("$", "[%s]"), ("$.data.items", '{"data":{"n":2,"items":[%s]}}')])
def test_json_document(make: Any, path: str, document: str) -> None:
    table = make.table(make.column("id", "INTEGER", primary_key=1), make.column("v", path="$.a.v"))
    payload = document % '{"id": 1, "a": {"v": "\\u4e2d"}}, {"id": "x"}, 7'
    found = make.conform(make.contract(table, format=JsonFormat(type="json", records=path)), payload.encode()).tables[
        "t"
    ]
    assert make.rows(found.bronze) == [{"id": 1, "v": "中"}]
    assert make.refused(found.quarantine) == [(2, ["id.type"]), (3, ["json_malformed"])]
    for row in make.rows(found.quarantine):
        place = row["byte_offset"]
        assert payload.encode()[place : place + row["byte_length"]].decode() == row["original_text"]


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return buffer.getvalue()


def test_zip_of_tables(make: Any) -> None:
    stops = make.table(
        make.column("stop_id", primary_key=1), make.column("lat", "DOUBLE"), name="stops", source="stops.txt"
    )
    times = make.table(
        make.column("trip_id", required=True),
        make.column("arrival_seconds", "INTEGER", "arrival_time", format="gtfs_time"),
        name="stop_times",
        source="stop_times.txt",
    )
    info = make.table(make.column("feed"), name="feed_info", source="feed_info.txt")
    contract = make.contract(stops, times, info, format=ZipFormat(optional_members=["feed_info"]))
    payload = zipped(
        stops__txt=b"stop_id,lat\nS1,22.5\nS2,22.6,extra\n",
        stop_times__txt=(
            b"\xef\xbb\xbftrip_id,arrival_time\r\nT1,25:10:05\r\n,08:00:00\r\nT2, 8:00:00\r\nT3,08:61:00\r\n"
        ),
        notes__txt=b"hello",
    )
    found = make.conform(contract, payload)
    assert found.ignored_members == ("notes.txt",)
    assert set(found.tables) == {"stops", "stop_times"}
    assert make.refused(found.tables["stops"].quarantine) == [(2, ["ragged"])]
    assert [r["arrival_seconds"] for r in make.rows(found.tables["stop_times"].bronze)] == [25 * 3600 + 605, 8 * 3600]
    assert found.tables["stop_times"].rules == {"trip_id.required": 1, "arrival_seconds.type": 1}


def test_past_the_refused_share_the_delivery_is_refused_with_its_quarantine(make: Any) -> None:
    table = make.table(make.column("a", "INTEGER"), make.column("b"))
    with pytest.raises(
        DeliveryRefused, match=r"office\.reading .*3 of 4 rows of t are refused \(75\.0%, limit 50\.0%\)"
    ) as caught:
        make.conform(make.contract(table, max_refused_share=0.5), b"a,b\nx,\ny,\n1,\nz,q\n")
    assert caught.value.rule == "refused_share"
    conformed = caught.value.conformed
    assert conformed.tables["t"].bronze is None  # type: ignore[attr-defined]
    assert make.refused(conformed.tables["t"].quarantine)[0] == (1, ["a.type"])  # type: ignore[attr-defined]
    assert sorted(p.name for p in make.scratch.iterdir()) == ["t.quarantine.parquet"]


def test_flags_are_counted_and_rows_stay(make: Any) -> None:
    rules = [
        make.rule("uscc_check", check="uscc", column="uscc", severity="flag"),
        make.rule("ordered", expression="issued <= valid_to"),
    ]
    table = make.table(make.column("uscc"), make.column("issued", "DATE"), make.column("valid_to", "DATE"), rules=rules)
    payload = (
        "uscc,issued,valid_to\n91442000MA4W000110,2026-01-01,2027-01-01\n91442000MA4W000111,2026-01-01,\n"
        "91442000MA4W000111,2026-01-02,2025-01-01\n,2026-01-01,2027-01-01\n"
    )
    found = make.conform(make.contract(table), payload.encode()).tables["t"]
    assert (found.accepted, found.flags, found.rules) == (3, {"uscc_check": 1}, {"ordered": 1})


def test_many_segments_give_the_same_answer(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"k{i % 900},{i % 7 if i < 900 else 3},{'x' if i % 50 == 0 else i}" for i in range(3000)]
    payload = ("k,v,n\r\n" + "\r\n".join(lines)).encode()
    table = make.table(
        make.column("k", primary_key=1), make.column("v", "INTEGER"), make.column("n", required=True, pattern="[0-9]")
    )
    whole = make.conform(make.contract(table), payload).tables["t"]
    monkeypatch.setattr("ingestion.parsers.records.CHUNK", 512)
    cut = make.conform(make.contract(table), payload).tables["t"]
    assert whole.received == 3000
    assert (whole.rules, whole.row_hash, whole.duplicates) == (cut.rules, cut.row_hash, cut.duplicates)
    assert make.refused(whole.quarantine) == make.refused(cut.quarantine)


def test_csv_variations(make: Any) -> None:
    table = make.table(make.column("a"), make.column("b", "INTEGER"))
    form = CsvFormat(delimiter="\t", quote="'", null_values=["", "NA"])
    payload = "b\t a \r\n1\t'x\ty'\r\n\r\n NA \t'it''s\r\nhere'\r\n3\t NA "
    found = make.conform(make.contract(table, format=form), payload.encode()).tables["t"]
    assert make.rows(found.bronze) == [{"a": "x\ty", "b": 1}, {"a": "it's\r\nhere", "b": None}, {"a": None, "b": 3}]


def test_a_full_disk_is_told_and_leaves_no_file(make: Any) -> None:
    table = make.table(make.column("n", "INTEGER"), make.column("v"))
    payload = ("n,v\n" + "".join(f"{i},{i * 7919 % 100003}\n" for i in range(50_000))).encode()
    path = make.folder / "payload"
    path.write_bytes(payload)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(StoreError, match="cannot be written to the scratch folder") as caught:
            make.conform(make.contract(table), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "nothing was committed" in str(caught.value)
    assert list(make.scratch.iterdir()) == []


@pytest.mark.parametrize(
    "kind",
    ["licences", "pairs", "dated", "uuids", "wide decimals"],
)
def test_structured_rows_are_never_mistaken_for_each_other(make: Any, kind: str) -> None:
    """Families in which DuckDB's own hash gives thousands of rows one hash with another, and their neighbours."""
    # Reading 20 and more digits as DECIMAL takes DuckDB 50 µs a value.
    count = {"licences": 300_000, "wide decimals": 5_000}.get(kind, 60_000)
    families: dict[str, tuple[str, Any]] = {
        "licences": ("VARCHAR", ((f"JY14420{i % 10}{i // 100:07d}{i // 10 % 10}0", i % 7) for i in range(count))),
        "pairs": ("INTEGER", ((i // 300, i % 300) for i in range(count))),
        "dated": ("DATE", ((date(2020, 1, 1) + timedelta(days=i % 300), i // 300) for i in range(count))),
        "uuids": ("VARCHAR", ((UUID(int=(i % 300 << 64) + i // 300), 1) for i in range(count))),
        "wide decimals": ("DECIMAL(38,0)", ((i * (2**64 + 1), i % 7) for i in range(count))),
    }
    type_name, rows = families[kind]
    payload = ("a,b\n" + "".join(f"{a},{b}\n" for a, b in rows)).encode()
    for keyed in (True, False):
        columns = (make.column("a", type_name), make.column("b", "INTEGER"))
        if keyed:
            columns = tuple(replace(column, primary_key=n) for n, column in enumerate(columns, 1))
        found = make.conform(make.contract(make.table(*columns)), payload).tables["t"]
        assert (found.accepted, found.duplicates, found.quarantined) == (count, 0, 0)


def test_rows_that_exchange_values_give_another_row_hash(make: Any) -> None:
    table = make.table(make.column("a", "INTEGER"), make.column("b", "BOOLEAN"))
    message = [
        make.conform(make.contract(table), f"a,b\n{text}".encode()).tables["t"].row_hash
        for text in ("1,true\n2,false\n", "2,false\n1,true\n", "1,false\n2,true\n", "1,true\n", "1,true\n1,\n")
    ]
    assert message[0] == message[1]
    assert len(set(message)) == 4
