"""What happens when a task has failed for good."""

from __future__ import annotations

from typing import Any


def report_failure(context: Any) -> None:
    """Tell whoever is named in the contract."""
