"""How many examples a slow property is tried with: a part of the profile's, so that the fault tier still tries more."""

from __future__ import annotations

from hypothesis import settings


def a_part(of_all: float) -> int:
    """For `settings(max_examples=…)` of a property whose every example stores, conforms or reads a file."""
    assert settings.default is not None
    return max(1, round(settings.default.max_examples * of_all))
