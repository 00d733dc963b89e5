"""Configure DuckDB to read `s3://…`: load httpfs from its wheel and create a temporary secret for one bucket.

The access keys are kept in memory, never written to disk, and cannot be displayed: `duckdb_secrets()` redacts them,
and unredacted secrets stay forbidden.
"""

from __future__ import annotations

import duckdb

from ingestion.errors import StoreError
from ingestion.machine import extensions
from ingestion.sql import literal
from ingestion.store.s3_options import S3Options

SECRET = "citylake_store"  # noqa: S105 - the name of a secret, not one
_RETRY_WAIT_MS = 200


def prepare(connection: duckdb.DuckDBPyConnection, options: S3Options) -> None:
    """Load httpfs and create the secret, scoped to the bucket. Raises ConfigurationError, StoreError."""
    extensions.load(connection, "httpfs")
    settings = {
        # Whole seconds. httpfs itself retries after time-outs, 429 and 5xx.
        "http_timeout": max(1, round(options.timeout)),
        "http_retries": options.retries,
        "http_retry_wait_ms": _RETRY_WAIT_MS,
        "http_retry_backoff": 2,
    }
    for name, value in settings.items():
        connection.execute(f"set global {name} = {literal(value)}")
    try:
        connection.execute(_secret(options))
    except duckdb.Error:
        # `from None`: DuckDB's message may quote the statement, which contains the key.
        raise StoreError(
            f"DuckDB did not take the keys for {options.url}",
            left="nothing was changed",
            next_step="check CITYLAKE_S3_REGION and CITYLAKE_S3_URL_STYLE",
        ) from None


def is_store_failure(error: Exception, options: S3Options) -> bool:
    """Whether a DuckDB error is a failed read of this store: an HTTP error, or one that names the store's address."""
    if isinstance(error, duckdb.HTTPException):
        return True
    return isinstance(error, duckdb.IOException) and (options.url in str(error) or options.endpoint in str(error))


def _secret(options: S3Options) -> str:
    return f"""create or replace temporary secret {SECRET} (
        type s3, provider config, scope {literal(f"s3://{options.bucket}")},
        key_id {literal(options.access_key)}, secret {literal(options.secret_key.get_secret_value())},
        region {literal(options.region)}, endpoint {literal(options.host)},
        url_style {literal(options.url_style)}, use_ssl {literal(options.is_secure)})"""
