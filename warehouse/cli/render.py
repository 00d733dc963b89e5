"""Show the results of a day on the screen: deliveries, refused rows, verdicts, releases.

Everything shown comes from receipts, verdicts and the release; nothing is computed again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from warehouse.cli.output import grid, results, show_grid, write, write_json

if TYPE_CHECKING:
    from rich.console import Console

    from ingestion.delivery.outcome import Delivery
    from ingestion.lake import Lake
    from warehouse.build.report import BuildReport, Status
    from warehouse.publish.run import Published
    from warehouse.run import RunReport
    from warehouse.verdict import Verdict

COUNTS = ("received", "accepted", "quarantined", "duplicates")
HEADINGS = ("rows", "accepted", "refused", "repeats")
"""COUNTS as columns: short, so that a line fits 80 characters."""

NEEDS_A_PERSON = ("refused", "held")
SHOWN_REASONS = 3

_RULES = """
with broken as (
    select receipt_key, unnest(map_entries(rules)) as entry
    from table_receipt where receipt_key in (select unnest($receipts::varchar[]))
)
select receipt.department || '.' || receipt.feed as feed, broken.entry.key as rule,
    sum(broken.entry.value)::bigint as rows
from broken inner join receipt on broken.receipt_key = receipt.key
group by all order by rows desc, feed, rule
"""


def show_run(report: RunReport, lake: Lake, console: Console) -> None:
    """One day, from deliveries to the release."""
    console.rule(f"{report.day}", align="left")
    show_feeds(report.deliveries, console)
    show_attention(report.deliveries, console)
    show_broken_rules(lake, report.deliveries, console)
    if report.known:
        console.print(f"{report.known} files were taken in before", style="dim")
    if report.late:
        late = ", ".join(f"{feed} {count}" for feed, count in report.late.items())
        console.print(f"intervals with no file yet: {late}", markup=False)
    for feed, message in report.skipped.items():
        console.print(f"not taken in: {feed}: {message}", markup=False)
    for feed, message in report.failures.items():
        console.print(f"could not be read: {feed}\n{message}", style="red", markup=False)
    if report.build:
        show_unread(report.build, console)
    show_verdicts(report.verdicts, console)
    show_releases(report.releases, console)
    seconds = ", ".join(f"{step} {spent:.1f} s" for step, spent in report.seconds.items())
    console.print(f"{seconds}; exit code {report.exit_code}", style="dim")


def show_feeds(deliveries: Sequence[Delivery], console: Console) -> None:
    """One line a feed: files by outcome, rows by what became of them."""
    rows = []
    for feed in sorted({d.feed for d in deliveries}):
        of_feed = [d for d in deliveries if d.feed == feed]
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in Counter(d.outcome for d in of_feed).items())
        rows.append((feed, outcomes, *(sum(getattr(d, count) for d in of_feed) for count in COUNTS)))
    columns = ("feed", "deliveries", *HEADINGS)
    show_grid(console, "deliveries, and their rows", columns, rows, right=" ".join(HEADINGS))


def show_attention(deliveries: Sequence[Delivery], console: Console) -> None:
    """Deliveries somebody must look at, with the message of the receipt."""
    for delivery in deliveries:
        if delivery.outcome in NEEDS_A_PERSON:
            rule = f" ({delivery.rule})" if delivery.rule else ""
            console.print(
                f"{delivery.outcome} whole{rule}: {delivery.feed} {delivery.filename}: {delivery.message}"
                if delivery.outcome == "refused"
                else f"held for the steward: {delivery.feed} {delivery.batch}: {delivery.message}",
                style="yellow",
                markup=False,
            )


def show_broken_rules(lake: Lake, deliveries: Sequence[Delivery], console: Console) -> None:
    """Why rows were refused; a row that breaks several rules is counted at each."""
    receipts = [d.receipt for d in deliveries if d.receipt and d.quarantined]
    if not receipts:
        return
    with closing(lake.log.connect()) as log:
        rows = log.execute(_RULES, {"receipts": receipts}).fetchall()
    show_grid(console, "rules broken by refused rows", ("feed", "rule", "rows"), rows, right="rows")


def show_verdicts(verdicts: Sequence[Verdict], console: Console) -> None:
    """One line a product, with the first reasons of a blocked one."""
    from rich.text import Text

    table = grid(("product", "verdict", "checks", "because"), [], right="checks")
    for verdict in verdicts:
        passed = verdict.decision == "passed"
        reasons = verdict.reasons[:SHOWN_REASONS]
        more = len(verdict.reasons) - len(reasons)
        reasons_shown = "\n".join([*reasons, *([f"and {more} more"] if more else [])])
        accepted = [f"accepted until {a.expires}: {a.check}" for a in verdict.accepted]
        table.add_row(
            verdict.product,
            Text(verdict.decision, style="green" if passed else "bold red"),
            str(len(verdict.checks)),
            Text("\n".join(part for part in (reasons_shown, *accepted) if part)),
        )
    console.print("verdicts", style="bold")
    console.print(table)
    for verdict in verdicts:
        if verdict.decision != "passed":
            console.print(f"  citylake gate --explain {verdict.product}", style="dim")


def show_releases(releases: Sequence[Published], console: Console) -> None:
    """What each edition's readers see now."""
    rows = [(r.edition, r.release or "none", r.outcome.replace("_", " "), ", ".join(r.fresh)) for r in releases]
    show_grid(console, "releases", ("edition", "release", "outcome", "new in it"), rows)
    for released in releases:
        stayed = {"kept as released before": released.kept, "held back": released.held_back}
        for what, products in (stayed | {"never released": released.never_released}).items():
            if products:
                console.print(f"{released.edition}: {what}: {', '.join(products)}", style="yellow", markup=False)
        if released.outcome in ("on_hold", "awaiting_approval"):
            console.print(released.message, style="yellow", markup=False)
        for table, count in released.expired.items():
            console.print(f"{released.edition}: left, as their last day is over: {count} of {table}", markup=False)
        for release in released.withdrawn:
            console.print(f"{released.edition}: withdrawn, as it holds expired records: {release}", markup=False)


