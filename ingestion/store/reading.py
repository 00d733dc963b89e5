"""Read a store's objects with DuckDB: configure the connection, and raise failed reads as StoreError.

Every module in which DuckDB opens the addresses of `Store.url` uses `reading`, or `Store.prepare` with `store_errors`
for a connection that is kept longer than one call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from ingestion.store.base import Store


@contextmanager
def reading(store: Store, connection: duckdb.DuckDBPyConnection, doing: str) -> Iterator[None]:
    """Inside, the connection can open the store's objects; failed reads raise StoreError. `doing`: a verb phrase."""
    store.prepare(connection)
    with store_errors(store, doing):
        yield


@contextmanager
def store_errors(store: Store, doing: str) -> Iterator[None]:
    """Raises DuckDB errors that the store caused as StoreError; other errors are raised unchanged."""
    try:
        yield
    except duckdb.Error as error:
        refusal = store.as_store_error(doing, error)
        if refusal is None:
            raise
        raise refusal from error
