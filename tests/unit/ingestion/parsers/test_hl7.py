"""HL7 v2 messages: what is read and how, and a clear answer for every file that is not what the contract says."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import hl7
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.contract.extension import ColumnSpec
from ingestion.contract.health_formats import Hl7Format
from ingestion.contract.model import Column, Table
from ingestion.errors import DeliveryRefused
from ingestion.parsers import hl7_messages
from ingestion.parsers.hl7_text import Delimiters, delimiters_of, unescaped
from ingestion.settings import Settings

COLUMNS = tuple(
    Column(name, "VARCHAR", name, name, name, spec=ColumnSpec(path=path))
    for name, path in {"no": "OBR-3.1", "resident": "PID-3(2).1", "lab": "MSH-4", "z": ">ZRR-2"}.items()
)
MARKS = Delimiters("|", "^", "~", "\\", "&")


def form(**facts: Any) -> Hl7Format:
    return Hl7Format(
        **{"type": "hl7", "messages": ["ORU^R01"], "ignored": ["OBX", "NTE", "ORC", "PV1", "PID"], **facts}
    )


def msh(number: int = 1, kind: str = "ORU^R01^ORU_R01", charset: str = "UNICODE UTF-8", marks: str = "^~\\&") -> str:
    return f"MSH|{marks}|LIS|L44200001|HIE|ZS|20260302080000||{kind}|{number}|P|2.5||||||{charset}"


def message(number: int = 1, *segments: str, **facts: str) -> str:
    body = segments or (f"PID|1||MRN{number}~ID{number}||A^B", f"OBR|1||R{number}|LAB-CBC^血常规||20260302")
    return "\r".join((msh(number, **facts), *body)) + "\r"


@pytest.fixture
def report(make: Any) -> Any:
    return make.table(
        make.column("report_no", path="OBR-3.1", primary_key=1),
        make.column("lab", path="MSH-4.1"),
        make.column("resident", path="PID-3(2).1"),
        make.column("item", path="OBR-4.2"),
        make.column("recognised", path=">ZRR-2"),
        name="t", source="OBR",
    )  # fmt: skip


def conformed(make: Any, table: Any, payload: str | bytes, **facts: Any) -> Any:
    raw = payload.encode() if isinstance(payload, str) else payload
    return make.conform(make.contract(table, format=form(**facts)), raw).tables["t"]


def test_a_record_has_its_message_and_its_patient_around_it(make: Any, report: Any) -> None:
    text = message(
        1, "PID|1||M1~I1", "ORC|RE", "OBR|1||R1|LAB-CBC^血常规", "ZRR|x|Y", "OBX|1|TX|a", "OBR|2||R2|LAB-GLU^血糖",
        "PID|2||M2~I2", "OBR|1||R3|IMG-CT^CT", "ZRR|x|N", "OBR|2||R4|IMG-CT",
    )  # fmt: skip
    found = conformed(make, report, text)
    assert make.rows(found.bronze) == [
        {"report_no": "R1", "lab": "L44200001", "resident": "I1", "item": "血常规", "recognised": "Y"},
        {"report_no": "R2", "lab": "L44200001", "resident": "I1", "item": "血糖", "recognised": None},
        {"report_no": "R3", "lab": "L44200001", "resident": "I2", "item": "CT", "recognised": "N"},
        {"report_no": "R4", "lab": "L44200001", "resident": "I2", "item": None, "recognised": None},
    ]


def test_nothing_of_another_patient_or_order_is_taken(make: Any) -> None:
    table = make.table(
        make.column("report_no", path="OBR-3", primary_key=1), make.column("class", path="PV1-2"),
        make.column("order", path="ORC-2"), name="t", source="OBR",
    )  # fmt: skip
    text = message(1, "PID|1", "PV1|1|I", "ORC|RE|O1", "OBR|1||R1", "OBR|2||R2", "PID|2", "OBR|1||R3")
    assert [list(row.values()) for row in make.rows(conformed(make, table, text).bronze)] == [
        ["R1", "I", "O1"], ["R2", "I", None], ["R3", None, None],
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\r\n"])
def test_any_line_end_is_a_segment_end(make: Any, report: Any, end: str) -> None:
    found = conformed(make, report, "".join(message(n) for n in range(5)).replace("\r", end))
    assert [row["resident"] for row in make.rows(found.bronze)] == [f"ID{n}" for n in range(5)]


def test_mixed_ends_frames_and_lines_broken_inside_a_segment(make: Any) -> None:
    table = make.table(make.column("no", path="OBR-3"), make.column("note", path="OBR-13"), name="t", source="OBR")
    text = (
        "\x0b" + msh(1) + "\nPID|1||M~I\r\nOBR|1||R1||||||||||first\nsecond: OBRA\n\nthird\r\x1c\r"
        "\x0b" + msh(2) + "\rPID|1\nOBR|1||R2\r\x1c\r"
    )
    assert make.rows(conformed(make, table, text).bronze) == [
        {"no": "R1", "note": "first\nsecond: OBRA\n\nthird"}, {"no": "R2", "note": None},
    ]  # fmt: skip


def test_each_message_has_the_delimiters_it_says(make: Any, report: Any) -> None:
    other = message(2).replace("|", "#").replace("^", "@").replace("~", "!").replace("\\", "/").replace("&", "+")
    few = message(3).replace("^~\\&", "^~")
    found = conformed(make, report, message(1) + other + few)
    assert [(r["report_no"], r["resident"], r["item"]) for r in make.rows(found.bronze)] == [
        ("R1", "ID1", "血常规"), ("R2", "ID2", "血常规"), ("R3", "ID3", "血常规"),
    ]  # fmt: skip


def test_nulls_escapes_and_numbers(make: Any) -> None:
    table = make.table(
        make.column("no", path="OBR-3.1"), make.column("a", path="OBR-4.1"), make.column("b", path="OBR-4.2.2"),
        make.column("c", path="OBR-5"), make.column("n", "INTEGER", path="OBR-6"), name="t", source="OBR",
    )  # fmt: skip
    body = 'OBR|1||R1|""^x&y\\T\\z|a\\F\\b\\S\\c\\R\\d\\E\\e\\X e4b8ad\\|7'.replace("X e", "Xe")
    assert make.rows(conformed(make, table, message(1, body)).bronze) == [
        {"no": "R1", "a": None, "b": "y&z", "c": "a|b^c~d\\e中", "n": 7}
    ]


@pytest.mark.parametrize(
    ("rule", "text", "number", "of"),
    [
        ("hl7_message_type", message(2, kind="ADT^A01"), 2, 3),
        ("hl7_encoding", message(2, charset="GB 18030-2000"), 2, 3),
        ("hl7_header", message(2, marks="^^\\&"), 2, 3),
        ("hl7_no_record", message(2, "PID|1"), 2, 3),
        ("nul_byte", message(2, "OBR|1||R\x002"), 2, 3),
        ("repeated_field", message(2, "OBR|1||R2~R9"), 2, 3),
        ("hl7_cut_off", "\x0b" + message(2), 2, 3),
    ],
)
def test_one_message_is_refused_with_its_text(
    make: Any, report: Any, rule: str, text: str, number: int, of: int
) -> None:
    found = conformed(make, report, message(1) + text + message(3))
    assert (found.received, found.accepted, found.quarantined) == (of, of - 1, 1)
    assert make.refused(found.quarantine) == [(number, [rule])]
    (row,) = make.rows(found.quarantine)
    assert row["original_text"] == text.strip("\r\x0b").replace("\x00", "\\x00")


def test_all_records_of_a_refused_message_are_refused(make: Any, report: Any) -> None:
    text = message(1) + message(2, "OBR|1||R2", "OBR|2||R3", "OBR|3||R4", kind="ADT^A01") + message(5)
    found = conformed(make, report, text)
    assert (found.received, found.accepted) == (5, 2)
    assert make.refused(found.quarantine) == [(n, ["hl7_message_type"]) for n in (2, 3, 4)]


def test_bytes_of_another_encoding_refuse_their_message(make: Any, report: Any) -> None:
    raw = message(1).encode() + message(2).encode("gb18030") + message(3).encode()
    found = conformed(make, report, raw)
    assert make.refused(found.quarantine) == [(2, ["encoding"])]
    place = make.rows(found.quarantine)[0]["byte_offset"]
    assert raw[place:].startswith(b"MSH|^~\\&|LIS|")


def test_gb18030_whose_characters_hold_delimiters(make: Any, report: Any) -> None:
    names = [bytes((lead, trail)).decode("gb18030") for lead in (0x81, 0xB0, 0xFE) for trail in b"|^~\\@"]
    text = "".join(
        message(n, f"PID|1||M~I{n}", f"OBR|1||R{n}|C^{name}", charset="GB 18030-2000") for n, name in enumerate(names)
    )
    found = conformed(make, report, text.encode("gb18030"), encoding="gb18030")
    assert [row["item"] for row in make.rows(found.bronze)] == names


def test_each_message_in_the_encoding_it_declares(make: Any, report: Any) -> None:
    raw = (
        message(1).encode() + message(2, charset="GB 18030-2000").encode("gb18030") + message(3, charset="").encode()
        + message(4, "OBR|1||R4|C^Zürich", charset="8859/1").encode("latin-1")
        + message(5, charset="ISO IR87").encode()
    )  # fmt: skip
    found = conformed(make, report, raw, encoding="declared")
    assert [row["item"] for row in make.rows(found.bronze)] == ["血常规"] * 3 + ["Zürich"]
    assert make.refused(found.quarantine) == [(5, ["hl7_encoding"])]


def test_an_escape_is_of_the_messages_encoding_whatever_lies_beside_it(make: Any, report: Any) -> None:
    coded = message(1, "OBR|1||R1|C^\\XD6D0\\", charset="GB 18030-2000").encode()
    for others in (b"", message(2).encode(), message(2, charset="GB 18030-2000").encode("gb18030")):
        found = conformed(make, report, coded + others, encoding="declared")
        assert make.rows(found.bronze)[0]["item"] == "中"


def test_encodings_in_turn_are_read_together(make: Any, report: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = [
        message(n, f"PID|1||M~I{n}", f"OBR|1||R{n}|C^中", f"OBR|2||S{n}|C^山", **facts).encode(name)
        for n in range(40)
        for name, facts in [[("utf-8", {}), ("gb18030", {"charset": "GB18030"})][n % 2]]
    ]
    sent[7] = sent[7].replace("山".encode("gb18030"), b"\xff\xff")
    sent[8] = message(8, "PID|1||山").encode()
    reads: list[int] = []
    read = hl7_messages.Hl7Messages._part

    def counted(*args: Any) -> Any:
        reads.append(1)
        return read(*args)

    monkeypatch.setattr(hl7_messages.Hl7Messages, "_part", counted)
    found = conformed(make, report, b"".join(sent), encoding="declared")
    good = [n for n in range(40) if n not in (7, 8)]
    assert [(r["report_no"], r["resident"], r["item"]) for r in make.rows(found.bronze)] == [
        row for n in good for row in ((f"R{n}", f"I{n}", "中"), (f"S{n}", f"I{n}", "山"))
    ]
    assert make.refused(found.quarantine) == [(15, ["encoding"]), (16, ["encoding"]), (17, ["hl7_no_record"])]
    texts = [row["original_text"] for row in make.rows(found.quarantine)]
    assert ["C^中" in text for text in texts] == [True, True, False]
    assert "\\xff" in texts[0]
    assert "山" in texts[2]
    assert len(reads) <= 3  # two encodings, and the last message, which ends with the file


@pytest.mark.parametrize("end", ["\r", "\n"])
def test_bytes_that_are_no_gb18030_refuse_their_message(make: Any, report: Any, end: str) -> None:
    texts = [message(n, charset="GB18030").encode("gb18030") for n in (1, 2, 3)]
    texts[1] = texts[1].replace("血".encode("gb18030"), b"\xff\xff")
    found = conformed(make, report, b"".join(texts).replace(b"\r", end.encode()), encoding="gb18030")
    assert make.refused(found.quarantine) == [(2, ["encoding"])]


def test_the_delimiters_themselves_do_not_repeat(make: Any) -> None:
    table = make.table(
        make.column("a", path="MSH-1"), make.column("b", path="MSH-2"), make.column("no", path="OBR-3"), name="t",
        source="OBR",
    )  # fmt: skip
    found = conformed(make, table, message(1))
    assert make.rows(found.bronze) == [{"a": "|", "b": "^~\\&", "no": "R1"}]


def test_three_letters_on_a_line_of_their_own_are_text_unless_they_name_a_segment(make: Any) -> None:
    table = make.table(make.column("no", path="OBR-3"), make.column("note", path="OBR-13"), name="t", source="OBR")
    text = message(1, "OBR|1||R1||||||||||seen in the\rECG\rof today", "NTE", "OBR|2||R2")
    found = conformed(make, table, text)
    assert make.rows(found.bronze) == [{"no": "R1", "note": "seen in the\rECG\rof today"}, {"no": "R2", "note": None}]


def test_an_unknown_segments_message_is_counted_in_the_file(make: Any, report: Any) -> None:
    text = "stray\r" + message(1) + message(2, "OBR|1||R\x002") + message(3, "OBR|1||R3", "ZZZ|1")
    refused = make.refusal(make.contract(report, format=form()), text.encode())
    assert "ZZZ (1, first in message 3)" in str(refused)


def test_blank_lines_are_not_held_and_end_a_message(make: Any, report: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingestion.parsers.hl7_cut import MessageCutter

    held: list[int] = []
    cut = MessageCutter._cut

    def seen(self: Any, *, final: bool) -> Any:
        held.append(len(self._text))
        return cut(self, final=final)

    monkeypatch.setattr(MessageCutter, "_cut", seen)
    monkeypatch.setattr(hl7_messages, "CHUNK", 300)
    text = "\x0b" + message(1) + "\x1c\r" + "\r\n" * 50_000 + "text\r" + message(2) + "\n" * 900 + message(3)
    found = make.conform(make.contract(report, format=form()), text.encode(), max_record_bytes=1000).tables["t"]
    assert [row["report_no"] for row in make.rows(found.bronze)] == ["R1", "R2", "R3"]
    assert make.refused(found.quarantine) == [(2, ["hl7_no_message"])]
    assert text.encode()[make.rows(found.quarantine)[0]["byte_offset"] :].startswith(b"text\r")
    assert max(held) < 3000


def test_text_outside_any_message_is_kept_as_refused(make: Any, report: Any) -> None:
    found = conformed(make, report, "PID|1||lost\rOBR|1||lost\r" + message(1))
    assert make.refused(found.quarantine) == [(1, ["hl7_no_message"])]
    assert make.rows(found.quarantine)[0]["original_text"] == "PID|1||lost\rOBR|1||lost"


def test_a_file_whose_last_segment_has_no_end_is_cut_off_unless_declared(make: Any, report: Any) -> None:
    text = (message(1) + message(2)).rstrip("\r")
    assert make.refused(conformed(make, report, text).quarantine) == [(2, ["hl7_cut_off"])]
    assert conformed(make, report, text, last_segment="open").accepted == 2


def test_every_cut_of_a_batch_is_seen(make: Any, report: Any) -> None:
    text = "FHS|^~\\&\rBHS|^~\\&\r" + message(1) + message(2) + "BTS|2\rFTS|1\r"
    assert conformed(make, report, text).accepted == 2
    contract = make.contract(report, format=form())
    raw = text.encode()
    for size in range(30, len(raw) - len(b"FTS|1\r"), 31):
        assert make.refusal(contract, raw[:size]).rule in ("hl7_batch", "hl7_messages")


@pytest.mark.parametrize(
    ("text", "rule", "said"),
    [
        ("BHS|^~\\&\r" + message(1) + "BTS|2\r", "hl7_batch", "BTS-1 says 2, and 1 messages came"),
        (message(1) + "BTS|1\r", "hl7_batch", "never began (BHS)"),
        ("FHS|^~\\&\rBHS|^~\\&\r" + message(1) + "BTS|1\rFTS|3\r", "hl7_batch", "FTS-1 says 3, and 1 batches came"),
        ("FHS|^~\\&\r" + message(1) + "FTS|x\r", "hl7_batch", "FTS-1 says no number"),
        (message(1) + message(2, "OBR|1||R2", "ZZZ|1", "SPM|1") + message(3, "OBR|1||R3", "ZZZ|2"), "hl7_segments",
         "SPM (1, first in message 2), ZZZ (2, first in message 2)"),
        ("a,b\n1,2\n", "hl7_messages", "no line begins with MSH"),
    ],
)  # fmt: skip
def test_a_delivery_is_refused_whole(make: Any, report: Any, text: str, rule: str, said: str) -> None:
    refused = make.refusal(make.contract(report, format=form()), text.encode())
    assert refused.rule == rule
    assert said in str(refused)


def test_an_empty_batch_has_no_record(make: Any, report: Any) -> None:
    contract = make.contract(report, format=form(), empty="no_data")
    assert make.conform(contract, b"FHS|^~\\&\rBHS|^~\\&\rBTS|0\rFTS|1\r").tables["t"].received == 0


def test_two_tables_of_one_file(make: Any, report: Any) -> None:
    results = make.table(
        make.column("of", path="OBR-3"), make.column("no", "INTEGER", path="OBX-1"), name="u", source="OBX"
    )
    text = message(1, "OBR|1||R1", "OBX|1", "OBX|2") + message(2, "OBR|1||R2") + "MSH|\r" + message(3, "OBX|9")
    found = make.conform(make.contract(report, results, format=form(ignored=[])), text.encode()).tables
    assert (found["t"].received, found["t"].accepted) == (3, 2)
    assert make.refused(found["t"].quarantine) == [(3, ["hl7_header"])]
    assert make.rows(found["u"].bronze) == [{"of": "R1", "no": 1}, {"of": "R1", "no": 2}, {"of": None, "no": 9}]


PIECE = st.sampled_from(
    [message(1), message(2), message(3, "OBR|1||R3", "OBR|2||R4"), "stray\r", "\x0b", "\x1c\r", "\r\n\r", "OBR|1||R8\r",
     message(5, "OBR|1||" + "R" * 300), "MSH", "MSH|^~\\&", "text\n", "\r" * 300, "BHS|^~\\&\r", "BTS\r",
     message(6, kind="ADT^A01")]
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(PIECE, min_size=1, max_size=8), st.sampled_from([1, 2, 3, 5, 64, 200, 299]))
def test_nothing_depends_on_the_size_of_blocks(pieces: list[str], size: int) -> None:
    """The cutter finds the same messages, counts and faults in one piece and in many."""
    from ingestion.parsers.hl7_cut import MessageCutter

    def cut(chunks: list[bytes]) -> list[Any]:
        cutter = MessageCutter("OBR", ["OBR"], encoding="utf-8", max_record_bytes=256, offset=0, is_open=False)
        found: list[Any] = []
        try:
            for one in cutter.blocks(chunks):
                block, rules = one.block, {}
                for rule, rows in block.refused:
                    for row in rows.tolist():
                        rules.setdefault(row, []).append(rule)
                found += [
                    (block.text_of(n), (block.base or 0) + int(block.starts[n]), int(block.lengths[n]),
                     bool(one.is_message[n]), int(one.records[n]), rules.get(n))
                    for n in range(len(block))
                ]  # fmt: skip
        except DeliveryRefused as refused:
            return [refused.rule]
        return found

    raw = "".join(pieces).encode()
    whole = cut([raw])
    assert cut([raw[at : at + size] for at in range(0, len(raw), size)]) == whole
    texts = [one for one in whole if not isinstance(one, str)]
    assert all(raw[at : at + len(text)] == text for text, at, *_ in texts)


FIELD = st.text(st.sampled_from("ab^~&中1"), max_size=6)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["PID", "OBR", "ZRR", "OBX"]), st.lists(FIELD, max_size=6)), max_size=8))
def test_the_library_reads_the_same_parts(segments: list[tuple[str, list[str]]]) -> None:
    import numpy as np
    import pyarrow as pa

    from ingestion.contract.hl7_paths import Hl7Path, hl7_path
    from ingestion.machine import engines
    from ingestion.parsers.hl7_cut import segment_code
    from ingestion.parsers.hl7_text import FieldReader, Segments

    text = "\r".join([msh(1), *("|".join([name, *fields]) for name, fields in segments)])
    parsed = hl7.parse(text)
    ours = Segments(pa.array([text]), np.array([segment_code(name) for name in ("PID", "OBR", "ZRR", "OBX")]))
    assert [str(one[0]) for one in parsed] == [code.to_bytes(3, "big").decode() for code in ours.code.tolist()]
    paths: dict[str, Hl7Path] = {
        f"f{f}_{r}_{c}": hl7_path(f"OBR-{f}({r}).{c}") for f in (1, 3) for r in (1, 2) for c in (1, 2, 3)
    }
    with engines.session(engines.plain, threads=1, memory_limit="500MB") as connection:
        values = FieldReader(connection, ours, "utf-8").read(np.arange(len(segments)) + 1, paths).columns
    for number, segment in enumerate(parsed[1:]):
        for name, path in paths.items():
            assert (values[name][number].as_py() or "") == _library(segment, path), (text, name)


def _library(segment: Any, path: Any) -> str:
    try:
        field = segment[path.field]
        part = field[path.repetition - 1] if path.repetition <= len(field) else ""
        if isinstance(part, str):
            return part if path.component == 1 else ""
        return str(part[path.component - 1]) if path.component <= len(part) else ""
    except IndexError:
        return ""


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("a\\F\\b", "a|b"), ("\\E\\F\\E\\", "\\F\\"), ("\\H\\bold\\N\\", "bold"), ("line\\.br\\next", "line\nnext"),
        ("\\.sp2\\x", "\n\nx"), ("\\XE4B8AD\\", "中"), ("\\XFF\\", "\\XFF\\"), ("\\XE4B\\", "\\XE4B\\"),
        ("\\X" + "41" * 99 + "\\.br\\", "A" * 99 + ".br\\"),
        ("a\\X" + "E4B8AD" * 30 + "\\F\\S\\", "a" + "中" * 30 + "F^"),
        ("open\\r", "open\\r"), ("\\Zown\\", "\\Zown\\"), ("\\\\", "\\\\"), ("C:\\temp\\file", "C:\\temp\\file"),
    ],
)  # fmt: skip
def test_escapes(sent: str, read: str) -> None:
    assert unescaped(sent, MARKS, "utf-8") == read


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"|^~\\&|L", MARKS), (b"|^~\\&#|", MARKS), (b"|^~\\\\&|", MARKS), (b"|^~|LIS", Delimiters("|", "^", "~")),
        (b"||LIS\n", None), (b"|^^\\&|x", None), (b"|^~\\&\n\n", None), (b"|\x80~\\&|", None), (b"a^~\\&a", None),
    ],
)  # fmt: skip
def test_delimiters(head: bytes, found: Delimiters | None) -> None:
    assert delimiters_of(head) == found


def test_memory_follows_blocks_and_long_messages_are_refused(
    make: Any, report: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hl7_messages, "CHUNK", 300)
    text = message(1) + message(2, "OBR|1||R2|" + "x" * 5000, "OBR|2||R3") + message(4)
    contract = make.contract(report, format=form())
    found = make.conform(contract, text.encode(), max_record_bytes=1000).tables["t"]
    assert [row["report_no"] for row in make.rows(found.bronze)] == ["R1", "R4"]
    assert make.refused(found.quarantine) == [(2, ["record_too_long"])]
    assert json.dumps(make.rows(found.quarantine)[0]["original_text"])[:20].startswith('"MSH|^~')


@settings(max_examples=60)
@given(st.lists(st.one_of(PIECE, st.text(st.sampled_from("MSHOBR|^~\\&\r\n1中\x0b\x1c"), max_size=30)), max_size=6))
def test_any_text_is_read_or_refused_and_every_record_is_counted(pieces: list[str]) -> None:
    """Whatever is sent: a refusal with a rule, or segments in which each record is read or refused by a rule."""
    table = Table("t", "t", "t", "one row", "OBR", COLUMNS, None, ())
    with tempfile.NamedTemporaryFile() as file:
        file.write("".join(pieces).encode())
        file.flush()
        reader = hl7_messages.Hl7Messages(table, (table,), form(), Path(file.name), Settings(max_record_bytes=256))
        number = 1
        try:
            for segment in reader.segments():
                refused = {int(row) for _, rows in segment.refused for row in rows}
                assert segment.block.first == number
                assert refused | set(segment.rows.tolist()) == set(range(len(segment.block)))
                assert not refused & set(segment.rows.tolist())
                number += len(segment.block)
        except DeliveryRefused as refusal:
            assert refusal.rule
