"""Drafts from samples: what is detected, how it is marked, and that every draft loads as it is."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.authoring.draft import draft
from ingestion.authoring.sample import read_sample
from ingestion.contract.extension import CsvFormat, JsonFormat, XmlFormat, ZipFormat
from ingestion.contract.load import load_contract
from ingestion.contract.model import Column, Contract, Table
from ingestion.contract.sources import FileDrop
from ingestion.contract.table_formats import ParquetFormat
from ingestion.errors import ContractError
from tests.support.examples import a_part

Drafter = Callable[..., tuple[str, Contract]]


@pytest.fixture
def drafted(tmp_path: Path) -> Drafter:
    """Writes bytes as a sample file; gives the draft's text and the contract it loads as."""

    def run(data: str | bytes, name: str = "sample_20260302.csv", encoding: str = "utf-8") -> tuple[str, Contract]:
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode(encoding))
        text = draft(path, department="office", feed="visit")
        out = tmp_path / "visit.yaml"
        out.write_text(text, encoding="utf-8")
        return text, load_contract(out)

    return run


def _table(contract: Contract) -> Table:
    (table,) = contract.tables
    return table


def _column(contract: Contract, name: str) -> Column:
    return _table(contract).column(name)


ROWS = "\n".join(f"{n},S{n % 7},2026-03-{n % 28 + 1:02d},{n / 4},NA,x" for n in range(1, 60))


def test_csv_types_key_event_time_and_null_codes(drafted: Drafter) -> None:
    rows = ROWS.replace("8,S1,2026-03-09,2.0,NA,x", "8,S1,2026-03-09,2.0,3.5,x")
    text, contract = drafted(f"visitId,station,day,value,wind,kind\n{rows}\n")
    table = _table(contract)
    types = {c.name: c.type for c in table.columns}
    assert types == {
        "visit_id": "VARCHAR",
        "station": "VARCHAR",
        "day": "DATE",
        "value": "DOUBLE",
        "wind": "DOUBLE",
        "kind": "VARCHAR",
    }
    assert (table.key, table.event_time) == (("visit_id",), "day")
    assert isinstance(contract.citylake.format, CsvFormat)
    assert contract.citylake.format.null_values == ["", "NA"]
    assert contract.citylake.source.path == "office/visit/sample_{interval:%Y%m%d}*.csv"
    assert "primaryKey: true  # guess: unique over all 59 rows" in text
    assert "# decide: snapshot, interval (with correction) or events" in text


@pytest.mark.parametrize(
    ("encoding", "declared", "reason"),
    [
        ("utf-8", "utf-8", "decodes strictly as UTF-8"),
        ("utf-8-sig", "utf-8", "byte order mark"),
        ("gb18030", "gb18030", "100% of the bytes above 127 come in pairs"),
    ],
)
def test_encodings_of_chinese_text(drafted: Drafter, encoding: str, declared: str, reason: str) -> None:
    text, contract = drafted("编号,名称\nA1,中山市石岐区粥店\nA2,小榄镇面馆\n", encoding=encoding)
    assert isinstance(contract.citylake.format, CsvFormat)
    assert contract.citylake.format.encoding == declared
    assert reason in text
    assert [(c.name, c.source, c.title) for c in _table(contract).columns] == [
        ("id", "编号", "编号"),
        ("name", "名称", "名称"),
    ]


def test_gb18030_characters_of_four_bytes(drafted: Drafter) -> None:
    """Their bytes above 127 stand alone, as accents do, but not everywhere where Windows-1252 has letters."""
    _, contract = drafted("\u3447\u34ce\n\u0081\u008d\n".encode("gb18030") * 3)
    assert contract.citylake.format.encoding == "gb18030"  # type: ignore[union-attr]


def test_a_json_sample_with_a_byte_of_no_encoding(drafted: Drafter) -> None:
    with pytest.raises(ContractError, match="starts like JSON and is not"):
        drafted(b'{"data": [{"a": "\x81\xff"}]}', "s.json")


def test_windows_1252_is_not_taken_for_gb18030(drafted: Drafter) -> None:
    _, contract = drafted("id,name\n1,TROPISUEÑO\n2,KIÊN THANH\n3,Café\n", encoding="windows-1252")
    assert isinstance(contract.citylake.format, CsvFormat)
    assert contract.citylake.format.encoding == "windows-1252"


