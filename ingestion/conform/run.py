"""Conform one payload: write its bronze and quarantine files into a scratch folder. The store is not used.

For every table the counts must balance: received = accepted + quarantined + duplicates. The received records are
counted by the parsers, independently of reading typed values. A delivery with too many refused rows, or without
records, is refused as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import duckdb

from ingestion.conform.bind import require_bound
from ingestion.conform.compile import TablePlan
from ingestion.conform.engine import conform_session
from ingestion.conform.evaluate import Evaluated, Evaluator
from ingestion.conform.output import BronzeFile, QuarantineFile
from ingestion.conform.pseudonym import PseudonymKeys
from ingestion.conform.result import Conformed, ConformedTable, rows_of_all, without_bronze
from ingestion.conform.split import Split, SplitBronze
from ingestion.conform.table import Counts, TableConform
from ingestion.contract.extension import JsonFormat
from ingestion.contract.model import Contract, Table
from ingestion.errors import DeliveryRefused, IntegrityError
from ingestion.intervals import Interval
from ingestion.parsers.blocks import Segment, Source
from ingestion.parsers.payload import Payload as OpenedPayload
from ingestion.parsers.payload import open_payload
from ingestion.settings import Settings

_TOP_RULES = 5
_TOGETHER_BYTES = 64 * 2**20
"""Bytes of small payloads, unpacked, that are held and evaluated in one pass; a packed file may hold much more than
its size."""
_Part = tuple[Segment, Evaluated | None] | None


@dataclass(frozen=True)
class Payload:
    """One payload to be conformed: its bytes, the facts of its delivery, and the folder its files are written to.

    `split`: it is a bulk delivery, divided by these intervals. `lines`: its JSON records are one a line, whatever the
    contract's source sends. `read` is called with the bytes read so far.
    """

    path: Path
    batch: str
    loaded_at: datetime
    interval: Interval
    content_as_of: datetime
    scratch: Path
    split: Split | None = None
    lines: bool = False
    read: Callable[[int], None] | None = None


def conform(contract: Contract, payload: Payload, *, keys: PseudonymKeys, settings: Settings) -> Conformed:
    """Write `<table>.bronze.parquet` and `<table>.quarantine.parquet` into `payload.scratch` (made mode 0700).

    Of identical rows the first is kept. Of rows with the same key and different content the first is kept, too; which
    one is right cannot be known here, so the later ones go to quarantine (`key_conflict`), unless they equal the first.
    A rule of the contract may use `content_date`, the local date of `content_as_of`.

    Raises DeliveryRefused (its `conformed` carries counts and quarantine where rows were judged), IntegrityError, and
    ContractError where an expression of the contract cannot be run (docs/adr/0021).
    """
    with _Session.opened(contract, keys, settings, payload.scratch) as session:
        return session.conform(payload)


def conform_small(
    contract: Contract, payloads: Sequence[Payload], *, keys: PseudonymKeys, settings: Settings
) -> list[Conformed | Exception]:
    """As `conform` for several small payloads, whose rows are evaluated in one pass; one result for each, in order.

    What `conform` would raise for a payload is its result, and stops no other. What is unpacked at a time is bounded; a
    payload that turns out to have several segments is conformed by itself. Raises ContractError as `conform`.
    """
    if not payloads:
        return []
    with _Session.opened(contract, keys, settings, payloads[0].scratch) as session:
        return session.conform_small(payloads)


@dataclass(frozen=True)
class _Read:
    """A small payload read whole: the one segment of each of its tables (None: the table has no record)."""

    payload: Payload
    opened: OpenedPayload
    segments: tuple[Segment | None, ...]

    @property
    def size(self) -> int:
        """Bytes in memory: text columns and records."""
        return sum(s.columns.nbytes + len(s.block.data) for s in self.segments if s is not None)


class _Session:
    """Conforms payloads of one contract in one DuckDB session; statements are planned once for each table."""

    def __init__(
        self, contract: Contract, keys: PseudonymKeys, settings: Settings, connection: duckdb.DuckDBPyConnection
    ) -> None:
        self._contract = contract
        self._keys = keys
        self._settings = settings
        self._connection = connection
        self._evaluators: list[Evaluator] = []

    @classmethod
    @contextmanager
    def opened(cls, contract: Contract, keys: PseudonymKeys, settings: Settings, scratch: Path) -> Iterator[_Session]:
        """A session whose temporary files lie beside the folder `scratch`. Raises ContractError."""
        _own_folder(scratch)
        zone, threads, limit = contract.calendar.timezone, settings.threads, settings.memory_limit
        with conform_session(zone, threads=threads, memory_limit=limit, spill=scratch.parent) as connection:
            require_bound(contract, connection)
            yield cls(contract, keys, settings, connection)

    def conform(self, payload: Payload) -> Conformed:
        """See the function `conform`."""
        with self._refusals(payload):
            opened = self._opened(payload)
            tables = {source.table.name: self._table(payload, source) for source in opened.sources}
            return replace(self._checked(tables, opened), split=payload.split)

    def conform_small(self, payloads: Sequence[Payload]) -> list[Conformed | Exception]:
        """See the function `conform_small`."""
        results: dict[int, Conformed | Exception] = {}
        read: dict[int, _Read] = {}
        for number, payload in enumerate(payloads):
            try:
                with self._refusals(payload):
                    whole = self._read(payload)
                if whole is None:
                    results[number] = self.conform(payload)
                else:
                    read[number] = whole
            except Exception as error:
                results[number] = error
            if sum(whole.size for whole in read.values()) > _TOGETHER_BYTES:
                results |= self._finish(read)
                read = {}
        results |= self._finish(read)
        return [results[number] for number in range(len(payloads))]

    def _finish(self, read: Mapping[int, _Read]) -> dict[int, Conformed | Exception]:
        """Evaluate payloads that were read in one pass, and write their files; the results by number."""
        results: dict[int, Conformed | Exception] = {}
        evaluated = self._evaluate(read.values())
        for number, whole in read.items():
            try:
                if evaluated is None:
                    # One of them broke the pass: alone, each shows whether it was this one.
                    results[number] = self.conform(whole.payload)
                    continue
                with self._refusals(whole.payload):
                    parts = [evaluated.pop(0) for _ in whole.opened.sources]
                    tables = {
                        source.table.name: self._small_table(whole.payload, source, part)
                        for source, part in zip(whole.opened.sources, parts, strict=True)
                    }
                    results[number] = self._checked(tables, whole.opened)
            except Exception as error:
                results[number] = error
        return results

    def _opened(self, payload: Payload) -> OpenedPayload:
        """The tables of a payload. A department that sends JSON documents keeps its past one record a line."""
        contract, form = self._contract, self._contract.citylake.format
        if payload.lines and isinstance(form, JsonFormat):
            as_lines = form.model_copy(update={"type": "ndjson", "records": "$"})
            contract = replace(contract, citylake=contract.citylake.model_copy(update={"format": as_lines}))
        return open_payload(contract, payload.path, self._settings, self._content_date(payload))

    def _read(self, payload: Payload) -> _Read | None:
        """The payload in memory; None where a table has more than one segment."""
        opened = self._opened(payload)
        found: list[Segment | None] = []
        for source in opened.sources:
            segments = source.segments()
            found.append(next(segments, None))
            if next(segments, None) is not None:
                return None
        return _Read(payload, opened, tuple(found))

    def _evaluate(self, read: Iterable[_Read]) -> list[_Part] | None:
        """The evaluated segments of all tables of all payloads, in order; None where a pass failed."""
        listed = [
            (self._evaluator(source.table), segment, self._content_date(whole.payload))
            for whole in read
            for source, segment in zip(whole.opened.sources, whole.segments, strict=True)
        ]
        found: dict[int, _Part] = {}
        try:
            for evaluator in self._evaluators:
                chosen = [
                    (number, segment, day)
                    for number, (its, segment, day) in enumerate(listed)
                    if its is evaluator and segment is not None
                ]
                parts = evaluator.together([s for _, s, _ in chosen], [day for _, _, day in chosen])
                found |= {number: part for (number, _, _), part in zip(chosen, parts, strict=True)}
        except Exception:
            return None
        return [found.get(number) for number in range(len(listed))]

    def _table(self, payload: Payload, source: Source) -> ConformedTable:
        evaluator = self._evaluator(source.table, with_moment=payload.split is not None)
        source = _reporting(source, payload)
        return self._written(
            payload, evaluator, lambda work: work.run(source, evaluator, self._content_date(payload)), background=True
        )

    def _small_table(self, payload: Payload, source: Source, part: _Part) -> ConformedTable:
        segments = [part] if part is not None else []
        evaluator = self._evaluator(source.table)
        return self._written(payload, evaluator, lambda work: work.take(segments, source.size_hint), background=False)

    def _written(
        self, payload: Payload, evaluator: Evaluator, step: Callable[[TableConform], None], *, background: bool
    ) -> ConformedTable:
        plan, folder = evaluator.plan, payload.scratch
        table = plan.table
        bronze: BronzeFile | SplitBronze = (
            SplitBronze(folder, table.name, payload.split, payload.loaded_at, self._connection)
            if payload.split is not None
            else BronzeFile(
                folder / f"{table.name}.bronze.parquet", payload.batch, payload.loaded_at, background=background
            )
        )
        quarantine = QuarantineFile(folder / f"{table.name}.quarantine.parquet", payload.batch, table.name)
        work = TableConform(plan, bronze, quarantine, folder, payload.split)
        try:
            step(work)
            _check_counts(table, work.counts)
            made = _conformed(table, work.counts, bronze.finish(), quarantine.finish())
            if isinstance(bronze, SplitBronze) and work.parts is not None:
                made = replace(made, parts=bronze.parts(work.parts))
            return made
        except BaseException:
            bronze.discard()
            quarantine.discard()
            raise

    def _evaluator(self, table: Table, *, with_moment: bool = False) -> Evaluator:
        """The evaluator of the table as its header is in this payload."""
        for evaluator in self._evaluators:
            if evaluator.plan.table == table and evaluator.plan.with_moment == with_moment:
                return evaluator
        made = Evaluator(TablePlan(self._contract, table, with_moment=with_moment), self._connection, self._keys)
        self._evaluators.append(made)
        return made

    def _content_date(self, payload: Payload) -> date:
        return payload.content_as_of.astimezone(self._contract.calendar.zone).date()

    def _checked(self, tables: dict[str, ConformedTable], opened: OpenedPayload) -> Conformed:
        conformed = Conformed(
            tables, opened.ignored_members, self._keys.version, rows_of_all(tables), doubt=opened.doubt
        )
        _check_delivery(self._contract, conformed, opened.sources)
        return conformed

    @contextmanager
    def _refusals(self, payload: Payload) -> Iterator[None]:
        """Raise a refusal with feed and interval, and without any bronze file left."""
        _own_folder(payload.scratch)
        try:
            yield
        except DeliveryRefused as refusal:
            for leftover in payload.scratch.glob("*.bronze.parquet"):
                leftover.unlink()
            raise _with_feed(refusal, self._contract, payload.interval) from refusal


def _reporting(source: Source, payload: Payload) -> Source:
    """The source; after each segment `payload.read` learns how many bytes were read."""
    read = payload.read
    if read is None:
        return source

    def segments() -> Iterator[Segment]:
        done = 0
        for segment in source.segments():
            done += len(segment.block.data)
            yield segment
            read(done)

    return replace(source, segments=segments)


def _own_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)


def _conformed(table: Table, counts: Counts, bronze: Path | None, quarantine: Path | None) -> ConformedTable:
    return ConformedTable(
        name=table.name,
        received=counts.received,
        accepted=counts.accepted,
        quarantined=counts.quarantined,
        duplicates=counts.duplicates,
        rules=dict(sorted(counts.rules.items())),
        flags=dict(sorted(counts.flags.items())),
        bronze=bronze,
        quarantine=quarantine,
        row_hash=counts.row_hash,
        days=dict(sorted(counts.days.items())),
    )


def _check_counts(table: Table, counts: Counts) -> None:
    accounted = counts.accepted + counts.quarantined + counts.duplicates
    if counts.received != accounted:
        raise IntegrityError(
            f"table {table.name}: received {counts.received}, but accepted {counts.accepted} + quarantined "
            f"{counts.quarantined} + duplicates {counts.duplicates} = {accounted}",
            left="nothing was written",
            next_step="keep the file and report it: rows would be lost or invented",
        )


def _check_delivery(contract: Contract, conformed: Conformed, sources: Sequence[Source]) -> None:
    """Refuse the delivery as a whole where a required table is empty or too many rows are refused."""
    limit = contract.citylake.max_refused_share
    for source in sources:
        table = conformed.tables[source.table.name]
        if table.refused_share > limit:
            raise _too_many_refused(table, limit, _header_read(source.table), without_bronze(conformed))
    if contract.citylake.empty == "refuse":
        required = [source.table.name for source in sources if source.required]
        empty_tables = [name for name in required if not conformed.tables[name].received]
        if empty_tables:
            raise DeliveryRefused(
                f"no records in {', '.join(empty_tables)}: a header and nothing else",
                rule="empty",
                next_step="ask the department; where no data is a normal answer, set `empty: no_data` in the contract",
            )


def _header_read(table: Table) -> str:
    """By which of several declared headers the columns were found: values under the wrong one break patterns."""
    if not table.header_variants:
        return ""
    read = f"the variant {table.variant!r}" if table.variant else "the contract's own"
    return f"; its columns were found by their names in the header, which is {read}"


def _too_many_refused(table: ConformedTable, limit: float, header: str, conformed: Conformed) -> DeliveryRefused:
    top = sorted(table.rules.items(), key=lambda item: (-item[1], item[0]))[:_TOP_RULES]
    rule = "encoding" if table.rules.get("encoding", 0) > limit * table.received else "refused_share"
    hint = "; the file is probably not in the declared encoding" if rule == "encoding" else ""
    refusal = DeliveryRefused(
        f"{table.quarantined:,} of {table.received:,} rows of {table.name} are refused "
        f"({table.refused_share:.1%}, limit {limit:.1%}): "
        + ", ".join(f"{name} {n:,}" for name, n in top)
        + hint
        + header,
        rule=rule,
        next_step="send the steward the refused rows; the corrected file is taken in as a new delivery",
    )
    refusal.conformed = conformed
    return refusal


def _with_feed(refusal: DeliveryRefused, contract: Contract, interval: Interval) -> DeliveryRefused:
    """The refusal with feed, interval and the state of the store added."""
    left = refusal.left or "the delivery is refused whole; its bytes are kept in raw, bronze is unchanged"
    named = DeliveryRefused(
        refusal.message,
        rule=refusal.rule,
        feed=f"{contract.department}.{contract.feed}",
        interval=str(interval),
        left=left,
        next_step=refusal.next_step,
    )
    named.conformed = refusal.conformed
    return named
