"""Judge and commit a bulk delivery: one file that holds many intervals of a feed.

It is one raw object and one receipt, so it counts whole or not at all. Within it each interval is a delivery of its own
(ingestion.receipts.standing): it supersedes what was delivered of that interval before, and a later correction of one
interval supersedes that one. Owns what all intervals together mean for the outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ingestion import keys
from ingestion.conform.result import Conformed
from ingestion.conform.split import Split
from ingestion.contract.model import Contract
from ingestion.delivery.commit import Commit
from ingestion.delivery.judge import Judgement, comparing, hold_message, losses_in, supersedes
from ingestion.errors import DeliveryRefused, IntegrityError
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.receipts.lookup import Standing, Standings
from ingestion.receipts.model import BronzeFile, Part, Span

NOTHING_IN_SPAN = "nothing_in_span"
"""Rule of a bulk delivery without any row that could be taken in."""


@dataclass
class Meeting:
    """What the intervals with rows (by number) meet in the lake.

    `superseded`: a delivery that this one replaces or adds to; `outranked`: one with later content, which stays in
    force; `same`: the batch that has exactly these rows.
    """

    superseded: dict[int, Standing] = field(default_factory=dict)
    outranked: dict[int, Standing] = field(default_factory=dict)
    same: dict[int, str] = field(default_factory=dict)


def meet(contract: Contract, conformed: Conformed, standings: Standings, as_of: datetime) -> Meeting:
    """Compare every interval with the delivery in force of it; `as_of` is the content time of the whole."""
    split, found = _split(conformed), Meeting()
    for number in conformed.part_numbers:
        interval = split.intervals[number]
        meets = standings.in_force(interval, other_than=split.batch(number))
        if meets is None:
            continue
        later = _content_as_of(contract, as_of, interval) >= meets.as_of
        (found.superseded if later else found.outranked)[number] = meets
        if _same_rows(contract, conformed, number, meets, standings):
            found.same[number] = meets.confirms or meets.batch
    return found


def judge_bulk(
    lake: Lake, contract: Contract, conformed: Conformed, standings: Standings, meeting: Meeting
) -> Judgement:
    """The outcome of the whole: accepted, unchanged, or held where an interval would lose too many keys, or where the
    file says itself that it may be incomplete.
    """
    numbers = conformed.part_numbers
    if numbers and meeting.same.keys() == set(numbers):
        return Judgement("unchanged", f"the same rows as what counts of these {len(numbers)} intervals")
    losing = _losing(lake, contract, conformed, standings, meeting) if supersedes(contract) else {}
    if losing:
        split = _split(conformed)
        first = min(losing)
        return Judgement(
            "held", f"{len(losing)} of {len(numbers)} intervals, the first {split.intervals[first]}: {losing[first]}"
        )
    if conformed.doubt is not None:
        return Judgement("held", hold_message(contract, (), conformed.doubt))
    return Judgement("accepted", f"{len(numbers)} intervals with rows")


class BulkCommit(Commit):
    """The commit of a bulk delivery."""

    def _accepted(self, conformed: Conformed, standings: Standings) -> dict[str, object]:
        if not conformed.part_numbers:
            raise DeliveryRefused(
                f"no row lies in {self.work.interval} and keeps the contract's rules",
                rule=NOTHING_IN_SPAN,
                next_step="look at the span and at the refused rows: citylake load --dry-run",
            )
        meeting = meet(self.contract, conformed, standings, self.work.content_as_of)
        earlier = self.work.instead_of
        judged = judge_bulk(self.lake, self.contract, conformed, standings, meeting)
        if earlier is not None and earlier.outcome in ("accepted", "held"):
            # The department sent nothing new: what was decided about this delivery stays decided.
            judged = Judgement("held" if earlier.outcome == "held" else "accepted", earlier.message)
        is_unchanged = judged.outcome == "unchanged"
        return {
            "outcome": judged.outcome,
            "message": judged.message,
            "tables": self._stored(conformed, bronze=False),
            "parts": [
                self._part(conformed, number, confirms=meeting.same[number] if is_unchanged else None)
                for number in conformed.part_numbers
            ],
        }

    def _part(self, conformed: Conformed, number: int, *, confirms: str | None) -> Part:
        """The part of the receipt about one interval; its bronze is stored, unless its rows are in bronze already."""
        split = _split(conformed)
        interval, batch = split.intervals[number], split.batch(number)
        dt = self.contract.calendar.local_date(interval)
        bronze: dict[str, list[BronzeFile]] = {}
        for name, table in conformed.tables.items():
            if number in table.parts and confirms is None:
                key = self._key(keys.BRONZE, name, dt, batch)
                bronze[name] = [self._put_bronze(key, table.parts[number])]
        return Part(
            batch=batch,
            interval=Span(start=interval.start, end=interval.end),
            dt=dt,
            content_as_of=_content_as_of(self.contract, self.work.content_as_of, interval),
            confirms=confirms,
            bronze=bronze,
        )


def _split(conformed: Conformed) -> Split:
    if conformed.split is None:
        raise IntegrityError("the delivery was conformed whole and not by interval", left="nothing was committed")
    return conformed.split


def _content_as_of(contract: Contract, as_of: datetime, interval: Interval) -> datetime:
    """The content time of one interval, by the contract's rule."""
    return interval.end if contract.citylake.content_as_of == "interval_end" else as_of


def _same_rows(contract: Contract, conformed: Conformed, number: int, meets: Standing, standings: Standings) -> bool:
    if (meets.revision, meets.key_version) != (contract.revision, conformed.key_version):
        return False
    old = {name: [row_hash for _, row_hash in files] for name, files in standings.bronze_of(meets).items()}
    new = {name: [table.parts[number].row_hash] for name, table in conformed.tables.items() if number in table.parts}
    return bool(new) and old == new


def _losing(
    lake: Lake, contract: Contract, conformed: Conformed, standings: Standings, meeting: Meeting
) -> Mapping[int, str]:
    """Intervals that would lose more keys than the contract allows, and why each is held."""
    candidates = {number: meets for number, meets in meeting.superseded.items() if number not in meeting.same}
    found: dict[int, str] = {}
    if not candidates:
        return found
    with comparing(lake) as connection:
        for number, meets in candidates.items():
            old = {
                name: [lake.store.url(key) for key, _ in files] for name, files in standings.bronze_of(meets).items()
            }
            new = {
                name: [str(table.parts[number].path)]
                for name, table in conformed.tables.items()
                if number in table.parts
            }
            same_keys = conformed.key_version == meets.key_version
            losses = losses_in(connection, contract, old, new, same_keys=same_keys)
            if losses:
                found[number] = hold_message(contract, losses)
    return found
