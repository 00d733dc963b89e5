"""A dbt project's macros and models as DuckDB SQL, rendered by dbt's Jinja without a manifest or a build.

For tests of what a model computes over many inputs: a build takes seconds, this milliseconds. `ref()` and `source()`
give plain names, which the test makes tables of; `adapter.dispatch` gives the macro for every engine but Spark; what
asks the database while it renders (`run_query`) is not there. Whether dbt builds the model is for tests that build.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
from dbt_common.clients.jinja import get_environment

_MACRO = re.compile(r"\{%-?\s*macro\s+(\w+)")


class Rendered:
    """The macros and models of a project's folder. `given` are names that Jinja also knows (`as_of`)."""

    def __init__(self, folder: Path, **given: Any) -> None:
        self.folder, self.given = folder, given

    def model(self, name: str) -> str:
        """The SQL of a model."""
        (path,) = (self.folder / "models").rglob(f"{name}.sql")
        return str(_template(path).render(self._names))

    def macro(self, name: str, *arguments: Any) -> str:
        """What a macro gives."""
        return str(self._names[name](*arguments))

    @cached_property
    def _names(self) -> dict[str, Any]:
        paths = {
            name: path
            for path in sorted((self.folder / "macros").glob("*.sql"))
            for name in _MACRO.findall(path.read_text(encoding="utf-8"))
        }
        names: dict[str, Any] = {name: self._called(name, path) for name, path in paths.items()}
        return names | {
            "adapter": SimpleNamespace(dispatch=lambda name: names[f"default__{name}"]),
            "config": SimpleNamespace(get=lambda *_: {}),
            "is_incremental": lambda: False,
            "ref": lambda name: name,
            "return": lambda value: value,
            "source": lambda _, table: table,
            **self.given,
        }

    def _called(self, name: str, path: Path) -> Callable[..., str]:
        def call(*arguments: Any, **named: Any) -> str:
            module = _template(path).make_module(self._names)
            return str(getattr(module, f"dbt_macro__{name}")(*arguments, **named))

        return call


def _template(path: Path) -> Any:
    return get_environment(None).from_string(path.read_text(encoding="utf-8"))


def load_seed(connection: duckdb.DuckDBPyConnection, folder: Path, name: str, types: dict[str, str]) -> None:
    """A seed of the project as a table, its columns typed as dbt_project.yml says."""
    path = folder / "seeds" / f"{name}.csv"
    connection.read_csv(str(path), dtype=types, header=True).create(name)  # type: ignore[arg-type]