@pytest.mark.parametrize(("delimiter", "name"), [("\t", "s.tsv"), (";", "s.csv"), ("|", "s.txt")])
def test_delimiters(drafted: Drafter, delimiter: str, name: str) -> None:
    lines = [delimiter.join(("id", "a", "b"))] + [delimiter.join((str(n), f"x, {n}", "1.5")) for n in range(9)]
    _, contract = drafted("\n".join(lines), name)
    assert isinstance(contract.citylake.format, CsvFormat)
    assert contract.citylake.format.delimiter == delimiter
    assert [c.name for c in _table(contract).columns] == ["id", "a", "b"]


@pytest.mark.parametrize(
    ("values", "kind", "form"),
    [
        (["20260301", "20260302"], "DATE", "%Y%m%d"),
        (["2026/03/01", "2026/12/31"], "DATE", "%Y/%m/%d"),
        (["31/12/2026", "01/02/2026"], "DATE", "%d/%m/%Y"),
        (["2026年03月01日", "2026年12月31日"], "DATE", "%Y年%m月%d日"),
        (["2026-03-01T09:30:00+08:00", "2026-03-01T09:31:00Z"], "TIMESTAMPTZ", "iso"),
        (["2026-03-01 09:30:00.25", "2026-03-01 10:00"], "TIMESTAMPTZ", "iso"),
        (["2026/3/1 9:30", "2026/12/1 19:05"], "TIMESTAMPTZ", "%Y/%m/%d %H:%M"),
        (["1", "22"], "INTEGER", None),
        (["1", "3000000000"], "BIGINT", None),
        (["1.5", "-2e3"], "DOUBLE", None),
        (["007", "123"], "VARCHAR", None),
        (["12345678901234567890", "2"], "VARCHAR", None),
        (["true", "False"], "BOOLEAN", None),
        (["23:59:00", "24:10:00"], "INTEGER", "gtfs_time"),
        (["13:59:00", "04:10:00"], "VARCHAR", None),
        (["", ""], "VARCHAR", None),
    ],
)
def test_types(drafted: Drafter, values: list[str], kind: str, form: str | None) -> None:
    _, contract = drafted("id,thing,word\n" + "".join(f"k{n},{v},w\n" for n, v in enumerate(values * 3)))
    (column,) = (c for c in _table(contract).columns if c.source == "thing")
    assert (column.type, column.spec.format) == (kind, form)


def test_far_codes_are_missing_values(drafted: Drafter) -> None:
    text, contract = drafted("id,temp\n" + "".join(f"k{n},{n if n % 5 else 999999}\n" for n in range(1, 40)))
    assert _column(contract, "temp").spec.missing == [999999]
    assert "far outside the other values" in text


def test_pairs_and_sequences_as_key(drafted: Drafter) -> None:
    rows = "".join(f"t{trip},s{stop},{stop}\n" for trip in range(6) for stop in range(6))
    text, contract = drafted("trip_id,stop_id,stop_sequence\n" + rows)
    assert _table(contract).key == ("trip_id", "stop_sequence")
    assert "unique together over all 36 rows" in text


def test_identical_rows_are_repeats_and_do_not_spoil_the_key(drafted: Drafter) -> None:
    text, contract = drafted("id,v\n" + "".join(f"k{n},{n % 3}\n" for n in [1, 2, 3, 4, 5, 5]))
    assert _table(contract).key == ("id",)
    assert "over all 6 rows, 1 of them repeats" in text


def test_no_key_is_said_so(drafted: Drafter) -> None:
    text, contract = drafted("a,b\n1,x\n1,x\n1,y\n1,y\n2,x\n2,\n")
    assert _table(contract).key == ()
    assert "no set of up to three columns is unique in the sample" in text


def test_time_in_four_columns_becomes_one_derived_column(drafted: Drafter) -> None:
    rows = "".join(f"{d * 24 + h + 1},2026,3,{d + 1},{h},Dongsi,{h / 2}\n" for d in range(3) for h in range(24))
    _, contract = drafted("No,year,month,day,hour,station,pm\n" + rows)
    table = _table(contract)
    assert table.key == ("station", "observed_at")
    assert table.event_time == "observed_at"
    assert table.column("observed_at").transform == "make_timestamptz(year, month, day, hour, 0, 0, 'Asia/Shanghai')"


