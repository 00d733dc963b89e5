"""What a test may need that not every machine has. Tests are skipped here and nowhere else, always with the reason.

A reason is one text for all tests that need the same (no file names in it), so that the summary at the end of a run
can count them. `tests/conventions/test_all_tests_run.py` holds tests to it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

PUBLIC_FILES = "the public files in ../shared/data"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root may become another account")


def skip_without(what: str) -> NoReturn:
    """Skip the running test: it needs `what`, which is not here. Say after a colon how to get it, if there is a way."""
    pytest.skip(f"needs {what}")


def public_data() -> Path:
    """`shared/data` beside this checkout or beside a folder above it; without it the test is skipped."""
    for parent in Path(__file__).resolve().parents:
        if (found := parent / "shared" / "data").is_dir():
            return found
    skip_without(PUBLIC_FILES)


def public_file(name: str) -> Path:
    """One file of it, by its path there; an absent one skips the test too."""
    path = public_data() / name
    if not path.exists():
        skip_without(PUBLIC_FILES)
    return path


def chromium() -> str:
    """The browser's program; without one the test is skipped."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return found or skip_without("a browser: Debian's package chromium")
