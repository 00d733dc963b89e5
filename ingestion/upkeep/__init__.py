"""Upkeep of the store: retention, erasure, orphans, merged copies of small files."""
