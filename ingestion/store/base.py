"""The object store as the lake sees it: five verbs, made for S3, small enough for a folder.

Objects are immutable: `put` of a key that exists is allowed only with equal bytes.
Consistency asked of an implementation: a put is all or nothing, and a listing after a put
shows it. Only `replace` may change an object, and only pointers use it.
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
    """What a head request tells."""

    key: str
    size: int
    modified: datetime


class Store(Protocol):
    """Keys are relative, `/`-separated, made by ingestion.keys."""

    def list(self, prefix: str, *, after: str | None = None) -> Iterator[ObjectInfo]:
        """Every object whose key starts with `prefix` (a folder name, or empty for all), in order of the key's text.

        `after` skips keys up to and including it. An object deleted meanwhile is left out.
        """
        ...

    def list_folders(self, prefix: str) -> Sequence[str]:
        """Names one level below `prefix`, sorted (S3: delimiter listing)."""
        ...

    def put_file(self, key: str, source: Path, *, consume: bool = False) -> ObjectInfo:
        """Store a local file under a new key, all or nothing.

        `consume` promises that nobody writes `source` any more, so that a folder need not copy it.
        """
        ...

    def put_bytes(self, key: str, data: bytes) -> ObjectInfo:
        """Store bytes under a new key, all or nothing."""
        ...

    def replace(self, key: str, data: bytes) -> None:
        """Overwrite a pointer object in one atomic step."""
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """None when the key does not exist."""
        ...

    def get_bytes(self, key: str) -> bytes:
        """The whole object. Raises ObjectNotFound."""
        ...

    def fetch(self, key: str, target: Path) -> Path:
        """A local path with the object's bytes (may be the store's own file: never write to it)."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; no error when it is gone."""
        ...

    def sweep(self, before: datetime) -> int:
        """Remove what puts interrupted before that moment left behind; the number of pieces removed."""
        ...

    def url(self, key: str) -> str:
        """What DuckDB opens: an absolute path, or s3://…"""
        ...

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a DuckDB engine open what `url` gives; nothing to do for a folder. Raises StoreError."""
        ...

    def as_store_error(self, doing: str, error: Exception) -> StoreError | None:
        """A failed read of DuckDB's as this store's error; None where the store has no part in it."""
        ...
