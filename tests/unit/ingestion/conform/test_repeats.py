"""`repeats: keep`: every row is kept, and told apart by the number of its record, in every format."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
import pytest

from ingestion.contract.extension import JsonFormat, XmlFormat, ZipFormat
from ingestion.contract.table_formats import FixedField, FixedWidthFormat, Repeat

VALUES = [1, 1, 2, "x", 1, 2, 1, "x", 3, 3]


def _csv(values: list[Any]) -> bytes:
    return ("v\n" + "".join(f"{v}\n" for v in values)).encode()


def _ndjson(values: list[Any]) -> bytes:
    return "".join(json.dumps({"v": v}) + "\n" for v in values).encode()


def _xml(values: list[Any]) -> bytes:
    return f"<all>{''.join(f'<r><v>{v}</v></r>' for v in values)}</all>".encode()


FORMS: dict[str, tuple[Any, Callable[[list[Any]], bytes]]] = {
    "csv": (None, _csv),
    "ndjson": (JsonFormat(type="ndjson"), _ndjson),
    "xml": (XmlFormat(records="/all/r"), _xml),
}


def _numbers(bronze: Any) -> list[int]:
    return [int(n) for n in pq.ParquetFile(bronze).read()["_record_number"].to_pylist()]


@pytest.mark.parametrize("form", FORMS)
def test_every_row_is_kept_under_its_number(make: Any, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setattr("ingestion.parsers.records.CHUNK", 8)
    spec, write = FORMS[form]
    paths = {"ndjson": "$.v", "xml": "v"}
    table = make.table(make.column("v", "INTEGER", path=paths.get(form)), repeats="keep")
    found = make.conform(make.contract(table, format=spec), write(VALUES)).tables["t"]
    assert (found.received, found.accepted, found.quarantined, found.duplicates) == (10, 8, 2, 0)
    kept = {number: v for number, v in enumerate(VALUES, 1) if v != "x"}
    rows = pq.ParquetFile(found.bronze).read()
    assert dict(zip(_numbers(found.bronze), rows["v"].to_pylist(), strict=True)) == kept
    assert [number for number, _ in make.refused(found.quarantine)] == [4, 8]
    assert rows.column_names == ["v", "_batch_id", "_loaded_at", "_record_number"]

    turned = make.conform(make.contract(table, format=spec), write(VALUES[::-1])).tables["t"]
    fewer = make.conform(make.contract(table, format=spec), write([*VALUES[1:], 3])).tables["t"]
    assert turned.row_hash == found.row_hash
    assert fewer.accepted == found.accepted
    assert fewer.row_hash != found.row_hash


def test_repeats_are_dropped_unless_the_contract_keeps_them(make: Any) -> None:
    found = make.conform(make.contract(make.table(make.column("v", "INTEGER"))), _csv(VALUES)).tables["t"]
    assert (found.received, found.accepted, found.quarantined, found.duplicates) == (10, 3, 2, 5)
    assert pq.ParquetFile(found.bronze).schema_arrow.names == ["v", "_batch_id", "_loaded_at"]


def test_members_of_an_archive_are_numbered_each_for_itself(make: Any) -> None:
    tables = [
        make.table(make.column("v", "INTEGER"), name="a", source="a.csv", repeats="keep"),
        make.table(make.column("v", "INTEGER"), name="b", source="b.csv", repeats="keep"),
        make.table(make.column("v", "INTEGER"), name="c", source="c.csv"),
    ]
    payload = io.BytesIO()
    with zipfile.ZipFile(payload, "w") as archive:
        for name in "abc":
            archive.writestr(f"{name}.csv", _csv([1, 1, 1]))
    found = make.conform(make.contract(*tables, format=ZipFormat()), payload.getvalue()).tables
    assert {name: (t.accepted, t.duplicates) for name, t in found.items()} == {"a": (3, 0), "b": (3, 0), "c": (1, 2)}
    assert _numbers(found["a"].bronze) == _numbers(found["b"].bronze) == [1, 2, 3]


def test_groups_of_a_line_have_numbers_of_their_own(make: Any) -> None:
    group = Repeat(start=3, width=2, count=3, index="n", fields={"v": FixedField(start=1, width=2)})
    form = FixedWidthFormat(fields={"k": FixedField(start=1, width=2)}, repeat=group, min_length=8)
    table = make.table(make.column("k"), make.column("v", "INTEGER"), repeats="keep")
    found = make.conform(make.contract(table, format=form), b"A 1 1 2 \nA 1 1 2 \n").tables["t"]
    assert (found.received, found.accepted, found.duplicates) == (6, 6, 0)
    assert _numbers(found.bronze) == [1, 2, 3, 4, 5, 6]


def test_the_number_stands_before_the_event_day(make: Any) -> None:
    table = make.table(make.column("d", "DATE"), event_time="d", repeats="keep")
    found = make.conform(make.contract(table), b"d\n2026-03-02\n2026-03-02\n").tables["t"]
    assert pq.ParquetFile(found.bronze).schema_arrow.names == [
        "d", "_batch_id", "_loaded_at", "_record_number", "_event_date",
    ]  # fmt: skip
    assert found.days == {"2026-03-02": 2}
