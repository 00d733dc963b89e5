"""DuckDB reading what a store holds: the session is let in, and a failed read is told as the store's error.

Every module that opens what `Store.url` gives goes through here (or, for sessions that outlive one
call, through `Store.prepare` and `store_errors`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from ingestion.store.base import Store


@contextmanager
def reading(store: Store, connection: duckdb.DuckDBPyConnection, doing: str) -> Iterator[None]:
    """The connection may open the store's objects; `doing` is a verb phrase. Raises StoreError where they cannot be."""
    store.prepare(connection)
    with store_errors(store, doing):
        yield


@contextmanager
def store_errors(store: Store, doing: str) -> Iterator[None]:
    """A failed read inside becomes the StoreError of that store; other errors pass."""
    try:
        yield
    except duckdb.Error as error:
        refusal = store.as_store_error(doing, error)
        if refusal is None:
            raise
        raise refusal from error
