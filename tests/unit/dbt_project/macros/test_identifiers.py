"""The macros of check digits judge the shared vectors as contracts do, and are SQL for Spark, too."""

from __future__ import annotations

import duckdb
import pytest
import sqlglot

from ingestion.settings import Settings
from ingestion.values.check_digits import CHECKS, Check
from tests.support.check_digits import vectors
from tests.support.rendered import Rendered

PROJECT = Settings().dbt_project


@pytest.mark.parametrize("check", CHECKS)
def test_macros_judge_the_vectors(check: Check) -> None:
    chosen = [vector for vector in vectors() if vector.check == check]
    sql = Rendered(PROJECT).macro(f"is_{check}", "code")
    query = f"select {sql} from (select unnest($1) as code)"
    found = duckdb.execute(query, [[*(vector.code for vector in chosen), None]]).fetchall()
    assert [row[0] for row in found] == [*(vector.is_valid for vector in chosen), None]


@pytest.mark.parametrize("check", CHECKS)
def test_macros_use_what_both_engines_have(check: Check) -> None:
    sql = sqlglot.parse_one(f"select {Rendered(PROJECT).macro(f'is_{check}', 'code')}", dialect="spark")
    unknown = {str(found.this) for found in sql.find_all(sqlglot.exp.Anonymous)}
    assert not unknown
    assert not list(sql.find_all(sqlglot.exp.Lambda, sqlglot.exp.RegexpLike))
