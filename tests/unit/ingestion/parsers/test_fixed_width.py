"""Fixed width from bytes to bronze: positions, lengths, types, repeated groups; each odd line with its rule."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from ingestion.contract.extension import FixedWidthFormat
from ingestion.errors import DeliveryRefused

MONTHLY: dict[str, Any] = {
    "min_length": 30,
    "fields": {"ID": {"start": 1, "width": 2}, "YM": {"start": 3, "width": 4}},
    "repeat": {
        "start": 7,
        "width": 8,
        "count": 3,
        "index": "DAY",
        "fields": {"VALUE": {"start": 1, "width": 5}, "FLAG": {"start": 6, "width": 1}},
        "absent": {"field": "VALUE", "values": ["-9999"]},
    },
}


@pytest.fixture
def two(make: Any) -> Any:
    return make.table(make.column("a"), make.column("b", "INTEGER"))


def plain(**facts: Any) -> FixedWidthFormat:
    fields = {"a": {"start": 1, "width": 4}, "b": {"start": 5, "width": 3}}
    return FixedWidthFormat.model_validate({"min_length": 7, "fields": fields, **facts})


def monthly(make: Any, **facts: Any) -> Any:
    table = make.table(
        make.column("id", source="ID", primary_key=1),
        make.column("ym", source="YM", primary_key=2),
        make.column("day", "INTEGER", source="DAY", primary_key=3),
        make.column("value", "INTEGER", source="VALUE", required=True, missing=[-9999]),
        make.column("flag", source="FLAG"),
    )
    return make.contract(table, format=FixedWidthFormat.model_validate({**MONTHLY, **facts}))


def test_fields_are_cut_trimmed_and_typed(make: Any, two: Any) -> None:
    found = make.conform(make.contract(two, format=plain()), b"ab   12\r\n  c   x\r\n     -3").tables["t"]
    assert make.rows(found.bronze) == [{"a": "ab", "b": 12}, {"a": None, "b": -3}]
    assert make.refused(found.quarantine) == [(2, ["b.type"])]


def test_lines_of_another_length_are_refused_rows(make: Any, two: Any) -> None:
    payload = b"abcd123\nabc\nabcd1234\nabcd  9\n"
    found = make.conform(make.contract(two, format=plain()), payload).tables["t"]
    assert make.refused(found.quarantine) == [(2, ["line_too_short"]), (3, ["line_too_long"])]
    assert [row["b"] for row in make.rows(found.bronze)] == [123, 9]


def test_trailing_blanks_may_be_declared_cut(make: Any, two: Any) -> None:
    found = make.conform(make.contract(two, format=plain(short="blank")), b"abcd1\nab\n").tables["t"]
    assert make.rows(found.bronze) == [{"a": "abcd", "b": 1}, {"a": "ab", "b": None}]


def test_bytes_are_not_characters(make: Any, two: Any) -> None:
    payload = "中山 12\n亅x  7\n".encode("gb18030")
    form = plain(encoding="gb18030")
    found = make.conform(make.contract(two, format=form), payload).tables["t"]
    assert make.rows(found.bronze) == [{"a": "中山", "b": 12}]
    assert make.refused(found.quarantine) == [(2, ["line_too_short"])]
    form = plain(encoding="gb18030", positions="characters", min_length=5, max_length=5, fields={
        "a": {"start": 1, "width": 2}, "b": {"start": 3, "width": 3},
    })  # fmt: skip
    found = make.conform(make.contract(two, format=form), payload).tables["t"]
    assert make.rows(found.bronze) == [{"a": "中山", "b": 12}, {"a": "亅x", "b": 7}]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_a_boundary_within_a_character_refuses_the_row(make: Any, two: Any, encoding: str) -> None:
    """In GB18030 the second half may be a letter, so a field cut there would look sound."""
    cut, whole = "abc丂".encode(encoding), "ab丂".encode(encoding)
    payload = cut.ljust(7, b"1")[:7] + b"\n" + whole.ljust(5, b" ")[:5] + b"12\n"
    only_b = make.table(make.column("b", "INTEGER"))
    form = plain(encoding=encoding, fields={"b": {"start": 6 if encoding == "utf-8" else 5, "width": 2}})
    found = make.conform(make.contract(only_b, format=form), payload).tables["t"]
    assert make.refused(found.quarantine)[0] == (1, ["split_character"])


def test_undecodable_and_nul_bytes_refuse_the_row_only(make: Any, two: Any) -> None:
    found = make.conform(make.contract(two, format=plain()), b"ab\xff  12\na\x00b   1\nab    3\n").tables["t"]
    assert make.refused(found.quarantine) == [(1, ["encoding"]), (2, ["nul_byte"])]


def test_record_types(make: Any, two: Any) -> None:
    form = plain(
        min_length=8, fields={"a": {"start": 2, "width": 4}, "b": {"start": 6, "width": 3}},
        record_type={"start": 1, "width": 1, "read": ["D"], "skip": ["H", "T"]},
    )  # fmt: skip
    payload = b"H202603\nDabcd  1\nXabcd  2\nDefgh  x\nT     2\n"
    found = make.conform(make.contract(two, format=form), payload).tables["t"]
    assert (found.received, found.accepted) == (3, 1)
    assert make.refused(found.quarantine) == [(2, ["record_type"]), (3, ["b.type"])]


def test_a_tail_reaches_to_the_end_and_may_keep_its_blanks(make: Any) -> None:
    table = make.table(make.column("n", "INTEGER"), make.column("rest"), rules=[
        make.rule("whole", expression="length(rest) = n"),
    ])  # fmt: skip
    form = FixedWidthFormat.model_validate(
        {"min_length": 2, "fields": {"n": {"start": 1, "width": 2}, "rest": {"start": 3, "blanks": "keep"}}}
    )
    found = make.conform(make.contract(table, format=form), "04 é b\n05abc\n00\n 3ab \n".encode()).tables["t"]
    assert make.rows(found.bronze) == [{"n": 4, "rest": " é b"}, {"n": 0, "rest": None}, {"n": 3, "rest": "ab "}]
    assert make.refused(found.quarantine) == [(2, ["whole"])]


def test_implied_decimals(make: Any) -> None:
    table = make.table(
        make.column("v", "DECIMAL(5,1)", implied_decimals=1, missing=[9999]),
        make.column("w", "DOUBLE", implied_decimals=3),
    )
    fields = {"v": {"start": 1, "width": 5}, "w": {"start": 6, "width": 6}}
    form = FixedWidthFormat.model_validate({"min_length": 11, "fields": fields})
    payload = b"-0125+70933\n+9999     1\n 12.5     0\n"
    found = make.conform(make.contract(table, format=form), payload).tables["t"]
    assert make.rows(found.bronze) == [{"v": Decimal("-12.5"), "w": 70.933}, {"v": None, "w": 0.001}]
    assert make.refused(found.quarantine) == [(3, ["v.type"])]


def test_repeated_groups_are_records(make: Any) -> None:
    payload = b"\n".join(
        (
            b"A12601" + b"   17x  " + b"-9999   " + b"   -3   ",
            b"A12602" + b"-9999   " * 3,
            b"A12603   1",
            b"B12601" + b"-9999x  " + b"    y   " + b"   12   ",
        )
    )
    found = make.conform(monthly(make), payload).tables["t"]
    assert (found.received, found.accepted, found.quarantined) == (6, 3, 3)
    assert [(r["id"], r["day"], r["value"], r["flag"]) for r in make.rows(found.bronze)] == [
        ("A1", 1, 17, "x"), ("A1", 3, -3, None), ("B1", 3, 12, None),
    ]  # fmt: skip
    assert make.refused(found.quarantine) == [
        (3, ["line_too_short"]), (4, ["value.required"]), (5, ["value.type"]),
    ]  # fmt: skip
    rows = make.rows(found.quarantine)
    assert [row["detail"] for row in rows] == [None, "day=1; value=-9999", "day=2; value=y"]
    for row in rows:  # the evidence is the whole line, found at its place
        piece = payload[row["byte_offset"] :][: row["byte_length"]]
        assert piece.decode() == row["original_text"]


def test_a_repeated_line_repeats_every_record(make: Any) -> None:
    line = b"A12601" + b"   17x  " + b"-9999   " + b"   -3   "
    other = line.replace(b"17", b"18")
    found = make.conform(monthly(make), b"\n".join((line, line, other))).tables["t"]
    assert (found.received, found.accepted, found.duplicates) == (6, 2, 3)
    assert found.rules == {"key_conflict": 1}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"fields": {"a": {"start": 1, "width": 8}}}, "field a ends at position 8, beyond the longest line"),
        ({"fields": {"a": {"start": 0, "width": 1}}}, "greater than or equal to 1"),
        ({"fields": {}}, "no fields are declared"),
        ({"max_length": 6}, "max_length is below min_length"),
        ({"repeat": {**MONTHLY["repeat"], "start": 1}}, "the repeated group ends at position 24"),
        ({"repeat": {**MONTHLY["repeat"], "width": 4}}, "must end within its 4 positions"),
        ({"repeat": {**MONTHLY["repeat"], "absent": {"field": "X", "values": ["1"]}}}, "is no field of the group"),
        ({"min_length": 90, "repeat": {**MONTHLY["repeat"], "index": "a"}}, "a field name is used twice"),
    ],
)
def test_layouts_that_cannot_be(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        plain(**facts)


@pytest.mark.parametrize(
    ("payload", "rule", "message"),
    [
        (b"", "empty", "the file is empty"),
        (b"<html><title>x</title>", "html_page", "HTML page"),
        (b"PK\x03\x04..", "container", "ZIP archive"),
    ],
)
def test_refused_whole(make: Any, two: Any, payload: bytes, rule: str, message: str) -> None:
    with pytest.raises(DeliveryRefused, match=message) as caught:
        make.conform(make.contract(two, format=plain()), payload)
    assert caught.value.rule == rule
