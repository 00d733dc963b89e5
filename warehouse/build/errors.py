"""Errors of the build.

CitylakeError
└── BuildFailed     dbt could not start, parse or select; nothing was applied
"""

from __future__ import annotations

from ingestion.errors import CitylakeError


class BuildFailed(CitylakeError):
    """dbt could not be run at all. A model or test that fails is a status in the report, not an error."""
