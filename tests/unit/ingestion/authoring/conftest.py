"""A small complete contract that tests change one thing in."""

from tests.support.small_contract import base, citylake, columns

__all__ = ["base", "citylake", "columns"]
