"""Merged copies of small bronze files (docs/adr/0012)."""
