"""The fixture project's dbt models in a folder of a test's own, to be edited there.

It gets two models more that ask for the city's date, a table and a fact, so that a date that moves has something to do.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.office import DBT_PROJECT

_TODAY = """
with

offices as (
    select * from {{ ref('dim_office') }}
),

final as (
    select
        office_id,
        {{ as_of() }} - opened_date as days_open
    from offices
)

select * from final
"""

_AGED = """
{{
    config(
        materialized='incremental',
        incremental_strategy='affected_days',
        meta={'citylake': {
            'feeds': ['office.call'],
            'day_column': 'called_date',
        }}
    )
}}

with

calls as (
    select * from {{ ref('stg_office__calls') }}
),

final as (
    select
        call_no,
        called_date,
        {{ as_of() }} - called_date as days_ago
    from calls
)

select * from final
"""

_TESTS = """
models:
  - name: mart_office_age
    description: '{text}'
    data_tests: [{{primary_key: {{arguments: {{columns: [office_id]}}}}}}]
    columns:
      - {{name: office_id, data_tests: [{{relationships: {{arguments: {{to: ref('dim_office'), field: office_id}}}}}}]}}
      - {{name: days_open, data_tests: [not_null, {{value_between: {{arguments: {{low: 0, high: 2255}}}}}}]}}
  - name: fct_call_age
    data_tests:
      - primary_key: {{arguments: {{columns: [call_no, called_date]}}}}
      - row_count_equals_receipts:
          arguments: {{feed: office.call, table_name: call, day_column: called_date}}
    columns:
      - {{name: days_ago, data_tests: [not_null]}}
"""


class EditedProject:
    """A copy of the project below `folder`, made unless it is there; `path` is what a build is given."""

    def __init__(self, folder: Path) -> None:
        # Beside the shipped macros and tests, which the project names by relative paths.
        self.path = folder / "tests" / "project" / "dbt_project"
        self.marts = self.path / "models" / "marts"
        if not self.path.exists():
            self._make(folder)
        self._texts = {path: path.read_text(encoding="utf-8") for path in self.marts.rglob("*.sql")}

    def _make(self, folder: Path) -> None:
        shutil.copytree(DBT_PROJECT, self.path, ignore=shutil.ignore_patterns("target", "logs"))
        shutil.copytree(DBT_PROJECT.parents[2] / "dbt_project", folder / "dbt_project")
        (self.marts / "offices" / "mart_office_age.sql").write_text(_TODAY, encoding="utf-8")
        (self.marts / "calls" / "fct_call_age.sql").write_text(_AGED, encoding="utf-8")
        self.describe("办公点")

    def describe(self, text: str) -> None:
        """Another description of a model."""
        path = self.marts / "offices" / "_age.yml"
        path.write_text(_TESTS.format(text=text), encoding="utf-8")

    def edit(self, model: str, old: str, new: str) -> None:
        """The model's SQL as it is shipped, with `new` for `old`."""
        (path,) = self.marts.rglob(f"{model}.sql")
        assert old in self._texts[path], f"{model} has no {old!r}"
        path.write_text(self._texts[path].replace(old, new), encoding="utf-8")

    def macro(self, name: str, old: str, new: str) -> None:
        """A macro's text with `new` for `old`."""
        path = self.path.parents[2] / "dbt_project" / "macros" / f"{name}.sql"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