def show_build(report: BuildReport, console: Console) -> None:
    """Models and checks by status, and each that did not pass."""
    for message in report.messages:
        console.print(message, markup=False)
    if report.nothing_new:
        console.print("nothing new since the last build", markup=False)
    models, checks = Counter(m.status for m in report.models), Counter(c.status for c in report.checks)
    rows = [("models", _format_counts(models)), ("checks", _format_counts(checks))]
    show_grid(console, f"build {report.build_id}, as of {report.as_of}", ("what", "status"), rows)
    lines = [(m.name, m.status, m.message) for m in report.models] + [
        (c.name, c.status, c.message) for c in report.checks
    ]
    bad = [line for line in lines if line[1] in ("failed", "error")]
    if bad:
        show_grid(console, "did not pass", ("name", "status", "message"), bad)
    show_unread(report, console)
    console.print("next: citylake gate", style="dim")


def show_unread(report: BuildReport, console: Console) -> None:
    """Feeds whose files no released model is made of, where there are any."""
    from warehouse.modelling.unread import message, unread_in

    feeds = unread_in(report)
    if feeds:
        console.print(message(feeds), style="yellow", markup=False)


def _format_counts(statuses: Counter[Status]) -> str:
    return ", ".join(f"{count} {status}" for status, count in statuses.items()) or "none"


def show_deliveries(
    deliveries: Sequence[Delivery], *, as_json: bool, nothing: str = "the source has no file for that time"
) -> None:
    """One line a delivery, in the order they were taken in."""
    if as_json:
        write_json(deliveries)
        return
    if not deliveries:
        write(nothing)
        return
    rows = [
        (d.feed, d.filename, d.outcome, *(getattr(d, count) for count in COUNTS), _why(d.rule, d.message))
        for d in deliveries
    ]
    columns = ("feed", "file", "outcome", *HEADINGS, "why")
    results().print(grid(columns, rows, right=" ".join(HEADINGS)))


def _why(rule: str | None, message: str | None) -> str:
    return ": ".join(part for part in (rule, message) if part)
