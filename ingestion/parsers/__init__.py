"""Parsers: raw payloads to re-readable DuckDB relations with counted records."""
