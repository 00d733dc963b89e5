"""JSON: a member twice is no value, and a number keeps its digits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ingestion.contract.extension import JsonFormat
from ingestion.parsers import json_records


def test_a_member_that_is_there_twice(make: Any) -> None:
    """Readers do not agree which one counts, so none does; what no column reads may repeat."""
    table = make.table(make.column("a"), make.column("y", path="$.x.y"), make.column("q", path='$."q.r"'))
    payload = (
        b'{"a":"1","x":{"y":"1"}}\n{"a":"2","a":"2"}\n{"a":"3","x":{"y":"3","y":null}}\n{"a":"4","x":{},"x":{"y":"4"}}\n'
        b'{"a":"5","z":1,"z":2,"x":{"z":1,"z":2}}\n{"a":"6","A":"7"}\n{"q.r":"8","q.r":"9"}\n{"\\u0061":"1","a":"2"}\n'
    )
    found = make.conform(make.contract(table, format=JsonFormat(type="ndjson")), payload).tables["t"]
    assert make.refused(found.quarantine) == [(n, ["repeated_member"]) for n in (2, 3, 4, 7, 8)]
    assert [(row["a"], row["y"]) for row in make.rows(found.bronze)] == [("1", "1"), ("5", None), ("6", None)]
    assert make.rows(found.quarantine)[0]["original_text"] == '{"a":"2","a":"2"}'


@pytest.mark.parametrize("form", ["ndjson", "json"])
def test_the_element_that_is_chosen_is_kept_as_it_was_spelled(make: Any, form: Any) -> None:
    """The first of several with the member, wherever it stands; none is no value."""
    chosen = make.column("v", path="$.x.l[*].v", choose={"member": "s.k", "equals": "it's"})
    table = make.table(chosen, make.column("n", "INTEGER"))
    lines = [
        '{"n":1,"x":{"l":[{"s":{"k":"b"},"v":1},{"s":{"k":"it\'s"},"v":1.10},{"s":{"k":"it\'s"},"v":2}]}}',
        '{"n":2,"x":{"l":[{"s":{"k":"b"},"v":1},{"s":"it\'s","v":2},{"v":3}]}}',
        '{"n":3,"x":{"l":{"s":{"k":"it\'s"},"v":1}}}',
        '{"n":4}',
    ]
    payload = "\n".join(lines) if form == "ndjson" else f"[{','.join(lines)}]"
    found = make.conform(make.contract(table, format=JsonFormat(type=form)), payload.encode()).tables["t"]
    assert [row["v"] for row in make.rows(found.bronze)] == ["1.10", None, None, None]


def test_a_strange_key_hides_no_repeated_member(make: Any) -> None:
    """Keys of all objects are compared as one text; one with a character that parts them moves no other."""
    table = make.table(make.column("a"), make.column("y", path="$.x.y"))
    lines = ['{"a":"1","k\\u0002a":2,"x":{"y":"1"}}', '{"a":"1","k\\u0001a":2}', '{"k\\u0002":1,"x":{"y":"1","y":"2"}}']
    form = make.contract(table, format=JsonFormat(type="ndjson"))
    for order in (lines, lines[::-1]):
        found = make.conform(form, "\n".join(order).encode()).tables["t"]
        assert make.refused(found.quarantine) == [(order.index(lines[2]) + 1, ["repeated_member"])]


@pytest.mark.parametrize("usual", ['{"a":"1","x":{"y":"1"}}', """{"it's":1,"a":"1","x":{}}""", '{"a":"1"}', "{}"])
def test_a_repeated_member_is_found_in_any_block(make: Any, usual: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks whose records all have the keys of the first one, and blocks that have others, before and after."""
    monkeypatch.setattr(json_records, "CHUNK", 200)
    table = make.table(make.column("a"), make.column("y", path="$.x.y"))
    twice = {31: '{"a":"2","a":"2"}', 77: '{"a":"3","x":{"y":"1","y":"1"}}', 78: '{"x":{"y":"1"},"x":{"y":"1"}}'}
    other = {50: '{"b":1}', 51: '{"x":{"y":"1"},"a":"1"}', 60: '{"a":"1","x":null}'}
    lines = [(twice | other).get(number, usual) for number in range(1, 121)]
    contract = make.contract(table, format=JsonFormat(type="ndjson"), max_refused_share=1)
    found = make.conform(contract, "\n".join(lines).encode()).tables["t"]
    assert make.refused(found.quarantine) == [(n, ["repeated_member"]) for n in twice]


@pytest.mark.parametrize(
    ("kind", "number", "value"),
    [
        ("DECIMAL(38,2)", "12345678901234567890.12", Decimal("12345678901234567890.12")),
        ("DECIMAL(38,20)", "0.12345678901234567891", Decimal("0.12345678901234567891")),
        ("DECIMAL(38,2)", "-1.234567890123456789012e17", Decimal("-123456789012345678.90")),
        ("VARCHAR", "12345678901234567890.12", "12345678901234567890.12"),
        ("BIGINT", "9007199254740993.0", 9007199254740993),
        ("DOUBLE", "0.30000000000000004", 0.30000000000000004),
        ("VARCHAR", '"1.2345678901234567890"', "1.2345678901234567890"),
    ],
)
@pytest.mark.parametrize("path", [None, "$.x.n"])
def test_numbers_keep_the_digits_that_were_sent(
    make: Any, kind: str, number: str, value: Any, path: str | None
) -> None:
    """A double has 17 of them: sums of money would differ from the document's."""
    table = make.table(make.column("n", kind, path=path), make.column("note"))
    member = f'"n":{number}' if path is None else f'"x":{{"n":{number}}}'
    payload = f'{{"note":"no 5 \\"6.7\\"",{member}}}\n{{"note":"none"}}\n'.encode()
    found = make.conform(make.contract(table, format=JsonFormat(type="ndjson")), payload).tables["t"]
    assert make.rows(found.bronze) == [{"n": value, "note": 'no 5 "6.7"'}, {"n": None, "note": "none"}]


