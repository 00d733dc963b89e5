"""Texts to numbers: Arrow, SQL and Python's own exact numbers agree on every text."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from math import isfinite
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.conform import numbers
from ingestion.conform.compile import TablePlan
from ingestion.conform.direct import plain_digits, read_directly
from tests.support.examples import a_part

ENGINE = duckdb.connect()
ODD = [
    ".", "+", "-", "", "5.", ".5", "+.5", "--5", "+-5", "5-", "1.2.3", "1-2", "3_12", "1_", "1e", "e5", "1e+", "1e5e",
    "1 2", "1\u00a02", "١٢", "１２", "0x1F", "0b11", "1,000", "inf", "-Infinity", "nan", "NaN", "1d", "1f", "t", "yes",
    "0e99999999999999999999", "1e-99999999999999999999", "1e99999999999999999999", "9223372036854775807.0",
    "9223372036854775808.0", "-92233720368547758080e-1", "-0", "-0.0", "1e38", "1e39", "1e400", "1e-400", "4.9e-324",
    "2e-324", "1.7976931348623157e308", "1.7976931348623159e308", "0.5", "0.05", "-0.005", "99999999.995", "12.7",
    "10e-1", "1e-1", "9007199254740993", "0.1000000000000000055511151231257827021181583404541015625",
    "9" * 38, "9" * 39, "9" * 60 + ".5", "0" * 60 + "1", "0." + "0" * 100 + "1", "1" + "0" * 100 + "e-100",
]  # fmt: skip
DIGITS = st.text("0123456789", max_size=45)
SHAPED = st.builds(
    lambda sign, whole, point, part, power: f"{sign}{whole}{point}{part if point else ''}{power}",
    st.sampled_from(["", "-", "+"]), DIGITS, st.sampled_from(["", "."]), st.text("0059", max_size=45),
    st.one_of(st.just(""), st.builds("{}{}".format, st.sampled_from(["e", "E", "e+", "e-"]), st.integers(0, 60))),
)  # fmt: skip
ANY = st.one_of(st.sampled_from(ODD), SHAPED, st.text("0123456789+-.eE_x", max_size=12))
TYPES = [
    "INTEGER",
    "BIGINT",
    "DOUBLE",
    "DECIMAL(4,2)",
    "DECIMAL(18,3)",
    "DECIMAL(38,0)",
    "DECIMAL(38,20)",
    "DECIMAL(38,38)",
]
BITS = {"INTEGER": 31, "BIGINT": 63}
WIDE = Context(prec=1000, Emax=999_999_999, Emin=-999_999_999)


def number(text: str) -> Decimal | None:
    """The number by the rule of docs/adr/0017, without the code under test; exponents are cut at a million."""
    body = text[1:] if text[:1] in ("+", "-") else text
    mantissa, mark, power = body.replace("E", "e").partition("e")
    whole, _, part = mantissa.partition(".")
    digits, unsigned = whole + part, power[1:] if power[:1] in ("+", "-") else power
    plain = set(digits + unsigned) <= set("0123456789") and mantissa.count(".") <= 1
    if not digits or not plain or (mark and not unsigned):
        return None
    places = max(min(int(power or 0), 10**6), -(10**6)) - len(part)
    return Decimal((text.startswith("-"), tuple(map(int, digits)), places))


def is_whole(found: Decimal) -> bool:
    return not found or (found.adjusted() >= 0 and not any(found.as_tuple().digits[found.adjusted() + 1 :]))


def typed(found: Decimal, kind: str) -> Any:
    """A number as a type; None where it does not fit."""
    if kind == "DOUBLE":
        return None if abs(float(found)) == float("inf") else float(found)
    if found and found.adjusted() > 60:
        return None
    if kind in BITS:
        return int(found) if is_whole(found) and -(2 ** BITS[kind]) <= found < 2 ** BITS[kind] else None
    precision, scale = map(int, kind[8:-1].split(","))
    small = not found or found.adjusted() < -100
    rounded = Decimal(0) if small else found.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, WIDE)
    return rounded if rounded.copy_abs() < Decimal(10) ** (precision - scale) else None


def reference(text: str, kind: str) -> Any:
    found = number(text)
    return None if found is None else typed(found, kind)


def _plan(make: Any, kind: str) -> TablePlan:
    table = make.table(make.column("id"), make.column("x", kind))
    return TablePlan(make.contract(table), table)


def _read(plan: TablePlan, values: pa.Array, **how: frozenset[str]) -> list[Any]:
    ids = pa.array([str(number) for number in range(len(values))])
    ENGINE.register("segment", pa.table({"_raw_id": ids, "_raw_x": values}))
    return ENGINE.execute(plan.statement(**how)).to_arrow_table()["x"].to_pylist()


def _check(make: Any, texts: list[str], kind: str) -> None:
    plan = _plan(make, kind)
    column = pa.chunked_array([pa.array(texts, pa.string())])
    wanted = [reference(text, kind) for text in texts]
    by_sql = _read(plan, column)
    different = [found for found in zip(texts, wanted, by_sql, strict=True) if found[1] != found[2]]
    assert not different, f"{kind}: (text, reference, SQL) {different[:5]}"
    for text, value in zip(texts, wanted, strict=True):
        one = pa.chunked_array([[text]])
        typed = read_directly(one, plan.direct["x"]) if "x" in plan.direct else None
        if typed is not None:
            (found,) = typed.to_pylist()
            ended = value is None and isinstance(found, float) and not isfinite(found)
            assert found == value or ended, (kind, text, value, found)
    plain = [text for text in texts if plain_digits(pa.chunked_array([[text]]))]
    if "x" in plan.plain_decimals and plain:
        found = _read(plan, pa.chunked_array([plain]), plain=frozenset({"x"}))
        assert found == [reference(text, kind) for text in plain]


@pytest.mark.parametrize("kind", TYPES)
def test_known_oddities_are_read_alike(make: Any, kind: str) -> None:
    _check(make, ODD, kind)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(ANY, min_size=5, max_size=40), kind=st.sampled_from(TYPES))
def test_every_text_is_read_alike(make: Any, texts: list[str], kind: str) -> None:
    _check(make, texts, kind)


@settings(max_examples=a_part(0.3))
@given(texts=st.lists(ANY, min_size=5, max_size=40), places=st.integers(1, 9))
def test_implied_decimals_are_whole_numbers_moved(texts: list[str], places: int) -> None:
    ENGINE.register("texts", pa.table({"t": texts}))
    for kind in ("DECIMAL(38,9)", "DECIMAL(12,2)", "DOUBLE"):
        rows = ENGINE.execute(f"select {numbers.scaled('t', kind, places)} from texts").fetchall()
        for text, (value,) in zip(texts, rows, strict=True):
            found = number(text)
            whole = found is not None and is_whole(found)
            read = None if value is not None and not isfinite(value) else value  # `checked` takes infinity
            assert read == (typed(found.scaleb(-places, WIDE), kind) if found is not None and whole else None)


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", "1.2"), ("1e3", "100"), ("12.0", "1.2"), ("12.5", None), ("1e-1", None), ("1_2", None), ("-0", "0")],
)
def test_implied_decimals_take_whole_numbers_only(text: str, value: str | None) -> None:
    for kind in ("DECIMAL(12,2)", "DOUBLE"):
        (found,) = ENGINE.execute(f"select {numbers.scaled('$1', kind, 1)}", [text]).fetchone() or (None,)
        assert found == (None if value is None else type(found)(value))


@pytest.mark.parametrize("word", ["true", "T", "Yes", "y", "1", "FALSE", "f", "no", "N", "0"])
def test_words_of_a_boolean(make: Any, word: str) -> None:
    found = make.conform(make.contract(make.table(make.column("b", "BOOLEAN"))), f"b\n{word}\n".encode()).tables["t"]
    assert make.rows(found.bronze) == [{"b": word.lower() in ("true", "t", "yes", "y", "1")}]


@pytest.mark.parametrize("word", ["on", "01", "1.0", "+1", "2", "是", "ｔrue", "yes!"])
def test_what_is_no_word_of_a_boolean(make: Any, word: str) -> None:
    found = make.conform(make.contract(make.table(make.column("b", "BOOLEAN"))), f"b\n{word}\n".encode()).tables["t"]
    assert make.refused(found.quarantine) == [(1, ["b.type"])]


@pytest.mark.parametrize("kind", ["DOUBLE", "DECIMAL(38,10)", "BIGINT"])
def test_codes_are_numbers_of_the_one_grammar(make: Any, kind: str) -> None:
    spec = {"missing": [-999, "n/a", "1e3"], "trace": {"99999": Decimal("0.0")}}
    table = make.table(make.column("n", "INTEGER"), make.column("x", kind, **spec))
    texts = ["-999", "-999.00", "-9.99E2", "n/a", "1000", "99999.", "-9_99", "-998.9999999999", "12345678901234568"]
    payload = "n,x\n" + "".join(f"{n},{text}\n" for n, text in enumerate(texts))
    found = make.conform(make.contract(table), payload.encode()).tables["t"]
    values = {row["n"]: row["x"] for row in make.rows(found.bronze)}
    assert [n for n, value in values.items() if value is None] == [0, 1, 2, 3, 4]
    assert values[5] == 0 and values[8] == 12345678901234568
    assert make.refused(found.quarantine) == (
        [(7, ["x.type"]), (8, ["x.type"])] if kind == "BIGINT" else [(7, ["x.type"])]
    )


@pytest.mark.parametrize(
    ("kind", "low", "high", "inside", "outside"),
    [
        (
            "DECIMAL(38,20)",
            "0.10000000000000000555",
            "1e17",
            ["0.10000000000000000555", "1"],
            ["0.10000000000000000554"],
        ),
        ("DECIMAL(6,2)", "0.005", "99.994", ["0.01", "99.99"], ["0", "100"]),
        ("BIGINT", "0.5", "9007199254740992", ["1", "9007199254740992"], ["0", "9007199254740993"]),
        ("DECIMAL(38,0)", "9" * 37 + "8", "9" * 38, ["9" * 38, "9" * 37 + "8"], ["9" * 37 + "7"]),
        ("DOUBLE", "0.1", "0.3", ["0.1", "0.3"], ["0.30000000000000004", "0.09999999999999999"]),
    ],
)
def test_bounds_to_the_last_digit(
    make: Any, kind: str, low: str | None, high: str | None, inside: list[str], outside: list[str]
) -> None:
    bounds = {name: Decimal(text) for name, text in (("minimum", low), ("maximum", high)) if text is not None}
    payload = "n,x\n" + "".join(f"{n},{text}\n" for n, text in enumerate([*inside, *outside]))
    table = make.table(make.column("n", "INTEGER"), make.column("x", kind, **bounds))
    found = make.conform(make.contract(table), payload.encode()).tables["t"]
    assert found.accepted == len(inside)
    assert found.rules == ({"x.range": len(outside)} if outside else {})


@pytest.mark.parametrize(
    ("serial", "seconds"),
    [("45000.00015625", 14), ("45000.000156249", 13), ("4.500000015625e4", 14), ("45000.", 0), ("45_000", None)],
)
def test_a_serial_is_rounded_by_its_digits(make: Any, serial: str, seconds: int | None) -> None:
    """13.5 seconds are 0.00015625 of a day, which no double is."""
    table = make.table(make.column("at", "TIMESTAMP", format="excel_serial"))
    found = make.conform(make.contract(table), f"at\n{serial}\n".encode()).tables["t"]
    assert [row["at"].second for row in make.rows(found.bronze)] == ([] if seconds is None else [seconds])


def test_a_birth_year_is_four_digits(make: Any) -> None:
    rule = make.deidentify("generalise", to="birth_band_5y")
    table = make.table(make.column("n", "INTEGER"), make.column("y", deidentify=rule))
    found = make.conform(make.contract(table), b"n,y\n1,1992\n2,19_2\n3,+199\n4,1e3\n5,360426199101010071\n").tables[
        "t"
    ]
    assert {row["n"]: row["y"] for row in make.rows(found.bronze)} == {
        1: "1990-1994", 2: None, 3: None, 4: None, 5: "1990-1994",
    }  # fmt: skip