CITIZEN = ["442000199001011233", "442000198506153320", "11010519491231002X", "360426199101010071"]


def test_personal_columns_by_check_digit_and_pattern(drafted: Drafter) -> None:
    rng = random.Random(7)
    lines = ["a,b,c,d,uniform_code,e"]
    codes = ["91110000600037341L", "91442000MA4W000110", "92442000MA4X12347C", "12442000456074104Y"]
    for n in range(40):
        phone = f"1{rng.choice('3578')}{rng.randrange(10**9):09d}"
        lines.append(f"{n},{CITIZEN[n % 4]},{phone},p{n}@example.invalid,{codes[n % 4]},{CITIZEN[n % 4][:10]}****1233")
    text, contract = drafted("\n".join(lines))
    methods = {c.name: c.spec.deidentify.method for c in _table(contract).columns if c.spec.deidentify}
    assert methods == {"b": "pseudonym", "c": "pseudonym", "d": "pseudonym", "e": "pseudonym"}
    assert "values look like citizen id" in text
    assert [(r.check, r.column, r.severity) for r in _table(contract).rules] == [("uscc", "uniform_code", "flag")]
    assert not any(value in text for value in (*CITIZEN, "@example.invalid,", "1233"))


def test_personal_columns_by_header_words(drafted: Drafter) -> None:
    _, contract = drafted(
        "许可证编号,法定代表人,contactName,家庭住址,operator\n" + "".join(f"A{n},甲,乙,丙,丁\n" for n in range(5))
    )
    methods = {c.source: c.spec.deidentify.method for c in _table(contract).columns if c.spec.deidentify}
    assert methods == {
        "许可证编号": "pseudonym",  # it may number the people of this table
        "法定代表人": "pseudonym",
        "contactName": "pseudonym",
        "家庭住址": "drop",
        "operator": "pseudonym",
    }


def test_ndjson_paths(drafted: Drafter) -> None:
    lines = "".join(
        json.dumps({"id": f"k{n}", "at": "2026-03-02T09:30:00+08:00", "who": {"badge": n, "odd key": 1}}) + "\n"
        for n in range(12)
    )
    _, contract = drafted(lines, "visit_20260302.ndjson")
    assert isinstance(contract.citylake.format, JsonFormat)
    assert {c.name: c.spec.path for c in _table(contract).columns} == {
        "id": "$.id",
        "at": "$.at",
        "who_badge": "$.who.badge",
        "who_odd_key": '$.who."odd key"',
    }
    assert (_table(contract).key, _table(contract).event_time) == (("id",), "at")


def test_json_document_with_records_and_lists(drafted: Drafter) -> None:
    records = [{"LEI": {"$": f"L{n}"}, "Name": [{"$": "a"}] if n % 2 else {"$": "b"}} for n in range(8)]
    text, contract = drafted(json.dumps({"meta": [1], "data": {"records": records}}), "lei.json")
    assert isinstance(contract.citylake.format, JsonFormat)
    assert (contract.citylake.format.type, contract.citylake.format.records) == ("json", "$.data.records")
    assert {c.name: c.spec.path for c in _table(contract).columns} == {"lei": '$.LEI."$"', "name": "$.Name"}
    assert "now one value, now a list: kept as JSON text" in text


def test_json_array_of_records(drafted: Drafter) -> None:
    _, contract = drafted(json.dumps([{"id": n, "v": n / 2} for n in range(5)], indent=1), "a.json")
    assert isinstance(contract.citylake.format, JsonFormat)
    assert contract.citylake.format.records == "$"
    assert _table(contract).key == ("id",)


