"""Bad input gets a clear answer, and nothing is lost: each case with its rule and its message."""

from __future__ import annotations

import codecs
import re
from typing import Any

import pytest
from pydantic import ValidationError

from ingestion.contract.extension import CsvFormat, JsonFormat
from ingestion.contract.table_formats import FixedWidthFormat

PAGE = b"<!DOCTYPE html>\n<html><head><title>Please log in</title></head><body>a,b</body></html>"


@pytest.mark.parametrize(
    ("payload", "rule", "message"),
    [
        (b"", "empty", "the file is empty"),
        (b"\xef\xbb\xbf\r\n", "empty", "the file is empty"),
        (b"a,b\n", "empty", "no records in t: a header and nothing else"),
        (PAGE, "html_page", r"is an HTML page \(Please log in\), not data"),
        (b"PK\x03\x04....", "container", "ZIP archive"),
        (b"\x1f\x8b\x08....", "container", "gzip"),
        ("a,b\nx,1\n".encode("utf-16"), "encoding", "byte order mark of UTF-16"),
        ("a,b\nx,1\n".encode("utf-32"), "encoding", "byte order mark of UTF-32"),
        (b"a,c\nx,1\n", "header", "missing 'b'; not in the contract 'c'"),
        (b"a\nx\n", "header", "missing 'b'$"),
        (b"a,b,c\nx,1,2\n", "header", "not in the contract 'c'$"),
        (b"a,b,a\nx,1,2\n", "header", "more than once 'a'"),
        (b"x,1\ny,2\n", "header", "holds none of its names and looks like data .2 values.$"),
        ("张三,13800138000\n李四,2\n".encode(), "header", "looks like data .2 values.$"),
        (b"x;1\ny;2\n", "header", "missing 'a', 'b'; not in the contract 'x;1'"),
        (b'a,b\nx,1\n"y,2\nz,3\n', "unterminated_quote", r"begins at byte 8 \(record 2\) is never closed"),
        ("名称,b\nx,1\n".encode("gb18030"), "encoding", r"the header of the file is not utf-8 \(it reads as gb18030\)"),
    ],
)  # fmt: skip
def test_text_refused_whole(make: Any, two: Any, payload: bytes, rule: str, message: str) -> None:
    caught = make.refusal(make.contract(two), payload)
    assert caught.rule == rule
    assert re.search(message, caught.message)


def test_header_only_is_no_data_where_the_contract_says_so(make: Any, two: Any) -> None:
    found = make.conform(make.contract(two, empty="no_data"), b"a,b\r\n").tables["t"]
    assert (found.received, found.bronze, found.quarantine) == (0, None, None)


def test_extra_columns_may_be_tolerated_and_any_order_is_fine(make: Any, two: Any) -> None:
    form = CsvFormat(lenient_extra_columns=True)
    found = make.conform(make.contract(two, format=form), b'\xef\xbb\xbf" b ",new,a\n1,?,x\n').tables["t"]
    assert make.rows(found.bronze) == [{"a": "x", "b": 1}]


def test_a_file_without_header_is_read_by_position(make: Any, two: Any) -> None:
    found = make.conform(make.contract(two, format=CsvFormat(header=False)), b"x,1\ny,z\n").tables["t"]
    assert make.rows(found.bronze) == [{"a": "x", "b": 1}]
    assert make.refused(found.quarantine) == [(2, ["b.type"])]


def test_ragged_rows(make: Any, two: Any) -> None:
    found = make.conform(make.contract(two), b'a,b\nx,1\ny\n"p,q",2\nz,3,4\n\n"r\ns",5\n').tables["t"]
    assert make.refused(found.quarantine) == [(2, ["ragged"]), (4, ["ragged"])]
    assert [row["a"] for row in make.rows(found.bronze)] == ["x", "p,q", "r\ns"]


@pytest.mark.parametrize("kind", ["csv", "ndjson", "fixed_width"])
def test_blank_lines_before_the_data_are_no_empty_file(make: Any, kind: str) -> None:
    table = make.table(make.column("a"))
    fixed = FixedWidthFormat(min_length=1, fields={"a": {"start": 1}})
    form, data = {
        "csv": (CsvFormat(), b"a\nx\n"), "ndjson": (JsonFormat(type="ndjson"), b'{"a":"x"}\n'),
        "fixed_width": (fixed, b"x\n"),
    }[kind]  # fmt: skip
    contract = make.contract(table, format=form, empty="no_data")
    blanks = b"\r\n" * 40_000
    assert make.rows(make.conform(contract, blanks + data).tables["t"].bronze) == [{"a": "x"}]
    assert make.refusal(contract, blanks).rule == "empty"


