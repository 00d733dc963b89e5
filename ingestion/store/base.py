"""The interface of an object store, small enough to be implemented by S3 and by a local folder.

Objects are immutable: putting an existing key is allowed only with equal bytes. Only `replace` changes an object, and
only pointers such as `current.json` use it. An implementation must guarantee that a put is atomic, and that a listing
after a put shows the new object.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import duckdb

    from ingestion.errors import StoreError


@dataclass(frozen=True)
class ObjectInfo:
    """Key, size in bytes and time of the last change (UTC) of an object, as a HEAD request gives them."""

    key: str
    size: int
    modified: datetime


class Store(Protocol):
    """An object store. Keys are relative, `/`-separated paths made by `ingestion.keys`. Methods raise StoreError."""

    def list(self, prefix: str, *, after: str | None = None) -> Iterator[ObjectInfo]:
        """Every object below the folder `prefix` (empty for all), sorted by key.

        Keys up to and including `after` are skipped. An object deleted during the listing may be missing.
        """
        ...

    def list_folders(self, prefix: str) -> Sequence[str]:
        """Names of the folders directly below `prefix`, sorted (in S3: a listing with a delimiter)."""
        ...

    def put_file(self, key: str, source: Path, *, consume: bool = False) -> ObjectInfo:
        """Store a local file under a new key, atomically.

        With `consume` the caller promises not to write to `source` any more, so that a local store can hard-link it
        instead of copying.
        """
        ...

    def put_bytes(self, key: str, data: bytes) -> ObjectInfo:
        """Store bytes under a new key, atomically."""
        ...

    def replace(self, key: str, data: bytes) -> None:
        """Overwrite a pointer object atomically."""
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """The object's key, size and time; None when the key does not exist."""
        ...

    def get_bytes(self, key: str) -> bytes:
        """The whole object. Raises ObjectNotFound."""
        ...

    def fetch(self, key: str, target: Path) -> Path:
        """A local path with the object's bytes: `target`, or the store's own file (never write to it)."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; no error when it does not exist."""
        ...

    def sweep(self, before: datetime) -> int:
        """Remove temporary files or uploads of puts interrupted before that moment; returns their number."""
        ...

    def url(self, key: str) -> str:
        """The address under which DuckDB opens the object: an absolute path, or s3://…"""
        ...

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Configure a DuckDB connection so that it can open the addresses of `url`. Raises StoreError."""
        ...

    def as_store_error(self, doing: str, error: Exception) -> StoreError | None:
        """The StoreError for a DuckDB error, `doing` being a verb phrase; None where the store did not cause it."""
        ...
