"""What counts as a change of the project, and the profile."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import yaml
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.environments.local import LocalEnvironment

from ingestion.contract.model import Contract
from ingestion.errors import ConfigurationError
from ingestion.settings import Settings
from warehouse.build.project import project_digest, write_profile


def contracts(revision: str = "v1") -> dict[str, Contract]:
    return {"d.f": cast(Contract, SimpleNamespace(revision=revision, citylake=SimpleNamespace(correction="full")))}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    copy = tmp_path / "dbt_project"
    shutil.copytree(Settings().dbt_project, copy, ignore=shutil.ignore_patterns("target", "logs"))
    return copy


@pytest.mark.parametrize(
    "part", ["dbt_project.yml", "models/**/*.sql", "macros/*.sql", "seeds/*.csv", "tests/**/*.sql"]
)
def test_the_digest_sees_every_part(project: Path, part: str) -> None:
    changed = min(project.glob(part))
    before = project_digest(project, contracts())
    assert project_digest(project, contracts()) == before
    assert project_digest(project, contracts("v2")) != before
    with changed.open("a", encoding="utf-8") as file:
        file.write("\n")
    assert project_digest(project, contracts()) != before


def test_the_digest_sees_macros_kept_outside_the_project(project: Path, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "one.sql").write_text("1", encoding="utf-8")
    root = project / "dbt_project.yml"
    root.write_text(root.read_text(encoding="utf-8").replace("[macros]", "[macros, ../shared]"), encoding="utf-8")
    before = project_digest(project, contracts())
    (tmp_path / "shared" / "one.sql").write_text("2", encoding="utf-8")
    assert project_digest(project, contracts()) != before


def test_what_dbt_writes_is_no_change(project: Path) -> None:
    before = project_digest(project, contracts())
    (project / "target").mkdir()
    (project / "target" / "manifest.sql").write_text("x", encoding="utf-8")
    assert project_digest(project, contracts()) == before


def test_a_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="CITYLAKE_DBT_PROJECT"):
        project_digest(tmp_path, {})


def test_the_profile_is_rewritten_only_when_it_differs(tmp_path: Path) -> None:
    def write(threads: int) -> Path:
        return write_profile(
            tmp_path / "p", build_path=tmp_path / "b.duckdb", threads=threads, memory_limit="1GB", scratch=tmp_path
        )

    path = write(2) / "profiles.yml"
    os.utime(path, (1, 1))
    write(2)
    assert path.stat().st_mtime == 1
    write(3)
    target = yaml.safe_load(path.read_text(encoding="utf-8"))["citylake"]["outputs"]["build"]
    assert (target["threads"], target["settings"]["TimeZone"]) == (3, "UTC")


def test_a_build_that_has_spilled_goes_on_with_other_connections(tmp_path: Path) -> None:
    """DuckDB refuses to be told its temporary folder again once it has used it, whatever the folder."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    written = write_profile(
        tmp_path / "p", build_path=tmp_path / "b.duckdb", threads=1, memory_limit="40MB", scratch=scratch
    )
    target = yaml.safe_load((written / "profiles.yml").read_text(encoding="utf-8"))["citylake"]["outputs"]["build"]
    environment = LocalEnvironment(DuckDBCredentials.from_dict({**target, "plugins": [], "database": "b"}))
    try:
        first = environment.handle().cursor()
        first.execute(
            "create temp table many as select range as number, repeat('x', 100) as text from range(2_000_000)"
        )
        first.execute("select count(*) from (select text, number from many order by hash(number) limit 1_500_000)")
        assert any(scratch.iterdir())
        second = environment.handle().cursor()
        found = second.execute("select current_setting('temp_directory'), current_setting('threads')").fetchone()
        assert found == (str(scratch), 1)
    finally:
        environment.close()
