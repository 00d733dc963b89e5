"""Every dbt project of the repository asks no clock but `as_of()` (warehouse.build.clock_rule)."""

from __future__ import annotations

import pytest
from _tree import ROOT, shown

from warehouse.build.clock_rule import OWN, clocks

PROJECTS = ("dbt_project", "tests/fixture_project/dbt_project", "tests/acceptance/dbt_project", "bench/dbt_project")
FILES = sorted(path for project in PROJECTS for path in (ROOT / project).rglob("*.sql") if "target" not in path.parts)


def test_there_is_sql_of_every_project() -> None:
    assert {project for project in PROJECTS if any(path.is_relative_to(ROOT / project) for path in FILES)} == {
        *PROJECTS
    }


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_sql_asks_one_clock(path) -> None:
    found = clocks(path.read_text(encoding="utf-8"), may_read_run=path.stem in OWN)
    assert found == [], f"{shown(path)}: use {{{{ as_of() }}}}, the day the build is judged for"
