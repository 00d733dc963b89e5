"""What a long operation is doing, as lines of text handed to a function of the caller's."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str], None]
"""Called with one line of plain text at each step."""


def silent(message: str) -> None:
    """The Progress of a caller that shows nothing."""
