"""Maintenance of the store: retention, erasure, deleting orphans, merging small files."""
