"""Object stores for the lake: a local folder or an S3 bucket. `open_store(settings)` opens the configured one."""

from __future__ import annotations

from ingestion.errors import ConfigurationError
from ingestion.machine.rights import group_id
from ingestion.settings import Settings
from ingestion.store.base import ObjectInfo, Store
from ingestion.store.local import LocalStore

__all__ = ["LocalStore", "ObjectInfo", "Store", "open_store"]


def open_store(settings: Settings) -> Store:
    """The store named by CITYLAKE_STORE, by default a folder below the lake's root. Raises ConfigurationError.

    A folder is created on first use; a bucket must exist.
    """
    if settings.store is None:
        return LocalStore(settings.lake_root, group_id(settings.internal_group))
    if settings.store.startswith("file://"):
        return LocalStore.from_url(settings.store, group_id(settings.internal_group))
    if settings.store.startswith("s3://"):
        # Imported here: a lake in a folder needs no S3 client.
        from ingestion.store.s3 import S3Store
        from ingestion.store.s3_options import S3Options

        return S3Store(S3Options.of(settings))
    raise ConfigurationError(
        f"CITYLAKE_STORE={settings.store!r} is not a store this version opens",
        next_step="use s3://bucket[/prefix] or file:///absolute/folder, or unset it",
    )
