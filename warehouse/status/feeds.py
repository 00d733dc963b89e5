"""One line per feed: its newest delivery, what is expected of it, and the condition that most needs a person.

Whether a feed is late, refused or held is judged by the rule of the sweep (warehouse.incidents.conditions) at the
moment asked for, so that an interval which fell due since the last sweep does not look good. Incidents say since when,
and what no receipt says: a source that cannot be read, a task that failed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from ingestion.contract.model import Contract, not_active
from ingestion.lake import Lake
from ingestion.receipts.model import Span
from warehouse.incidents.conditions import Condition, next_due, observe, starts_of
from warehouse.incidents.model import Incident, Kind
from warehouse.status import titles
from warehouse.status.model import BY_URGENCY, FeedLine, FeedState, LastDelivery
from warehouse.title import Title

if TYPE_CHECKING:
    import duckdb

    from ingestion.intervals import Interval

_STATES: dict[Kind, FeedState] = {
    "source_unreachable": "unreachable",
    "task_failed": "failed",
    "delivery_failed": "failed",
    "delivery_refused": "refused",
    "delivery_held": "held",
    "delivery_late": "late",
}
_WITHOUT_RECEIPT: frozenset[Kind] = frozenset({"source_unreachable", "task_failed"})

_LAST = """
with newest as (select max(key) as key from receipt group by department, feed),
counted as (
    select
        receipt_key, sum(received)::bigint as received, sum(accepted)::bigint as accepted,
        sum(quarantined)::bigint as quarantined, sum(duplicates)::bigint as duplicates
    from table_receipt where receipt_key in (select key from newest) group by receipt_key
),
decided as (
    select department, feed, batch, bool_or(verb = 'erase') as is_erased, arg_max(verb, key) as verb
    from decision group by department, feed, batch
)
select
    receipt.department || '.' || receipt.feed, receipt.batch, receipt.outcome,
    case
        when decided.is_erased then 'erased'
        when receipt.outcome = 'held' and decided.verb = 'accept' then 'accepted'
        when receipt.outcome = 'held' and decided.verb = 'reject' then 'rejected'
        else receipt.outcome
    end,
    receipt.rule, receipt.interval_start,
    receipt.interval_end, receipt.committed_at, coalesce(counted.received, 0), coalesce(counted.accepted, 0),
    coalesce(counted.quarantined, 0), coalesce(counted.duplicates, 0)
from receipt
inner join newest on receipt.key = newest.key
left join counted on receipt.key = counted.receipt_key
left join decided
    on receipt.department = decided.department and receipt.feed = decided.feed and receipt.batch = decided.batch
"""

_GOOD = """
with word as (
    select department, feed, batch, arg_max(verb, key) as verb, max(decided_at) as decided_at
    from decision group by department, feed, batch
),
good as (
    select department, feed, committed_at as counted_at
    from receipt where outcome in ('accepted', 'no_data', 'unchanged')
    union all
    select department, feed, decided_at from word where verb = 'accept'
)
select department || '.' || feed, max(counted_at) from good group by all
"""

_HELD = """
with newest as (
    select department, feed, batch, arg_max(outcome, key) as outcome, max(key) as key
    from receipt
    where (department, feed, batch) in (select (department, feed, batch) from receipt where outcome = 'held')
    group by department, feed, batch
)
select newest.department || '.' || newest.feed, newest.batch
from newest
anti join decision
    on newest.department = decision.department and newest.feed = decision.feed and newest.batch = decision.batch
