"""SQL access: a read-only DuckDB session on one release, which can read that release's files and no others.

The release file is attached read-only; views over fact files resolve through the manifest, so a
store that was moved or restored elsewhere works. `query` runs only statements that read. Who may read
which edition is decided by the store (file modes, bucket policies).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from ingestion.errors import CitylakeError, ConfigurationError, ObjectNotFound
from ingestion.keys import PUBLISHED
from ingestion.sql import identifier, literal
from ingestion.store.reading import reading
from warehouse.actions.opening import Opening, opened
from warehouse.publish.compose import facts_query
from warehouse.release import editions, layout, pointer
from warehouse.release.manifest import Manifest
from warehouse.release.retained import require_data

if TYPE_CHECKING:
    from ingestion.lake import Lake

READ_STATEMENTS = frozenset({duckdb.StatementType.SELECT, duckdb.StatementType.PRAGMA})


class NotReading(CitylakeError):
    """A statement that is not a query was given to the read-only session."""


def released(lake: Lake, edition: str, release: str | None = None) -> Manifest:
    """The manifest of a release (default: the current one). Raises ConfigurationError that says what to run."""
    editions.require(lake.store, edition)
    if release is not None:
        try:
            return pointer.load(lake.store, edition, release)
        except ObjectNotFound as error:
            raise ConfigurationError(
                f"edition {edition} has no release {release!r}", next_step=f"citylake releases --edition {edition}"
            ) from error
    manifest = pointer.current(lake, edition)
    if manifest is not None:
        return manifest
    if pointer.pointer(lake.store, edition) is not None:
        held = pointer.hold(lake, edition)
        why = f" by {held.by}: {held.reason}" if held else ""
        raise ConfigurationError(
            f"edition {edition} was withdrawn{why}", next_step=f"citylake resume --edition {edition}, then citylake run"
        )
    raise ConfigurationError(f"edition {edition} was never released", next_step="citylake run, or `make demo`")


def connect(
    lake: Lake, edition: str = "internal", release: str | None = None, *, opening: Opening | None = None
) -> duckdb.DuckDBPyConnection:
    """A DuckDB session whose default schema is the release; the caller closes it.

    Of a restricted edition `opening` is recorded first. Raises ConfigurationError; PurposeNeeded without an opening.
    """
    manifest = released(lake, edition, release)
    lake.settings.scratch_root.mkdir(parents=True, exist_ok=True, mode=0o700)
    require_data(lake, manifest)
    connection = duckdb.connect(config={"threads": lake.settings.threads, "memory_limit": lake.settings.memory_limit})
    try:
        with opened(lake, manifest, opening), reading(lake.store, connection, f"open release {manifest.id}"):
            _open(lake, connection, manifest)
    except BaseException:
        connection.close()
        raise
    return connection


def _open(lake: Lake, connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    database = identifier(layout.file_name(manifest.edition))
    files = [lake.store.url(file.key) for table in manifest.tables.values() for file in table.files]
    connection.execute(f"set timezone = {literal(lake.settings.timezone)}")
    connection.execute(f"set temp_directory = {literal(lake.settings.scratch_root / 'duckdb')}")
    connection.execute(f"attach {literal(lake.store.url(manifest.warehouse.key))} as {database} (read_only)")
    connection.execute(f"use {database}")
    if lake.store.url(PUBLISHED) != f"{manifest.root}/{PUBLISHED}":
        for name, entry in manifest.tables.items():
            if entry.is_view:
                connection.execute(f"create temp view {identifier(name)} as {facts_query(lake, entry)}")
    connection.execute(f"set allowed_paths = {literal(files)}")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def query(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    """The rows of the last statement as Arrow. Raises NotReading for anything but queries, before running any."""
    statements = connection.extract_statements(sql)
    refused = [s for s in statements if not _is_reading(connection, s)]
    if refused or not statements:
        kind = str(refused[0].type).rsplit(".", 1)[-1] if refused else "nothing"
        raise NotReading(
            f"only queries run here, not {kind}{' of anything but a SELECT' if kind == 'EXPLAIN' else ''}",
            left="the release is read-only and unchanged",
            next_step="write a SELECT; `citylake export` gives a copy of your own to change",
        )
    for statement in statements[:-1]:
        connection.execute(statement)
    return connection.execute(statements[-1]).to_arrow_table()


def _is_reading(connection: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> bool:
    """Whether a statement only reads. EXPLAIN is checked by what it explains, since EXPLAIN ANALYZE runs that."""
    if statement.type != duckdb.StatementType.EXPLAIN:
        return statement.type in READ_STATEMENTS
    for explained in _explained(statement.query):
        try:
            return [inner.type for inner in connection.extract_statements(explained)] == [duckdb.StatementType.SELECT]
        except duckdb.Error:
            continue
    return False


def _explained(statement: str) -> Iterator[str]:
    """Texts that an EXPLAIN may explain: what follows EXPLAIN [ANALYZE], then that without options in parentheses.

    DuckDB's tokenizer skips comments; it counts positions in bytes.
    """
    text = statement.encode()
    positions = [position for position, _ in duckdb.tokenize(statement)][1:]
    if positions and text[positions[0] :].lower().startswith(b"analyze"):
        positions = positions[1:]
    if positions:
        yield text[positions[0] :].decode()
    if positions and text[positions[0] : positions[0] + 1] == b"(":
        closed = [after for position, after in pairwise(positions) if text[position : position + 1] == b")"]
        yield from (text[after:].decode() for after in closed[:1])
