"""Measured comparisons, each a ratio taken in one run."""
