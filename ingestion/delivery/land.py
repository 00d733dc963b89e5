"""Landing: the bytes as sent into raw, then the manifest that says what they are.

Owns hashing, the batch id and the order raw → manifest. A batch that a receipt already
names is answered from the log and stores nothing; raw without a receipt (a run that died) is
picked up as it lies. What conforming makes of the bytes is ingestion.delivery.attempt's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ingestion import keys
from ingestion.connectors.base import Fetched
from ingestion.connectors.local_file import cannot_be_kept, cannot_be_read, open_file, unreadable
from ingestion.contract.model import Contract
from ingestion.errors import IntegrityError, StoreError
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.receipts.lookup import Standing
from ingestion.receipts.manifests import load_manifest
from ingestion.receipts.model import Manifest, Span

_CHUNK = 4 * 2**20


@dataclass(frozen=True)
class Landed:
    """With `manifest`, bytes lie in raw and wait for a receipt (`known` is then an earlier refusal, now out of
    date), and at `staged` too while that path lasts; without it, the receipt that `known` stands for answers for them.
    """

    batch: str
    content_as_of: datetime
    manifest: Manifest | None = None
    known: Standing | None = None
    staged: Path | None = None


@dataclass(frozen=True)
class Staged:
    """A delivery as fetched: a private copy of its bytes at `path`, with their sha256 and size.

    Without a path nothing was sent, because the source says that the batch is still current. `bulk`: it holds many
    intervals of the feed, all within `interval`.
    """

    interval: Interval
    fetched: Fetched
    batch: str
    path: Path | None = None
    sha256: str = ""
    size: int = 0
    bulk: bool = False


def stage(contract: Contract, interval: Interval, fetched: Fetched, folder: Path, *, bulk: bool = False) -> Staged:
    """Copy and hash the bytes of a delivery into `folder`, which is made. Raises SourceError, StoreError."""
    if fetched.known is not None:
        return Staged(interval, fetched, fetched.known)
    folder.mkdir(mode=0o700)
    path = folder / "payload"
    sha256, size = _copy(contract, interval, fetched, path)
    batch = keys.batch_id(interval, keys.bulk_digest(interval, sha256) if bulk else sha256)
    return Staged(interval, fetched, batch, path, sha256, size, bulk)


def land(lake: Lake, contract: Contract, staged: Staged, known: Standing | None) -> Landed:
    """Raw object and manifest, or the standing of a batch that needs neither; `known` is the batch's by the log.

    A refused batch is landed again once the contract's revision has changed. Raises StoreError, IntegrityError.
    """
    fetched = staged.fetched
    if staged.path is None:
        return Landed(staged.batch, known.as_of if known else staged.interval.start, known=known)
    if known is not None and not is_due_again(known, contract):
        return Landed(staged.batch, fetched.content_as_of, known=known)
    manifest = _store(lake, manifest_for(contract, staged), staged.path)
    return Landed(staged.batch, fetched.content_as_of, manifest=manifest, known=known, staged=staged.path)


def is_due_again(known: Standing, contract: Contract) -> bool:
    """Whether a batch with a receipt is conformed once more: it was refused, and the contract has changed."""
    return known.state == "refused" and known.revision != contract.revision


def _copy(contract: Contract, interval: Interval, fetched: Fetched, target: Path) -> tuple[str, int]:
    """A private copy, so that what is hashed is what is stored; (sha256, bytes)."""
    try:
        source = open_file(fetched.path)
        before = fetched.path.stat()
    except OSError as error:
        raise cannot_be_read(contract, interval, fetched.filename, error) from error
    digest = hashlib.sha256()
    try:
        with source, target.open("wb") as copy:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                copy.write(chunk)
    except OSError as error:
        raise cannot_be_kept(contract, interval, repr(fetched.filename), error) from error
    size = target.stat().st_size
    after = fetched.path.stat() if fetched.path.exists() else before
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns) or size != after.st_size:
        what, step = (
            "changed while it was read; it is still being written",
            "run the same command again when it is complete",
        )
        raise unreadable(contract, interval, fetched.filename, what, next_step=step)
    return digest.hexdigest(), size


def manifest_for(contract: Contract, staged: Staged) -> Manifest:
    """What describes the staged bytes once they are landed."""
    interval, fetched, batch = staged.interval, staged.fetched, staged.batch
    dt = contract.calendar.local_date(interval)
    prefix = keys.raw_prefix(contract.department, contract.feed, dt, batch)
    return Manifest(
        department=contract.department,
        feed=contract.feed,
        batch=batch,
        interval=Span(start=interval.start, end=interval.end),
        dt=dt,
        payload=keys.raw_payload(prefix, fetched.filename),
        filename=fetched.filename,
        source=fetched.source,
        connector=fetched.connector,
        fetched_at=fetched.fetched_at,
        content_as_of=fetched.content_as_of,
        bytes=staged.size,
        sha256=staged.sha256,
        headers=fetched.headers,
        pages=list(fetched.pages),
        doubt=fetched.doubt,
        bulk=staged.bulk,
    )


def _store(lake: Lake, manifest: Manifest, staged: Path) -> Manifest:
    """Put payload and manifest; where a manifest lies already, it governs (`_loaded_at` must not change)."""
    prefix = keys.raw_prefix(manifest.department, manifest.feed, manifest.dt, manifest.batch)
    key = keys.raw_manifest(prefix)
    earlier = load_manifest(lake.store, key) if lake.store.head(key) else None
    if earlier is not None and earlier.sha256 != manifest.sha256:
        raise IntegrityError(
            f"batch {manifest.batch} is taken by other bytes (sha256 {earlier.sha256})",
            feed=f"{manifest.department}.{manifest.feed}",
            left="nothing was stored",
            next_step="have the department send the file again with any change of its bytes",
        )
    governing = earlier or manifest
    # Where a landing that died left the bytes already, they are compared.
    lake.store.put_file(governing.payload, staged, consume=True)
    lake.on_step("landed_payload")
    if earlier is None:
        governing = _put_manifest(lake, key, manifest)
    lake.on_step("landed_manifest")
    return governing


def _put_manifest(lake: Lake, key: str, manifest: Manifest) -> Manifest:
    try:
        lake.store.put_bytes(key, manifest.model_dump_json(indent=1).encode())
    except StoreError:
        # Another process landed the same bytes between our look and our put: its manifest governs.
        if lake.store.head(key) is None:
            raise
        return load_manifest(lake.store, key)
    return manifest
