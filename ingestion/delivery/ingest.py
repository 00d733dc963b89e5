"""Ingest: every file a department has for an interval becomes one Delivery. The path of a delivery begins here.

    fetch (ingestion.connectors) → land (.land) → conform (.attempt) → judge (.judge) → store and receipt (.commit)

Owns the order of these steps, which files take them together, and what happens when the same bytes come again. Files
of a feed go in groups, because reading the receipts and planning SQL costs more than a small file; each file has a
receipt of its own. A refused file is an outcome, not an exception, so one bad file never stops the others; only a
source or store that cannot be read raises. `extract_each` and `conform_landed_each` are the two halves of the path, for
tasks of their own: between them the bytes lie in raw without a receipt, and that is all the state there is.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path

from ingestion.connectors.base import Fetched
from ingestion.connectors.factory import connector_for
from ingestion.connectors.fetch_each import fetch_each
from ingestion.connectors.file_drop import fetched_file
from ingestion.connectors.local_file import name_as_text
from ingestion.contract.model import Contract
from ingestion.contract.usable import require_active
from ingestion.delivery.attempt import attempt_each
from ingestion.delivery.commit import Work, confirm
from ingestion.delivery.judge import hold_message, losses_past_limit, supersedes
from ingestion.delivery.land import Landed, Staged, is_due_again, land, stage
from ingestion.delivery.outcome import Delivery, repeated
from ingestion.errors import ContractError, IntegrityError, LakeBusy
from ingestion.intervals import Interval
from ingestion.isolation import Isolated
from ingestion.lake import Lake
from ingestion.receipts.lookup import Standing, Standings, bronze_of, read_standings
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
    fetched = fetch_each(connector_for(lake, contract), contract, intervals, now, isolated)
    files = ((interval, file) for interval, found in fetched for file in found)
    yield from ingest_each(lake, contract, files, isolated)
    isolated.raise_collected()


def ingest_file(lake: Lake, contract: Contract, path: Path, interval: Interval) -> Delivery:
    """One local file, wherever it lies, as a delivery of the interval. Raises as `ingest_interval`."""
    now = fetch_time(lake, contract)
    fetched = fetched_file(
        contract, interval, path, source=f"file:{name_as_text(path.name)}", connector="file/1", now=now
    )
    return ingest_fetched(lake, contract, interval, fetched)


def ingest_fetched(lake: Lake, contract: Contract, interval: Interval, fetched: Fetched) -> Delivery:
    """One fetched file as a delivery of the interval. Raises as `ingest_interval`."""
    isolated = Isolated(lake.settings, contract.name, "ingest")
    deliveries = list(ingest_each(lake, contract, [(interval, fetched)], isolated))
    isolated.raise_collected()
    return deliveries[0]


def fetch_time(lake: Lake, contract: Contract) -> datetime:
    """The time a fetch counts as, UTC. Raises LakeBusy.

    It is the clock's. For feeds whose deliveries are ordered by it (`content_as_of: fetched`) it is never before a
    committed delivery's: a correction fetched after the clock was set back would else rank below what it corrects.
    """
    if contract.citylake.content_as_of != "fetched":
        return lake.clock()
    lake.log.refresh()
    return lake.log.next_commit_time(lake.clock())


GROUP_FILES = 256
GROUP_BYTES = 16 * 2**20
GROUP_SECONDS = 5.0
"""Limits of files that are landed and conformed together (`_groups`)."""


@dataclass(frozen=True)
class Waiting:
    """A batch in raw that has no receipt yet; `as_of` is the time its content is of, UTC."""

    interval: Interval
    batch: str
    as_of: datetime


Found = Iterable[tuple[Interval, Fetched]]
"""Fetched files, each with its interval."""


def ingest_each(lake: Lake, contract: Contract, found: Found, isolated: Isolated) -> Iterator[Delivery]:
    """Land each file, then conform and commit it, or say why nothing needs to be stored; as they are committed.

    Files are taken in groups (`_groups`), each file with a receipt of its own. What one cannot get past is kept in
    `isolated`. Raises LakeBusy, ContractError, and what `Isolated.each` raises.
    """
    require_active(contract)
    for group in _groups(found):
        with lake.scratch() as folder:
            for files in _stage_each(contract, group, folder, isolated):
                yield from _ingest_staged(lake, contract, files, isolated)


def extract_each(lake: Lake, contract: Contract, found: Found, isolated: Isolated) -> Iterator[Delivery | Waiting]:
    """The first half of `ingest_each`: land. A `Delivery` where nothing is left to conform."""
    require_active(contract)
    for group in _groups(found):
        with lake.scratch() as folder:
            for files in _stage_each(contract, group, folder, isolated):
                for staged, landed in _land_each(lake, contract, files, isolated):
                    done: Delivery | Waiting | None = None
                    with isolated.each(staged.interval):
                        if landed.manifest is not None:
                            done = Waiting(staged.interval, landed.batch, landed.content_as_of)
                        else:
                            done = _already_committed(lake, contract, landed, staged.fetched)
                    if done is not None:
                        yield done


def conform_landed_each(
    lake: Lake, contract: Contract, landed: Iterable[Waiting], isolated: Isolated
) -> Iterator[Delivery]:
    """The second half of `ingest_each`: conform and commit what was landed, unless another run did so meanwhile."""
    require_active(contract)
    waiting = iter(landed)
    while group := list(islice(waiting, GROUP_FILES)):
        standings = _standings(lake, contract, [batch.interval for batch in group], isolated)
        if standings is None:
            continue
        works: list[Work] = []
        for batch in group:
            done: Delivery | None = None
            with isolated.each(batch.interval):
                manifest = read_manifest(lake.store, contract, batch.interval, batch.batch)
                known = standings.of(batch.batch)
                if known is not None and not is_due_again(known, contract):
                    done = repeated(contract, known, manifest.filename)
                else:
                    works.append(Work(manifest, batch.as_of, known))
            if done is not None:
                yield done
            if sum(work.manifest.bytes for work in works) > GROUP_BYTES:
                # What is conformed lies in the scratch folder until it is committed.
                yield from _attempted(lake, contract, works, isolated)
                works = []
        yield from _attempted(lake, contract, works, isolated)


def _groups(found: Found) -> Iterator[list[tuple[Interval, Fetched]]]:
    """Files that are landed and conformed together: some hundred small ones, or a large one alone.

    A group ends after a few seconds too, so that what a slow source sent is not kept waiting for what it will send.
    """
    group: list[tuple[Interval, Fetched]] = []
    size, ends = 0, 0.0
    for interval, fetched in found:
        length = _length(fetched)
        if group and (size + length > GROUP_BYTES or len(group) >= GROUP_FILES or time.monotonic() > ends):
            yield group
            group, size = [], 0
        if not group:
            ends = time.monotonic() + GROUP_SECONDS
        group.append((interval, fetched))
        size += length
    if group:
        yield group


def _length(fetched: Fetched) -> int:
    """Bytes of a fetched file; 0 where there is none, which landing reports."""
    try:
        return fetched.path.stat().st_size if fetched.known is None else 0
    except OSError:
        return 0


def _stage_each(
    contract: Contract, group: Sequence[tuple[Interval, Fetched]], folder: Path, isolated: Isolated
) -> list[list[Staged]]:
    """The files of a group in parts, in order; bytes that come again begin a new one, as they are looked at only once
    what came before them is committed."""
    parts: list[dict[str, Staged]] = [{}]
    for number, (interval, fetched) in enumerate(group):
        with isolated.each(interval):
            staged = stage(contract, interval, fetched, folder / str(number))
            if staged.batch in parts[-1]:
                parts.append({})
            parts[-1][staged.batch] = staged
    return [list(part.values()) for part in parts if part]


def _ingest_staged(lake: Lake, contract: Contract, files: Sequence[Staged], isolated: Isolated) -> Iterator[Delivery]:
    works: list[Work] = []
    for staged, landed in _land_each(lake, contract, files, isolated):
        if landed.manifest is not None:
            works.append(Work(landed.manifest, landed.content_as_of, landed.known, landed.staged))
            continue
        # What comes back is compared with what counts, so what came before it is committed first.
        yield from _attempted(lake, contract, works, isolated)
        works = []
        done: Delivery | None = None
        with isolated.each(staged.interval):
            done = _already_committed(lake, contract, landed, staged.fetched)
        if done is not None:
            yield done
    yield from _attempted(lake, contract, works, isolated)


def _land_each(
    lake: Lake, contract: Contract, files: Sequence[Staged], isolated: Isolated
) -> Iterator[tuple[Staged, Landed]]:
    standings = _standings(lake, contract, [staged.interval for staged in files], isolated)
    if standings is None:
        return
    for staged in files:
        landed: Landed | None = None
        with isolated.each(staged.interval):
            landed = land(lake, contract, staged, standings.of(staged.batch))
        if landed is not None:
            yield staged, landed


def _standings(lake: Lake, contract: Contract, intervals: Sequence[Interval], isolated: Isolated) -> Standings | None:
    """What the receipts say now; None where they cannot be read, which is kept in `isolated`."""
    with isolated.each(intervals[0] if intervals else None), lake.log.refreshed() as connection:
        return read_standings(connection, contract, intervals)
    return None


def _attempted(lake: Lake, contract: Contract, works: Sequence[Work], isolated: Isolated) -> Iterator[Delivery]:
    """What became of each, as it is committed; what could not be committed is kept in `isolated`."""
    results = attempt_each(lake, contract, works) if works else iter(())
    while True:
        try:
            work, result = next(results)
        except StopIteration:
            return
        except (LakeBusy, ContractError):
            raise
        except Exception as error:
            isolated.add(error)
            return
        delivery: Delivery | None = None
        with isolated.each(work.interval):
            if isinstance(result, Exception):
                raise result
            delivery = result
        if delivery is not None:
            yield delivery


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
        with lake.log.refreshed() as connection:
            standings = read_standings(connection, contract, [known.interval])
            rows = standings.of(known.confirms or known.batch) or known
            top = standings.in_force(known.interval, other_than=rows.batch)
            old, new = (bronze_of(connection, top) if top else {}), bronze_of(connection, rows)
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
