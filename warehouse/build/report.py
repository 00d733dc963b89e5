"""What a build leaves for the gate and the release: one JSON document beside the build file.

The gate reads verdict material from here and from the receipts, never from dbt's own files.
"""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from ingestion.values.document import Document

Kind = Literal["dimension", "fact", "mart", "pub", "gov"]
CheckKind = Literal["key", "freshness", "reconciliation", "relationship", "rule"]
Status = Literal["passed", "warned", "failed", "error", "skipped"]


class ModelBuilt(Document):
    """One dbt model. `feeds` are the `department.feed` it reads, through every layer; `rows` counts all its rows."""

    name: str
    unique_id: str
    relation: str
    product: str | None
    kind: Kind | None
    public: bool
    materialized: str
    status: Status
    message: str | None = None
    rows: int | None = None
    day_column: str | None = None
    feeds: list[str] = Field(default=[])
    upstream: list[str] = Field(default=[])
    upstream_products: list[str] = Field(default=[])


class Relation(Document):
    """What a relationship check compares, by model and column name; a null child value refers to nothing."""

    child: str
    column: str
    parent: str
    parent_column: str


class CheckRun(Document):
    """One dbt test run. `models` are the models it reads; the first is the one it is declared on.

    `relation` is set for relationship checks, so that they can run again on a composed release.
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


def _replace(path: Path, text: str) -> None:
    """The whole text or the file before: others read it while a build ends, and a build may be killed there."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


class ModelsMade(Document):
    """A build between `dbt run` and `dbt test`, for runs whose two halves are two processes.

    `results` are dbt's run results as it wrote them.
    """

    schema_version: Literal[1] = 1
    build_id: str
    as_of: date
    started_at: datetime
    full_refresh: bool
    project_digest: str
    results: dict[str, Any]
    messages: list[str] = Field(default=[])
    warnings: list[str] = Field(default=[])

    def save(self, path: Path) -> None:
        """Write it beside the build file."""
        _replace(path, self.model_dump_json())

    @classmethod
    def load(cls, path: Path) -> ModelsMade:
        """Read it."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))


class BuildReport(Document):
    """One build. `affected` maps `department.feed` to the event days (ISO) rebuilt; `[]` for feeds rebuilt whole.

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
        """Write it beside the build file."""
        _replace(path, self.model_dump_json(indent=1))

    @classmethod
    def load(cls, path: Path) -> BuildReport:
        """Read the last one."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))
