"""JSON: a member twice is no value, and a number keeps its digits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ingestion.contract.extension import JsonFormat


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
