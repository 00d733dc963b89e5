"""Read the effective bronze files and their event days from the receipt log, as Arrow tables for the build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.upkeep.compaction.catalogue import listed, members
from warehouse import effective
from warehouse.build.state import Effective

if TYPE_CHECKING:
    from ingestion.lake import Lake


def read_effective(lake: Lake) -> Effective:
    """Refresh the receipt log, then read files, days and merged copies from one state of it."""
    lake.log.refresh()
    connection = lake.log.connect()
    try:
        effective.create_views(connection)
        return Effective(
            files=connection.execute("from effective_file").to_arrow_table(),
            days=connection.execute("from effective_day").to_arrow_table(),
            merged=members(lake, listed(lake)).select(["merged", "key"]),
        )
    finally:
        connection.close()
