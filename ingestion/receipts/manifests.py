"""Read the manifest of a landed batch, which describes the bytes beside it in the raw zone."""

from __future__ import annotations

from pydantic import ValidationError

from ingestion import keys
from ingestion.contract.model import Contract
from ingestion.errors import IntegrityError
from ingestion.intervals import Interval
from ingestion.receipts.lookup import Standing
from ingestion.receipts.model import Manifest
from ingestion.store.base import Store


def read_manifest(store: Store, contract: Contract, interval: Interval, batch: str) -> Manifest:
    """The manifest of a landed batch. Raises ObjectNotFound, IntegrityError."""
    prefix = keys.raw_prefix(contract.department, contract.feed, contract.calendar.local_date(interval), batch)
    return load_manifest(store, keys.raw_manifest(prefix))


def manifest_of(store: Store, standing: Standing) -> Manifest:
    """The manifest of the bytes behind a batch. Raises ObjectNotFound, IntegrityError."""
    if standing.raw_key is None:
        raise IntegrityError(f"the receipt {standing.key!r} names no raw object", left="nothing was changed")
    return load_manifest(store, keys.raw_manifest(keys.raw_prefix_of(standing.raw_key)))


def load_manifest(store: Store, key: str) -> Manifest:
    """The manifest under a key. Raises ObjectNotFound, IntegrityError."""
    try:
        return Manifest.model_validate_json(store.get_bytes(key))
    except ValidationError as error:
        raise IntegrityError(
            f"object {key!r} is not a manifest of this version",
            left="nothing was changed",
            next_step="restore that object from a backup",
        ) from error