where newest.outcome = 'held'
order by newest.key
"""


class Problem(NamedTuple):
    """One condition of a feed, with the open incident behind it where there is one."""

    state: FeedState
    since: datetime | None
    reason: str
    incident: str | None


@dataclass
class Known:
    """What receipts and incidents say of all feeds, by feed."""

    last: dict[str, LastDelivery] = field(default_factory=dict)
    good_at: dict[str, datetime] = field(default_factory=dict)
    held: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    problems: dict[str, list[Problem]] = field(default_factory=lambda: defaultdict(list))
    late: dict[str, list[Interval]] = field(default_factory=lambda: defaultdict(list))
    next_due: dict[str, Interval | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Feeds:
    """The lines, and when the next content of each feed is due (UTC), of feeds that have a calendar to keep."""

    lines: list[FeedLine]
    due: dict[str, datetime]


def read_feeds(lake: Lake, now: datetime, active: Sequence[Incident]) -> Feeds:
    """A line for every feed with a contract file, sorted by name. `active` are the incidents of the book."""
    known = _known(lake, now, active)
    departments = titles.departments(lake.settings.dbt_project, now.date())
    lines = [_line(contract, known, departments) for contract in lake.contracts.values()]
    lines += [_broken(name, len(problems), known, departments) for name, problems in lake.broken.items()]
    due = {
        feed: interval.end + lake.contracts[feed].citylake.deadline
        for feed, interval in known.next_due.items()
        if interval
    }
    return Feeds(sorted(lines, key=lambda line: line.feed), due)


def _known(lake: Lake, now: datetime, active: Sequence[Incident]) -> Known:
    known = Known()
    observed = observe(lake, now, starts_of(active))
    with lake.log.reading() as log:
        _read_receipts(log, known)
    for incident in active:
        if incident.is_open and incident.kind in _WITHOUT_RECEIPT:
            known.problems[incident.subject].append(
                Problem(_STATES[incident.kind], incident.opened_at, incident.message, incident.id)
            )
    for condition in observed.conditions:
        _add(known, condition, [i for i in active if (i.kind, i.subject) == (condition.kind, condition.feed)])
    for feed, contract in lake.active.items():
        known.next_due[feed] = next_due(contract, now, observed.of(feed))
    return known


def _add(known: Known, condition: Condition, incidents: Sequence[Incident]) -> None:
    """Add a condition with the incident that includes it, unless a person closed that one."""
    incident = next((i for i in incidents if i.includes(condition.interval)), None)
    if incident is not None and not incident.is_open:
        return
    state = _STATES[condition.kind]
    if state == "late":
        known.late[condition.feed].append(condition.interval)
    if any(problem.state == state for problem in known.problems[condition.feed]):
        return
    since = condition.since if incident is None or state == "late" else incident.opened_at
    reason, name = (incident.message, incident.id) if incident else (condition.message, None)
    known.problems[condition.feed].append(Problem(state, since, reason, name))


def _read_receipts(log: duckdb.DuckDBPyConnection, known: Known) -> None:
    for feed, batch, outcome, state, rule, start, end, at, *counts in log.execute(_LAST).fetchall():
        received, accepted, quarantined, duplicates = counts
        known.last[feed] = LastDelivery(
            batch=batch,
            outcome=outcome,
            state=state,
            rule=rule,
            interval=Span(start=start.astimezone(UTC), end=end.astimezone(UTC)),
            committed_at=at.astimezone(UTC),
            received=received,
            accepted=accepted,
            quarantined=quarantined,
            duplicates=duplicates,
        )
    known.good_at |= {feed: at.astimezone(UTC) for feed, at in log.execute(_GOOD).fetchall()}
    for feed, batch in log.execute(_HELD).fetchall():
        known.held[feed].append(batch)


def _line(contract: Contract, known: Known, departments: dict[str, Title]) -> FeedLine:
    name, spec = f"{contract.department}.{contract.feed}", contract.citylake
    problem = _problem(contract, known, name)
    late = known.late.get(name, [])
    expected = late[0] if late else known.next_due.get(name)
    return FeedLine(
        feed=name,
        department=contract.department,
        title=titles.feed_title(contract),
        department_title=_department(contract.department, departments),
        steward=spec.steward.name,
        impact=spec.impact,
        product=contract.product,
        synthetic=spec.synthetic,
        state=problem.state if problem else ("good" if name in known.last else "never"),
        since=problem.since if problem else None,
        reason=problem.reason if problem else None,
        incident=problem.incident if problem else None,
        last=known.last.get(name),
        last_good_at=known.good_at.get(name),
        expected=Span(start=expected.start, end=expected.end) if expected else None,
        late_after=expected.end + spec.deadline if expected else None,
        missing=len(late),
        held=known.held.get(name, []),
    )


def _problem(contract: Contract, known: Known, name: str) -> Problem | None:
    if not contract.is_active:
        return Problem("inactive", None, not_active(contract.status), None)
    return min(known.problems.get(name, []), key=lambda problem: BY_URGENCY.index(problem.state), default=None)


def _broken(name: str, problems: int, known: Known, departments: dict[str, Title]) -> FeedLine:
    """The line of a feed whose contract file is wrong: little else is known of it."""
    department, _, feed = name.partition(".")
    words = titles.spelled(feed)
    return FeedLine(
        feed=name,
        department=department,
        title=Title(zh=words, en=words),
        department_title=_department(department, departments),
        steward="",
        impact="",
        product="",
        synthetic=False,
        state="inactive",
        reason=f"its contract file is wrong ({problems} problems): citylake contracts check",
        last=known.last.get(name),
        last_good_at=known.good_at.get(name),
        held=known.held.get(name, []),
    )


def _department(code: str, departments: dict[str, Title]) -> Title:
    return departments.get(code) or Title(zh=code, en=code)
