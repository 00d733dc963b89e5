"""Over random dirty bytes every record is counted once; over clean ones the csv module agrees."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.contract.extension import CsvFormat
from ingestion.errors import DeliveryRefused
from ingestion.parsers import records
from tests.support.examples import a_part

SETTINGS = settings(max_examples=a_part(0.25), suppress_health_check=[HealthCheck.function_scoped_fixture])
PIECES = [
    b"a",
    b"1",
    b"22",
    b",",
    b",",
    b",",
    b'"',
    b'""',
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b" ",
    b"\x00",
    b"\xff",
    b"\xe4\xb8\xad",
    b"-",
    b".5",
    b"x,1\n",
    b'"q,\n",2\n',
]


@pytest.fixture(params=[None, 7, 64])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int | None:
    if request.param:
        monkeypatch.setattr(records, "CHUNK", request.param)
    return request.param  # type: ignore[no-any-return]


@SETTINGS
@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=60),
    encoding=st.sampled_from(["utf-8", "gb18030", "windows-1252"]),
)
def test_every_record_is_counted_once(make: Any, chunk: int | None, pieces: list[bytes], encoding: str) -> None:
    table = make.table(make.column("a"), make.column("b", "INTEGER", primary_key=1))
    contract = make.contract(table, format=CsvFormat(encoding=encoding), empty="no_data")
    payload = b"a,b\n" + b"".join(pieces)
    with tempfile.TemporaryDirectory() as folder:
        make.folder = Path(folder)
        try:
            found = make.conform(contract, payload, max_record_bytes=100).tables["t"]
        except DeliveryRefused as refusal:
            assert refusal.rule in ("unterminated_quote", "encoding")
            return
        assert found.received == found.accepted + found.quarantined + found.duplicates
        assert found.accepted == len(make.rows(found.bronze))
        quarantine = make.rows(found.quarantine)
        assert found.quarantined == len(quarantine)
        assert len({row["record"] for row in quarantine}) == len(quarantine)
        for row in quarantine:
            assert row["rules"]
            piece = payload[row["byte_offset"] :][: row["byte_length"]]
            assert piece.decode(encoding, "backslashreplace").replace("\x00", "\\x00") == row["original_text"]


CELL = st.text(alphabet=st.sampled_from('ab中,"\n é;0'), max_size=8).filter(lambda cell: cell == cell.strip())


@SETTINGS
@given(rows=st.lists(st.tuples(CELL, st.integers(-(2**31), 2**31 - 1)), max_size=20), quoting=st.sampled_from([0, 1]))
def test_clean_input_reads_as_the_csv_module_reads_it(make: Any, chunk: int | None, rows: Any, quoting: int) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(["a", "b", "n"])
    writer.writerows((a, b, i) for i, (a, b) in enumerate(rows))
    table = make.table(make.column("a"), make.column("b", "BIGINT"), make.column("n", "INTEGER", primary_key=1))
    expected = [
        {"a": a or None, "b": int(b), "n": int(n)}
        for a, b, n in list(csv.reader(io.StringIO(text.getvalue(), newline="")))[1:]
    ]
    with tempfile.TemporaryDirectory() as folder:
        make.folder = Path(folder)
        found = make.conform(make.contract(table, empty="no_data"), text.getvalue().encode()).tables["t"]
        assert sorted(make.rows(found.bronze), key=lambda row: row["n"]) == expected
        assert (found.quarantined, found.duplicates) == (0, 0)


@SETTINGS
@given(rows=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), max_size=60))
def test_duplicates_and_conflicts_are_those_of_a_dictionary(make: Any, chunk: int | None, rows: Any) -> None:
    first: dict[int, int] = {}
    expected = [0, 0]
    for key, value in rows:
        if first.setdefault(key, value) != value:
            expected[1] += 1
        elif key in first:
            expected[0] += 1
    table = make.table(make.column("k", "INTEGER", primary_key=1), make.column("v", "INTEGER"))
    payload = "k,v\n" + "".join(f"{k},{v}\n" for k, v in rows)
    with tempfile.TemporaryDirectory() as folder:
        make.folder = Path(folder)
        found = make.conform(make.contract(table, empty="no_data"), payload.encode()).tables["t"]
        assert {row["k"]: row["v"] for row in make.rows(found.bronze)} == first
        assert found.duplicates == expected[0] - len(first)
        assert found.rules.get("key_conflict", 0) == expected[1]
