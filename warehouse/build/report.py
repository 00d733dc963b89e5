"""The report of a build, from which the gate judges and a release is made: one JSON document beside the build file.

The gate reads it and the receipts, never dbt's own files.
"""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from ingestion.settings import Settings
from ingestion.values.document import Document

REPORT = "build_report.json"
"""The file of the last build's report in the state folder."""

Kind = Literal["dimension", "fact", "mart", "pub", "gov"]
CheckKind = Literal["key", "freshness", "reconciliation", "relationship", "rule"]
Status = Literal["passed", "warned", "failed", "error", "skipped"]


class Expires(Document):
    """When rows of a public table leave the open edition: on the local date in `column` (docs/adr/0030).

    `ended_by` names an internal model of the build that has `key`, the table's key, and `column` too: where its date is
    earlier, that date counts.
    """

    column: str
    key: list[str]
    ended_by: str | None = None


class SmallCells(Document):
    """Counts of people in an open table from which nobody may tell fewer than `k` (docs/adr/0041).

    `by` are the columns of one total, `cell` the column that divides it, `total` the value of `cell` in the row of the
    total. `count` is null where the number is left out; `ratios` are columns made of count and total.
    """

    k: int = Field(ge=5)
    count: str
    by: list[str] = Field(min_length=1)
    cell: str
    total: str
    ratios: list[str] = Field(default=[])

    @property
    def columns(self) -> list[str]:
        """Every column it names."""
        return [*self.by, self.cell, self.count, *self.ratios]


class ModelBuilt(Document):
    """One dbt model after a build.

    `feeds` are the `department.feed` it reads, directly or through other models; `rows` is the row count of its whole
    table, None for a view. `restricted`: it is declared so, and released for readers of that edition alone
    (warehouse.release.editions). `upstream` are the models it reads, `upstream_products` the products of these.
    `identity` is that of its SQL and of everything below it (warehouse.build.identity), `build_id` the build that made
    the table as it is: an earlier one where nothing it reads has changed since. `seconds` are those of the build that
    made it, None where it was not made in this one.
    """

    name: str
    unique_id: str
    relation: str
    product: str | None
    kind: Kind | None
    public: bool
    restricted: bool = False
    materialized: str
    status: Status
    message: str | None = None
    rows: int | None = None
    day_column: str | None = None
    expires: Expires | None = None
    small_cells: SmallCells | None = None
    feeds: list[str] = Field(default=[])
    upstream: list[str] = Field(default=[])
    upstream_products: list[str] = Field(default=[])
    identity: str = ""
    build_id: str | None = None
    seconds: float | None = None
    description: str = ""
    columns: dict[str, str] = Field(default={})
    """Descriptions of its columns by name."""


class Relation(Document):
    """What a relationship check compares, by model and column name. A null in the child column needs no parent row."""

    child: str
    column: str
    parent: str
    parent_column: str


class CheckRun(Document):
    """One data test after a build. `models` are the models it reads; the first is the one it is declared on.

    `relation` is set for relationship checks, so that they can run again on a composed release. `build_id` is the build
    that ran it: an earlier one where the result was carried, as nothing it reads has changed since.
    """

    name: str
    unique_id: str
    check: CheckKind
    product: str | None
    models: list[str]
    severity: Literal["error", "warn"]
    status: Status
    failures: int | None
    message: str | None = None
    column: str | None = None
    compiled_sql: str | None = None
    relation: Relation | None = None
    build_id: str | None = None
    seconds: float | None = None


class NodeResult(Document):
    """What dbt says of one node it worked on; `status` and `message` in dbt's words, `failures` for tests."""

    unique_id: str
    status: str
    message: str | None = None
    failures: int | None = None
    compiled_sql: str | None = None
    seconds: float | None = None


def _write_atomically(path: Path, text: str) -> None:
    """Write a temporary file, then rename it, so that a reader sees the old text or the new one, even after a kill."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


class ModelsMade(Document):
    """A build between `dbt run` and `dbt test`, kept in a file because Airflow runs the two in two processes.

    `selected` are the ids of the models and seeds that were to be made, `results` what dbt says of them, `checks` the
    ids of the checks that must run. `identities` holds those of every model, seed and check as `make_models` found
    them, and `dated` those that ask for the city's date.
    """

    schema_version: Literal[2] = 2
    build_id: str
    as_of: date
    started_at: datetime
    full_refresh: bool
    project_digest: str
    dbt_version: str
    invocation_id: str
    results: list[NodeResult]
    selected: list[str]
    checks: list[str]
    identities: dict[str, str]
    dated: list[str]
    messages: list[str] = Field(default=[])
    warnings: list[str] = Field(default=[])

    def save(self, path: Path) -> None:
        """Write it to `path`."""
        _write_atomically(path, self.model_dump_json())

    @classmethod
    def load(cls, path: Path) -> ModelsMade:
        """Read it from `path`."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))


class BuildReport(Document):
    """One build. `affected` maps `department.feed` to the event days (ISO) rebuilt; `[]` for feeds without event days.

    `inputs` maps `department.feed` to the bronze keys that counted. `messages` say what the run decided
    (a full rebuild and why); `warnings` are dbt's own.
    """

    schema_version: Literal[1] = 1
    build_id: str
    as_of: date
    started_at: datetime
    finished_at: datetime
    full_refresh: bool
    nothing_new: bool
    dbt_version: str
    invocation_id: str
    project_digest: str
    models: list[ModelBuilt]
    checks: list[CheckRun]
    affected: dict[str, list[str]]
    inputs: dict[str, list[str]]
    messages: list[str] = Field(default=[])
    warnings: list[str] = Field(default=[])

    def save(self, path: Path) -> None:
        """Write it to `path`."""
        _write_atomically(path, self.model_dump_json(indent=1))

    @classmethod
    def load(cls, path: Path) -> BuildReport:
        """Read it from `path`."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))


def report_path(settings: Settings) -> Path:
    """Where the report of the last build lies."""
    return settings.state_root / REPORT


def last_report(settings: Settings) -> BuildReport | None:
    """The report of the last build, None before the first."""
    path = report_path(settings)
    return BuildReport.load(path) if path.is_file() else None
