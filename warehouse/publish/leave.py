"""Take records whose last day is over out of a public edition, whatever became of the build (docs/adr/0030).

`leave` composes the current release again from its own rows, without those that have ended: where an edition is on
hold, and where nothing could be built. Otherwise the publication itself leaves them out (warehouse.publish.run).
`unpublish` does it for every public edition and withdraws older releases; it is run when the city's date moves, and
after a run that failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from pydantic import Field

from ingestion.errors import CitylakeError, ConfigurationError
from ingestion.isolation import as_known_error, combined
from ingestion.sql import identifier, literal
from ingestion.store.reading import store_errors
from ingestion.values.document import Document
from warehouse.build.lock import building
from warehouse.build.report import last_report
from warehouse.content.measure import ENGINE, open_build, require_build
from warehouse.publish import comments
from warehouse.publish.compose import PARENT, facts_query
from warehouse.publish.ended import Ended
from warehouse.publish.withdraw import BY, holds_ended, withdraw_ended
from warehouse.publish.writing import Composed, make_current, put_file, put_manifest
from warehouse.release import layout, ledger, pointer
from warehouse.release.editions import of_lake
from warehouse.release.lock import publisher
from warehouse.release.retained import ends_of, retained

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from warehouse.release.manifest import Manifest


class Left(Document):
    """What left one edition: rows by table, and the older releases that were withdrawn. `release` is what readers see.

    `without_build` says why only the rows' own dates were known; None where the build's were too.
    """

    edition: str
    release: str | None
    rows: dict[str, int] = Field(default={})
    withdrawn: list[str] = Field(default=[])
    without_build: str | None = None

    def __str__(self) -> str:
        """One line for the person at the console."""
        rows = described(self.rows) or "no record"
        withdrawn = f", {counted(len(self.withdrawn), 'older release')}" if self.withdrawn else ""
        return f"{self.edition}: {rows}{withdrawn}"


def described(rows: dict[str, int]) -> str:
    """Counts of the rows that left, by table, as text; empty where none did."""
    return ", ".join(f"{counted(count, 'expired record')} of {table}" for table, count in sorted(rows.items()) if count)


def counted(count: int, noun: str) -> str:
    """`1 release`, `2 releases`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def unpublish(lake: Lake, *, dry_run: bool = False) -> list[Left]:
    """Take what has ended by the city's date out of every public edition; what left, or with `dry_run` would.

    The last build is used where it is whole and free, for records that it ends early. Raises LakeBusy (another
    publisher), StoreError, IntegrityError; what was done before stays, and the next call does the rest.
    """
    lefts: list[Left] = []
    errors: list[CitylakeError] = []
    with publisher(lake), store_errors(lake.store, "unpublish"), _known(lake) as (ended, without_build):
        for edition in filter(layout.is_public, layout.EDITIONS):
            try:
                left = _would_leave(lake, edition, ended) if dry_run else _leave_all(lake, edition, ended)
                lefts.append(left.model_copy(update={"without_build": without_build}))
            except Exception as error:
                errors.append(as_known_error(error, lake.settings, f"taking expired records out of {edition}"))
    if errors:
        raise combined(errors)
    return lefts


@contextmanager
def leaving_anyway(lake: Lake) -> Iterator[None]:
    """Where the block fails, take out what has ended all the same; the error then says what left."""
    try:
        yield
    except Exception as error:
        try:
            lefts = [str(left) for left in unpublish(lake) if left.rows or left.withdrawn]
        except Exception as failure:
            known = as_known_error(failure, lake.settings, "unpublish")
            lefts = [f"expired records may still be public ({known.message}): citylake maintain unpublish"]
        if isinstance(error, CitylakeError) and lefts:
            error.left = "; ".join([*filter(None, [error.left]), *(f"left the edition {left}" for left in lefts)])
            error.args = (error.render(),)
        raise


