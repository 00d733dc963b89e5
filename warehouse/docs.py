"""Write dbt's documentation as one HTML page: models, columns and lineage, with the tables of the current release.

dbt reads a private copy of the release's file, so no build lock is needed and a build may run meanwhile; without a
release the page has no column types and sizes. The page loads nothing from other servers.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.errors import StoreError
from warehouse.build.dbt_runner import Dbt, DbtFolders
from warehouse.build.project import write_profile
from warehouse.progress import Progress, silent
from warehouse.release import pointer

if TYPE_CHECKING:
    from ingestion.lake import Lake

PAGE = "index.html"


def write_docs(lake: Lake, folder: Path | None = None, *, progress: Progress = silent) -> Path:
    """Write `index.html` into `folder` (default `<state>/docs`), replaced in one step; its path.

    Raises BuildFailed, StoreError, ConfigurationError; the earlier page then stays.
    """
    settings = lake.settings
    target = folder or settings.state_root / "docs"
    with lake.scratch() as scratch:
        release = pointer.current(lake, "internal")
        path = scratch / "warehouse.duckdb"
        if release is not None:
            fetched = lake.store.fetch(release.warehouse.key, path)
            if fetched != path:
                shutil.copyfile(fetched, path)
        profile = write_profile(
            scratch / "profile",
            build_path=path,
            threads=settings.threads,
            memory_limit=settings.memory_limit,
            scratch=scratch / "spill",
        )
        root = settings.state_root / "dbt"
        folders = DbtFolders(settings.dbt_project, profile, root / "docs", root / "logs")
        dbt = Dbt(folders, progress, lake.store.prepare)
        page = dbt.docs(empty=release is None)
        return _replace_page(page, target)


def _replace_page(page: Path, folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{PAGE}.{os.getpid()}"
        shutil.copyfile(page, temporary)
        return temporary.replace(folder / PAGE)
    except OSError as error:
        raise StoreError(
            f"the page cannot be written to {folder}: {error.strerror or error}",
            left="the earlier page stays",
            next_step="free space or name another folder, then `citylake docs`",
        ) from error
