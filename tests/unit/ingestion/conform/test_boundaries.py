"""What is read does not depend on where a block, piece, buffer or window of records ends, in any format or encoding."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.contract.extension import CsvFormat, JsonFormat, XmlFormat
from ingestion.contract.table_formats import FixedWidthFormat
from ingestion.errors import DeliveryRefused
from ingestion.parsers import block_limits, fixed_width, json_records, records, xml_text
from ingestion.parsers.payload import open_payload
from ingestion.parsers.text import readable_texts

SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 6))


@contextmanager
def sizes(chunk: int, piece: int, most: int) -> Iterator[None]:
    """Readers that look at `chunk` bytes together, read `piece` at a time and give `most` records at once."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (records, "CHUNK"), (json_records, "CHUNK"), (xml_text, "CHUNK"),
            (fixed_width, "CHUNK"), (fixed_width, "CHUNK_REPEATED"),
        ):  # fmt: skip
            patch.setattr(module, name, chunk)
        patch.setattr(block_limits, "READ_BYTES", piece)
        patch.setattr(block_limits, "MAX_RECORDS", most)
        yield


class Reading(NamedTuple):
    """Rows by record number: place, length, rules and text as quarantine would show it, or cells."""

    rows: dict[int, Any]
    refused: bool


def read(make: Any, contract: Any, payload: bytes, *, longest: int = 60) -> Reading:
    """Every record of a payload, or that it is refused whole."""
    found: dict[int, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "payload"
        path.write_bytes(payload)
        limits = make.settings.model_copy(update={"max_record_bytes": longest, "max_document_bytes": 200})
        try:
            for source in open_payload(contract, path, limits, None).sources:  # type: ignore[arg-type]
                for segment in source.segments():
                    block = segment.block
                    assert len(block) <= block_limits.MAX_RECORDS
                    rules: dict[int, set[str]] = {}
                    for rule, rows in segment.refused:
                        for row in rows.tolist():
                            rules.setdefault(row, set()).add(rule)
                    cells = dict(zip(segment.rows.tolist(), segment.columns.to_pylist(), strict=True))
                    assert sorted({*rules, *cells}) == list(range(len(block)))
                    text = readable_texts(block, np.arange(len(block))).to_pylist()
                    for i in range(len(block)):
                        place = None if block.base is None else block.base + int(block.starts[i])
                        what = sorted(rules[i]) if i in rules else cells[i]
                        assert block.first + i not in found
                        found[block.first + i] = (place, int(block.lengths[i]), text[i], what)
        except DeliveryRefused:
            return Reading({}, True)
    return Reading(found, False)


def same(make: Any, contract: Any, payload: bytes, at: tuple[int, int, int]) -> Reading:
    """The reading at production sizes, which must be that at the sizes given."""
    whole = read(make, contract, payload)
    with sizes(*at):
        assert read(make, contract, payload) == whole
    return whole


def mixed(*samples: bytes) -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from(samples), max_size=40).map(b"".join)


HAN = "中㐀𝄞é".encode
CSV_PIECES = (
    b"a", b"b,1", b",", b",", b'"', b'""', b',"', b'",', b'"\n"', b"\n", b"\n", b"\r\n", b"\r", b" ", b"\\", b'\\"',
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"x" * 30, b'"' + b"y\n" * 20 + b'"', b"|", b"\x81|", b"\x81\\",
)  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "windows-1252"])
@pytest.mark.parametrize("dialect", [{}, {"escape": "\\"}, {"delimiter": "|", "escape": "\\"}, {"quote": ""}])
@SETTINGS
@given(body=mixed(*CSV_PIECES, HAN(), "中㐀é".encode("gb18030")), at=SIZES, bom=st.booleans())
def test_delimited(make: Any, encoding: str, dialect: Any, body: bytes, at: Any, bom: bool) -> None:
    form = CsvFormat(encoding=encoding, header=False, **dialect)
    contract = make.contract(make.table(make.column("a"), make.column("b")), format=form)
    same(make, contract, (b"\xef\xbb\xbf" if bom and encoding == "utf-8" else b"") + body, at)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@SETTINGS
@given(
    body=mixed(
        b'{"a":"x"}', b'{"a":"\\"\\\\","b":[{}]}', b'"\\', b"\n", b"\r\n", b"\n", b"1", b"{", b"}", b" ",
        b"\x00", b"\xff", b'{"a":"' + b"z" * 70 + b'"}', '{"a":"中𝄞"}'.encode(), '{"a":"中𝄞"}'.encode("gb18030"),
    ),
    at=SIZES,
)  # fmt: skip
def test_ndjson(make: Any, encoding: str, body: bytes, at: Any) -> None:
    contract = make.contract(make.table(make.column("a")), format=JsonFormat(type="ndjson", encoding=encoding))
    same(make, contract, body, at)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@SETTINGS
