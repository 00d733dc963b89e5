"""Quotes and declared escapes: what every reader reads alike is read, the rest is refused (`malformed_quote`)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ingestion.contract.extension import CsvFormat


def test_stray_quotes_are_ordinary_characters(make: Any, two: Any) -> None:
    found = make.conform(make.contract(two), b'a,b\n5" pipe,1\n"6"" pipe",2\nz"",4\n').tables["t"]
    assert [row["a"] for row in make.rows(found.bronze)] == ['5" pipe', '6" pipe', 'z""']


@pytest.mark.parametrize(
    "row",
    [
        b'"abc"def,1', b'"abc" def,1', b'"abc" ,1', b'"abc"\t,1', b'"abc""d"e,1', b'"a"b"c",1', b'""x,1',
        b'"say \\"hi\\" now",1',
        b' "abc",1', b'\t"abc",1', '\u3000"abc",1'.encode(), '\ufeff"abc",1'.encode(), b'abc, "1"',
        '\xa0 "abc",1'.encode(), b'x,"1"2',
    ],
)  # fmt: skip
def test_text_beside_a_quoted_field_refuses_the_row(make: Any, two: Any, row: bytes) -> None:
    found = make.conform(make.contract(two), b"a,b\nx,1\n" + row + b"\r\ny,2\n").tables["t"]
    assert make.refused(found.quarantine) == [(2, ["malformed_quote"])]
    assert make.rows(found.quarantine)[0]["original_text"] == row.decode()
    assert [r["a"] for r in make.rows(found.bronze)] == ["x", "y"]


@pytest.mark.parametrize("encoding", ["gb18030", "windows-1252"])
def test_blanks_before_a_quote_are_those_of_the_encoding(make: Any, two: Any, encoding: str) -> None:
    blank = "\u3000" if encoding == "gb18030" else "\xa0"
    payload = f'a,b\n{blank}"x",1\né{blank}"x",2\n'.encode(encoding)
    found = make.conform(make.contract(two, format=CsvFormat(encoding=encoding)), payload).tables["t"]
    assert make.refused(found.quarantine) == [(1, ["malformed_quote"])]


def test_quotes_and_backslashes_that_every_reader_reads_alike(make: Any, two: Any) -> None:
    payload = b'a,b\n"C:\\",1\n"a ""b"" c",2\n"""q""",3\n5\\" pipe,4\n"",5\n" x ",6\n'
    found = make.conform(make.contract(two), payload).tables["t"]
    assert [row["a"] for row in make.rows(found.bronze)] == ["C:\\", 'a "b" c', '"q"', '5\\" pipe', None, "x"]


@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_declared_escape(make: Any, two: Any, quote: str) -> None:
    """It takes the meaning from a quote, a delimiter and itself, and loses nothing before anything else."""
    cells = {
        r'"say \"hi\""': 'say "hi"', r'"C:\\"': "C:\\", r'"C:\new"': r"C:\new", r'"a\\\"b"': 'a\\"b', r"a\,b": "a,b",
        r"\N": None,
        r'\"x\"': '"x"', '"a ""b"""': 'a "b"', '"a\\\nb"': "a\\\nb", r"a\\": "a\\",
    }  # fmt: skip
    form = CsvFormat(quote=quote, escape="\\", null_values=["", r"\N"])
    sent = "".join(f"{cell},{n}\n" for n, cell in enumerate(cells)).replace('"', quote)
    found = make.conform(make.contract(two, format=form), b"a,b\n" + sent.encode()).tables["t"]
    assert found.quarantine is None
    wanted = [cell and cell.replace('"', quote) for cell in cells.values()]
    assert [row["a"] for row in make.rows(found.bronze)] == wanted


@pytest.mark.parametrize("row", [rb'"abc"\"d,1', b"x,1\\", rb'"a\\"b,1', rb'"a" \,1'])
def test_what_an_escape_does_not_mend(make: Any, two: Any, row: bytes) -> None:
    form = CsvFormat(escape="\\")
    found = make.conform(make.contract(two, format=form), b"a,b\n" + row + b"\ny,2\n").tables["t"]
    assert make.refused(found.quarantine) == [(1, ["malformed_quote"])]
    assert [r["a"] for r in make.rows(found.bronze)] == ["y"]


def test_ragged_rows_are_counted_with_the_escape(make: Any, two: Any) -> None:
    found = make.conform(
        make.contract(two, format=CsvFormat(escape="\\")), b'a,b\nx\\,y,1\nx\\,1\n"p\\",q",2\nz,3,4\n'
    ).tables["t"]
    assert make.refused(found.quarantine) == [(2, ["ragged"]), (4, ["ragged"])]
    assert [r["a"] for r in make.rows(found.bronze)] == ["x,y", 'p",q']


def test_an_escape_is_never_half_of_a_gb18030_character(make: Any, two: Any) -> None:
    form = CsvFormat(encoding="gb18030", escape="\\", delimiter="|")
    payload = 'a|b\n"乗"|1\n"誠\\""|2\n'.encode("gb18030")
    assert b"\x81\\" in payload
    found = make.conform(make.contract(two, format=form), payload).tables["t"]
    assert [r["a"] for r in make.rows(found.bronze)] == ["乗", '誠"']


@pytest.mark.parametrize("header", [b'"a"x,b', b'"a" ,b', b' "a",b'])
def test_a_header_no_two_readers_read_alike(make: Any, two: Any, header: bytes) -> None:
    caught = make.refusal(make.contract(two), header + b"\nx,1\n")
    assert caught.rule == "malformed_quote"
    assert "the header line of the file has text beside a quoted name" in caught.message


def test_a_header_with_an_escape(make: Any) -> None:
    table = make.table(make.column("a", source='a "b"'), make.column("b", source=r"C:\d"))
    payload = b'"a \\"b\\"","C:\\d"\nx,y\n'
    found = make.conform(make.contract(table, format=CsvFormat(escape="\\")), payload).tables["t"]
    assert make.rows(found.bronze) == [{"a": "x", "b": "y"}]


@pytest.mark.parametrize("escape", ['"', ",", "e", "\n", "\\\\", "、"])
def test_escapes_that_cannot_be(escape: str) -> None:
    with pytest.raises(ValidationError):
        CsvFormat(escape=escape)
