"""Write fact files: one immutable Parquet object per day, only for days whose rows changed since the parent release."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ingestion.errors import IntegrityError
from ingestion.sql import literal
from ingestion.values.hashes import sha256_of_file
from warehouse.content.measure import DayContent, TableContent, day_expression, days_filter, relation
from warehouse.release import layout
from warehouse.release.manifest import FactFile, TableEntry

if TYPE_CHECKING:
    from ingestion.lake import Lake


@dataclass(frozen=True)
class FactExport:
    """Writes the fact files of one release of one edition; `scratch` is a folder for files on their way to the
    store."""

    lake: Lake
    connection: duckdb.DuckDBPyConnection
    edition: str
    release: str
    scratch: Path

    def files(self, table: TableContent, released: TableEntry | None) -> list[FactFile]:
        """The fact's files in day order: the parent's where the day's content is equal, else a new object."""
        kept = {f.day: f for f in released.files} if released and released.columns == table.columns else {}
        files = []
        for day, content in sorted(table.days.items()):
            old = kept.get(day)
            is_same = old is not None and old.content == content.content
            files.append(old if old is not None and is_same else self._new(table, day, content))
        return files

    def _new(self, table: TableContent, day: str, content: DayContent) -> FactFile:
        path = self._write(table, day, content.rows)
        key = layout.fact_file(self.edition, table.name, day, self.release)
        info = self.lake.store.put_file(key, path)
        sha256 = sha256_of_file(path)
        path.unlink()
        return FactFile(day=day, key=key, rows=content.rows, bytes=info.size, sha256=sha256, content=content.content)

    def _write(self, table: TableContent, day: str, rows: int) -> Path:
        path = self.scratch / f"{table.name}-{day}.parquet"
        where = days_filter(day_expression(table.day_column or "", table.columns), [day])
        written = self.connection.execute(
            f"""copy (select * from {relation(table.name)} where {where})
                to {literal(path)} (format parquet, compression zstd)"""
        ).fetchone()
        if written is None or written[0] != rows:
            raise IntegrityError(
                f"day {day} of {table.name} gave {written[0] if written else 0} rows, its content hash covers {rows}",
                left="the current release is unchanged; the new release was not finished",
                next_step="citylake build",
            )
        return path
