"""Blanks: gone from around every value in every format before anything else is done to it, unless declared kept."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import duckdb
import pyarrow as pa
import pytest

from ingestion.contract.extension import CsvFormat, FixedWidthFormat, JsonFormat, XlsxFormat, XmlFormat, ZipFormat
from ingestion.contract.model import Table
from ingestion.machine.extensions import load
from ingestion.values.blanks import BLANKS

AROUND = ["\t", " ", "\u3000", "\xa0", "\ufeff", "\u2003\u3000", "\x85", "\u2028"]
NOT_BLANK = ["\u200b", "\u2060"]
Texts = list[tuple[str, str]]


def _json(texts: Texts) -> list[str]:
    return [json.dumps({"a": a, "b": b}, ensure_ascii=False) for a, b in texts]


def _csv(texts: Texts) -> bytes:
    return ("a,b\r\n" + "".join(f'"{a}","{b}"\r\n' for a, b in texts)).encode()


def _fixed(texts: Texts) -> bytes:
    return "".join(f"{a}{' ' * (12 - len(a))}{b}{' ' * (12 - len(b))}\n" for a, b in texts).encode()


def _fixed_format(min_length: int, fields: dict[str, Any]) -> FixedWidthFormat:
    return FixedWidthFormat.model_validate({"min_length": min_length, "positions": "characters", "fields": fields})


def _zip(texts: Texts) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("t.txt", _csv(texts))
    return buffer.getvalue()


def _xml(texts: Texts) -> bytes:
    return f"<R>{''.join(f'<Row><a>{escape(a)}</a><b>{escape(b)}</b></Row>' for a, b in texts)}</R>".encode()


def _xlsx(texts: Texts) -> bytes:
    rows = pa.table({"a": [a for a, _ in texts], "b": [b for _, b in texts]})
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        load(connection, "excel")
        connection.register("rows", rows)
        path = Path(folder) / "book.xlsx"
        connection.execute(f"copy rows to '{path}' (format xlsx, header true)")
        return path.read_bytes()


WIDE = {"a": {"start": 1, "width": 12}, "b": {"start": 13, "width": 12}}
FORMATS: dict[str, tuple[Any, Callable[[Texts], bytes]]] = {
    "csv": (CsvFormat(), _csv),
    "zip": (ZipFormat(), _zip),
    "ndjson": (JsonFormat(type="ndjson"), lambda texts: "\n".join(_json(texts)).encode()),
    "json": (JsonFormat(type="json"), lambda texts: f"[{','.join(_json(texts))}]".encode()),
    "xml": (XmlFormat(records="/R/Row"), _xml),
    "xlsx": (XlsxFormat(), _xlsx),
    "fixed_width": (_fixed_format(24, WIDE), _fixed),
}


def _with_words(spec: Any, *words: str) -> Any:
    if isinstance(spec, ZipFormat):
        return spec.model_copy(update={"member": spec.member.model_copy(update={"null_values": list(words)})})
    return spec.model_copy(update={"null_values": list(words)})


def _conform(make: Any, form: str, texts: Texts, *columns: Any, words: tuple[str, ...] = ("",)) -> Any:
    spec, written = FORMATS[form]
    table: Table = make.table(*columns, source="t.txt")
    return make.conform(make.contract(table, format=_with_words(spec, *words)), written(texts)).tables["t"]


@pytest.mark.parametrize("form", FORMATS)
def test_surrounding_blanks_go_inner_ones_stay_and_blank_is_missing(make: Any, form: str) -> None:
    texts = [(f"{blank}中{blank}a{blank}", f"{blank}-5{blank}") for blank in AROUND]
    texts += [(mark + "x", "1") for mark in NOT_BLANK]
    texts += [(blank, "2") for blank in AROUND] + [(f"z{n}", blank) for n, blank in enumerate(AROUND)]
    found = _conform(make, form, texts, make.column("a", required=True), make.column("b", "BIGINT"))
    assert [(row["a"], row["b"]) for row in make.rows(found.bronze)] == [
        *((f"中{blank}a", -5) for blank in AROUND), *((mark + "x", 1) for mark in NOT_BLANK),
        *((f"z{n}", None) for n in range(len(AROUND))),
    ]  # fmt: skip
    blank_rows = range(len(AROUND) + len(NOT_BLANK) + 1, 2 * len(AROUND) + len(NOT_BLANK) + 1)
    assert make.refused(found.quarantine) == [(n, ["a.required"]) for n in blank_rows]


@pytest.mark.parametrize("form", FORMATS)
def test_keys_pseudonyms_codes_words_and_rules_see_no_blanks(make: Any, form: str) -> None:
    person = make.deidentify("pseudonym", purpose="food")
    columns = make.column("a", deidentify=person), make.column("b", missing=["-"], allowed=("甲", " 乙 "))
    texts = [
        ("X9", "甲"),
        ("X9\t", "甲\u3000"),
        ("\ufeffX9", "\xa0乙"),
        ("y", "\t-\t"),
        ("z", "\u3000N/A"),
        ("w", "N/A"),
    ]
    found = _conform(make, form, texts, *columns, words=("", "N/A"))
    rows = make.rows(found.bronze)
    assert (found.quarantined, found.duplicates) == (0, 1)
    assert len({row["a"] for row in rows}) == 4
    assert sorted(str(row["b"]) for row in rows) == sorted(["甲", "乙", "None", "None", "None"])


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "fixed_width"])
def test_a_column_may_keep_its_blanks_but_not_only_blanks(make: Any, form: str) -> None:
    columns = make.column("a", blanks="keep"), make.column("b")
    texts = [("\u3000x ", "\u3000x "), ("\u3000 ", "1"), ("N/A ", "2"), ("N/A", "3")]
    rows = make.rows(_conform(make, form, texts, *columns, words=("", "N/A")).bronze)
    assert rows == [
        {"a": "\u3000x ", "b": "x"}, {"a": None, "b": "1"}, {"a": "N/A ", "b": "2"}, {"a": None, "b": "3"},
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "ndjson", "xml", "xlsx"])
def test_a_format_may_keep_blanks_of_texts_and_a_column_trim_them(make: Any, form: str) -> None:
    spec, written = FORMATS[form]
    for b, value in ((make.column("b", "BIGINT"), 5), (make.column("b", blanks="trim"), "5")):
        contract = make.contract(make.table(make.column("a"), b), format=spec.model_copy(update={"trim": False}))
        rows = make.rows(make.conform(contract, written([(" x ", "\u30005 ")])).tables["t"].bronze)
        assert rows == [{"a": " x ", "b": value}]


def test_fixed_width_fields_keep_theirs(make: Any) -> None:
    spec = _fixed_format(6, {"a": {"start": 1, "width": 6, "blanks": "keep"}})
    found = make.conform(make.contract(make.table(make.column("a")), format=spec), "\u3000x    \n      \n".encode())
    assert make.rows(found.tables["t"].bronze) == [{"a": "\u3000x    "}, {"a": None}]


@pytest.mark.parametrize("null_values", [[], ["NA"]])
def test_an_empty_value_is_missing_whatever_the_null_words(make: Any, null_values: list[str]) -> None:
    table = make.table(make.column("a", required=True), make.column("b"))
    for spec, payload in (
        (CsvFormat(null_values=null_values), b'a,b\n"",1\nx,\n'),
        (JsonFormat(type="ndjson", null_values=null_values), b'{"a":"","b":"1"}\n{"a":"x","b":""}\n'),
    ):
        found = make.conform(make.contract(table, format=spec), payload).tables["t"]
        assert make.refused(found.quarantine) == [(1, ["a.required"])]
        assert make.rows(found.bronze) == [{"a": "x", "b": None}]


def test_moments_and_eras_have_no_blanks_around_them(make: Any) -> None:
    table = make.table(
        make.column("d", "DATE"), make.column("e", "DATE", format="era_jp"), make.column("t", "TIMESTAMP"),
        make.column("x", "TIMESTAMP", format="excel_serial"), make.column("g", "INTEGER", format="gtfs_time"),
        make.column("f", "BOOLEAN"),
    )  # fmt: skip
    values = ["2026-03-02", "令和8年3月2日", "2026-03-02 08:00:00", "46083.5", "25:00:01", "true"]
    for blank in BLANKS.replace("\n", "").replace("\r", ""):
        line = ",".join(f"{blank}{value}{blank}" for value in values)
        found = make.conform(make.contract(table), f"d,e,t,x,g,f\n{line}\n".encode()).tables["t"]
        assert found.rules == {}, repr(blank)
        (row,) = make.rows(found.bronze)
        assert (str(row["d"]), str(row["e"]), row["g"], row["f"]) == ("2026-03-02", "2026-03-02", 90001, True)


def test_headers_have_no_blanks_around_their_names(make: Any) -> None:
    table = make.table(make.column("a"), make.column("b"), repeated_headers=({},))
    payload = "\ufeff\u3000a\t,\xa0b\ufeff\n1,2\n a\u3000,\ufeffb\n".encode()
    found = make.conform(make.contract(table), payload).tables["t"]
    assert make.rows(found.bronze) == [{"a": "1", "b": "2"}]
    assert make.refused(found.quarantine) == [(2, ["repeated_header"])]
