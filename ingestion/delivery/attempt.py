"""Conform landed batches of a feed and commit them, several small ones in one pass.

Owns which batches are conformed together, and when the receipt log is read again between their commits. What becomes
of a row is ingestion.conform's business, what is stored of a batch and when, that of .commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ingestion.conform.result import Conformed
from ingestion.conform.run import Payload, conform, conform_small
from ingestion.conform.split import split_of
from ingestion.contract.model import Contract
from ingestion.delivery.bulk import BulkCommit
from ingestion.delivery.commit import Commit, CommitTimes, Work
from ingestion.delivery.outcome import Delivery
from ingestion.errors import ContractError, IntegrityError
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.receipts.lookup import Standings, read_standings
from ingestion.values.hashes import sha256_of_file

SMALL_BYTES = 2**20
"""Payloads up to this size are conformed together with others of their feed."""


def attempt(lake: Lake, contract: Contract, work: Work) -> Delivery:
    """Conform a landed batch and commit what came of it.

    Raises StoreError, LakeBusy, IntegrityError, ContractError, and UnexpectedError where `work.instead_of` is not a
    refusal (what it says stands); never DeliveryRefused.
    """
    ((_, result),) = attempt_each(lake, contract, [work])
    if isinstance(result, Exception):
        raise result
    return result


def attempt_each(lake: Lake, contract: Contract, works: Sequence[Work]) -> Iterator[tuple[Work, Delivery | Exception]]:
    """As `attempt` for several batches of a feed, each with a receipt of its own, in order.

    Small payloads are conformed in one pass, and the log is read once, unless only it can tell what a commit changed.
    What `attempt` would raise for one is its result, except LakeBusy and ContractError, which concern all.
    """
    with lake.scratch() as folder:
        conformed = conform_each(lake, contract, works, folder)
        if any(work.manifest.bulk for work in works):
            for work, made in zip(works, conformed, strict=True):
                yield from _commit_each(lake, contract, [(work, made)])
        else:
            yield from _commit_each(lake, contract, list(zip(works, conformed, strict=True)))


def _commit_each(
    lake: Lake, contract: Contract, works: Sequence[tuple[Work, Conformed | Exception]]
) -> list[tuple[Work, Delivery | Exception]]:
    """Commit batches one after the other under the feed's lock, each judged by what those before it left."""
    done: list[tuple[Work, Delivery | Exception]] = []
    standings: Standings | None = None
    with lake.committing(contract):
        for number, (work, conformed) in enumerate(works):
            if standings is None:
                standings = _read(lake, contract, works[number:])
                times = CommitTimes(lake, standings.newest)
            commit = (BulkCommit if work.manifest.bulk else Commit)(lake, contract, work, times)
            try:
                done.append((work, commit.run(conformed, standings)))
            except Exception as error:
                done.append((work, error))
                standings = None
                continue
            for key, receipt in commit.committed:
                standings = standings.after(key, receipt) if standings is not None else None
    return done


def _read(lake: Lake, contract: Contract, works: Sequence[tuple[Work, Conformed | Exception]]) -> Standings:
    """What the receipts say now of the intervals of these batches."""
    intervals = [interval for work, conformed in works for interval in intervals_of(work, conformed)]
    bulk = next((work.manifest.batch for work, _ in works if work.manifest.bulk), None)
    with lake.log.refreshed() as connection:
        return read_standings(connection, contract, intervals, bulk=bulk)


def intervals_of(work: Work, conformed: Conformed | Exception) -> list[Interval]:
    """The intervals whose receipts a batch is judged by: its own, and those that a bulk delivery has rows of."""
    if isinstance(conformed, Exception) or conformed.split is None:
        return [work.interval]
    return [work.interval, *(conformed.split.intervals[number] for number in conformed.part_numbers)]


def conform_each(lake: Lake, contract: Contract, works: Sequence[Work], folder: Path) -> list[Conformed | Exception]:
    """What conform makes of each: rows, a refusal, or what it met. Raises ContractError."""
    results: dict[int, Conformed | Exception] = {}
    small: dict[int, Payload] = {}
    for number, work in enumerate(works):
        try:
            payload = _payload(lake, contract, work, folder / str(number))
        except Exception as error:
            results[number] = error
            continue
        if len(works) > 1 and work.manifest.bytes <= SMALL_BYTES and not work.manifest.bulk:
            small[number] = payload
        else:
            results[number] = _conform_alone(lake, contract, payload)
    found = conform_small(contract, list(small.values()), keys=lake.keys, settings=lake.settings)
    results |= dict(zip(small, found, strict=True))
    return [_stepped(lake, results[number]) for number in range(len(works))]


def _stepped(lake: Lake, result: Conformed | Exception) -> Conformed | Exception:
    """The result, or what the step's hook raises."""
    try:
        lake.on_step("conformed")
    except Exception as error:
        return error
    return result


def _conform_alone(lake: Lake, contract: Contract, payload: Payload) -> Conformed | Exception:
    try:
        return conform(contract, payload, keys=lake.keys, settings=lake.settings)
    except ContractError:
        raise
    except Exception as error:
        return error


def _payload(lake: Lake, contract: Contract, work: Work, folder: Path) -> Payload:
    """The bytes to conform, and the facts of their delivery. Raises StoreError, IntegrityError."""
    folder.mkdir(mode=0o700)
    return Payload(
        path=work.payload or _from_raw(lake, contract, work, folder),
        batch=work.manifest.batch,
        loaded_at=work.manifest.fetched_at,
        interval=work.interval,
        content_as_of=work.manifest.content_as_of,
        scratch=folder,
        split=split_of(contract, work.interval, work.manifest.sha256) if work.manifest.bulk else None,
        lines=work.manifest.bulk and work.manifest.filename.lower().endswith((".ndjson", ".jsonl")),
        read=work.read,
    )


def _from_raw(lake: Lake, contract: Contract, work: Work, folder: Path) -> Path:
    """The bytes in raw, which must be those that were landed."""
    path = lake.store.fetch(work.manifest.payload, folder / "payload")
    if sha256_of_file(path) != work.manifest.sha256:
        raise IntegrityError(
            f"raw object {work.manifest.payload!r} does not have the bytes its manifest names",
            feed=contract.name,
            interval=str(work.interval),
            left="nothing was committed; what was conformed from it before stands",
            next_step="restore that object from a backup, then run the same command again",
        )
    return path
