"""Load what a department hands over of the past: files of one interval each, and bulk files of many intervals.

A file whose name is that of an interval, by the contract's source, is an ordinary delivery. Any other file is a bulk
delivery of a span: its rows are divided by their event time (ingestion.conform.split), those outside the span go to
quarantine, and one receipt commits them all (.bulk). Files may be loaded in any order, and a load that was interrupted
is continued by loading the same files again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from ingestion.clocks import begins
from ingestion.conform.result import Conformed
from ingestion.conform.split import require_dividable
from ingestion.connectors.base import Fetched
from ingestion.connectors.file_drop import fetched_file
from ingestion.connectors.local_file import name_as_text
from ingestion.connectors.templates import INTERVAL
from ingestion.contract.model import Contract
from ingestion.contract.sources import Database, FhirBulk, FileDrop, HttpFile, Sftp
from ingestion.contract.usable import require_active
from ingestion.delivery.attempt import attempt, conform_each, intervals_of
from ingestion.delivery.bulk import Meeting, judge_bulk, meet
from ingestion.delivery.commit import Work
from ingestion.delivery.ingest import fetch_time, ingest_each
from ingestion.delivery.land import land, manifest_for, stage
from ingestion.delivery.outcome import Delivery, repeated
from ingestion.errors import ConfigurationError, DeliveryRefused, IntegrityError
from ingestion.intervals import Interval
from ingestion.isolation import Isolated
from ingestion.lake import Lake
from ingestion.receipts.lookup import read_standings

NAME = "load/1"
_DIGITS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "y": 2, "j": 3}

Read = Callable[[int], None]
"""Called with the bytes of the files that were read so far."""


@dataclass(frozen=True)
class Files:
    """Files to load: `named` are of one interval by their name, `bulk` hold many. `size` is in bytes."""

    named: list[tuple[Interval, Path]] = field(default_factory=list)
    bulk: list[Path] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in [*(path for _, path in self.named), *self.bulk])


@dataclass(frozen=True)
class Planned:
    """What loading a bulk file would do; nothing was stored.

    `outcome` is `duplicate` for bytes that are in. Intervals are counted: those with rows, and of them those that
    replace a delivery, that meet one with later content (which stays in force), and whose rows are in already.
    """

    filename: str
    outcome: str
    message: str | None
    received: int = 0
    accepted: int = 0
    quarantined: int = 0
    duplicates: int = 0
    rules: dict[str, int] = field(default_factory=dict)
    intervals: int = 0
    first: Interval | None = None
    last: Interval | None = None
    superseded: int = 0
    outranked: int = 0
    same: int = 0


def sort_files(contract: Contract, paths: Sequence[Path], *, all_bulk: bool = False) -> Files:
    """Tell files of one interval, by their name, from bulk files; `all_bulk`: names are not looked at.

    Raises ContractError where there are bulk files and the feed's deliveries cannot be divided.
    """
    found = Files()
    for path in paths:
        interval = None if all_bulk else interval_in_name(contract, path.name)
        if interval is None:
            found.bulk.append(path)
        else:
            found.named.append((interval, path))
    if found.bulk:
        require_dividable(contract)
    found.named.sort(key=lambda item: (item[0].start, item[1].name))
    return found


def interval_in_name(contract: Contract, name: str) -> Interval | None:
    """The interval that a file is of, by the file name in the contract's source; None where it does not match.

    Files of a feed that reads a table or exports are named by feed and date: `<feed>_20260302.parquet`, `….zip`.
    """
    source = contract.citylake.source
    if isinstance(source, Database):
        text = f"{contract.feed}_{{interval:%Y%m%d{'%H' if contract.calendar.every == 'hour' else ''}}}.parquet"
    elif isinstance(source, FhirBulk):
        text = f"{contract.feed}_{{interval:%Y%m%d{'%H' if contract.calendar.every == 'hour' else ''}}}*.zip"
    elif isinstance(source, FileDrop | HttpFile | Sftp):
        text = source.url if isinstance(source, HttpFile) else source.path
    else:
        return None
    pattern = text.rsplit("/", 1)[-1]
    placeholder = INTERVAL.search(pattern)
    if placeholder is None:
        return None
    moment = re.sub(r"%([YmdHMSyj])", lambda match: rf"\d{{{_DIGITS[match[1]]}}}", placeholder[1])
    parts = [re.escape(part).replace(r"\*", ".*").replace(r"\?", ".") for part in INTERVAL.split(pattern)[::2]]
    match = re.fullmatch(f"(?:{parts[0]})({moment})(?:{parts[1]})", name)
    try:
        # A naive time is the calendar's local time.
        return contract.calendar.at(datetime.strptime(match[1], placeholder[1])) if match else None  # noqa: DTZ007  local
    except ValueError:
        return None


def span(lake: Lake, contract: Contract, first: date | None, last: date | None) -> Interval:
    """The intervals of the local days `first` to `last`, as one: by default all that have ended.

    Raises ConfigurationError where there is none.
    """
    zone = contract.calendar.zone
    begin = begins(zone, first or contract.calendar.start)
    end = begins(zone, last + timedelta(days=1)) if last else lake.city_time()
    found = list(contract.calendar.between(begin, end)) if begin < end else []
    if last is None:
        found = [interval for interval in found if interval.end <= end]
    if not found:
        raise ConfigurationError(
            f"no interval of the feed lies between {begin:%Y-%m-%d} and {end:%Y-%m-%d}",
            feed=contract.name,
            left="nothing was loaded",
            next_step="give the days that the file is of: --from 2025-01-01 --to 2025-12-31",
        )
    return Interval(found[0].start, found[-1].end)


def load(
    lake: Lake, contract: Contract, files: Files, of: Interval | None, read: Read = lambda _: None
) -> Iterator[Delivery]:
    """Load the files, each as it is committed; `of` is the span of the bulk files.

    What cannot be read or taken in stops no other; at the end one error says what it was. Raises as
    ingestion.delivery.ingest.ingest_intervals.
    """
    require_active(contract)
    isolated = Isolated(lake.settings, contract.name, "load")
    done = 0
    sizes = {path.name: path.stat().st_size for _, path in files.named}
    for delivery in ingest_each(lake, contract, _fetched(lake, contract, files, isolated), isolated):
        done += sizes.get(delivery.filename or "", 0)
        read(done)
        yield delivery
    for path in files.bulk:
        delivery_of_all: Delivery | None = None
        before = done
        with isolated.each(of):
            delivery_of_all = _load_bulk(lake, contract, path, _required(of), after(before, read))
        done += path.stat().st_size
        read(done)
        if delivery_of_all is not None:
            yield delivery_of_all
    isolated.raise_collected()


def after(before: int, read: Read) -> Read:
    """Progress of one file as progress of all: the bytes of the files before it are added."""
    return lambda count: read(before + count)


def plan(lake: Lake, contract: Contract, path: Path, of: Interval, read: Read = lambda _: None) -> Planned:
    """What loading a bulk file would do. Nothing is stored. Raises SourceError, StoreError, ContractError."""
    require_active(contract)
    with lake.scratch() as folder:
        staged = stage(contract, of, _bulk_fetched(lake, contract, path, of), folder / "staged", bulk=True)
        work = Work(manifest_for(contract, staged), staged.fetched.content_as_of, None, staged.path, read)
        with lake.log.refreshed() as connection:
            known = read_standings(connection, contract, [of], bulk=staged.batch).of(staged.batch)
        if known is not None and known.state != "refused":
            return Planned(path.name, "duplicate", repeated(contract, known, path.name).message)
        (conformed,) = conform_each(lake, contract, [work], folder)
        if isinstance(conformed, DeliveryRefused):
            return _planned(path.name, "refused", conformed.message, getattr(conformed, "conformed", None))
        if isinstance(conformed, Exception):
            raise conformed
        with lake.log.refreshed() as connection:
            standings = read_standings(connection, contract, intervals_of(work, conformed), bulk=staged.batch)
        meeting = meet(contract, conformed, standings, work.content_as_of)
        judged = judge_bulk(lake, contract, conformed, standings, meeting)
        return _planned(path.name, judged.outcome, judged.message, conformed, meeting)


def _planned(
    name: str, outcome: str, message: str | None, conformed: Conformed | None, meeting: Meeting | None = None
) -> Planned:
    if conformed is None:
        return Planned(name, outcome, message)
    rules: dict[str, int] = {}
    for table in conformed.tables.values():
        for rule, count in table.rules.items():
            rules[rule] = rules.get(rule, 0) + count
    numbers = conformed.part_numbers
    intervals = conformed.split.intervals if conformed.split is not None else ()
    return Planned(
        name,
        outcome,
        message,
        received=sum(table.received for table in conformed.tables.values()),
        accepted=sum(table.accepted for table in conformed.tables.values()),
        quarantined=sum(table.quarantined for table in conformed.tables.values()),
        duplicates=sum(table.duplicates for table in conformed.tables.values()),
        rules=dict(sorted(rules.items())),
        intervals=len(numbers),
        first=intervals[numbers[0]] if numbers else None,
        last=intervals[numbers[-1]] if numbers else None,
        superseded=len(meeting.superseded) - len(meeting.same) if meeting else 0,
        outranked=len(meeting.outranked) if meeting else 0,
        same=len(meeting.same) if meeting else 0,
    )


def _load_bulk(lake: Lake, contract: Contract, path: Path, of: Interval, read: Read) -> Delivery:
    fetched = _bulk_fetched(lake, contract, path, of)
    with lake.scratch() as folder:
        staged = stage(contract, of, fetched, folder / "staged", bulk=True)
        with lake.log.refreshed() as connection:
            known = read_standings(connection, contract, [of], bulk=staged.batch).of(staged.batch)
        landed = land(lake, contract, staged, known)
        if landed.manifest is not None:
            work = Work(landed.manifest, landed.content_as_of, landed.known, landed.staged, read)
            return attempt(lake, contract, work)
        if landed.known is None:
            raise IntegrityError(f"batch {landed.batch} has neither manifest nor receipt", left="nothing was stored")
        return repeated(contract, landed.known, fetched.filename)


def _fetched(lake: Lake, contract: Contract, files: Files, isolated: Isolated) -> Iterator[tuple[Interval, Fetched]]:
    now = fetch_time(lake, contract)
    for interval, path in files.named:
        fetched = None
        with isolated.each(interval):
            source = f"file:{name_as_text(path.name)}"
            fetched = fetched_file(contract, interval, path, source=source, connector=NAME, now=now)
        if fetched is not None:
            yield interval, fetched


def _bulk_fetched(lake: Lake, contract: Contract, path: Path, of: Interval) -> Fetched:
    now = fetch_time(lake, contract)
    return fetched_file(contract, of, path, source=f"file:{name_as_text(path.name)}", connector=NAME, now=now)


def _required(of: Interval | None) -> Interval:
    if of is None:
        raise ConfigurationError("a bulk file needs a span", left="nothing was loaded")
    return of
