"""The privacy scan finds direct identifiers however they are written, and nothing else."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import a_part
from warehouse.gate.privacy import scan, text_columns

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def check_digit(first17: str) -> str:
    return "10X98765432"[sum(int(digit) * weight for digit, weight in zip(first17, WEIGHTS, strict=True)) % 11]


def found(value: str | None, kind: str = "varchar") -> set[str]:
    with duckdb.connect() as connection:
        connection.execute(f"create table t as select cast($1 as {kind}) as v", [value])
        findings = scan(connection, "t", text_columns({"v": kind.upper()}))
    return {name.removeprefix("v:") for part in findings.values() for name in part}


ID = "44200019900307123" + check_digit("44200019900307123")
OTHER = "11010119800101002" + check_digit("11010119800101002")
WRONG = "44200019900307123" + ("1" if ID[-1] != "1" else "2")


@pytest.mark.parametrize(
    "value",
    [ID, ID.lower(), f"身份证{ID}号", f"a{ID}b", f"{WRONG},{OTHER}", "".join(chr(ord(c) + 0xFEE0) for c in OTHER)],
)
def test_identity_numbers_are_found(value: str) -> None:
    assert "citizen_id" in found(value)


@pytest.mark.parametrize(
    "value",
    ["13812345678", "电话13812345678转", "138-1234-5678", "138 1234 5678", "+8613812345678", "8613812345678",
     "tel13812345678", "１３８１２３４５６７８"],
)  # fmt: skip
def test_mobile_numbers_are_found(value: str) -> None:
    assert found(value) == {"mobile_phone"}


@pytest.mark.parametrize(
    "value",
    [None, "", "hello", WRONG, "91440101MA59UNXW5T", "442000001", "2026-03-01 00:00:00", "13812345678901",
     "12345678901", "JY14420001234567", "f" * 20 + "a13812345678f" + "0" * 31, "20260301T160000Z-a13812345678",
     "13812345-6781-4a3b-8c1d-0123456789ab"],
)  # fmt: skip
def test_what_is_public_or_made_by_machines_passes(value: str | None) -> None:
    assert found(value) == set()


def test_a_credit_code_that_looks_like_an_identity_number_passes() -> None:
    """All-digit credit codes whose digits also satisfy the citizen check: excluded by their own check digit."""
    alphabet, weights = (
        "0123456789ABCDEFGHJKLMNPQRTUWXY",
        (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28),
    )
    codes = (f"9144011{n:03}0101{m:03}" for n in range(800, 999) for m in range(1000))
    both = next(
        code
        for code in codes
        if check_digit(code) == alphabet[(31 - sum(int(d) * w for d, w in zip(code, weights, strict=True)) % 31) % 31]
    )
    assert found(both + check_digit(both)) == set()


def test_nested_text_is_scanned_and_numbers_are_not() -> None:
    assert text_columns({"a": "VARCHAR[]", "b": "STRUCT(x VARCHAR)", "c": "JSON", "d": "BIGINT", "e": "DATE"}) == [
        "a",
        "b",
        "c",
    ]
    with duckdb.connect() as connection:
        connection.execute("create table t as select ['x', '13812345678'] as v")
        assert scan(connection, "t", ["v"]) == {"": {"v:mobile_phone": 1}}


def test_findings_are_counted_by_part() -> None:
    with duckdb.connect() as connection:
        connection.execute("create table t as select 'p' || n % 2 as part, '13812345678' as v from range(3) as r(n)")
        assert scan(connection, "t", ["v"], part="part") == {"p0": {"v:mobile_phone": 2}, "p1": {"v:mobile_phone": 1}}


@settings(max_examples=a_part(0.25))
@given(st.dates(date(1900, 1, 1), date(2026, 12, 31)), st.integers(0, 999), st.integers(110000, 659999))
def test_every_valid_identity_number_is_found(born: date, order: int, division: int) -> None:
    first17 = f"{division}{born:%Y%m%d}{order:03}"
    value = first17 + check_digit(first17)
    with duckdb.connect() as connection:
        connection.execute("create table t as select $1 as v", [value])
        is_credit_code = not scan(connection, "t", ["v"])
        if is_credit_code:
            valid = connection.execute("select valid_uscc($1)", [value]).fetchone()
            assert valid == (True,)
