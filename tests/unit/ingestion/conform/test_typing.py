"""Types, codes, checks: what a value becomes, and which rule it breaks when it cannot."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.conform.numbers import decimal

ENGINE = duckdb.connect()

NAIVE_0930 = datetime.fromisoformat("2026-03-02 09:30:00")
UTC_0130 = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ"])
@pytest.mark.parametrize("year", ["0000", "10000", "290000"])
def test_a_year_no_calendar_tool_reads_refuses_its_row_only(make: Any, kind: str, year: str) -> None:
    """It stopped the whole delivery: ICU cannot count in such a year, and Python has no such day."""
    table = make.table(make.column("at", kind), make.column("n", "INTEGER"), event_time="at")
    time = "" if kind == "DATE" else " 00:00:00"
    found = make.conform(make.contract(table), f"at,n\n{year}-01-01{time},1\n2026-03-02{time},2\n".encode()).tables["t"]
    assert make.refused(found.quarantine) == [(1, ["at.type"])]
    assert found.days == {"2026-03-02": 1}


@given(
    digits=st.text("0123456789", min_size=1, max_size=12),
    places=st.integers(0, 12),
    exponent=st.integers(-40, 12),
    scale=st.sampled_from([0, 2, 6]),
)
def test_decimals_round_as_python_rounds_them(digits: str, places: int, exponent: int, scale: int) -> None:
    text = f"{digits[:-places]}.{digits[-places:]}e{exponent}" if 0 < places < len(digits) else f"{digits}e{exponent}"
    exact = Decimal(text).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, Context(prec=80))
    (found,) = ENGINE.execute(f"select {decimal('$1', f'DECIMAL(18,{scale})')}", [text]).fetchone() or (None,)
    assert found == (exact if exact < 10 ** (18 - scale) else None)


@pytest.mark.parametrize(
    ("facts", "text", "value"),
    [
        ({"type": "INTEGER"}, " 12 ", 12),
        ({"type": "INTEGER"}, "+3.00", 3),
        ({"type": "INTEGER"}, "12.7", "type"),
        ({"type": "INTEGER"}, "0x1F", "type"),
        ({"type": "INTEGER"}, "1e3", 1000),
        ({"type": "BIGINT"}, "1.5", "type"),
        ({"type": "BIGINT"}, "9007199254740993", 9007199254740993),
        ({"type": "TIMESTAMP"}, "epoch", "type"),
        ({"type": "INTEGER"}, "99999999999", "type"),
        ({"type": "INTEGER"}, "  ", None),
        ({"type": "DOUBLE"}, "-1.5e2", -150.0),
        ({"type": "DOUBLE"}, "nan", "type"),
        ({"type": "DOUBLE"}, "inf", "type"),
        ({"type": "DOUBLE"}, "1e999", "type"),
        ({"type": "DECIMAL(5,1)"}, "88.5", Decimal("88.5")),
        ({"type": "DECIMAL(5,1)"}, "123456", "type"),
        ({"type": "BOOLEAN"}, "true", True),
        ({"type": "BOOLEAN"}, "ja", "type"),
        ({"type": "DATE"}, "2026-03-02", date(2026, 3, 2)),
        ({"type": "DATE"}, "2026-02-30", "type"),
        ({"type": "DATE"}, "2026-03-02 x", "type"),
        ({"type": "DATE"}, "infinity", "type"),
        ({"type": "DATE", "format": "%Y%m%d"}, "20260302", date(2026, 3, 2)),
        ({"type": "DATE", "format": "%Y%m%d"}, "2026-03-02", "type"),
        ({"type": "TIMESTAMP"}, "2026-03-02 09:30:00", NAIVE_0930),
        ({"type": "TIMESTAMP", "format": "%d/%m/%Y %H:%M"}, "02/03/2026 09:30", NAIVE_0930),
        ({"type": "TIMESTAMPTZ"}, "2026-03-02 09:30:00", UTC_0130),
        ({"type": "TIMESTAMPTZ", "format": "iso"}, "2026-03-02T09:30:00+08:00", UTC_0130),
        ({"type": "TIMESTAMPTZ"}, "2026-03-02T01:30:00Z", UTC_0130),
        ({"type": "TIMESTAMPTZ", "timezone": "UTC"}, "2026-03-02 01:30:00", UTC_0130),
        ({"type": "TIMESTAMPTZ", "timezone": "UTC"}, "2026-03-02T09:30:00+0800", UTC_0130),
        ({"type": "TIMESTAMPTZ", "timezone": "UTC"}, "2026-03-02", datetime(2026, 3, 2, tzinfo=UTC)),
        ({"type": "TIMESTAMPTZ", "format": "%Y%m%d%H%M"}, "202603020930", UTC_0130),
        ({"type": "TIMESTAMPTZ", "format": "%Y%m%d%H%M", "timezone": "UTC"}, "202603020130", UTC_0130),
        ({"type": "TIMESTAMPTZ", "format": "%Y-%m-%dT%H:%M:%S%z"}, "2026-03-02T09:30:00+0800", UTC_0130),
        ({"type": "TIMESTAMPTZ"}, "soon", "type"),
        # What DuckDB reads too generously, or not at all.
        ({"type": "DECIMAL(12,2)"}, "6e-12", Decimal("0.00")),
        ({"type": "DECIMAL(12,2)"}, "57835.3E-10", Decimal("0.00")),
        ({"type": "DECIMAL(12,2)"}, "1.005e0", Decimal("1.01")),
        ({"type": "DECIMAL(12,2)"}, "-1.5E+3", Decimal("-1500.00")),
        ({"type": "DECIMAL(12,2)"}, "1e10", "type"),
        ({"type": "DECIMAL(18,3)"}, "588240300165.59344662e4", "type"),
        ({"type": "DECIMAL(38,2)"}, "1E+20", Decimal(10**20)),
        ({"type": "DATE"}, "26-03-02", "type"),
        ({"type": "DATE"}, "0000-01-01", "type"),
        ({"type": "DATE"}, "9999-12-31", date(9999, 12, 31)),
        ({"type": "DATE", "format": "excel_serial"}, "2958465.9999999", "type"),
        ({"type": "TIMESTAMP"}, " Epoch ", "type"),
        ({"type": "TIMESTAMP"}, "1970-01-01 00:00:00", datetime.fromisoformat("1970-01-01")),
        ({"type": "TIMESTAMP"}, "294247-01-10 04:00:54", "type"),
        ({"type": "TIMESTAMP"}, "2026-03-02 09:30:00 (BC)", "type"),
        ({"type": "TIMESTAMP"}, "2026-03-02 09:30:00+08", "type"),
        ({"type": "TIMESTAMP"}, "2026-03-02T09:30:00Z", "type"),
        ({"type": "TIMESTAMP"}, "2026-03-02 09:30:00 UTC", "type"),
        ({"type": "TIMESTAMPTZ"}, "294247-01-10 04:00:54", "type"),
        ({"type": "TIMESTAMPTZ"}, "290309-12-22 (BC) 00:00:00", "type"),
        ({"type": "TIMESTAMPTZ"}, "EPOCH", "type"),
        ({"type": "TIMESTAMPTZ"}, "9999-12-31 23:59:59", datetime(9999, 12, 31, 15, 59, 59, tzinfo=UTC)),
        ({"type": "TIMESTAMPTZ"}, "9999-12-31 20:00:00Z", "type"),
        ({"type": "TIMESTAMPTZ"}, "2026-03-02 01:30:00 UTC", UTC_0130),
        ({"type": "TIMESTAMPTZ"}, "2026-03-02 09:30:00 CST", "type"),
        ({"type": "TIMESTAMPTZ"}, "2026-03-02 09:30:00+08:00:00", "type"),
        ({"type": "TIMESTAMPTZ"}, "2026-03-02 09:30:00+99", "type"),
        ({"type": "INTEGER", "format": "gtfs_time"}, "25:00:01", 90001),
        ({"type": "INTEGER", "format": "gtfs_time"}, " 5:00:00", 18000),
        ({"type": "INTEGER", "format": "gtfs_time"}, "5:60:00", "type"),
        ({"type": "DOUBLE", "missing": [999999, "/"]}, "999999.0", None),
        ({"type": "BIGINT", "missing": [9007199254740993]}, "9007199254740993", None),
        ({"type": "BIGINT", "missing": [9007199254740993]}, "9007199254740992", 9007199254740992),
        ({"type": "DOUBLE", "missing": [999999, "/"]}, "/", None),
        ({"type": "DOUBLE", "trace": {"999990": 0.0}, "missing": [999999]}, "999990", 0.0),
        ({"type": "DOUBLE", "trace": {"999990": 0.0}, "missing": [999999]}, "x", "type"),
        ({"type": "VARCHAR", "missing": ["-"]}, " - ", None),
        ({"type": "VARCHAR", "normalise": ["nfkc", "upper"]}, "ａb（1）", "AB(1)"),
        ({"type": "VARCHAR", "max_length": 3}, "中山市区", "length"),
        ({"type": "VARCHAR", "min_length": 3, "max_length": 4}, "中山市区", "中山市区"),
        ({"type": "VARCHAR", "allowed": ("有效", "注销")}, "吊销", "allowed"),
        ({"type": "INTEGER", "allowed": ("0", "1")}, "2", "allowed"),
        ({"type": "INTEGER", "allowed": ("0", "1")}, "01", 1),
        ({"type": "INTEGER", "minimum": 0, "maximum": 9}, "10", "range"),
        ({"type": "DOUBLE", "minimum": 0}, "-0.1", "range"),
        ({"type": "VARCHAR", "pattern": "^442000[0-9]{3}$"}, "4420001", "pattern"),
        ({"type": "VARCHAR", "required": True}, " ", "required"),
        ({"type": "DOUBLE", "required": True}, " ", "required"),
        ({"type": "DOUBLE", "required": True, "missing": [-1]}, "-1", "required"),
    ],
)
def test_value(make: Any, facts: dict[str, Any], text: str, value: Any) -> None:
    table = make.table(make.column("v", **facts), make.column("n"))
    found = make.conform(make.contract(table), f'v,n\n"{text}",1\n'.encode()).tables["t"]
    if found.quarantined:
        assert found.rules == {f"v.{value}": 1}
    else:
        assert make.rows(found.bronze, "v") == [{"v": value}]


def test_derived_columns(make: Any) -> None:
    made = "make_timestamptz(y, m, 1, 0, 0, 0, 'UTC')"
    table = make.table(
        make.column("y", "INTEGER", required=True),
        make.column("m", "INTEGER"),
        make.column("at", "TIMESTAMPTZ", None, transform=made, primary_key=1),
        make.column("part", "INTEGER", None, transform="cast(substr(cast(y as varchar), 1, m) as integer)"),
        make.column("word", "INTEGER", None, transform="cast('w' || m as integer)"),
    )
    found = make.conform(make.contract(table), b"y,m\n2026,3\nx,3\n2026,\n").tables["t"]
    rules = dict(make.refused(found.quarantine))
    assert rules == {1: ["word.type"], 2: ["y.type", "at.required", "word.type"], 3: ["at.required"]}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("INTEGER", "3_12", "type"),
        ("INTEGER", "12.7", "type"),
        ("INTEGER", "1e3", 1000),
        ("BIGINT", "9223372036854775807.0", 9223372036854775807),
        ("DECIMAL(38,20)", "0.10000000000000000555", Decimal("0.10000000000000000555")),
        ("DECIMAL(12,2)", "1.005e0", Decimal("1.01")),
        ("DOUBLE", "0x1F", "type"),
        ("BOOLEAN", "on", "type"),
        ("INTEGER", "\u3000", None),
    ],
)
def test_a_text_that_an_expression_gives_is_read_as_one_that_was_sent(
    make: Any, kind: str, text: str, value: Any
) -> None:
    derived = make.column("v", kind, None, transform="split_part(s, '|', 1)")
    found = make.conform(make.contract(make.table(make.column("s"), derived)), f"s\n{text}|x\n".encode()).tables["t"]
    assert found.rules == ({"v.type": 1} if value == "type" else {})
    assert [row["v"] for row in make.rows(found.bronze)] == ([] if value == "type" else [value])


def test_an_expression_that_fails_on_a_row_refuses_the_row(make: Any) -> None:
    rules = [
        make.rule("low", expression="cast(a as integer) > 0"),
        make.rule("high", expression="cast(a as integer) < 9"),
    ]
    found = make.conform(make.contract(make.table(make.column("a"), rules=rules)), b'a\n1\nx\n0\n""\n').tables["t"]
    assert make.refused(found.quarantine) == [(2, ["low", "high"]), (3, ["low"])]
    assert found.accepted == 2


def test_more_rules_than_one_mask_holds(make: Any) -> None:
    columns = [make.column(f"c{i}", "INTEGER", required=True) for i in range(50)]
    payload = ",".join(c.name for c in columns) + "\n" + ",".join(["x"] * 49 + [""]) + "\n"
    found = make.conform(make.contract(make.table(*columns)), payload.encode()).tables["t"]
    assert make.refused(found.quarantine) == [(1, [f"c{i}.type" for i in range(49)] + ["c49.required"])]