def test_xml_document(drafted: Drafter) -> None:
    rows = "".join(
        f'<v:Visit id="V{n:03}" xsi:type="x"><v:day>2026-03-{n % 28 + 1:02}</v:day><v:by v:no="{n}">石岐</v:by>'
        f"<v:where>{'<v:x>1.5</v:x>' if n % 2 else ''}</v:where>{'<v:phone>1</v:phone>' * (n % 3)}</v:Visit>"
        for n in range(120)
    )
    spaces = 'xmlns:v="urn:v" xmlns:u="urn:unused" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    _, contract = drafted(f"<v:All {spaces}><v:Head><v:n>1</v:n></v:Head><v:Rows>{rows}</v:Rows></v:All>", "a.xml")
    form = contract.citylake.format
    assert isinstance(form, XmlFormat)
    assert (form.records, form.namespaces, form.encoding) == ("/v:All/v:Rows/v:Visit", {"v": "urn:v"}, "declared")
    columns = {c.source: (c.type, c.required, c.spec.repeated) for c in _table(contract).columns}
    assert columns == {
        "@id": ("VARCHAR", True, "refuse"),
        "v:day": ("DATE", True, "refuse"),
        "v:by": ("VARCHAR", True, "refuse"),
        "v:by/@v:no": ("INTEGER", True, "refuse"),
        "v:where/v:x": ("DOUBLE", False, "refuse"),
        "v:phone": ("VARCHAR", False, "list"),
    }


