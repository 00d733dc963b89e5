"""What Arrow reads and what SQL reads are one: every text Arrow takes gives the value SQL would have given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.conform import checks, evaluate
from ingestion.conform.compile import TablePlan
from ingestion.conform.direct import arrow_type, odd_rows, read_directly
from ingestion.conform.pseudonym import PseudonymKeys

NUMBERS = [
    "0", "-0", "00", "007", "1", "-1", "+1", "--1", "1-", " 1", "1 ", "\t1", "1\u00a0", "１２", "٣", "1_000", "1,5",
    "0x1F", "0X1f", "-0x1", "x", "0b1", "1L", "1d", "1f", "true", "t", "NULL", "NA", "", " ", "-", "+", ".", "1e", "e1",
    "1.", ".5", "-.5", "0.1", "1.0", "1e5", "1E+5", "1e-3", "1e400", "-1e400", "4.9e-324", "2e-324", "1e309", "nan",
    "NaN", "-nan", "inf", "-inf", "Infinity", "127", "128", "-128", "-129", "255", "256", "32767", "32768", "65536",
    "2147483647", "2147483648", "-2147483648", "-2147483649", "4294967295", "4294967296", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "18446744073709551615", "18446744073709551616",
    "0.30000000000000004", "123456789.123456789", "1.7976931348623157e308", "1.7976931348623159e308",
]  # fmt: skip
MOMENTS = [
    "2026-03-02", "2026-3-2", "20260302", "2026/03/02", "2026-W10-1", "2026-061", "26-03-02", "0000-01-01",
    "0001-01-01",
    "9999-12-31", "10000-01-01", "-0001-01-01", "1582-10-10", "1900-02-29", "2024-02-29", "2026-02-29", "2026-13-01",
    "2026-00-10", "2026-01-00", "2026-03-02 00", "2026-03-02T00", "2026-03-02 24", "2026-03-02 0000",
    "2026-03-02 08:30",
    "2026-03-02 08:30:00", "2026-03-02T08:30:00", "2026-03-02t08:30:00", "2026-03-02  08:30:00", "2026-03-02 8:3:0",
    "2026-03-02 24:00:00", "2026-03-02 23:59:60", "2026-03-02 12:60:00", "2026-03-02 08:30:00.",
    "2026-03-02 08:30:00.5",
    "2026-03-02 08:30:00.123456", "2026-03-02 08:30:00.1234567", "2026-03-02 08:30:00.123456789",
    "2026-03-02 08:30:00Z", "2026-03-02 08:30:00+08", "2026-03-02 08:30:00 +0800", "2026-03-02 08:30:00 UTC",
    "2026-03-02T083000", "1969-12-31 23:59:59.999999", "1677-09-21 00:12:43", "2262-04-12 00:00:00", "08:30:00",
    "epoch", "infinity", "-infinity", " 2026-03-02", "2026-03-02 ", "2026-03-02x",
]  # fmt: skip
TYPES = [
    "TINYINT", "SMALLINT", "INTEGER", "INT", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "DOUBLE", "DATE",
    "TIMESTAMP", "VARCHAR",
]  # fmt: skip
ANY = st.one_of(
    st.sampled_from(NUMBERS + MOMENTS),
    st.text(alphabet="0123456789+-.eEx_ :TZ", max_size=26),
    st.from_regex(r"\A[+-]?[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?\Z"),
    st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}(:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,7})?)?)?)?\Z"),
)


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'Asia/Shanghai'")
        connection.execute("set disabled_optimizers = 'common_subexpressions'")
        checks.install(connection)
        yield connection


def _plan(make: Any, kind: str, **facts: Any) -> TablePlan:
    table = make.table(make.column("id"), make.column("x", kind, **facts))
    return TablePlan(make.contract(table), table)


def _taken(plan: TablePlan, texts: list[str]) -> list[str]:
    return [text for text in texts if read_directly(pa.chunked_array([[text]]), plan.direct["x"]) is not None]


def _agree(engine: duckdb.DuckDBPyConnection, plan: TablePlan, texts: list[str]) -> None:
    """Both statements over the same rows give the same columns: value, hashes, suspicion."""
    ids = pa.array([str(number) for number in range(len(texts))])
    column = pa.chunked_array([pa.array(texts, pa.string())])
    typed = read_directly(column, plan.direct["x"])
    assert typed is not None
    found = []
    for values, direct in ((column, frozenset[str]()), (typed, frozenset({"x"}))):
        engine.register("segment", pa.table({"_raw_id": ids, "_raw_x": values}))
        found.append(engine.execute(plan.statement(direct)).to_arrow_table())
    by_sql, by_arrow = found
    # Bronze takes the column itself: where no rule refuses the row, it is the value.
    if plan.passed_through(frozenset({"x"})):
        ended = engine.execute("select _suspect from by_arrow").to_arrow_table()["_suspect"]
        ended = pc.and_(ended, pc.is_null(by_sql["x"]))
        by_arrow = by_arrow.append_column("x", pc.if_else(ended, pa.scalar(None, typed.type), typed))
    assert set(by_arrow.schema) == set(by_sql.schema)
    for name in by_sql.column_names:
        values = [one[name].cast(pa.string()).to_pylist() for one in (by_sql, by_arrow)]
        different = [found for found in zip(texts, *values, strict=True) if found[1] != found[2]]
        assert not different, f"{name}: (text, SQL, Arrow) {different[:5]}"


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("required", [False, True])
def test_what_arrow_takes_sql_reads_alike(
    make: Any, engine: duckdb.DuckDBPyConnection, kind: str, required: bool
) -> None:
    plan = _plan(make, kind, required=required)
    taken = _taken(plan, NUMBERS + MOMENTS)
    assert len(taken) >= 5  # the plain values of the type are read directly
    _agree(engine, plan, taken)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(ANY, min_size=1, max_size=40), kind=st.sampled_from(TYPES))
def test_whatever_arrow_takes_sql_reads_alike(
    make: Any, engine: duckdb.DuckDBPyConnection, texts: list[str], kind: str
) -> None:
    plan = _plan(make, kind)
    if taken := _taken(plan, texts):
        _agree(engine, plan, taken)


PLAIN = {"DOUBLE": "1.25", "DATE": "2026-03-02", "TIMESTAMP": "2026-03-02 08:30:00"}


@pytest.mark.parametrize("kind", TYPES[:-1])
@pytest.mark.parametrize("required", [False, True])
def test_odd_texts_among_many_plain_ones_are_read_as_by_sql(
    make: Any, monkeypatch: pytest.MonkeyPatch, kind: str, required: bool
) -> None:
    """The rows are those that SQL alone would give, and so are counts, hashes and quarantine."""
    to = arrow_type(make.column("x", kind))
    texts = [text for text in dict.fromkeys(NUMBERS + MOMENTS) if not set(text) & set(' \t",\u00a0')]
    odd = set(odd_rows(pa.chunked_array([texts]), to).tolist())
    assert odd  # some texts have characters that no plain value has
    lines = ["id,x"]
    for number in odd:
        lines += [f"{10 * number + step},{PLAIN.get(kind, '12')}" for step in range(9)] + [f"{number}5,{texts[number]}"]
    table = make.table(make.column("id"), make.column("x", kind, required=required))
    contract = make.contract(table, max_refused_share=1)
    found = []
    for many in (len(lines), 1):
        monkeypatch.setattr(evaluate, "_MANY", many)
        whole = make.conform(contract, "\n".join(lines).encode()).tables["t"]
        rows = [make.rows(path) if path else [] for path in (whole.bronze, whole.quarantine)]
        found.append((whole.accepted, whole.rules, whole.row_hash, rows))
    assert found[0] == found[1]


def test_only_few_odd_texts_are_set_aside(make: Any, engine: duckdb.DuckDBPyConnection) -> None:
    """Where they are many, or Arrow cannot read the others, SQL reads the whole column."""
    evaluator = evaluate.Evaluator(_plan(make, "DOUBLE"), engine, PseudonymKeys(1, b"k" * 32))
    plain = ["1.5"] * 9
    typed, unread = evaluator._read_mostly("x", pa.chunked_array([[*plain, "x", "1e400"]]), pa.float64())
    assert typed is not None
    assert (typed.to_pylist()[8:10], unread.tolist()) == ([1.5, None], [9])
    for texts in ([*plain, "x", "x"], [*plain, "x", "1.2.3"], plain):
        typed, unread = evaluator._read_mostly("x", pa.chunked_array([texts]), pa.float64())
        assert (typed, unread.tolist()) == (None, [])


def test_one_text_that_arrow_reads_and_sql_does_not_leaves_the_column_to_sql() -> None:
    for texts, to in ((["1", "0x1F"], pa.int32()), (["2026-03-02 08:00", "2026-03-02 08"], pa.timestamp("us"))):
        assert read_directly(pa.chunked_array([texts[:1]]), to) is not None
        assert read_directly(pa.chunked_array([texts[:1], texts[1:]]), to) is None


@pytest.mark.parametrize(
    "facts",
    [{"missing": [-9999]}, {"trace": {"T": 0}}, {"implied_decimals": 1}, {"format": "%Y"}],
)
def test_what_a_contract_says_of_a_column_is_read_by_sql(make: Any, facts: dict[str, Any]) -> None:
    assert arrow_type(make.column("x", "DATE" if "format" in facts else "BIGINT", **facts)) is None


def test_decimals_reals_and_zoned_moments_are_read_by_sql(make: Any) -> None:
    for kind in ("DECIMAL(10,2)", "REAL", "FLOAT", "BOOLEAN", "TIMESTAMPTZ", "HUGEINT"):
        assert arrow_type(make.column("x", kind)) is None


def test_a_bad_value_in_one_segment_changes_nothing_but_its_own_row(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments that are read directly and segments that are not make one bronze file."""
    from ingestion.parsers import records

    lines = [f"{i},{i}.5,2026-03-02 00:00:{i % 60:02d}" for i in range(400)]
    lines[250] = "250,x,2026-03-02 00"
    table = make.table(
        make.column("a", "INTEGER", primary_key=1), make.column("b", "DOUBLE"), make.column("c", "TIMESTAMP")
    )
    contract = make.contract(table)
    payload = ("a,b,c\n" + "\n".join(lines) + "\n").encode()
    whole = make.conform(contract, payload).tables["t"]
    rows = make.rows(whole.bronze)
    monkeypatch.setattr(records, "CHUNK", 512)
    pieces = make.conform(contract, payload).tables["t"]
    assert (pieces.accepted, pieces.rules) == (399, {"b.type": 1, "c.type": 1})
    assert (pieces.row_hash, pieces.rules) == (whole.row_hash, whole.rules)
    by_key = [sorted(found, key=lambda row: row["a"]) for found in (rows, make.rows(pieces.bronze))]
    assert by_key[0] == by_key[1]
    assert [row["a"] for row in by_key[0]] == [i for i in range(400) if i != 250]
