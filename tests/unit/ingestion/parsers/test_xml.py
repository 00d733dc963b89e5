"""XML: what is read and how, and a clear answer for every document that is not what the contract says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ingestion.contract.extension import XmlFormat
from ingestion.errors import DeliveryRefused

ROOT = '<Export xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Head><Count>2</Count></Head><Rows>'
END = "</Rows></Export>"


def xml(**facts: Any) -> XmlFormat:
    return XmlFormat(**{"records": "/Export/Rows/Row", **facts})


@pytest.fixture
def two(make: Any) -> Any:
    return make.table(make.column("a", required=True), make.column("b", "INTEGER"))


def document(*records: str, root: str = ROOT, end: str = END) -> bytes:
    return f'<?xml version="1.0"?>\n{root}{"".join(records)}{end}\n'.encode()


def row(a: str = "x", b: str = "1") -> str:
    return f"<Row><a>{a}</a><b>{b}</b></Row>\n"


def refusal(make: Any, contract: Any, payload: bytes, **settings: Any) -> DeliveryRefused:
    with pytest.raises(DeliveryRefused) as caught:
        make.conform(contract, payload, **settings)
    assert "next:" in str(caught.value)
    assert "bronze is unchanged" in str(caught.value)
    assert not list(make.scratch.glob("*.bronze*"))
    return caught.value


def test_records_counts_quarantine_and_places(make: Any, two: Any) -> None:
    payload = document(row("中山"), row(b="q"), "<Row><b>3</b></Row>", row("x &amp; <![CDATA[<y>]]>", "4"))
    found = make.conform(make.contract(two, format=xml()), payload).tables["t"]
    assert (found.received, found.accepted, found.quarantined) == (4, 2, 2)
    assert make.rows(found.bronze) == [{"a": "中山", "b": 1}, {"a": "x & <y>", "b": 4}]
    assert make.refused(found.quarantine) == [(2, ["b.type"]), (3, ["a.required"])]
    for refused in make.rows(found.quarantine):
        place = refused["byte_offset"]
        assert payload[place : place + refused["byte_length"]].decode() == refused["original_text"]
    assert make.rows(found.quarantine)[1]["original_text"] == "<Row><b>3</b></Row>"


def test_nested_elements_attributes_nil_blanks_and_null_words(make: Any) -> None:
    table = make.table(
        make.column("id", path="@id", primary_key=1),
        make.column("town", path="Address/Town"),
        make.column("lang", path="Address/Town/@lang"),
        make.column("rated", "DATE"),
        make.column("note"),
        make.column("own", path="."),
    )
    payload = document(
        '<Row id="1">\n <Address><Town lang="zh">\n  石岐 <!-- old --> 区\t</Town></Address>'
        '<rated xsi:nil="true" /><note/></Row>',
        '<Row id="2"><Address/><rated>2026-03-02</rated><note>NA</note></Row>',
        '<Row id="3">text</Row>',
    )
    found = make.conform(make.contract(table, format=xml(null_values=["", "NA"])), payload).tables["t"]
    nothing = {"town": None, "lang": None, "rated": None, "note": None, "own": None}
    first, second, third = make.rows(found.bronze)
    assert first == {**nothing, "id": "1", "town": "石岐  区", "lang": "zh"}
    assert (second["rated"].isoformat(), second["note"]) == ("2026-03-02", None)
    assert third == {**nothing, "id": "3", "own": "text"}


def test_repeated_elements(make: Any) -> None:
    table = make.table(
        make.column("id", path="@id", primary_key=1),
        make.column("phone", repeated="list"),
        make.column("kind", path="Kinds/Kind", repeated="first"),
        make.column("name"),
    )
    payload = document(
        '<Row id="1"><phone>1</phone><phone>2</phone><Kinds><Kind>p</Kind><Kind>q</Kind></Kinds><name>n</name></Row>',
        '<Row id="2"><phone>3</phone><name>n</name><name>n</name></Row>',
        '<Row id="3"><Kinds/></Row>',
    )
    found = make.conform(make.contract(table, format=xml()), payload).tables["t"]
    assert make.refused(found.quarantine) == [(2, ["repeated_element"])]
    first, last = make.rows(found.bronze)
    assert (json.loads(first["phone"]), first["kind"]) == (["1", "2"], "p")
    assert (last["phone"], last["kind"]) == (None, None)


@pytest.mark.parametrize("root", ['<e:Export xmlns:e="urn:x"><e:Rows>', '<Export xmlns="urn:x"><Rows>'])
def test_namespaces_are_names_not_prefixes(make: Any, root: str) -> None:
    prefix = "e:" if "e:Export" in root else ""
    end = f"</{prefix}Rows></{prefix}Export>"
    record = f"<{prefix}Row><{prefix}a>x</{prefix}a></{prefix}Row>"
    table = make.table(make.column("a", path="q:a", required=True))
    form = XmlFormat(records="/q:Export/q:Rows/q:Row", namespaces={"q": "urn:x"})
    found = make.conform(make.contract(table, format=form), document(record, root=root, end=end)).tables["t"]
    assert make.rows(found.bronze) == [{"a": "x"}]
    plain = refusal(
        make, make.contract(table, format=xml(namespaces={"q": "urn:x"})), document(record, root=root, end=end)
    )
    assert plain.rule == "xml_records"
    assert "the document has: /{urn:x}Export, /{urn:x}Export/{urn:x}Rows" in plain.message


def test_records_in_several_places_and_of_one_name_inside_each_other(make: Any) -> None:
    table = make.table(make.column("a", required=True))
    payload = b"<R><R a='/'><a>1</a></R><R><a>2</a><R>deep</R></R><W><R/></W></R><!-- <R/> -->"
    form = XmlFormat(records="/R/R", ignored=["R", "@a", "/R/W"])
    found = make.conform(make.contract(table, format=form), payload).tables["t"]
    assert make.rows(found.bronze) == [{"a": "1"}, {"a": "2"}]
    spread = b"<E><W x='1'><R><a>1</a></R></W><W><R><a>2</a></R><R/></W></E>"
    found = make.conform(make.contract(table, format=XmlFormat(records="/E/W/R")), spread).tables["t"]
    assert [r["a"] for r in make.rows(found.bronze)] == ["1", "2"]
    assert make.rows(found.quarantine)[0]["original_text"] == "<R/>"


@pytest.mark.parametrize(
    "record", ["<Row/>", "<Row />", "<Row a='/>'/>", "<Row></Row>", "<Row>/></Row>", '<Row a=">"></Row >']
)
def test_the_end_of_a_record_without_children(make: Any, record: str) -> None:
    table = make.table(make.column("a", path="@a"), make.column("t", path=".", required=True))
    payload = document(record, row_ := "<Row>t</Row>")
    found = make.conform(make.contract(table, format=xml()), payload).tables["t"]
    texts = [r["original_text"] for r in make.rows(found.quarantine)]
    assert found.received == 2
    assert texts in ([record], [])
    assert len(make.rows(found.bronze)) + len(texts) == 2, row_


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_any_chunk_gives_the_same(make: Any, two: Any, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    payload = document(*(row(f"中{i}", str(i)) for i in range(30)), "<Row/>", "<!-- c -->", row("z", "?"))
    whole = make.conform(make.contract(two, format=xml()), payload).tables["t"]
    expected, refused = make.rows(whole.bronze), make.rows(whole.quarantine)
    monkeypatch.setattr("ingestion.parsers.xml_text.CHUNK", chunk)
    found = make.conform(make.contract(two, format=xml()), payload).tables["t"]
    assert (make.rows(found.bronze), make.rows(found.quarantine)) == (expected, refused)
    assert found.row_hash == whole.row_hash


@pytest.mark.parametrize("declared", ["GB2312", "gbk", "GB18030"])
def test_chinese_encodings_as_declared(make: Any, two: Any, declared: str) -> None:
    name = "中山市㐀" if declared == "GB18030" else "中山市"
    rows = row(name) + row("石岐", "?")
    text = f'<?xml version="1.0" encoding="{declared}"?><Export><Rows>{rows}</Rows></Export>'
    found = make.conform(make.contract(two, format=xml()), text.encode("gb18030")).tables["t"]
    assert make.rows(found.bronze) == [{"a": name, "b": 1}]
    (refused,) = make.rows(found.quarantine)
    assert refused["original_text"] == row("石岐", "?").strip()
    assert refused["byte_offset"] is None


def test_the_contract_may_overrule_the_declaration(make: Any, two: Any) -> None:
    payload = b'<?xml version="1.0" encoding="UTF-8"?>' + f"<Export><Rows>{row('中山')}</Rows></Export>".encode(
        "gb18030"
    )
    caught = refusal(make, make.contract(two, format=xml()), payload)
    byte = payload.index("中".encode("gb18030"))
    assert caught.rule == "encoding"
    assert caught.message == f"the XML document is read as utf-8, but byte {byte} cannot be decoded"
    found = make.conform(make.contract(two, format=xml(encoding="gb18030")), payload).tables["t"]
    assert make.rows(found.bronze) == [{"a": "中山", "b": 1}]


GBK = b'<?xml version="1.0" encoding="GBK"?>'


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (GBK + document(row("中山市场"), row("石岐区域"))[22:], "every character outside ASCII is valid UTF-8"),
        (GBK + b"<Export><Rows><Row><a>\xff</a></Row></Rows></Export>", "read as gb18030, but byte 58 cannot"),
        (GBK.replace(b"GBK", b"Big5") + b"<Export/>", "declares the encoding 'big5', which is not read"),
        (b"\xef\xbb\xbf" + GBK + b"<Export/>", "declares gb18030, but begins with the byte order mark"),
        (document(row()).decode().encode("utf-16"), "byte order mark of UTF-16"),
    ],
)
def test_wrong_encodings(make: Any, two: Any, payload: bytes, message: str) -> None:
    caught = refusal(make, make.contract(two, format=xml()), payload)
    assert caught.rule == "encoding"
    assert message in caught.message


LAUGHS = "<!DOCTYPE l [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
) + "]>"  # fmt: skip


@pytest.mark.parametrize(
    "doctype",
    [
        LAUGHS,
        "<!DOCTYPE l [<!ENTITY i SYSTEM 'file:///etc/passwd'>]>",
        "<!DOCTYPE l [<!ENTITY i SYSTEM 'http://127.0.0.1:9/x'>]>",
        f"<!DOCTYPE l [<!ENTITY i '{'a' * 100_000}'>]>",
        "<!DOCTYPE l [<!ENTITY % p SYSTEM 'http://127.0.0.1:9/x.dtd'> %p;]>",
        "<!DOCTYPE Export SYSTEM 'export.dtd'>",
        "<!DOCTYPE Export>",
    ],
    ids=["billion laughs", "file", "network", "quadratic", "parameter entity", "external DTD", "bare"],
)
def test_no_doctype_gets_in(make: Any, two: Any, doctype: str) -> None:
    payload = f"<?xml version='1.0'?>\n{doctype}<Export><Rows>{row('&i;' * 1000)}</Rows></Export>".encode()
    caught = refusal(make, make.contract(two, format=xml()), payload)
    assert caught.rule == "xml_doctype"
    assert "at line 2, column " in caught.message
    assert "nothing after it was read" in caught.message


@pytest.mark.parametrize(
    ("payload", "rule", "message"),
    [
        (b"", "empty", "the file is empty"),
        (document(), "empty", "no records in t"),
        (b"<!DOCTYPE html><html><head><title>Log in</title></head></html>", "html_page", r"HTML page \(Log in\)"),
        (b"PK\x03\x04....", "container", "ZIP archive"),
        (b"a,b\nx,1\n", "xml_malformed", "not well-formed: syntax error at line 1, column 1; 0 whole"),
        (document(row(), row())[:-30], "xml_malformed", r"unclosed token at line 3, column 14; 1 whole"),
        (document(row(), row(), end="</Rows>"), "xml_malformed", "no element found at line 5, column 1; 2 whole"),
        (document(row(), "<Row><a>x</b></Row>"), "xml_malformed", "mismatched tag at line 3, column 12; 1 whole"),
        (document(row()) + b"<Export/>", "xml_malformed", "junk after document element at line 4"),
        (document(row("&nbsp;")), "xml_malformed", "undefined entity at line 2"),
        (document(row("\x00")), "xml_malformed", "invalid token"),
        (document("<p:Row/>"), "xml_malformed", "unbound prefix"),
        (document(row()).replace(b"Rows", b"List"), "xml_records", "no element at /Export/Rows/Row; the document has: "
         "/Export, /Export/Head, /Export/Head/Count, /Export/List, /Export/List/Row, /Export/List/Row/a"),
        (document(row()).replace(b"Row>", b"Record>"), "xml_records", "/Export/Rows/Record"),
        (document("<Row><b>1</b></Row>", "<Row><b>2</b></Row>"), "xml_elements", "fit the contract: in no record 'a'$"),
        (document(row(), "<Row><a>x</a><c>1</c><d><e/></d></Row>", "<Row><c/></Row>"), "xml_elements",
         r"not in the contract 'c' \(2, first in record 2\), 'd' \(1, first in record 2\)$"),
        (document("<Row><a>x<i>y</i></a></Row>"), "xml_elements", r"not in the contract 'a/i' \(1, "),
        (document("<Row>loose<a>x</a></Row>"), "xml_elements", r"not in the contract 'text\(\)'"),
        (document("<Row><a>x</a>loose</Row>"), "xml_elements", r"not in the contract 'text\(\)' \(1"),
        (document(row(), "loose", row()), "xml_elements", r"beside the records 'text\(\)' \(1\)"),
        (document("<Row id='1' xsi:type='r' xml:lang='en'><a>x</a></Row>"), "xml_elements", "contract '@id'$"),
        (document(row(), "<Raw><a>y</a></Raw>"), "xml_elements", r"beside the records 'Raw' \(1\)"),
        (document("<Row>" + "<n>" * 200 + "</n>" * 200 + "</Row>"), "xml_depth", "more than 100 deep at line 2"),
        (document("<n>" * 200 + "</n>" * 200), "xml_depth", "more than 100 deep"),
    ],
)  # fmt: skip
def test_refused_whole(make: Any, two: Any, payload: bytes, rule: str, message: str) -> None:
    caught = refusal(make, make.contract(two, format=xml()), payload)
    assert (caught.rule, bool(re.search(message, caught.message))) == (rule, True), caught.message


def test_declared_extras_are_fine(make: Any, two: Any) -> None:
    payload = document("<Rows/>", "<Row id='1'><a>x</a><c><d>1</d></c></Row>")
    form = xml(ignored=["c", "@id", "/Export/Rows/Rows"])
    assert make.rows(make.conform(make.contract(two, format=form), payload).tables["t"].bronze) == [
        {"a": "x", "b": None}
    ]
    form = xml(lenient_extra_elements=True)
    assert make.conform(make.contract(two, format=form), payload).tables["t"].accepted == 1


@pytest.mark.parametrize("chunk", [64, 4096])
def test_a_huge_text_is_skipped_not_held(make: Any, two: Any, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.parsers.xml_text.CHUNK", chunk)
    long = f"<Row><a>{'中y' * 20_000}</a></Row>"
    payload = document(row(), long, row("z"), "<Row/>")
    found = make.conform(make.contract(two, format=xml()), payload, max_record_bytes=10_000).tables["t"]
    assert make.refused(found.quarantine) == [(2, ["record_too_long"]), (4, ["a.required"])]
    kept = make.rows(found.quarantine)[0]
    assert kept["byte_length"] == len(long.encode())
    assert payload[kept["byte_offset"] :].startswith(kept["original_text"][:100].encode())
    assert len(kept["original_text"]) <= 16384
    assert [r["a"] for r in make.rows(found.bronze)] == ["x", "z"]


@pytest.mark.parametrize("giant", ["<!-- {} -->", '<Row a="{}"/>', "<?p {}?>"])
def test_a_huge_tag_or_comment(make: Any, two: Any, giant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.parsers.xml_text.CHUNK", 4096)
    payload = document(row(), giant.format("y" * 100_000))
    caught = refusal(make, make.contract(two, format=xml()), payload, max_record_bytes=10_000)
    assert caught.rule == "xml_token"
    assert "longer than 10,000 bytes" in caught.message


def test_messages_hold_no_values(make: Any, two: Any) -> None:
    caught = refusal(
        make, make.contract(two, format=xml()), document(row("13800138000"), "<Row><a>13800138001</b></Row>")
    )
    assert "138001" not in str(caught)
