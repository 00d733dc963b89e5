"""Where the real public files are: beside the checkout in `shared/data`, never in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.needs import public_data


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real public files; a test that needs it is skipped where it is absent."""
    return public_data()
