"""Ingest: every file a department has for an interval becomes one Delivery. The path of a delivery begins here.

    fetch (ingestion.connectors) → land (.land) → attempt (.attempt): conform → judge (.judge) → receipt

Owns the order of these steps for one file, and what happens when the same bytes come again. A refused file is an
outcome, not an exception, so one bad file never stops the others; only a source or store that cannot be read raises.
`extract` and `conform_landed` are the two halves of the path, for tasks of their own: between them the bytes lie in raw
without a receipt, and that is all the state there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from ingestion.connectors.base import Fetched
from ingestion.connectors.factory import connector_for
from ingestion.connectors.fetch_each import fetch_each
from ingestion.connectors.file_drop import fetched_file
from ingestion.connectors.local_file import name_as_text
from ingestion.contract.model import Contract
from ingestion.contract.usable import require_active
from ingestion.delivery.attempt import attempt, confirm
from ingestion.delivery.judge import hold_message, losses_past_limit, supersedes
from ingestion.delivery.land import Landed, is_due_again, land
from ingestion.delivery.outcome import Delivery, repeated
from ingestion.errors import IntegrityError
from ingestion.intervals import Interval
from ingestion.isolation import Isolated
from ingestion.lake import Lake
from ingestion.receipts.lookup import Standing, batch_standing, bronze_of, in_force
from ingestion.receipts.manifests import read_manifest


def ingest_interval(lake: Lake, contract: Contract, interval: Interval) -> list[Delivery]:
    """Every file the source has for the interval, in name order; `[]` when there is none (late, not `no_data`).

    Raises as `ingest_intervals`.
    """
    return list(ingest_intervals(lake, contract, [interval]))


def ingest_intervals(lake: Lake, contract: Contract, intervals: Sequence[Interval]) -> Iterator[Delivery]:
    """Every file the source has for each interval, as it is committed.

    What cannot be read or taken in stops no other; at the end one error says what it was (ingestion.isolation). Raises
    SourceError, StoreError, LakeBusy, IntegrityError, UnexpectedError, and ContractError where the contract is not
    active or cannot be run (docs/adr/0021); what was committed stays.
    """
    isolated = Isolated(lake.settings, contract.name, "ingest")
    now = partial(fetch_time, lake, contract)
    for interval, found in fetch_each(connector_for(lake, contract), contract, intervals, now, isolated):
        for fetched in found:
            delivery = None
            with isolated.each(interval):
                delivery = ingest_fetched(lake, contract, interval, fetched)
            if delivery is not None:
                yield delivery
    isolated.raise_collected()


def ingest_file(lake: Lake, contract: Contract, path: Path, interval: Interval) -> Delivery:
    """One local file, wherever it lies, as a delivery of the interval. Raises as `ingest_interval`."""
    now = fetch_time(lake, contract)
    fetched = fetched_file(
        contract, interval, path, source=f"file:{name_as_text(path.name)}", connector="file/1", now=now
    )
    return ingest_fetched(lake, contract, interval, fetched)


def fetch_time(lake: Lake, contract: Contract) -> datetime:
    """The time a fetch counts as, UTC. Raises LakeBusy.

    It is the clock's. For feeds whose deliveries are ordered by it (`content_as_of: fetched`) it is never before a
    committed delivery's: a correction fetched after the clock was set back would else rank below what it corrects.
    """
    if contract.citylake.content_as_of != "fetched":
        return lake.clock()
    lake.log.refresh()
    return lake.log.next_commit_time(lake.clock())


@dataclass(frozen=True)
class Waiting:
    """A batch in raw that has no receipt yet; `as_of` is the time its content is of, UTC."""

    interval: Interval
    batch: str
    as_of: datetime


def ingest_fetched(lake: Lake, contract: Contract, interval: Interval, fetched: Fetched) -> Delivery:
    """Land, then conform and commit, or say why nothing needs to be stored."""
    require_active(contract)
    with lake.scratch() as folder:
        landed = land(lake, contract, interval, fetched, folder)
        if landed.manifest is not None:
            return attempt(
                lake,
                contract,
                landed.manifest,
                as_of=landed.content_as_of,
                instead_of=landed.known,
                payload=landed.staged,
            )
    return _already_committed(lake, contract, landed, fetched)


def extract(lake: Lake, contract: Contract, interval: Interval, fetched: Fetched) -> Delivery | Waiting:
    """The first half: land. A `Delivery` where nothing is left to conform."""
    require_active(contract)
    with lake.scratch() as folder:
        landed = land(lake, contract, interval, fetched, folder)
    if landed.manifest is not None:
        return Waiting(interval, landed.batch, landed.content_as_of)
    return _already_committed(lake, contract, landed, fetched)


def conform_landed(lake: Lake, contract: Contract, waiting: Waiting) -> Delivery:
    """The second half: conform and commit, unless another run did so meanwhile.

    Raises ObjectNotFound where the batch was never landed; else as `ingest_interval`.
    """
    require_active(contract)
    manifest = read_manifest(lake.store, contract, waiting.interval, waiting.batch)
    lake.log.refresh()
    with lake.log.reading() as connection:
        known = batch_standing(connection, contract, waiting.interval, waiting.batch)
    if known is not None and not is_due_again(known, contract):
        return repeated(contract, known, manifest.filename)
    return attempt(lake, contract, manifest, as_of=waiting.as_of, instead_of=known)


def _already_committed(lake: Lake, contract: Contract, landed: Landed, fetched: Fetched) -> Delivery:
    """The delivery of bytes that have a receipt: a repeat, or rows that a correction replaced and that count again."""
    if landed.known is None:
        raise IntegrityError(f"batch {landed.batch} has neither manifest nor receipt", left="nothing was stored")
    if not _comes_back(contract, landed, landed.known, fetched):
        return repeated(contract, landed.known, fetched.filename)
    return _confirm_again(lake, contract, landed, landed.known, fetched.filename)


def _comes_back(contract: Contract, landed: Landed, known: Standing, fetched: Fetched) -> bool:
    """Whether a repeat means that the department takes a correction back: it sends the earlier bytes as its newest.

    That is so when the bytes carry a later content time than when they last came, or when they are all that the
    source holds now (`Fetched.replaces`). For files in a folder only their own modification time can say it, and only
    if it is before the reading (a file dated in the future says nothing).
    """
    stands = known.state in ("accepted", "no_data", "unchanged")
    own_time = contract.citylake.content_as_of == "modified" and landed.content_as_of < fetched.fetched_at
    return stands and ((own_time and landed.content_as_of > known.as_of) or fetched.replaces)


def _confirm_again(lake: Lake, contract: Contract, landed: Landed, known: Standing, filename: str) -> Delivery:
    """Bytes that a correction replaced, sent again after it: their rows count again, unless keys would be lost."""
    with lake.committing(contract):
        lake.log.refresh()
        with lake.log.reading() as connection:
            rows = batch_standing(connection, contract, known.interval, known.confirms or known.batch) or known
            top = in_force(connection, contract, known.interval, other_than=rows.batch)
            old, new = (bronze_of(connection, top.key) if top else {}), bronze_of(connection, rows.key)
        outranked = top is not None and top.precedence > rows.precedence and landed.content_as_of >= top.as_of
        if top is None or not outranked or contract.citylake.delivery == "events":
            return repeated(contract, known, filename)
        if supersedes(contract):
            same = top.key_version == rows.key_version
            lost = losses_past_limit(lake, contract, _paths(lake, old), _paths(lake, new), same_keys=same)
            if lost:
                return repeated(contract, known, filename, f"not taken back: {hold_message(contract, lost)}")
        manifest = read_manifest(lake.store, contract, known.interval, known.batch)
        if manifest.doubt is not None:
            # The steward decided about what it replaced then; what it would replace now came later.
            doubted = hold_message(contract, (), manifest.doubt)
            return repeated(contract, known, filename, f"not taken back: {doubted}")
        return confirm(lake, contract, manifest, landed.content_as_of, known)


def _paths(lake: Lake, files: dict[str, list[tuple[str, str]]]) -> dict[str, list[str]]:
    return {table: [lake.store.url(key) for key, _ in objects] for table, objects in files.items()}
