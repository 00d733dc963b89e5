"""The shipped contracts read from servers: where rows come from changes, and nothing of what they mean or when."""

from __future__ import annotations

import pytest

from infra.web_contracts import CHANGES, EXCHANGE


@pytest.mark.parametrize("name", sorted(CHANGES | EXCHANGE))
def test_only_the_source_and_its_wrapping_change(name: str) -> None:
    """Not `recapture`, above all: a day that came late would never be asked for."""
    assert (CHANGES | EXCHANGE)[name].keys() <= {"source", "format"}
