"""The interactive session of `citylake sql`: reads statements up to `;`, and a few dot commands."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.sql import literal
from warehouse.cli.output import grid, problems, results, show_grid

if TYPE_CHECKING:
    import duckdb

    from ingestion.store.base import Store
    from warehouse.release.manifest import Manifest

PROMPT, MORE = "citylake> ", "     ...> "
HISTORY_LINES = 1_000
HELP = """A query ends with ;
  .tables            tables of this release, their product and rows
  .describe TABLE    columns and what they mean
  .release           which release this is
  .help              this text
  .quit              leave (or Ctrl-D)"""


class Shell:
    """One session. `read` gives one line for a prompt and raises EOFError at the end (default: the keyboard)."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        manifest: Manifest,
        history: Path,
        read: Callable[[str], str] | None = None,
        store: Store | None = None,
    ) -> None:
        """`history` is a private file of typed lines; it is kept only where a person types."""
        self._connection = connection
        self._manifest = manifest
        self._store = store
        self._history = history
        self._read = read or _from_keyboard
        self._dots: dict[str, Callable[[str], None]] = {
            ".tables": self._tables,
            ".describe": self._describe,
            ".release": self._release,
            ".help": lambda _: results().print(HELP, markup=False),
        }

    def run(self) -> None:
        """Until `.quit` or the end of input. A wrong query is shown and the session goes on."""
        results().print(".tables lists what is here, .help the rest", style="dim")
        with _history(self._history):
            while (statement := self._statement()) is not None:
                self._answer(statement)

    def _statement(self) -> str | None:
        """One dot command or everything up to `;`; None at the end. Ctrl-C drops what was typed."""
        lines: list[str] = []
        while True:
            try:
                line = self._read(MORE if lines else PROMPT)
            except EOFError:
                return None
            except KeyboardInterrupt:
                lines = []
                continue
            if not lines and line.strip().startswith("."):
                return None if line.strip() in (".quit", ".exit") else line.strip()
            if line.strip() or lines:
                lines.append(line)
            if line.rstrip().endswith(";"):
                return "\n".join(lines)

    def _answer(self, statement: str) -> None:
        from ingestion.errors import CitylakeError
        from warehouse.cli.answers import run_query, show

        try:
            if statement.startswith("."):
                name, _, argument = statement.partition(" ")
                self._dots.get(name, self._unknown)(argument.strip().rstrip(";"))
            else:
                show(run_query(self._connection, statement, self._store))
        except CitylakeError as error:
            problems().print(str(error), style="red", markup=False, soft_wrap=True)
        except KeyboardInterrupt:
            problems().print("stopped", style="yellow")

    def _tables(self, _: str) -> None:
        rows = [(name, e.product, e.kind, e.rows, e.day_column) for name, e in self._manifest.tables.items()]
        results().print(grid(("table", "product", "kind", "rows", "kept by"), rows, right="rows"))

    def _describe(self, table: str) -> None:
        from warehouse.cli.answers import run_query
        from warehouse.release import layout

        if table not in self._manifest.tables:
            problems().print(f"no table {table!r}; .tables lists them", style="red", markup=False)
            return
        database = layout.file_name(self._manifest.edition)
        described = run_query(
            self._connection,
            "select column_name, data_type, comment from duckdb_columns() "
            f"where table_name = {literal(table)} and database_name = {literal(database)} "
            "order by column_index",
            self._store,
        )
        rows = zip(*described.to_pydict().values(), strict=True)
        show_grid(results(), table, ("column", "type", "meaning"), rows)

    def _release(self, _: str) -> None:
        from warehouse.cli.answers import release_line

        results().print(release_line(self._manifest), markup=False, soft_wrap=True)

    def _unknown(self, _: str) -> None:
        results().print(HELP, markup=False)


def _from_keyboard(prompt: str) -> str:
    """One line; lines from a pipe get no prompt."""
    return input(prompt if sys.stdin.isatty() else "")


@contextlib.contextmanager
def _history(path: Path) -> Iterator[None]:
    """Line editing and history where this Python has readline and a person types; nothing elsewhere."""
    if not sys.stdin.isatty():
        yield
        return
    with contextlib.suppress(ImportError, OSError):
        import readline

        readline.set_history_length(HISTORY_LINES)
        readline.read_history_file(path)
    try:
        yield
    finally:
        with contextlib.suppress(ImportError, OSError):
            import readline

            readline.write_history_file(path)
            path.chmod(0o600)