def test_more_than_a_million_undecodable_bytes_are_a_refusal(make: Any, two: Any) -> None:
    payload = b"a,b\nx,1\n" + (b"\x81\x20" * 700_000 + b",2\n") * 2 + b"y,3\n"
    found = make.conform(make.contract(two, format=CsvFormat(encoding="gb18030")), payload).tables["t"]
    assert make.refused(found.quarantine) == [(2, ["encoding"]), (3, ["encoding"])]
    assert [r["a"] for r in make.rows(found.bronze)] == ["x", "y"]
    caught = make.refusal(make.contract(two, format=CsvFormat(encoding="gb18030"), max_refused_share=0.1), payload)
    assert caught.rule == "encoding"


def test_a_long_record_of_a_json_document_is_a_refused_row(
    make: Any, two: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.parsers.json_records.CHUNK", 64)
    long = b'{"a": "' + b'\\"],' * 500 + b'"}'
    payload = b'{"data": [{"a":"x","b":1}, ' + long + b' ,{"a":"y","b":2}], "n": 1}'
    contract = make.contract(two, format=JsonFormat(type="json", records="$.data"))
    found = make.conform(contract, payload, max_record_bytes=1000).tables["t"]
    (row,) = make.rows(found.quarantine)
    assert (row["rules"], row["byte_offset"], row["byte_length"]) == (
        ["record_too_long"],
        payload.index(long),
        len(long),
    )
    assert [r["a"] for r in make.rows(found.bronze)] == ["x", "y"]


def test_nul_bytes(make: Any, two: Any) -> None:
    found = make.conform(make.contract(two), b"a,b\nx\x00y,1\nz,2\n").tables["t"]
    assert make.refused(found.quarantine) == [(1, ["nul_byte"])]
    assert make.rows(found.quarantine)[0]["original_text"] == "x\\x00y,1"


def test_bare_carriage_returns(make: Any, two: Any) -> None:
    found = make.conform(make.contract(two), b'a,b\nx\ry,1\n"z\rz",2\n').tables["t"]
    assert make.refused(found.quarantine) == [(1, ["bare_carriage_return"])]


@pytest.mark.parametrize("payload", [b"a,b\rx,1\ry,2\r", b"a,b\rx,1\ny,2\n", b"a,b\r\r\nx,1\r\n"])
def test_a_header_that_swallows_records(make: Any, two: Any, payload: bytes) -> None:
    """A file of old line ends is one line; taken for a header alone it would be an answer without data."""
    caught = make.refusal(make.contract(two, empty="no_data"), payload)
    assert caught.rule == "bare_carriage_return"
    assert "the header line of the file holds a carriage return" in caught.message


def test_a_header_that_is_too_long(make: Any, two: Any) -> None:
    caught = make.refusal(make.contract(two), b"a,b" + b"z" * 200 + b"\nx,1\n", max_record_bytes=100)
    assert caught.rule == "record_too_long"


def test_a_record_that_is_too_long(make: Any, two: Any) -> None:
    payload = b"a,b\nx,1\n" + b"y" * 200_000 + b",2\nz,3\n"
    found = make.conform(make.contract(two), payload, max_record_bytes=100_000).tables["t"]
    (row,) = make.rows(found.quarantine)
    assert (row["record"], row["byte_offset"], row["byte_length"]) == (2, 8, 200_002)
    assert (row["rules"], len(row["original_text"])) == (["record_too_long"], 16384)
    assert found.accepted == 2


def test_a_record_longer_than_a_chunk_is_skipped_not_held(make: Any, two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.parsers.records.CHUNK", 64)
    payload = b'a,b\nx,1\n"' + b'y\n""' * 200 + b'",2\nz,3\nv,4'
    found = make.conform(make.contract(two), payload, max_record_bytes=100).tables["t"]
    (row,) = make.rows(found.quarantine)
    assert (row["record"], row["byte_offset"], row["byte_length"]) == (2, 8, 804)
    assert [r["a"] for r in make.rows(found.bronze)] == ["x", "z", "v"]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("shift", range(3))
def test_a_long_record_is_not_undecodable_where_it_was_cut(
    make: Any, two: Any, monkeypatch: pytest.MonkeyPatch, encoding: str, shift: int
) -> None:
    monkeypatch.setattr("ingestion.parsers.records.CHUNK", 64)
    payload = f"a,b\n{'x' * shift}{'中' * 100},1\ny,2\n".encode(encoding)
    form = CsvFormat(encoding=encoding)
    found = make.conform(make.contract(two, format=form), payload, max_record_bytes=100).tables["t"]
    assert make.refused(found.quarantine) == [(1, ["record_too_long"])]
    assert make.rows(found.quarantine)[0]["original_text"].endswith("中")


def test_a_byte_order_mark_in_the_data_is_a_blank_wherever_it_stands(make: Any, two: Any) -> None:
    """Files put together hold one in the middle; the first record after the header is no other than the second."""
    payload = "a,b\n\ufeffx,1\n\ufeffx\ufeffy\ufeff,2\n\ufeff,3\n".encode()
    found = make.conform(make.contract(two), payload).tables["t"]
    assert [row["a"] for row in make.rows(found.bronze)] == ["x", "x\ufeffy", None]


def test_an_endless_quote_in_a_long_record(make: Any, two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.parsers.records.CHUNK", 64)
    caught = make.refusal(make.contract(two), b'a,b\nx,1\nq,"' + b"y\n" * 200, max_record_bytes=100)
    assert caught.rule == "unterminated_quote"
    assert "byte 10 (record 2)" in caught.message


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "windows-1252"])
def test_declared_encodings(make: Any, two: Any, encoding: str) -> None:
    name = "ÑANDÚ" if encoding == "windows-1252" else "中山市㐀"
    payload = f'a,b\n"{name}, {name}",1\n{name},?\n'.encode(encoding)
    found = make.conform(make.contract(two, format=CsvFormat(encoding=encoding)), payload).tables["t"]
    assert make.rows(found.bronze) == [{"a": f"{name}, {name}", "b": 1}]
    (row,) = make.rows(found.quarantine)
    assert row["original_text"] == f"{name},?"
    assert payload[row["byte_offset"] :][: row["byte_length"]] == f"{name},?".encode(encoding)


@pytest.mark.parametrize(("encoding", "bad"), [("utf-8", b"\xc4\xe3"), ("gb18030", b"\xff"), ("windows-1252", b"\x81")])
def test_undecodable_bytes_refuse_the_row_only(make: Any, two: Any, encoding: str, bad: bytes) -> None:
    payload = b"a,b\nx,1\ny" + bad + b",2\nz,3\n"
    found = make.conform(make.contract(two, format=CsvFormat(encoding=encoding)), payload).tables["t"]
    assert make.refused(found.quarantine) == [(2, ["encoding"])]
    assert "\\x" in make.rows(found.quarantine)[0]["original_text"]
    assert found.accepted == 2


def test_mostly_undecodable_is_the_wrong_encoding(make: Any, two: Any) -> None:
    payload = b"a,b\n" + "中山,1\n石岐,2\n".encode("gb18030")
    caught = make.refusal(make.contract(two, max_refused_share=0.05), payload)
    assert caught.rule == "encoding"
    assert "2 of 2 rows of t are refused" in caught.message
    assert caught.conformed is not None


@pytest.mark.parametrize("encoding", ["gb18030", "windows-1252"])
def test_utf8_declared_as_something_else(make: Any, two: Any, encoding: str) -> None:
    payload = "a,b\n中山市场,1\n石岐区域,2\n".encode()
    caught = make.refusal(make.contract(two, format=CsvFormat(encoding=encoding)), payload)
    assert caught.rule == "encoding"
    bom = make.refusal(make.contract(two, format=CsvFormat(encoding=encoding)), codecs.BOM_UTF8 + b"a,b\nx,1\n")
    assert bom.rule == "encoding"


def test_gb18030_words_that_happen_to_be_utf8(make: Any, two: Any) -> None:
    word = b"\xc2\xbd"
    assert word.decode("utf-8") != word.decode("gb18030")
    form = CsvFormat(encoding="gb18030")
    found = make.conform(make.contract(two, format=form), b"a,b\n" + word + b",1\n").tables["t"]
    assert make.rows(found.bronze)[0]["a"] == word.decode("gb18030")


def test_gb18030_with_a_delimiter_that_may_be_half_a_character(make: Any, two: Any) -> None:
    payload = "a|b\n丂|1\n亅亅x|2\n亅|3|4\n".encode("gb18030").replace("丂".encode("gb18030"), b"\x81\x7c")
    form = CsvFormat(encoding="gb18030", delimiter="|")
    found = make.conform(make.contract(two, format=form), payload).tables["t"]
    assert make.refused(found.quarantine) == [(3, ["ragged"])]
    assert make.rows(found.bronze)[0]["a"] == b"\x81\x7c".decode("gb18030")


def test_gb18030_half_a_character_before_a_quote_is_no_delimiter(make: Any, two: Any) -> None:
    """亅 ends in the byte of a bar: the quote after it is an ordinary character, and opens nothing."""
    payload = '"丂"|1\n亅"|2\n石岐|3\n亅亅"x|4|5\n'.encode("gb18030")
    form = CsvFormat(encoding="gb18030", delimiter="|")
    assert b'\x81|"' in payload
    found = make.conform(make.contract(two, format=form), b"a|b\n" + payload).tables["t"]
    assert make.refused(found.quarantine) == [(4, ["ragged"])]
    assert make.rows(found.bronze) == [{"a": "丂", "b": 1}, {"a": '亅"', "b": 2}, {"a": "石岐", "b": 3}]


@pytest.mark.parametrize(
    "facts",
    [
        {"delimiter": "；"},
        {"delimiter": "\n"},
        {"delimiter": "a"},
        {"quote": "”"},
        {"quote": "\n"},
        {"quote": ","},
        {"quote": "|", "encoding": "gb18030"},
    ],
)
def test_marks_no_reader_can_take(facts: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CsvFormat(**facts)


@pytest.mark.parametrize(
    ("payload", "rule", "message"),
    [
        (b'{"data": [1, 2', "json_malformed", "not well-formed JSON"),
        (b'{"items": []}', "json_records", r"no list of records at \$\.data: found nothing; top-level members: items"),
        (b'{"data": {"a": 1}}', "json_records", "found OBJECT"),
        (b'{"data": []}', "empty", "no records in t"),
        (b'{"data": ["\xff"]}', "encoding", "byte 11 cannot be decoded"),
        (b'{"n": "' + b"y" * 2000 + b'", "data": [1]}', "document_too_long", "before its records .* longer than 1,000"),
        (b'{"data": [1], "n": "' + b"y" * 2000 + b'"}', "document_too_long", "after its records .* longer than 1,000"),
        (b'{"data": [{"a": "x"}, {"a": ]}', "json_malformed", "a brace closes|it ends within|record 2 is not"),
        (b'{"data": [{"a": "x"}, {"a" 1}]}', "json_malformed", "record 2 is not"),
        (b'{"data": [{"a": "x"},]}', "json_malformed", "nothing where record 2 should be"),
        (b'{"data": [,{"a": "x"}]}', "json_malformed", "where record 1 should be"),
        (b'{"data": [{"a": "x"}}]', "json_malformed", "a brace closes the list"),
        (b'{"data": [{"a": "x"}]', "json_malformed", "around the records is not"),
        (b'{"data": [{"a": "x"}], "n": }', "json_malformed", "around the records is not"),
        (b'{"data": [{"a": "x"}] "n": 1}', "json_malformed", "around the records is not"),
        (b'{"data": [{"a": "\x00"}]}', "json_malformed", "NUL"),
        (b'{"data": [], "n": "\xff"}', "encoding", "byte 19 cannot be decoded"),
        (b'{"n": "\xff", "data": []}', "encoding", "byte 7 cannot be decoded"),
        (PAGE, "html_page", "HTML page"),
    ],
)
def test_json_documents_refused_whole(
    make: Any, two: Any, payload: bytes, rule: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = make.contract(two, format=JsonFormat(type="json", records="$.data"))
    monkeypatch.setattr("ingestion.parsers.json_records.CHUNK", 512)
    caught = make.refusal(contract, payload, max_document_bytes=1000, max_record_bytes=2000)
    assert caught.rule == rule
    assert re.search(message, caught.message)


def test_bad_lines_of_ndjson(make: Any, two: Any) -> None:
    payload = b'{"a":"x","b":1}\n{"a":"\xff","b":1}\n{"a":"\x00"}\n{"a":"' + b"y" * 500 + b'"}\n{"b":2}'
    contract = make.contract(two, format=JsonFormat(type="ndjson"))
    found = make.conform(contract, payload, max_record_bytes=200).tables["t"]
    assert make.refused(found.quarantine) == [(2, ["encoding"]), (3, ["nul_byte"]), (4, ["record_too_long"])]
    assert make.rows(found.bronze) == [{"a": "x", "b": 1}, {"a": None, "b": 2}]


def test_messages_hold_no_values(make: Any) -> None:
    table = make.table(make.column("phone", pattern="^1[0-9]{10}$"))
    caught = make.refusal(make.contract(table, max_refused_share=0), b"phone\n13800138000x\n")
    assert "138001" not in str(caught)