SPELLINGS = [
    "0.10000000000000000555", "1.10", "5.0", "1e3", "-0", "0", "-0.0", "20000000000000000001", "18446744073709551616",
    "9223372036854775807.0", "1E-7", "1E+05", "1e400", "7", "12345678901234567890123456789012345678", "100.00",
]  # fmt: skip


@pytest.mark.parametrize("form", ["ndjson", "json"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_text_columns_keep_every_number_as_it_was_spelled(make: Any, form: Any, encoding: Any) -> None:
    """At the top, nested, in a list, in an object kept as JSON text; what is inside strings is nobody's number."""
    table = make.table(
        make.column("v"), make.column("nested", path="$.x.y[0]"), make.column("members", path="$.l[*]"),
        make.column("o"), make.column("n", "INTEGER"),
    )  # fmt: skip
    inside = '"名-0 \\"2.50\\" \\ufdd0"'
    lines = [
        f'{{"v": {n} ,"x":{{"y":[{n}]}},"l":[{n},"1.50"],"o":{{"k":{n},"s":{inside},"t":[{n},true,null]}},"n":{i}.0}}'
        for i, n in enumerate(SPELLINGS)
    ]
    payload = ("\n".join(lines) if form == "ndjson" else f"[{', '.join(lines)}]").encode(encoding)
    spec = JsonFormat(type=form, encoding=encoding)
    rows = make.rows(make.conform(make.contract(table, format=spec), payload).tables["t"].bronze)
    text = '"名-0 \\"2.50\\" \ufdd0"'
    assert rows == [
        {"v": n, "nested": n, "members": f'[{n},"1.50"]', "o": f'{{"k":{n},"s":{text},"t":[{n},true,null]}}', "n": i}
        for i, n in enumerate(SPELLINGS)
    ]


@pytest.mark.parametrize(
    ("kind", "number", "value"),
    [
        ("DECIMAL(38,20)", "0.10000000000000000555", Decimal("0.10000000000000000555")),
        ("DECIMAL(38,2)", "0.00500000000000000000000001e0", Decimal("0.01")),
        ("DECIMAL(38,0)", "20000000000000000001", Decimal("20000000000000000001")),
        ("DECIMAL(38,0)", "1234567890123456789012345678901234567.0", Decimal("1234567890123456789012345678901234567")),
        ("DECIMAL(4,1)", "0.05", Decimal("0.1")),
        ("BIGINT", "9223372036854775807.0", 9223372036854775807),
        ("BIGINT", "9223372036854775.807e3", 9223372036854775807),
        ("BIGINT", "9223372036854775808.0", "type"),
        ("BIGINT", "10e-1", 1),
        ("BIGINT", "1.00000000000000000001", "type"),
        ("INTEGER", "5.0", 5),
        ("INTEGER", "1e-1", "type"),
        ("DOUBLE", "1e400", "type"),
        ("DOUBLE", "0.1000000000000000055511151231257827021181583404541015625", 0.1),
        ("BOOLEAN", "1", True),
        ("BOOLEAN", "1.0", "type"),
    ],
)
def test_json_numbers_are_read_by_their_digits(make: Any, kind: str, number: str, value: Any) -> None:
    table = make.table(make.column("n", kind), make.column("id", "INTEGER"))
    form = make.contract(table, format=JsonFormat(type="ndjson"))
    found = make.conform(form, f'{{"n":{number},"id":1}}\n{{"n":null,"id":2}}\n'.encode()).tables["t"]
    if value == "type":
        assert make.refused(found.quarantine) == [(1, ["n.type"])]
    else:
        assert make.rows(found.bronze) == [{"n": value, "id": 1}, {"n": None, "id": 2}]


@pytest.mark.parametrize("kind", ["DOUBLE", "DECIMAL(38,20)", "BIGINT", "VARCHAR"])
def test_a_code_is_a_number_to_its_last_digit(make: Any, kind: str) -> None:
    table = make.table(make.column("n", kind, missing=[-999]), make.column("id", "INTEGER"))
    numbers = ["-999", "-999.0", "-9.99e2", "-999.00000000000000001"]
    payload = "".join(f'{{"n":{n},"id":{i}}}\n' for i, n in enumerate(numbers)).encode()
    found = make.conform(make.contract(table, format=JsonFormat(type="ndjson")), payload).tables["t"]
    absent = [row["id"] for row in make.rows(found.bronze) if row["n"] is None]
    assert absent == ([0] if kind == "VARCHAR" else [0, 1, 2])
    assert make.refused(found.quarantine) == ([(4, ["n.type"])] if kind == "BIGINT" else [])


def test_what_is_read_twice_depends_on_no_block(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = make.table(make.column("v"), make.column("d", "DECIMAL(38,20)"))
    numbers = [f"{i % 7}.{i:04d}0" if i // 100 % 2 else str(i) for i in range(600)]
    payload = "".join(f'{{"v":{n},"d":{n}}}\n' for n in numbers).encode()
    monkeypatch.setattr("ingestion.parsers.json_records.CHUNK", 700)
    rows = make.rows(make.conform(make.contract(table, format=JsonFormat(type="ndjson")), payload).tables["t"].bronze)
    assert sorted((row["v"], row["d"]) for row in rows) == sorted((n, Decimal(n)) for n in numbers)
