"""Feeds of the department."""
