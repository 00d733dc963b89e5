"""Drift: refuse a table that lost more rows since its last release than its bound in drift.yaml allows.

Changes of values are checked by dbt tests.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError

from ingestion.errors import ConfigurationError
from ingestion.values.document import Document
from warehouse.verdict import CheckResult

BOUNDS_PATH = Path(__file__).with_name("drift.yaml")
Share = Annotated[float, Field(ge=0, le=1)]


class Bounds(Document):
    """Largest tolerated loss as a share (0 to 1) of the released rows; `tables` overrides it by table name."""

    max_drop: Share
    tables: dict[str, Share] = Field(default={})

    def of(self, table: str) -> float:
        """The bound of one table."""
        return self.tables.get(table, self.max_drop)


def load_bounds(path: Path = BOUNDS_PATH) -> Bounds:
    """Read the bounds. Raises ConfigurationError."""
    try:
        return Bounds.model_validate(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(f"drift bounds {path.name}: {error}", next_step=f"correct {path.name}") from error


def judge_drift(bounds: Bounds, table: str, released: int | None, now: int) -> CheckResult:
    """Compare the row count `now` with that of the last release (`released`; None where the table was never
    released)."""
    name = f"drift:{table}"
    if released is None:
        return CheckResult(
            name=name, kind="drift", status="passed", failures=0, message="first release", tables=[table]
        )
    lost = max(0, released - now)
    bound = bounds.of(table)
    allowed = released * bound
    emptied = released > 0 and now == 0
    return CheckResult(
        name=name,
        kind="drift",
        status="failed" if lost > allowed or emptied else "passed",
        failures=lost,
        message=f"{released} rows released, {now} now; a loss of {bound:.0%} is allowed",
        tables=[table],
    )
