"""Warehouse: effective files, build, gate, release, reconciliation, the command line."""