def leave(lake: Lake, edition: str, ended: Ended) -> tuple[Manifest | None, dict[str, int]]:
    """Compose the current release again without the rows that have ended, also on hold; what readers see afterwards,
    and how many rows left by table.

    Its `Ended.connection` must not have another release attached. The caller holds the publisher lock and has repaired
    the ledger.
    """
    expected = pointer.pointer(lake.store, edition)
    parent = pointer.current(lake, edition)
    if parent is None or not any(ended.may_hold(name, entry) for name, entry in parent.tables.items()):
        return parent, {}
    with lake.scratch() as scratch, _attached(lake, parent, ended.connection, scratch):
        composed, rows = _composed(lake, parent, ended)
        if composed.tables == parent.tables:
            return parent, {}
        created_at = ledger.next_time(lake, of_lake(lake.store))
        release = layout.new_release_id(created_at, parent.id)
        changes = {
            "id": release,
            "parent": parent.id,
            "created_at": created_at,
            "engine": ENGINE,
            "tools": parent.tools | {"duckdb": duckdb.__version__},
            "warehouse": put_file(lake, ended.connection, composed, layout.warehouse(edition, release), scratch),
            "tables": composed.tables,
        }
        manifest = parent.model_copy(update=changes)
        sha256 = put_manifest(lake, manifest)
        make_current(lake, manifest, sha256, expected, reason=described(rows) or None, by=BY)
        return manifest, rows


def _composed(lake: Lake, parent: Manifest, ended: Ended) -> tuple[Composed, dict[str, int]]:
    tables, queries, rows = {}, {}, {}
    for name, released in parent.tables.items():
        entry = released.as_table()
        query = facts_query(lake, released) if released.is_view else f"select * from {identifier(PARENT, 'main', name)}"
        rule = ended.rule(name, released)
        if rule is not None and ended.may_hold(name, released):
            shown = ended.without(entry, rule, query)
            if shown.entry.rows < entry.rows:
                rows[name] = entry.rows - shown.entry.rows
            entry, query = shown.entry, shown.query
        tables[name], queries[name] = entry, query
    said = comments.from_catalogue(ended.connection, PARENT)
    return Composed(tables, queries, {name: said.get(name, comments.Comment()) for name in tables}), rows


def _leave_all(lake: Lake, edition: str, ended: Ended) -> Left:
    """Older releases are withdrawn even where the current one cannot be composed again."""
    ledger.repair(lake, edition)
    try:
        visible, rows = leave(lake, edition, ended)
    finally:
        withdrawn = withdraw_ended(lake, edition, ended)
    return Left(edition=edition, release=visible.id if visible else None, rows=rows, withdrawn=withdrawn)


def _would_leave(lake: Lake, edition: str, ended: Ended) -> Left:
    current = pointer.current(lake, edition)
    rows: dict[str, int] = {}
    if current is not None:
        with lake.scratch() as scratch, _attached(lake, current, ended.connection, scratch):
            rows = _composed(lake, current, ended)[1]
    older = ends_of(lake, edition, list(retained(lake.store, edition)))
    withdrawn = [release for release, ends in older if holds_ended(lake, edition, release, ends, ended)]
    return Left(edition=edition, release=current.id if current else None, rows=rows, withdrawn=withdrawn)


@contextmanager
def _attached(lake: Lake, released: Manifest, connection: duckdb.DuckDBPyConnection, scratch: Path) -> Iterator[None]:
    """The release's file attached as `parent`."""
    path = lake.store.fetch(released.warehouse.key, scratch / "parent.duckdb")
    connection.execute(f"attach {literal(path)} as {PARENT} (read_only)")
    try:
        yield
    finally:
        connection.execute(f"detach {PARENT}")


@contextmanager
def _known(lake: Lake) -> Iterator[tuple[Ended, str | None]]:
    """What has ended by the city's date: as the last build knows it, else by the rows' own dates, and why so."""
    today = lake.city_time().date()
    with ExitStack() as stack:
        try:
            found: tuple[Ended, str | None] = _by_last_build(lake, today, stack), None
        except Exception as error:
            known = as_known_error(error, lake.settings, "reading the last build")
            settings = lake.settings
            own = duckdb.connect(config={"threads": settings.threads, "memory_limit": settings.memory_limit})
            connection = stack.enter_context(closing(own))
            connection.execute(f"set temp_directory = {literal(settings.scratch_root / 'duckdb')}")
            lake.store.prepare(connection)
            found = Ended(connection, today), known.message
        yield found


def _by_last_build(lake: Lake, today: date, stack: ExitStack) -> Ended:
    """Raises an error where there is no build, another process has it, or one has begun and not been reported."""
    with ExitStack() as opened:
        opened.enter_context(building(lake))
        connection = opened.enter_context(closing(open_build(lake)))
        report = last_report(lake.settings)
        if report is None:
            raise ConfigurationError("nothing was built yet", left="nothing was done", next_step="citylake build")
        require_build(connection, report)
        ended = Ended.by_build(connection, report, today)
        stack.callback(opened.pop_all().close)
    return ended
