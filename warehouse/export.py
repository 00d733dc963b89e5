"""Export a release as one self-contained DuckDB file, facts as tables, for readers without access to the store."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ingestion.errors import ConfigurationError, IntegrityError
from ingestion.machine.rights import OPEN, OWN
from ingestion.sql import identifier, literal
from ingestion.store.reading import reading
from warehouse.actions.opening import Opening, opened
from warehouse.publish.comments import from_catalogue, write
from warehouse.publish.compose import facts_query
from warehouse.release import layout
from warehouse.release.manifest import Expiry, Manifest
from warehouse.release.retained import require_data
from warehouse.sql import released

if TYPE_CHECKING:
    from ingestion.lake import Lake

_RELEASE, _COPY = "released", "copied"


def export(
    lake: Lake, target: Path, *, edition: str = "internal", release: str | None = None, opening: Opening | None = None
) -> Manifest:
    """Write the file, with comments and the tables `_release` (id, edition, created_at, is_synthetic) and `_expires`.

    `_expires` (table_name, end_column, show_until, notice) has a row for each table whose records may not be shown for
    ever: none from its date in `end_column` on, and the whole file unchanged only before `show_until`.
    A copy of the open edition can be read by every account, one of any other by its owner only (0600).
    Of a restricted edition `opening` is recorded first. Raises PurposeNeeded without one;
    ConfigurationError when the target exists, nothing was released or the release holds records whose last day
    is over, IntegrityError when rows differ from the manifest; a half-written file is removed.
    """
    manifest = released(lake, edition, release)
    require_data(lake, manifest)
    _require_no_ended(lake, manifest)
    if target.exists():
        raise ConfigurationError(f"{target} exists", left="it was not changed", next_step="choose another file name")
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with (
            opened(lake, manifest, opening),
            lake.scratch() as scratch,
            closing(duckdb.connect()) as connection,
            reading(lake.store, connection, f"export release {manifest.id}"),
        ):
            path = lake.store.fetch(manifest.warehouse.key, scratch / "release.duckdb")
            connection.execute(f"set memory_limit = {literal(lake.settings.memory_limit)}")
            connection.execute(f"set temp_directory = {literal(scratch / 'duckdb')}")
            connection.execute(f"attach {literal(path)} as {_RELEASE} (read_only)")
            connection.execute(f"attach {literal(partial)} as {_COPY}")
            _copy(lake, connection, manifest)
            connection.execute(f"detach {_COPY}")
        partial.chmod((OPEN if layout.is_public(edition) else OWN).file)
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def _require_no_ended(lake: Lake, manifest: Manifest) -> None:
    due = manifest.due(lake.city_time().date())
    if due:
        raise ConfigurationError(
            f"release {manifest.id} holds records of {', '.join(due)} whose last day is over",
            left="no file was written",
            next_step="citylake maintain unpublish, then export again",
        )


def _copy(lake: Lake, connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    comments = from_catalogue(connection, _RELEASE)
    for name, entry in manifest.tables.items():
        copied, source = identifier(_COPY, "main", name), identifier(_RELEASE, "main", name)
        query = facts_query(lake, entry) if entry.is_view else f"select * from {source}"
        connection.execute(f"create table {copied} as {query}")
        row = connection.execute(f"select count(*) from {copied}").fetchone()
        if row is None or row[0] != entry.rows:
            raise IntegrityError(
                f"table {name} gave {row[0] if row else 0} rows, the manifest of {manifest.id} says {entry.rows}",
                left="no file was written",
                next_step="citylake reconcile --deep",
            )
        if name in comments:
            write(connection, copied, "table", comments[name].columns, comments[name])
    facts = [manifest.id, manifest.edition, manifest.created_at.isoformat(), manifest.synthetic]
    connection.execute(
        f"""create table {identifier(_COPY, "main", "_release")} as select $1 as id, $2 as edition,
            cast($3 as timestamp with time zone) as created_at, $4 as is_synthetic""",
        facts,
    )
    target = identifier(_COPY, "main", "_expires")
    connection.execute(
        f"create table {target} (table_name varchar, end_column varchar, show_until date, notice varchar)"
    )
    for name, entry in manifest.tables.items():
        if entry.expiry is not None:
            ends = [name, entry.expiry.rule.column, entry.expiry.next_end, _notice(entry.expiry)]
            connection.execute(f"insert into {target} values ($1, $2, $3, $4)", ends)


def _notice(expiry: Expiry) -> str:
    """What whoever has the file must do, in Chinese and English."""
    column, day = expiry.rule.column, expiry.next_end
    chinese = f"本文件自 {day} 起须更换或删去到期记录" if day else "目前没有记录载明到期日"
    english = f"from {day} on replace this file or delete what has ended" if day else "no record has such a date now"
    return f"{column} 当日起该记录不得再公示；{chinese}。 A record may not be shown from its {column} on; {english}."
