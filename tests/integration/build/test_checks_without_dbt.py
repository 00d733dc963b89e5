"""Tests that are run without dbt give what `dbt test` gives: status, failures and message, on rows that break them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.office import DBT_PROJECT
from warehouse.build import column_checks, kept, state
from warehouse.build.dbt_runner import Dbt, DbtFolders
from warehouse.build.direct_checks import run_column_checks, run_key_check, run_statement
from warehouse.build.limits import add_whole
from warehouse.build.lineage import Lineage
from warehouse.build.project import write_profile
from warehouse.build.report import NodeResult

ROWS = """
select * from (values
    (1, 'a', 5.0, date '2026-03-01'), (1, 'a', 7.0, date '2026-03-01'), (2, 'b', null, date '2026-03-02'),
    (3, null, 11.0, date '2026-03-02'), (null, 'x', -1.0, date '2026-03-02'), (4, 'y', 0.0, date '2026-03-03'),
    (4, 'y', 3.0, date '2026-03-03'), (null, 'it''s', 99.0, date '2026-03-03')
) as rows (id, word, size, day)
"""
_FACT = """{{ config(
    materialized='incremental',
    incremental_strategy='affected_days',
    meta={'citylake': {'feeds': ['a.b'], 'day_column': 'day'}}
) }}"""
_HEADS = {
    "seen": "{{ config(materialized='view') }}",
    "kept": "{{ config(materialized='table') }}",
    "fact": _FACT,
}

_TESTS = """
    data_tests:
      - primary_key: {{arguments: {{columns: [id, word]}}, name: key_{m}}}
      - primary_key: {{arguments: {{columns: [id]}}, config: {{where: size > 0}}, name: key_where_{m}}}
      - primary_key: {{arguments: {{columns: [id]}}, config: {{severity: warn, warn_if: '>3'}}, name: key_warn_{m}}}
    columns:
      - name: word
        data_tests:
          - not_null: {{name: null_{m}}}
          - not_null: {{name: null_where_{m}, config: {{where: id > 2}}}}
          - not_null: {{name: null_limit_{m}, config: {{limit: 1}}}}
          - accepted_values: {{name: words_{m}, arguments: {{values: [a, b]}}}}
          - accepted_values: {{name: quoted_{m}, arguments: {{values: [a, b, "it''s"]}}}}
          - accepted_values: {{name: words_warn_{m}, arguments: {{values: [a]}}, config: {{severity: warn}}}}
      - name: size
        data_tests:
          - value_between: {{name: size_{m}, arguments: {{low: 0, high: 10}}}}
          - value_between: {{name: size_if_{m}, arguments: {{low: 0, high: 10}}, config: {{error_if: '>5'}}}}
          - value_between: {{name: size_ok_{m}, arguments: {{low: -1, high: 99}}}}
          - value_between: {{name: size_wrong_{m}, arguments: {{low: 0, high: word}}}}
      - name: id
        data_tests:
          - accepted_values: {{name: ids_{m}, arguments: {{values: [1, 2], quote: false}}}}
          - not_null: {{name: id_{m}, config: {{error_if: '>1', warn_if: '>1'}}}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[tuple[Dbt, Lineage, Path]]:
    """A view, a table and a fact with the same rows and the same tests; the fact's affected day is 3 March."""
    root = tmp_path / "project"
    shutil.copytree(DBT_PROJECT.parents[2] / "dbt_project" / "macros", root / "macros")
    shutil.copytree(DBT_PROJECT.parents[2] / "dbt_project" / "tests", root / "tests")
    (root / "dbt_project.yml").write_text(
        "name: citylake\nversion: 1.0.0\nconfig-version: 2\nprofile: citylake\ntest-paths: [tests]\n", encoding="utf-8"
    )
    models = root / "models"
    models.mkdir()
    for name, head in _HEADS.items():
        (models / f"{name}.sql").write_text(f"{head}\n{ROWS}", encoding="utf-8")
    declared = "".join(f"  - name: {name}{_TESTS.format(m=name)}" for name in _HEADS)
    (models / "models.yml").write_text(f"models:\n{declared}", encoding="utf-8")
    path = tmp_path / "build.duckdb"
    with closing(duckdb.connect(path)) as connection:
        connection.execute(state.SCHEMA + kept.SCHEMA)
        connection.execute("create table _citylake.affected_day as select 'a.b' as feed, date '2026-03-03' as day")
        connection.execute("insert into _citylake.run values ('b', '2026-03-03', now(), false)")
    profile = write_profile(
        tmp_path / "profile", build_path=path, threads=1, memory_limit="1GB", scratch=tmp_path / "scratch"
    )
    dbt = Dbt(DbtFolders(root, profile, tmp_path / "target", tmp_path / "logs"), print)
    lineage = Lineage(dbt.parse())
    dbt.run(["seen", "kept", "fact"], full_refresh=False)
    yield dbt, lineage, path


def told(results: list[NodeResult]) -> dict[str, tuple[Any, ...]]:
    """What is compared: an error's text is the engine's in both, dbt's with the file around it."""
    return {r.unique_id: (r.status, None if r.status == "error" else (r.failures, r.message)) for r in results}


def direct(lineage: Lineage, path: Path, whole: set[str]) -> list[NodeResult]:
    names = lineage.tests()
    with closing(duckdb.connect(path)) as connection:
        add_whole(connection, whole)
        results = [run_key_check(connection, lineage, name, whole) for name in column_checks.key_checks(lineage, names)]
        for model, checks in column_checks.column_checks(lineage, names).items():
            results += run_column_checks(connection, lineage, model, checks, whole)
        return results


@pytest.mark.parametrize("is_whole", [False, True])
def test_every_result_is_that_of_dbt(project: tuple[Dbt, Lineage, Path], is_whole: bool) -> None:
    dbt, lineage, path = project
    whole = {name for name in lineage.models() if name.endswith(".fact")} if is_whole else set[str]()
    results = direct(lineage, path, whole)
    by_dbt = told(dbt.test([lineage.node(name)["name"] for name in lineage.tests()]))
    found = told(results)
    left = {name for name in by_dbt if name not in found}
    assert left == {name for name in by_dbt if ".null_limit_" in name or ".quoted_" in name}
    assert found == {name: result for name, result in by_dbt.items() if name in found}
    assert {status for status, _ in found.values()} == {"pass", "fail", "warn", "error"}
    of = {name.split(".")[2]: result for name, result in found.items()}
    assert of["key_kept"] != of["key_fact"] or is_whole

    # Failing rows can be shown: the statement gives as many as the result says (of values that are accepted, rows).
    with closing(duckdb.connect(path)) as connection:
        for result in results:
            if result.status != "error" and "words" not in result.unique_id and ".ids_" not in result.unique_id:
                rows = connection.execute(result.compiled_sql or "").fetchall()
                assert len(rows) == result.failures or result.status == "pass"


def test_the_definitions_that_are_known_are_the_shipped_ones(project: tuple[Dbt, Lineage, Path]) -> None:
    """Where this fails, see whether warehouse.build.column_checks still counts what the macro counts."""
    _, lineage, _ = project
    macros = {macro["name"]: macro["macro_sql"] for macro in lineage.manifest["macros"].values()}
    own = {kind: known for kind, known in column_checks.KNOWN.items() if not known.startswith("macro.")}
    assert {kind: column_checks.definition(macros[f"test_{kind}"]) for kind in own} == own


def test_a_test_with_another_definition_is_left_to_dbt(project: tuple[Dbt, Lineage, Path]) -> None:
    _, lineage, _ = project
    for macro in lineage.manifest["macros"].values():
        if macro["name"] in ("test_value_between", "test_primary_key"):
            macro["macro_sql"] += "-- otherwise"
    names = lineage.tests()
    assert column_checks.key_checks(lineage, names) == []
    checks = [c.unique_id for found in column_checks.column_checks(lineage, names).values() for c in found]
    assert checks
    assert [name for name in checks if ".size_" in name] == []


def test_kept_sql_is_judged_by_the_tests_thresholds(project: tuple[Dbt, Lineage, Path]) -> None:
    _, lineage, path = project
    (name,) = (name for name in lineage.tests() if ".null_limit_kept" in name)
    node = kept.judged_node(lineage.node(name))
    with closing(duckdb.connect(path)) as connection:
        sql = "select * from kept where day < date '2026-03-09'"
        limited = run_statement(connection, node, sql)
        assert (limited.status, limited.failures) == ("fail", 1)
        node["config"]["limit"] = None
        assert run_statement(connection, node, sql).failures == 8
        assert run_statement(connection, node, "select 1 where false").status == "pass"
        assert run_statement(connection, node, "select * from gone").status == "error"


def test_the_date_of_kept_sql_is_replaced() -> None:
    from warehouse.build.direct_checks import asks_for_date, on_date

    sql = "select date '2026-03-03' /* as_of */ - 1, date '2026-03-03' from t"
    assert asks_for_date(sql)
    assert on_date(sql, date(2026, 4, 5)) == "select date '2026-04-05' /* as_of */ - 1, date '2026-03-03' from t"
    assert not asks_for_date("select date '2026-03-03'")
