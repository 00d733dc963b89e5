"""What only the lake's own account may read on a machine that others use too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.lake import open_lake
from ingestion.settings import Settings


@pytest.fixture(autouse=True)
def _open_handed() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_folders_of_raw_data_keys_and_the_build_are_private(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, store=f"file://{tmp_path}/lake")
    settings.state_root.mkdir(parents=True)  # as an earlier version made it
    open_lake(settings)
    private = [settings.state_root, settings.scratch_root, tmp_path / "lake" / "raw", tmp_path / "lake" / "quarantine"]
    assert {path.name: mode(path) for path in private} == dict.fromkeys((path.name for path in private), 0o700)


def test_remembered_settings_are_private_even_where_the_file_was_not(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    settings.connect({"CITYLAKE_CONN_OFFICE": "https://me:s3cret@host"})
    (tmp_path / "citylake.env").write_text("", encoding="utf-8")
    assert mode(tmp_path / "citylake.env") == 0o644
    assert "s3cret" in settings.save().read_text(encoding="utf-8")
    assert mode(tmp_path / "citylake.env") == 0o600
