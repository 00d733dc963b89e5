"""Parquet files from bytes to bronze: values as text, columns by name; bad files each with its answer."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.contract.model import Column, Table
from ingestion.contract.table_formats import ParquetFormat
from ingestion.errors import DeliveryRefused
from ingestion.parsers.parquet_records import ParquetRecords
from ingestion.settings import Settings

KEY = b"0123456789abcdef"


def parquet(columns: dict[str, Any] | pa.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), buffer, **options)
    return buffer.getvalue()


def contract(make: Any, *columns: Any, **facts: Any) -> Any:
    return make.contract(make.table(*columns), format=ParquetFormat.model_validate(facts))


@pytest.fixture
def two_columns(make: Any, two: Any) -> Any:
    return make.contract(two, format=ParquetFormat())


EXACT = {
    "text": (pa.array([" 007 "]), " 007 "),
    "words": (pa.array(["x", "x"]).dictionary_encode()[:1], "x"),
    "view": (pa.array(["长", None], pa.string_view())[:1], "长"),
    "whole": (pa.array([2**64 - 1], pa.uint64()), "18446744073709551615"),
    "money": (pa.array([Decimal("0.0000000001")], pa.decimal128(38, 10)), "0.0000000001"),
    "wide": (pa.array([Decimal("1" * 60 + ".25")], pa.decimal256(70, 2)), "1" * 60 + ".25"),
    "real": (pa.array([0.1]), "0.1"),
    "single": (pa.array([0.1], pa.float32()), "0.1"),
    "half": (pa.array([0.5], pa.float16()), "0.5"),
    "flag": (pa.array([True]), "true"),
    "day": (pa.array([date(2026, 3, 2)]), "2026-03-02"),
    "clock": (pa.array([time(8, 5)], pa.time64("us")), "08:05:00"),
    "local": (pa.array([1], pa.timestamp("ns")), "1970-01-01 00:00:00.000000001"),
    "moment": (
        pa.array([datetime(2026, 3, 2, tzinfo=UTC)], pa.timestamp("us", "Asia/Shanghai")),
        "2026-03-02 00:00:00+00",
    ),
    "precise": (pa.array([1], pa.timestamp("ns", "UTC")), "1970-01-01 00:00:00.000000001+00"),
    "id": (pa.array([bytes(range(16))], pa.uuid()), "00010203-0405-0607-0809-0a0b0c0d0e0f"),
    "nothing": (pa.array([None], pa.null()), None),
}


def test_every_type_as_its_exact_text(make: Any) -> None:
    given = contract(make, *(make.column(name, blanks="keep") for name in EXACT))
    found = make.conform(given, parquet({name: values for name, (values, _) in EXACT.items()})).tables["t"]
    assert make.rows(found.bronze) == [{name: text for name, (_, text) in EXACT.items()}]


def test_texts_are_typed_like_those_of_any_format(make: Any) -> None:
    columns = [make.column("n", "INTEGER"), make.column("at", "TIMESTAMPTZ"), make.column("money", "DECIMAL(18,4)")]
    payload = parquet({
        "money": pa.array([Decimal("1.50"), None, Decimal("2.00")], pa.decimal128(9, 2)),
        "n": ["12", "x", " "],
        "at": pa.array([datetime(2026, 3, 2, tzinfo=UTC)] * 3, pa.timestamp("us", "UTC")),
    })  # fmt: skip
    found = make.conform(contract(make, *columns), payload).tables["t"]
    moment = datetime(2026, 3, 2, tzinfo=UTC)
    assert make.rows(found.bronze) == [
        {"n": 12, "at": moment, "money": Decimal("1.5000")},
        {"n": None, "at": moment, "money": Decimal("2.0000")},
    ]
    (row,) = make.rows(found.quarantine)
    assert (row["record"], row["rules"], row["detail"]) == (2, ["n.type"], "n=x")
    assert row["original_text"] == '{"n":"x","at":"2026-03-02 00:00:00+00","money":null}'


def test_null_words_and_empty_text(make: Any) -> None:
    given = contract(make, make.column("a"), make.column("b"), null_values=["-"])
    found = make.conform(given, parquet({"a": ["-", "", "x"], "b": [" - ", "y", None]})).tables["t"]
    assert make.rows(found.bronze) == [{"a": None, "b": None}, {"a": None, "b": "y"}, {"a": "x", "b": None}]


def test_rows_are_those_of_any_number_of_row_groups_and_pages(make: Any, two_columns: Any) -> None:
    count = 150_000
    payload = parquet(
        {"b": [str(n) for n in range(count)], "a": [f"word {n % 7}" for n in range(count)]}, row_group_size=40_000
    )
    found = make.conform(two_columns, payload).tables["t"]
    assert (found.received, found.accepted, found.quarantined) == (count, count, 0)
    rows = sorted((row["b"], row["a"]) for row in make.rows(found.bronze))
    assert rows == [(n, f"word {n % 7}") for n in range(count)]


@pytest.mark.parametrize(
    ("columns", "rule", "said"),
    [
        ({"a": ["x"]}, "header", "missing 'b'"),
        ({"a": ["x"], "b": [1], "c": [1]}, "header", "not in the contract 'c'"),
        ({"a": [["x"]], "b": [1]}, "column_type", "'a' is list<"),
        ({"a": [{"x": 1}], "b": [1]}, "column_type", "'a' is struct<x: int64>"),
        ({"a": [b"x"], "b": [1]}, "column_type", "'a' is binary"),
        ({"a": pa.array([], pa.string()), "b": pa.array([], pa.int64())}, "empty", "no record"),
    ],
)  # fmt: skip
def test_columns_that_do_not_fit_refuse_the_whole(
    make: Any, two_columns: Any, columns: dict[str, Any], rule: str, said: str
) -> None:
    refusal = make.refusal(two_columns, parquet(columns))
    assert refusal.rule == rule
    assert said in str(refusal)


def test_undeclared_columns_are_no_matter_where_the_contract_says_so(make: Any, two: Any) -> None:
    given = make.contract(two, format=ParquetFormat(lenient_extra_columns=True))
    found = make.conform(given, parquet({"a": ["x"], "a.b": ["y"], "b": [1], "c": [[1]]})).tables["t"]
    assert make.rows(found.bronze) == [{"a": "x", "b": 1}]


def encrypted(**settings: Any) -> bytes:
    class Kms(pe.KmsClient):  # type: ignore[misc]
        def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
            return key_bytes.hex().encode()

        def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
            return bytes.fromhex(wrapped_key.decode())

    table = pa.table({"a": ["x"], "b": [1]})
    keys = pe.EncryptionConfiguration(footer_key="k", column_keys={"k": ["a"]}, **settings)
    properties = pe.CryptoFactory(lambda _: Kms()).file_encryption_properties(pe.KmsConnectionConfig(), keys)
    return parquet(table, encryption_properties=properties)


GOOD = parquet({"a": ["x" * 100] * 50, "b": list(range(50))}, compression="zstd")
FOOTER = len(GOOD) - 8 - int.from_bytes(GOOD[-8:-4], "little")


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><title>Login</title>", "html_page"),
        (b"a,b\nx,1\n", "container"),
        (b"PK\x03\x04xxxx", "container"),
        (b"PAR1", "parquet_damaged"),
        (GOOD[:-20], "parquet_damaged"),
        (GOOD[: len(GOOD) // 2], "parquet_damaged"),
        (GOOD[:-8] + b"\xff\xff\xff\x7fPAR1", "parquet_damaged"),
        (GOOD[:8] + b"\x00" * 30 + GOOD[38:], "parquet_damaged"),
        (GOOD[:FOOTER] + b"\xff" * 30 + GOOD[FOOTER + 30 :], "parquet_damaged"),
        (encrypted(), "parquet_encrypted"),
        (encrypted(plaintext_footer=True), "parquet_encrypted"),
    ],
)  # fmt: skip
def test_what_is_no_readable_parquet_file(make: Any, two_columns: Any, payload: bytes, rule: str) -> None:
    assert make.refusal(two_columns, payload).rule == rule


def test_text_that_is_not_utf8_names_its_column(make: Any, two_columns: Any) -> None:
    bad = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\x02\0\0\0"), pa.py_buffer(b"\xd6\xd0"))
    refusal = make.refusal(two_columns, parquet({"a": bad, "b": [1]}))
    assert (refusal.rule, "column 'a' is not UTF-8, in rows 1 to 1" in str(refusal)) == ("encoding", True)


def test_a_nul_character_refuses_its_row(make: Any, two_columns: Any) -> None:
    found = make.conform(two_columns, parquet({"a": ["x\0y", "z"], "b": [1, 2]})).tables["t"]
    assert make.rows(found.bronze) == [{"a": "z", "b": 2}]
    assert make.refused(found.quarantine) == [(1, ["nul_byte"])]


def test_one_long_text_in_every_row_is_not_unpacked(make: Any, two_columns: Any) -> None:
    """A dictionary makes a file of a few kilobytes from a terabyte of text."""
    rows = 100_000
    word = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * 10_000_000]))
    payload = parquet(pa.table({"a": word, "b": pa.array(range(rows))}), compression="zstd")
    assert len(payload) < 2**20
    found = make.conform(two_columns, payload, max_uncompressed_bytes=2**43).tables["t"]
    assert (found.accepted, found.quarantined, found.rules) == (0, rows, {"record_too_long": rows})
    refusal = make.refusal(two_columns, payload)
    assert refusal.rule == "parquet_unsafe"


def test_long_rows_among_short_ones_are_refused_alone(make: Any, two_columns: Any) -> None:
    words = pa.array(["x", "y" * 5000, "z", "y" * 5000]).dictionary_encode()
    found = make.conform(two_columns, parquet({"a": words, "b": [1, 2, 3, 4]}), max_record_bytes=1000).tables["t"]
    assert make.rows(found.bronze) == [{"a": "x", "b": 1}, {"a": "z", "b": 3}]
    assert make.refused(found.quarantine) == [(2, ["record_too_long"]), (4, ["record_too_long"])]
    assert {row["byte_length"] for row in make.rows(found.quarantine)} == {5008}


@pytest.mark.parametrize(
    "limits", [{"max_uncompressed_bytes": 60}, {"max_uncompressed_bytes": 3000}, {"max_document_bytes": 100}]
)
def test_a_file_of_more_than_the_limits(make: Any, two_columns: Any, limits: dict[str, int]) -> None:
    refusal = make.refusal(two_columns, GOOD, **limits)
    assert refusal.rule == "parquet_unsafe"
    assert isinstance(refusal, DeliveryRefused)


MANY = parquet(
    {"a": [f"w{n % 5}" for n in range(300)], "b": list(range(300))}, row_group_size=100, data_page_size=500,
    write_page_checksum=True,
)  # fmt: skip
CHANGED = st.lists(st.tuples(st.integers(4, len(MANY) - 1), st.integers(0, 255)), min_size=1, max_size=4)


@given(changes=CHANGED)
def test_changed_bytes_refuse_the_file_or_change_no_count(changes: list[tuple[int, int]], reader: Any) -> None:
    payload = bytearray(MANY)
    for place, value in changes:
        payload[place] = value
    try:
        rows = sum(len(segment.block) for segment in reader(bytes(payload)))
    except DeliveryRefused:
        return
    assert rows == 300


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Reads bytes as a table of a text `a` and a whole number `b`."""
    path = tmp_path_factory.mktemp("parquet") / "payload"
    columns = tuple(Column(name, kind, name, name, name) for name, kind in (("a", "VARCHAR"), ("b", "INTEGER")))
    table = Table("t", "t", "t", "one row", None, columns, None, ())

    def segments(payload: bytes) -> Any:
        path.write_bytes(payload)
        return ParquetRecords(table, ParquetFormat(), path, Settings()).segments()

    return segments
