"""The value at fault is the text as it was sent, in every format, whatever it holds."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.conform.table import SENT_TEXT
from ingestion.contract.extension import CsvFormat, HeaderVariant, JsonFormat, VariantColumn, XmlFormat, ZipFormat
from ingestion.contract.model import Contract
from ingestion.contract.table_formats import FixedWidthFormat, ParquetFormat, XlsxFormat
from tests.support.workbooks import book, cells
from warehouse.refused.quarantine import read_quarantine
from warehouse.refused.read import _Reader

Found = list[tuple[int, str, str | None, str | None]]


def faults(make: Any, contract: Contract, payload: bytes) -> Found:
    """Record, rule, column and value of every fault."""
    found = make.conform(contract, payload).tables["t"].quarantine
    rows = read_quarantine({"t": [str(found)]}, limit=100, show=True)
    reader = _Reader(contract)
    return [(r.record, f.rule, f.column, f.value) for r in map(reader.row, rows) for f in r.faults]


def test_delimited_text_with_quotes_and_marks(make: Any, two: Any) -> None:
    evil = '=1+1; a="x", b=7'
    text = 'b,a\n"{}",x\n2,ok\n3,"say ""hi"""\n'.format(evil.replace('"', '""'))
    assert faults(make, make.contract(two), text.encode()) == [(1, "b.type", "b", evil)]


def test_another_header_and_encoding(make: Any) -> None:
    variant = HeaderVariant(id="old", columns={"b": VariantColumn(source="数")})
    table = make.table(make.column("a"), make.column("b", "INTEGER"), header_variants=(variant,))
    contract = make.contract(table, format=CsvFormat(encoding="gb18030", delimiter="|"))
    assert faults(make, contract, "数|a\n五|x\n".encode("gb18030")) == [(1, "b.type", "b", "五")]


def test_json_lines_and_documents(make: Any, two: Any) -> None:
    rows = [{"a": "x", "b": "1e"}, {"a": "y", "b": 2}, {"a": "z", "b": 1.5}]
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    expected = [(1, "b.type", "b", "1e"), (3, "b.type", "b", "1.5")]
    assert faults(make, make.contract(two, format=JsonFormat(type="ndjson")), lines) == expected
    document = json.dumps({"data": rows}, indent=2).encode()
    assert faults(make, make.contract(two, format=JsonFormat(type="json", records="$.data")), document) == expected


def test_xml(make: Any) -> None:
    table = make.table(make.column("a"), make.column("b", "INTEGER", path="In/b"))
    contract = make.contract(table, format=XmlFormat(records="/All/R"))
    document = "<All><R><a>x</a><In><b>f&amp;u</b></In></R><R><a>y</a><In><b>3</b></In></R></All>"
    assert faults(make, contract, document.encode()) == [(1, "b.type", "b", "f&u")]


def test_groups_of_one_fixed_width_line_are_told_apart(make: Any) -> None:
    table = make.table(make.column("day"), make.column("n", "INTEGER"), make.column("b", "INTEGER"))
    spec = FixedWidthFormat.model_validate(
        {
            "type": "fixed_width",
            "min_length": 8,
            "fields": {"day": {"start": 1, "width": 2}},
            "repeat": {"start": 3, "width": 2, "count": 3, "index": "n", "fields": {"b": {"start": 1, "width": 2}}},
        }
    )
    assert faults(make, make.contract(table, format=spec), b"01 7x8y9\n") == [
        (2, "b.type", "b", "x8"),
        (3, "b.type", "b", "y9"),
    ]


def test_workbooks(make: Any, two: Any) -> None:
    sheet = cells(("a", "b"), ("x", "zwei"), ("y", 2))
    contract = make.contract(two, format=XlsxFormat(type="xlsx", header_row=1))
    assert faults(make, contract, book(sheet)) == [(1, "b.type", "b", "zwei")]


def test_parquet(make: Any, two: Any) -> None:
    target = io.BytesIO()
    pq.write_table(pa.table({"a": ["x", "y"], "b": ["no", "2"]}), target)
    assert faults(make, make.contract(two, format=ParquetFormat(type="parquet")), target.getvalue()) == [
        (1, "b.type", "b", "no")
    ]


def test_members_of_an_archive(make: Any) -> None:
    table = make.table(make.column("a"), make.column("b", "INTEGER"), source="t.txt")
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("t.txt", "b,a\nsieben,x\n")
    assert faults(make, make.contract(table, format=ZipFormat()), target.getvalue()) == [(1, "b.type", "b", "sieben")]


def test_a_rule_of_several_columns_shows_each_of_them(make: Any) -> None:
    rule = make.rule("order", expression="start_at <= End_At")
    made = make.column("span", "INTEGER", None, transform="end_at - start_at", minimum=0)
    table = make.table(make.column("start_at", "INTEGER"), make.column("end_at", "INTEGER"), made, rules=[rule])
    found = faults(make, make.contract(table), b"start_at,end_at\n9,4\n1,2\n")
    assert found == [
        (1, "span.range", "end_at", "4"),
        (1, "span.range", "start_at", "9"),
        (1, "order", "start_at", "9"),
        (1, "order", "end_at", "4"),
    ]


def test_a_rule_about_the_whole_record_has_no_value(make: Any, two: Any) -> None:
    assert faults(make, make.contract(two), b"a,b\nx\n") == [(1, "ragged", None, None)]
    keyed = make.table(make.column("a", primary_key=1), make.column("b", "INTEGER"))
    assert faults(make, make.contract(keyed), b"a,b\nx,1\nx,2\n") == [(2, "key_conflict", None, None)]


def test_an_empty_value_is_empty_and_a_long_one_is_cut(make: Any) -> None:
    table = make.table(make.column("a", required=True), make.column("b", max_length=3))
    found = faults(make, make.contract(table), f"a,b\n,{'长' * 5000}\n".encode())
    assert found == [(1, "a.required", "a", ""), (1, "b.length", "b", "长" * SENT_TEXT)]


def test_files_of_earlier_versions_have_no_values(make: Any, two: Any) -> None:
    contract = make.contract(two)
    path = make.conform(contract, b"a,b\nx,no\n").tables["t"].quarantine
    pq.write_table(pq.read_table(path).drop_columns(["sent"]), path)
    (row,) = read_quarantine({"t": [str(path)]}, limit=5, show=True)
    assert (row.text, row.sent) == ("x,no", {})
    (fault,) = _Reader(contract).row(row).faults
    assert (fault.column, fault.value) == ("b", None)
