"""The Compose project's own parser (the Go module compose-go, which `docker compose` is made of), built once.

Needs Go; the program goes into the cache that infra/minio/build.sh uses.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support.compose_file import REPO
from tests.support.needs import skip_without

VERSION = "v2.16.2"
PARSER = "the parser of `docker compose`: Go builds it"


def reference_parser() -> Path:
    """The program. Skips the test, saying why, where it can be neither found nor built."""
    where = subprocess.run(
        [REPO / "infra" / "minio" / "build.sh", "--print"], capture_output=True, text=True, check=True
    )
    cache = Path(where.stdout.strip()).parent
    program = cache / f"compose-spec-{VERSION}"
    if program.is_file():
        return program
    if not shutil.which("go"):
        skip_without(PARSER)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        done = subprocess.run(
            ["go", "install", f"github.com/compose-spec/compose-go/v2/cmd@{VERSION}"],
            env={**os.environ, "GOBIN": folder, "GOFLAGS": "-modcacherw"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            skip_without(f"{PARSER}, which failed here: {done.stderr[-500:]}")
        (Path(folder) / "cmd").replace(program)
    return program