@given(
    found=st.lists(
        st.sampled_from([
            '{"a":"x"}', '{"a":"\\"\\\\","b":[{},"]"]}', "1", '{"a":"中𝄞\\ud834\\udd1e"}', '{"a":"' + "z" * 70 + '"}',
            '{"a":"' + '\\"]},' * 20 + '中"}', '  {"a": 1}\r\n ', " " * 80 + "{}" + " " * 80, "", "}", '"', "\x00",
        ]),
        max_size=12,
    ),
    key=st.sampled_from(["data", "d\\u0061ta", "数据", "other"]),
    rest=st.sampled_from(["}", "", ',"n":2}', "," + " " * 250 + '"n":2}', "x"]),
    at=SIZES,
)  # fmt: skip
def test_json_document(make: Any, encoding: str, found: list[str], key: str, rest: str, at: Any) -> None:
    name = "数据" if key == "数据" else "data"
    form = JsonFormat(type="json", encoding=encoding, records=f'$."{name}"')
    contract = make.contract(make.table(make.column("a")), format=form)
    document = f'{{"n":[1,"]"],"{key}":[{",".join(found)}]{rest}'
    same(make, contract, document.encode(encoding), at)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "gbk", "gb2312", "windows-1252", "iso-8859-1", "us-ascii"])
@SETTINGS
@given(
    found=st.lists(
        st.sampled_from([
            "<i><a>x</a></i>", "<i/>", "<i a='1>2'/>", "<i><a>é中</a></i>", "<i><a>" + "z" * 70 + "</a></i>",
            "<!-- > -->", "<?p >?>", "<i><a><![CDATA[</i>]]></a></i>", "<i><a>&#x4e2d;&amp;</a></i>", "<i\n></i\n>",
            "<!--" + "c" * 70 + "-->", "<j><i/></j>", "<i xmlns:q='u'><q:a/></i>", "<i b='" + "é" * 70 + "'/>", "x",
            "<i><a>\r\n</a></i>", "<i",
        ]),
        max_size=10,
    ),
    at=SIZES,
)  # fmt: skip
def test_xml(make: Any, encoding: str, found: list[str], at: Any) -> None:
    form = XmlFormat(records="/r/i", lenient_extra_elements=True)
    contract = make.contract(make.table(make.column("a")), format=form)
    text = f"<?xml version='1.0' encoding='{encoding}'?><r>{''.join(found)}</r>"
    same(make, contract, text.encode(encoding, "xmlcharrefreplace"), at)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "windows-1252"])
@pytest.mark.parametrize("positions", ["bytes", "characters"])
@pytest.mark.parametrize("repeat", [False, True])
@SETTINGS
@given(
    body=mixed(
        b"ab12\n",
        b"\n",
        b"ab",
        b"c\r\n",
        b"\r",
        b"1" * 65,
        b"\x00",
        b"\xff\n",
        "中é㐀\n".encode(),
        "中é㐀\n".encode("gb18030"),
    ),
    at=SIZES,
)
def test_fixed_width(make: Any, encoding: str, positions: str, repeat: bool, body: bytes, at: Any) -> None:
    layout = {"start": 1, "width": 2}
    group: Any = {"start": 2, "width": 2, "count": 3, "index": "n", "fields": {"a": layout}}
    form = FixedWidthFormat(
        encoding=encoding, positions=positions, min_length=2, max_length=30, short="blank",
        **({"repeat": group} if repeat else {"fields": {"a": layout, "n": {"start": 3}}}),
    )  # fmt: skip
    contract = make.contract(make.table(make.column("a"), make.column("n")), format=form)
    same(make, contract, body, at if not repeat else (at[0], at[1], at[2] + 2))


CELLS = st.text(alphabet=st.sampled_from('ab中,"\r\n é;\\\ufeff'), max_size=9)


@SETTINGS
@given(
    table=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=25),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "gb18030"]),
    escape=st.booleans(),
    at=SIZES,
)
def test_delimited_cell_by_cell(
    make: Any, table: Any, quoting: Any, end: str, encoding: str, escape: bool, at: Any
) -> None:
    """Against Python's csv module, for what it writes itself and reads back."""
    facts: Any = {"doublequote": False, "escapechar": "\\"} if escape else {}
    if quoting == csv.QUOTE_MINIMAL:  # the module leaves a return unquoted, and cannot read it back
        table = [[cell.replace("\r", "") for cell in row] for row in table]
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting, lineterminator=end, **facts).writerows(table)
    sent = text.getvalue().removeprefix("\ufeff")  # which would be the file's byte order mark
    form = CsvFormat(encoding=encoding, header=False, escape="\\" if escape else "", null_values=[])
    contract = make.contract(make.table(make.column("a"), make.column("b")), format=form)
    expected = [row for row in csv.reader(io.StringIO(sent, newline=""), **facts) if row]
    found = same(make, contract, sent.encode(encoding), at)
    assert not found.refused
    for (_, length, _, what), (a, b) in zip(found.rows.values(), expected, strict=True):
        if length > 60:
            assert what == ["record_too_long"]
        else:
            assert (what["a"], what["b"]) == (a, b)


@pytest.mark.parametrize("inner", [b"\r\n", b"\r", b"\n", b'""', b"\r\r\n", b'""\r\n""'])
def test_a_quoted_line_end_at_a_megabyte(make: Any, inner: bytes) -> None:
    """Arrow's reader, left to its own blocks of 1 MiB, lost the line feed of a pair, and failed at a return."""
    head = b"id,s\r\n" + b"".join(b'%07d,"%052d"\r\n' % (n, n) for n in range(16_383))
    contract = make.contract(make.table(make.column("id", primary_key=1), make.column("s")))
    for shift in range(-2, 2):
        last = b"z" * (54 + shift) + inner + b"B"
        found = make.conform(contract, head + b'9999999,"' + last + b'"\r\n').tables["t"]
        assert (found.received, found.accepted) == (16_384, 16_384)
        (row,) = [row for row in make.rows(found.bronze) if row["id"] == "9999999"]
        assert row["s"] == last.replace(b'""', b'"').decode()
