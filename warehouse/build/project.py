"""The files of the dbt project: a digest over them, and the profile dbt runs with.

The digest covers everything that could change a table or what is said of it: models, macros, seeds, tests,
descriptions, the contracts behind the sources, and the code that makes source views and affected days. Where it is the
same, dbt need not be asked which of them changed (warehouse.build.identity). dbt's own target and log folders lie in
the state folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import yaml

from ingestion.contract.model import Contract
from ingestion.errors import ConfigurationError
from warehouse.build.identity import code_version

PROFILE = "citylake"
STORE_PLUGIN = "warehouse.build.dbt_store"
_PATHS = {"model-paths": "models", "macro-paths": "macros", "seed-paths": "seeds", "test-paths": "tests"}
_SUFFIXES = (".sql", ".yml", ".yaml", ".csv", ".md")


def project_digest(project: Path, contracts: Mapping[str, Contract]) -> str:
    """Twelve hex digits over the project's files and the contracts' revisions.

    Raises ConfigurationError where the folder is not a dbt project.
    """
    root = project / "dbt_project.yml"
    if not root.is_file():
        raise ConfigurationError(f"no dbt project in {project}", next_step="set CITYLAKE_DBT_PROJECT to its folder")
    declared = yaml.safe_load(root.read_text(encoding="utf-8"))
    folders = [folder for key, default in _PATHS.items() for folder in declared.get(key, [default])]
    digest = hashlib.sha256(root.read_bytes())
    for folder in folders:
        for path in sorted(p for p in (project / folder).rglob("*") if p.suffix in _SUFFIXES):
            name = f"{folder}/{path.relative_to(project / folder).as_posix()}"
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(code_version().encode() + b"\0")
    for feed, contract in sorted(contracts.items()):
        digest.update(f"{feed}={contract.revision} {contract.citylake.correction}\0".encode())
    return digest.hexdigest()[:12]


def write_profile(folder: Path, *, build_path: Path, threads: int, memory_limit: str, scratch: Path) -> Path:
    """`profiles.yml` for this machine; rewritten only when it differs, since dbt parses anew after a change.

    It holds no secret: the plugin gives dbt's engine what it needs to read the store. Times are UTC;
    extensions are never fetched.
    """
    target = {
        "type": "duckdb",
        "path": str(build_path),
        "schema": "main",
        "threads": threads,
        "plugins": [{"module": STORE_PLUGIN}],
        # dbt-duckdb applies `settings` to each connection anew, and DuckDB refuses to be told its folder for what does
        # not fit in memory once it has used it: what is the engine's own is said when the file is opened.
        "config_options": {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "memory_limit": memory_limit,
            "threads": threads,
            "temp_directory": str(scratch),
        },
        "settings": {"TimeZone": "UTC"},
    }
    text = yaml.safe_dump({PROFILE: {"target": "build", "outputs": {"build": target}}}, sort_keys=False)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "profiles.yml"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return folder
