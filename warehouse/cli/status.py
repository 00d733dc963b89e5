"""Show what is late, blocked and why: a line per feed, per product and per edition, those that need a person first.

Owns the lines and which of them are asked for; the command itself is registered with the stack's (infra.stack.cli),
which adds the processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ingestion.clocks import shown
from warehouse.cli.output import results, show_grid, write, write_json

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from warehouse.cli.session import Session
    from warehouse.status.model import EditionLine, FeedLine, ProductLine, Status

BLOCKED = "blocked"
SYNTHETIC = "a simulated city: every value is synthetic · 模拟城市，所有数据均为合成数据"


def show_status(session: Session, *, department: str | None, state: str | None, as_json: bool) -> None:
    """Write the status, or the lines of one department or in one state.

    Raises ConfigurationError where there is no lake (none is made) and for a name that is not known.
    """
    from warehouse.status.read import read_status

    status = _only(read_status(_existing_lake(session)), department, state)
    if as_json:
        write_json(status)
        return
    zone = ZoneInfo(status.timezone)
    write(f"{shown(status.at, zone)} in the city ({status.timezone})")
    if status.synthetic:
        write(SYNTHETIC)
    _show_feeds(_by_urgency(status.feeds), zone)
    _show_products(sorted(status.products, key=lambda line: (line.verdict != BLOCKED, line.product)), zone)
    if department is None and state is None:
        _show_editions(status.editions, zone)


def _show_feeds(feeds: Sequence[FeedLine], zone: ZoneInfo) -> None:
    rows = [
        (line.state, line.feed, _when(line.last_good_at, zone), _when(line.late_after, zone), _refused(line))
        for line in feeds
    ]
    columns = ("state", "feed", "last good", "late after", "refused")
    show_grid(results(), f"feeds: {len(feeds)}", columns, rows, right="refused")
    for line in feeds:
        missing = f", {line.missing} missing" if line.missing else ""
        since = f" since {_when(line.since, zone)}" if line.since else ""
        # Of a late feed the reason is the time, which is shown in the city's zone.
        reason = f": {line.reason}" if line.reason and line.state != "late" else ""
        if since or missing or reason:
            write(f"  {line.feed} {line.state}{since}{missing}{reason}")


def _refused(line: FeedLine) -> int | None:
    return line.last.quarantined if line.last and line.last.quarantined else None


def _show_products(products: Sequence[ProductLine], zone: ZoneInfo) -> None:
    rows = [
        (
            line.verdict or "not judged",
            line.product,
            line.content_as_of,
            _when(line.next_expected, zone),
            line.releases_since or None,
        )
        for line in products
    ]
    columns = ("verdict", "product", "content of", "next by", "releases since")
    show_grid(results(), f"products: {len(products)}", columns, rows, right="releases since")
    for line in products:
        if line.verdict == BLOCKED:
            write(f"  {line.product} blocked since {_when(line.since, zone)}")
            for reason in line.reasons:
                write(f"    {reason.text}")


def _show_editions(editions: Sequence[EditionLine], zone: ZoneInfo) -> None:
    rows = [(line.edition, line.release or "none", _when(line.released_at, zone)) for line in editions]
    show_grid(results(), "editions", ("edition", "release", "made at"), rows)
    for line in editions:
        if line.hold_since:
            write(f"  {line.edition} on hold since {_when(line.hold_since, zone)}: {line.hold_reason}")


def _existing_lake(session: Session) -> Lake:
    """The lake at the home; a store in a bucket needs no folder here."""
    from ingestion.errors import ConfigurationError

    settings = session.settings
    if settings.store is None and not settings.lake_root.is_dir():
        raise ConfigurationError(
            f"there is no lake at {settings.root}",
            left="nothing was made",
            next_step="citylake run, or name the lake's folder with --home",
        )
    return session.lake


def _only(status: Status, department: str | None, state: str | None) -> Status:
    from typing import get_args

    from ingestion.errors import ConfigurationError
    from warehouse.status.model import FeedState

    known = {line.department for line in status.feeds}
    if department is not None and department not in known:
        raise ConfigurationError(f"--department {department!r}: known are {', '.join(sorted(known)) or 'none'}")
    states = [*get_args(FeedState), BLOCKED]
    if state is not None and state not in states:
        raise ConfigurationError(f"--state {state!r}: known are {', '.join(states)}")
    feeds = [line for line in status.feeds if department in (None, line.department) and state in (None, line.state)]
    products = [
        line
        for line in status.products
        if (department is None or department in line.departments)
        and (state is None or (state == BLOCKED and line.verdict == BLOCKED))
    ]
    return status.model_copy(update={"feeds": feeds, "products": products})


def _by_urgency(feeds: Sequence[FeedLine]) -> list[FeedLine]:
    from warehouse.status.model import BY_URGENCY

    return sorted(feeds, key=lambda line: (BY_URGENCY.index(line.state), line.feed))


def _when(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """City time without its year."""
    return shown(moment, zone)[5:] if moment else None
