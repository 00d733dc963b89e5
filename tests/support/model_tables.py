"""Tables of a dbt project's models in an in-memory DuckDB, each made by its own SQL from rows that a test gives.

For worked cases through several models: staging tables have the columns and types of the contracts and hold the rows
given; every other model that is asked for, and what it reads, is rendered (tests.support.rendered) and run in the order
of its references. Seeds are those of the project. A test may give a table in a model's place.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import yaml

from ingestion.contract.model import Contract
from ingestion.sql import identifier
from tests.support.dbt_files import DbtFiles
from tests.support.rendered import Rendered, load_seed
from warehouse.build.sources import view_columns
from warehouse.modelling.staging import staging_models


class ModelTables:
    """The models of a project as tables of `connection`; `as_of` is the day the project's clock shows.

    As `views` they follow the rows of staging, for many examples one after the other.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        project: Path,
        contracts: Mapping[str, Contract],
        as_of: str,
        *,
        views: bool = False,
    ) -> None:
        self.connection, self.files, self.made_as = connection, DbtFiles(project), "view" if views else "table"
        self.staging = staging_models(contracts.values())
        self.as_of = as_of
        self.rendered = Rendered(project, as_of=lambda: f"date '{self.as_of}'")
        self.made: set[str] = set()

    def give(self, model: str, columns: Mapping[str, str]) -> None:
        """Make an empty table in a model's place, of columns and their types."""
        listed = ", ".join(f"{identifier(name)} {kind}" for name, kind in columns.items())
        self.connection.execute(f"create table {identifier(model)} ({listed})")
        self.made.add(model)

    def insert(self, model: str, select: str) -> None:
        """Add the rows of a query to a staging table, or one that was given, column by name."""
        self._make(model)
        self.connection.execute(f"insert into {identifier(model)} by name {select}")

    def rows(self, model: str, columns: str = "*", where: str = "true") -> list[tuple[Any, ...]]:
        """Rows of a model, made now with all that it reads."""
        self._make(model)
        return self.connection.sql(f"select {columns} from {identifier(model)} where {where} order by all").fetchall()

    def rows_on(self, day: str, model: str, columns: str) -> list[tuple[Any, ...]]:
        """Rows that a model which asks for the date has on another day; what it reads stays as it is."""
        self._make(model)
        usual, self.as_of = self.as_of, day
        try:
            sql = self.rendered.model(model)
        finally:
            self.as_of = usual
        return self.connection.sql(f"select {columns} from ({sql}) order by all").fetchall()

    def _make(self, model: str) -> None:
        if model in self.made:
            return
        self.made.add(model)
        if model in self.staging:
            self.give(model, self._staging_columns(model))
        elif model not in self.files.models:
            load_seed(self.connection, self.files.folder, model, self._seed_types[model]["+column_types"])
        else:
            for read in sorted(self.files.models[model].refs):
                self._make(read)
            self.connection.execute(f"create {self.made_as} {identifier(model)} as {self.rendered.model(model)}")

    def _staging_columns(self, model: str) -> dict[str, str]:
        one = self.staging[model]
        types = view_columns(one.table)
        return {name: types[bronze] for name, (bronze, _) in one.columns.items()}

    @cached_property
    def _seed_types(self) -> dict[str, Any]:
        project = yaml.safe_load((self.files.folder / "dbt_project.yml").read_text(encoding="utf-8"))
        found: dict[str, Any] = project["seeds"][project["name"]]
        return found
