"""What a lake holds, for comparing a day through Airflow with the same day without it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ingestion.lake import Lake
from warehouse.release import pointer
from warehouse.sql import connect


def committed(lake: Lake) -> list[tuple[Any, ...]]:
    """Every bronze file that was committed: what it holds, not when."""
    lake.log.refresh()
    with lake.log.reading() as log:
        return log.execute(
            """select r.department || '.' || r.feed, r.interval_start, b.table_name, b.rows, b.row_hash, r.outcome
            from receipt as r left join bronze_file as b on b.receipt_key = r.key order by all"""
        ).fetchall()


def rows(lake: Lake) -> dict[str, Counter[tuple[Any, ...]]]:
    """Every released row, but for when its file was fetched."""
    found = {}
    with connect(lake, "internal") as release:
        for name in released(lake):
            columns = [
                c for c, *_ in release.execute(f"describe {name}").fetchall() if c not in ("_loaded_at", "loaded_at")
            ]
            found[name] = Counter(release.execute(f"select {', '.join(columns)} from {name}").fetchall())
    return found


def released(lake: Lake) -> dict[str, tuple[int, str]]:
    """Rows and content hash of each table of the current internal release."""
    manifest = pointer.current(lake, "internal")
    assert manifest is not None
    return {name: (entry.rows, entry.content) for name, entry in manifest.tables.items()}
