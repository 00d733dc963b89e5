"""What a person says of one dbt model: `<model>.yml` beside its SQL, read strictly (docs/adr/0025).

Owns the keys. dbt does not read these files (`.dbtignore`): it reads `_<folder>__models.yml`, which `make generate`
writes from them (warehouse.modelling.files), with checks (warehouse.modelling.checks) and with the texts of columns
that are inherited (warehouse.modelling.inheritance).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from ingestion.contract.problem import Report
from ingestion.contract.strict import Declared, validate
from ingestion.contract.yaml_text import read_yaml


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _mapping(value: Any) -> Any:
    """A column's text alone is its description."""
    return {"description": value} if isinstance(value, str) else value or {}


class Fresh(Declared):
    """Content is at most `within_days` old: by `day_column`, or for a snapshot by what `feed` last sent."""

    within_days: int = Field(ge=0)
    day_column: str | None = None
    feed: str | None = None


class Reconciled(Declared):
    """Rows are as many as something else says: one of three.

    `receipts`: `department.feed`, or with `.table` where it has several. `rows`: a model or seed. `total`: a column
    whose sum is the number of rows of the model `of`.
    """

    receipts: str | None = None
    day_column: str | None = None
    rows: str | None = None
    total: str | None = None
    of: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Reconciled:
        if [self.receipts, self.rows, self.total].count(None) != 2:  # noqa: PLR2004 - one of three is given
            raise ValueError("give one of `receipts`, `rows` and `total`")
        if (self.total is None) != (self.of is None):
            raise ValueError("`total` and `of` belong together")
        return self


class ColumnSaid(Declared):
    """One column: its `title · text` where it is not inherited, and what its values must be.

    `references`: `model` with a column of the same name, or `model.column`. `between`: lowest and highest value.
    `accepted`: all values there are. `severity` is of these checks; `data_tests` are dbt's own, as dbt reads them.
    """

    description: str | None = None
    references: str | None = None
    between: Annotated[list[Any], Field(min_length=2, max_length=2)] | None = None
    accepted: list[str] = Field(default=[])
    severity: Literal["error", "warn"] = "error"
    data_tests: list[Any] = Field(default=[])


class FullRebuild(Declared):
    """The model is made whole in every run: what that may cost, and why."""

    budget_seconds: int = Field(gt=0)
    why: str


class Expiring(Declared):
    """Rows of a public table leave the open edition on the local date in `column`, whatever the gate says.

    `ended_by` is an internal model with the table's key and `column`: a record that it ends earlier leaves earlier. A
    key that it does not have changes nothing.
    """

    column: str
    ended_by: str | None = None


class SmallCellsSaid(Declared):
    """Counts of people in an open table: none below `k` is shown or can be told from those shown (docs/adr/0041).

    `count` is the column of the number, null where it is left out; `by` are the columns of one total; `cell` divides
    the total, and has the value `total` in its row. `ratios` are columns made of the count and its total.
    """

    k: int = Field(default=5, ge=5)
    count: str
    by: Annotated[list[str], BeforeValidator(_listed)] = Field(min_length=1)
    cell: str
    total: str
    ratios: Annotated[list[str], BeforeValidator(_listed)] = Field(default=[])


class Declaration(Declared):
    """One model. `description` is `title · text`; `grain` goes on after "Grain: ".

    With `day_column` the model grows by affected days (`spread`: the days after an event day that the event also
    changes; `feeds`: default, those it reads through views). `edition: restricted`: its rows are for readers of
    `restricted/<product>` alone (default by name: `pub_` is open too). `config` and `data_tests` are dbt's own.
    """

    description: str
    grain: str
    key: Annotated[list[str], BeforeValidator(_listed)] = Field(min_length=1)
    day_column: str | None = None
    spread: list[int] = Field(default=[])
    feeds: list[str] = Field(default=[])
    full_rebuild: FullRebuild | None = None
    fresh: Fresh | None = None
    expires: Expiring | None = None
    edition: Literal["restricted"] | None = None
    small_cells: SmallCellsSaid | None = None
    reconciled: list[Reconciled] = Field(default=[])
    columns: dict[str, Annotated[ColumnSaid, BeforeValidator(_mapping)]] = Field(default={})
    config: dict[str, Any] = Field(default={})
    data_tests: list[Any] = Field(default=[])

    @model_validator(mode="after")
    def _meta_is_generated(self) -> Declaration:
        if "citylake" in self.config.get("meta", {}):
            raise ValueError("`config.meta.citylake` is written from the other keys of this file: say it there")
        return self

    @model_validator(mode="after")
    def _grows(self) -> Declaration:
        if self.day_column is None and (self.spread or self.feeds):
            raise ValueError("`spread` and `feeds` belong to a model that grows by `day_column`")
        if self.day_column is not None and any(one.rows for one in self.reconciled):
            raise ValueError(
                "tests of a model that grows read affected days only, and `rows` compares all: use `total`"
            )
        return self


def read_declaration(path: Path) -> tuple[Declaration | None, Report]:
    """What a file says, None where it is wrong; the report holds its problems and takes later ones.

    Raises InvalidContract where the file is not YAML.
    """
    raw, report = read_yaml(path)
    return validate(Declaration, raw, (), report), report