def test_the_start_of_a_long_xml_document(drafted: Drafter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.authoring.sample.SAMPLE_BYTES", 1000)
    monkeypatch.setattr("ingestion.parsers.xml_text.CHUNK", 500)
    monkeypatch.setattr("ingestion.authoring.sample._encoded.__defaults__", (1000,))
    rows = "".join(f"<r><k>k{n}</k><v>{n}</v></r>" for n in range(500))
    text, contract = drafted(f"<a>{rows}</a>", "b.xml")
    assert "unique over the first" in text
    assert [c.source for c in _table(contract).columns] == ["k", "v"]


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_zip_gives_a_table_per_member(drafted: Drafter) -> None:
    data = _zip(
        {
            "stops.txt": b"stop_id,stop_name\n" + b"".join(b"%d,Stop\n" % n for n in range(9)),
            "calendar_dates.txt": b"service_id,date\n" + b"".join(b"w,202603%02d\n" % n for n in range(1, 9)),
            "readme.md": b"hello",
            "empty.txt": b"",
            "notes.txt": b"Below is a list of the changes in this release.\n* one, two\n* three\n",
        }
    )
    text, contract = drafted(data, "gtfs_20260302.zip")
    assert isinstance(contract.citylake.format, ZipFormat)
    assert {t.name: (t.source, t.key) for t in contract.tables} == {
        "stops": ("stops.txt", ("stop_id",)),
        "calendar_dates": ("calendar_dates.txt", ("service_id", "date")),
    }
    assert "# left out: readme.md: not delimited text" in text
    assert "# left out: empty.txt: empty" in text
    assert "# left out: notes.txt: cannot be read as a table" in text


def _parquet(columns: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def test_parquet_columns_are_typed_by_their_texts(drafted: Drafter) -> None:
    days = [date(2026, 3, day) for day in range(1, 29)]
    columns = {"persons": range(28), "visited_on": days, "site": ['a "b", c\nd'] * 28, "fee": [None, *[1.5] * 27]}
    _, contract = drafted(_parquet({name: pa.array(values) for name, values in columns.items()}), "v_20260302.parquet")
    assert isinstance(contract.citylake.format, ParquetFormat)
    assert isinstance(contract.citylake.source, FileDrop)
    assert contract.citylake.source.path == "office/visit/v_{interval:%Y%m%d}*.parquet"
    assert {column.name: column.type for column in _table(contract).columns} == {
        "persons": "INTEGER", "visited_on": "DATE", "site": "VARCHAR", "fee": "DOUBLE",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"PAR1 and no more", "its end is missing"),
        (_parquet({"a": [[1]]}), "nested or bytes: 'a'"),
        (_parquet({"a": pa.array([], pa.string())}), "has no rows"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "is an HTML page"),
        (b"<?xml version='1.0'?>\n<html><body/></html>", "is an HTML page"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a><b/></a>", "it has a DOCTYPE"),
        (b"<a><b><c>1</c></a>", "starts like XML and is not"),
        (b"<a><b><c>1</c></b></a>", "no element with parts is there more than once"),
        (b"<?xml version='1.0' encoding='big5'?><a/>", "declares the encoding 'big5'"),
        (b"<n>" * 200, "nests elements more than"),
        (b"\x1f\x8b\x08abc", "compressed, binary"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"a,b\n1,\x00\n", "NUL characters"),
        (b'{"a": [1, 2', "starts like JSON and is not"),
        (b'{"a": 1,\n "b": 2}', "without a list of objects"),
        (b"PK\x03\x04 broken", "damaged or encrypted ZIP"),
        (_zip({"[Content_Types].xml": b"<x/>"}), "Office document"),
        (_zip({"a/b.txt": b"a,b\n1,2\n"}), "without delimited text members"),
    ],
)
def test_what_is_no_sample_is_refused_with_a_reason(tmp_path: Path, data: bytes, expected: str) -> None:
    path = tmp_path / "sample.bin"
    path.write_bytes(data)
    with pytest.raises(ContractError, match=expected):
        draft(path, department="office", feed="visit")


@pytest.mark.parametrize(("department", "feed"), [("Office", "visit"), ("office", "visit-1")])
def test_names_are_checked_first(tmp_path: Path, department: str, feed: str) -> None:
    with pytest.raises(ContractError, match="lower-case letters"):
        draft(tmp_path / "none.csv", department=department, feed=feed)


def test_a_large_file_is_read_only_at_its_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.authoring.sample.SAMPLE_BYTES", 1000)
    path = tmp_path / "big.csv"
    path.write_text("id,v\n" + "".join(f"k{n},{n}\n" for n in range(500)))
    sample = read_sample(path)
    monkeypatch.setattr("ingestion.authoring.sample._encoded.__defaults__", (1000,))
    assert "unique over the first" in draft(path, department="office", feed="visit")
    assert sample.kind == "csv"


@settings(max_examples=a_part(0.15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    headers=st.lists(
        st.text(st.characters(exclude_characters=',"\r\n\x00', exclude_categories=["Cs"]), max_size=12),
        min_size=2,
        max_size=5,
    ),
    cell=st.sampled_from(["x", "1", "2026-03-01", "中", "# no", "y: z", "- a", "'", "{b}"]),
)
def test_every_draft_loads_whatever_the_header_says(tmp_path: Path, headers: list[str], cell: str) -> None:
    path = tmp_path / "s.csv"
    lines = [",".join(headers), *(",".join([f"{cell}{n}"] + [cell] * (len(headers) - 1)) for n in range(4))]
    path.write_text("\n".join(lines), encoding="utf-8", newline="")
    try:
        text = draft(path, department="office", feed="visit")
    except ContractError:
        return  # a header that makes the file no table, said so
    out = tmp_path / "visit.yaml"
    out.write_text(text, encoding="utf-8")
    load_contract(out)


@pytest.mark.parametrize(
    "pair",
    [
        lambda i: (f"JY14420{i % 10}{i // 600:07d}{i // 60 % 10}0", f"JY14420{i % 7}{i % 60:07d}{i % 3}0"),
        lambda i: (i // 60 * 7, i % 60 * 1000),
        lambda i: (f"2026-03-{i % 28 + 1:02d}", f"station-number-{i // 28:08d}"),
        lambda i: (f"00000000-0000-{i // 60:04d}-0000-000000000000", f"00000000-0000-{i % 60:04d}-0000-000000000000"),
        lambda i: (i // 60 * (2**64 + 1), i % 60 * (2**64 + 1)),
    ],
    ids=["licences", "numbers", "dates and stations", "uuids", "wide numbers"],
)
def test_pairs_that_tell_rows_apart_are_the_key(drafted: Drafter, pair: Callable[[int], tuple[object, object]]) -> None:
    """Also where DuckDB's own hash gives many of them one hash."""
    rows = [pair(i) for i in range(3_000)]
    assert len(set(rows)) == 3_000
    text, contract = drafted("alpha,beta,kind\n" + "".join(f"{a},{b},x\n" for a, b in rows))
    assert _table(contract).key == ("alpha", "beta")
    assert "unique together over all 3000 rows" in text
    assert "of them repeats" not in text


def test_without_a_key_the_draft_asks_what_repeats_are(drafted: Drafter) -> None:
    asked = "decide: a key, or repeats: keep under tables.visit"
    text, contract = drafted("kind,size\na,\n,1\na,\n,2\n")
    assert (_table(contract).key, _table(contract).repeats) == ((), "drop")
    assert asked in text
    text, contract = drafted("kind,size\na,\nb,1\nb,1\n")
    assert _table(contract).key == ("kind",)
    assert asked not in text
