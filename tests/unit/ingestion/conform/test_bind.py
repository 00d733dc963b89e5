"""A contract that cannot be run is refused before its first row, and its text reaches nothing but the row."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.conform import bind
from ingestion.contract.extension import HeaderVariant, VariantColumn
from ingestion.contract.problem import InvalidContract
from tests.support.conforming import Maker


@pytest.mark.parametrize(
    "expression",
    [
        "(select count(*) from read_csv('{file}')) > 0",
        "a in (from read_text('{file}'))",
        "a = (select content from read_text('{file}'))",
        "exists (from glob('{file}'))",
        "a = getenv('HOME')",
        "a = current_setting('temp_directory')",
        "a = getvariable('x')",
        "nextval('s') > 0",
        "random() < 2",
        "count(*) > 0",
        "max(a) over () = a",
        "unnest([a, a]) = a",
        "current_date > date '2000-01-01'",
    ],
)
@pytest.mark.parametrize("where", ["rule", "flag", "transform"])
def test_an_expression_reads_its_row_and_nothing_else(make: Maker, tmp_path: Path, expression: str, where: str) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("secret\n")
    text = expression.format(file=file)
    columns = [make.column("a")]
    rules = [make.rule("r", expression=text, severity="flag" if where == "flag" else "refuse")]
    if where == "transform":
        columns.append(make.column("b", "BOOLEAN", source=None, transform=text))
    contract = make.contract(make.table(*columns, rules=rules if where != "transform" else ()))
    with pytest.raises(InvalidContract) as caught:
        make.conform(contract, b"a\n1\n2\n")
    key = "schema[0].properties[1].transformLogic" if where == "transform" else "tables.t.rules[0].expression"
    assert all(problem.path.endswith(key) for problem in caught.value.problems)
    assert "citylake contracts check" in str(caught.value)
    assert list(make.scratch.iterdir()) == []


def test_an_expression_over_a_row_still_runs(make: Maker) -> None:
    rule = make.rule("r", expression="list_sum(list_transform(range(3), lambda i: i * n)) >= 0")
    contract = make.contract(make.table(make.column("n", "INTEGER"), rules=[rule]))
    assert make.conform(contract, b"n\n1\n-1\n").tables["t"].accepted == 1


@pytest.mark.parametrize(
    ("spec", "key"),
    [
        ({"format": "%Y-%Q"}, "format"),
        ({"formats": ["%Y-%m-%d", "%Q"]}, "formats"),
        ({"format": "%"}, "format"),
    ],
)
def test_a_format_duckdb_does_not_know(make: Maker, spec: dict[str, object], key: str) -> None:
    contract = make.contract(make.table(make.column("d", "DATE", **spec)))
    with pytest.raises(InvalidContract, match=rf"columns\.d\.{key}:"):
        make.conform(contract, b"d\n2026-03-02\n")


def test_a_format_that_a_header_variant_brings(make: Maker) -> None:
    variant = HeaderVariant(id="old", columns={"d": VariantColumn(source="day", format="%Q")})
    contract = make.contract(make.table(make.column("d", "DATE", format="%Y-%m-%d"), header_variants=(variant,)))
    with pytest.raises(InvalidContract, match=r"header_variants\[0\]"):
        make.conform(contract, b"d\n2026-03-02\n")


@pytest.mark.parametrize(
    "facts",
    [
        {"type": "INTEGER", "allowed": ("1", "99999999999")},
        {"type": "INTEGER", "maximum": 3e9},
        {"type": "DECIMAL(5,2)", "minimum": 1e6},
        {"type": "VARCHAR", "pattern": "a{1,5000}"},
    ],
)
def test_a_limit_without_effect(make: Maker, facts: dict[str, object]) -> None:
    contract = make.contract(make.table(make.column("v", **facts)))  # type: ignore[arg-type]
    with pytest.raises(InvalidContract, match=r"schema\[0\]\.properties\[0\]"):
        make.conform(contract, b"v\n1\n")


def test_a_revision_is_bound_once(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    findings = bind.findings
    monkeypatch.setattr(bind, "findings", lambda *given: calls.append(1) or findings(*given))
    monkeypatch.setattr(bind, "_bound", set())
    contract = make.contract(make.table(make.column("a")))
    make.conform(contract, b"a\n1\n")
    make.conform(contract, b"a\n2\n")
    assert calls == [1]
