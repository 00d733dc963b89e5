"""The last step of reconciliation: compare every current release with its manifest, the ledger and the build."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import duckdb

from ingestion.errors import IntegrityError
from ingestion.sql import identifier, literal
from ingestion.store.reading import reading
from ingestion.values.hashes import sha256_of_file
from warehouse.build.report import BuildReport, last_report
from warehouse.reconcile.steps import Row, compare, parquet_rows
from warehouse.release import ledger, pointer
from warehouse.release.editions import of_lake
from warehouse.release.manifest import FactFile, Manifest, StoredFile, TableEntry
from warehouse.release.retained import overdue

if TYPE_CHECKING:
    from ingestion.lake import Lake


def release(lake: Lake, *, deep: bool) -> Iterator[Row]:
    """Compare the rows of each released table with its files, its manifest and, where it is of the last build,
    the build."""
    report = last_report(lake.settings)
    for edition in of_lake(lake.store):
        try:
            ledger.verify_ledger(lake, edition)
            manifest = pointer.current(lake, edition)
        except IntegrityError as error:
            yield compare("release", None, None, table=edition, is_ok=False, reason=error.message)
            continue
        if manifest is not None:
            yield from _release(lake, manifest, report, deep=deep)
        for release_id, problem in overdue(lake, edition, lake.city_time().date()):
            reason = f"release {release_id} {problem}: `citylake maintain unpublish`"
            yield compare("release", None, None, table=f"{edition} {release_id}", is_ok=False, reason=reason)


def _release(lake: Lake, manifest: Manifest, report: BuildReport | None, *, deep: bool) -> Iterator[Row]:
    damage = _damage(lake, manifest.warehouse, deep=deep)
    if damage:
        yield compare("release", None, None, table=manifest.warehouse.key, is_ok=False, reason=damage)
        return
    built = {m.name: m.rows for m in report.models} if report else {}
    with (
        lake.scratch() as scratch,
        closing(duckdb.connect()) as connection,
        reading(lake.store, connection, f"reconcile release {manifest.id}"),
    ):
        path = lake.store.fetch(manifest.warehouse.key, scratch / "release.duckdb")
        connection.execute(f"attach {literal(path)} as released (read_only)")
        for name, entry in manifest.tables.items():
            yield from _table(lake, connection, manifest.edition, name, entry, deep=deep)
            product = manifest.products[entry.product]
            if report and product.build_id == report.build_id and built.get(name) is not None:
                table, made_of = f"{manifest.edition}.{name}", entry.built_rows
                reason = f"the release is made of {made_of} rows, the build has {built[name]}: `citylake publish`"
                yield compare("release", built[name], made_of, table=table, reason=reason)
            if entry.expiry is not None:
                yield _ended(lake, connection, f"{manifest.edition}.{name}", name, entry.expiry.rule.column)


def _ended(lake: Lake, connection: duckdb.DuckDBPyConnection, table: str, name: str, column: str) -> Row:
    """No row in the file of a release is one whose last day is over, whatever its manifest says."""
    query = f"select count(*) from {identifier('released', 'main', name)} where {identifier(column)} <= $1"
    row = connection.execute(query, [lake.city_time().date()]).fetchone()
    found = row[0] if row else None
    reason = f"{found} records whose last day is over are still shown: `citylake maintain unpublish`"
    return compare("release", 0, found, table=table, reason=reason)


def _table(
    lake: Lake, connection: duckdb.DuckDBPyConnection, edition: str, name: str, entry: TableEntry, *, deep: bool
) -> Iterator[Row]:
    qualified = f"{edition}.{name}"
    if not entry.is_view:
        query = f"select count(*) from {identifier('released', 'main', name)}"
        row = connection.execute(query).fetchone()
        yield compare("release", entry.rows, row[0] if row else None, table=qualified)
        return
    damages = [damage for file in entry.files if (damage := _damage(lake, file, deep=deep))]
    counted = parquet_rows(lake, [f.key for f in entry.files if lake.store.head(f.key) is not None])
    wrong = [f.key for f in entry.files if counted.get(f.key) != f.rows]
    total = sum(counted.values())
    reason = "; ".join(damages or [f"{key} has other rows than the manifest says" for key in wrong])
    good = not damages and not wrong and total == entry.rows
    yield compare("release", entry.rows, total, table=qualified, is_ok=good, reason=reason or None)


def _damage(lake: Lake, file: StoredFile | FactFile, *, deep: bool) -> str | None:
    """What is wrong with a released object; None when it is as the manifest says.

    `deep` reads it and compares its hash.
    """
    info = lake.store.head(file.key)
    if info is None:
        return f"{file.key} is gone: restore it from backup, or roll back"
    if info.size != file.bytes:
        return f"{file.key} has {info.size} bytes, the manifest says {file.bytes}: restore it, or roll back"
    if deep:
        with lake.scratch() as scratch:
            if sha256_of_file(lake.store.fetch(file.key, scratch / "object")) != file.sha256:
                return f"{file.key} has other bytes than the manifest says: restore it, or roll back"
    return None
