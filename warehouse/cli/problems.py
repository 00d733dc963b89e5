"""Errors of the command line.

CitylakeError
└── QueryFailed     DuckDB refused a query typed by a person
"""

from __future__ import annotations

from ingestion.errors import CitylakeError


class QueryFailed(CitylakeError):
    """The query is wrong; the message is DuckDB's."""
