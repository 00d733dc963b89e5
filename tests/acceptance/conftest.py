"""Where the real public files are, and how a test finds them.

The files live beside the checkout in `shared/data`, never in it. Tests that need them are
skipped, saying so, where the folder is absent.
"""

from __future__ import annotations

from pathlib import Path

import pytest


def shared_data() -> Path | None:
    """`shared/data` beside this checkout or beside a folder above it."""
    for parent in Path(__file__).resolve().parents:
        candidate = parent / "shared" / "data"
        if candidate.is_dir():
            return candidate
    return None


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real public files, or a skip that says why."""
    found = shared_data()
    if found is None:
        pytest.skip("the folder shared/data with real public files is not beside this checkout")
    return found
