"""Contracts built in Python, as conform's tests have them."""

from __future__ import annotations

from tests.support.conforming import make, two

__all__ = ["make", "two"]
