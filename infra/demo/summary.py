"""Show the results of a demonstration: deliveries, broken rules, verdicts by day, releases, what to type next."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from rich.console import Console

    from infra.stack.stack import Stack
    from ingestion.delivery.outcome import Delivery
    from ingestion.lake import Lake
    from warehouse.status.model import Status

QUERIES = (
    "from mart_town_daily_brief limit 10",
    "select town_code, avg(temperature_c) from fct_weather_hourly group by all",
    "select grade, count(*) as inspections from fct_food_inspection group by all",
    "select authority, sum(received), sum(late) from mart_double_publicity group by all",
    "select disease_code, town_code, week_start_date, cases from mart_disease_surveillance where is_flagged",
)

_SINCE = """
select r.department || '.' || r.feed as feed, r.interval_start, r.interval_end, r.batch, r.outcome, r.message, r.rule,
    parse_filename(r.raw_key) as filename, sum(t.received)::bigint as received, sum(t.accepted)::bigint as accepted,
    sum(t.quarantined)::bigint as quarantined, sum(t.duplicates)::bigint as duplicates, r.key as receipt
from receipt as r left join table_receipt as t on t.receipt_key = r.key
where r.committed_at >= $since
group by all
order by r.key
"""


def show(lake: Lake, console: Console, done: dict[str, dict[str, str]], since: datetime) -> None:
    """Show everything committed since `since`, the verdicts of every day and the current releases."""
    from warehouse.cli.output import show_grid
    from warehouse.cli.render import show_attention, show_broken_rules, show_feeds
    from warehouse.release.editions import of_lake
    from warehouse.release.pointer import pointer

    committed = deliveries(lake, since)
    if committed:
        show_feeds(committed, console)
        show_broken_rules(lake, committed, console)
        show_attention(committed, console)
    products = sorted({product for verdicts in done.values() for product in verdicts})
    # Products are more than fit beside each other in a terminal, and days are few.
    rows = [(product, *(verdicts.get(product, "no verdict") for verdicts in done.values())) for product in products]
    show_grid(console, "verdicts", ("product", *done), rows)
    for edition in of_lake(lake.store):
        at = pointer(lake.store, edition)
        console.print(f"current {edition} release: {at.release if at and at.release else 'none'}")


def deliveries(lake: Lake, since: datetime) -> list[Delivery]:
    """Deliveries committed since a moment, oldest first."""
    from ingestion.delivery.outcome import Delivery
    from ingestion.intervals import Interval

    lake.log.refresh()
    with closing(lake.log.connect()) as log:
        cursor = log.execute(_SINCE, {"since": since})
        names = [column[0] for column in cursor.description or []]
        records = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    deliveries = []
    for record in records:
        start, end = record.pop("interval_start"), record.pop("interval_end")
        counts = {name: record[name] or 0 for name in ("received", "accepted", "quarantined", "duplicates")}
        interval = Interval(start.astimezone(UTC), end.astimezone(UTC))
        deliveries.append(Delivery(**{**record, **counts, "interval": interval}))
    return deliveries


def show_next_steps(lake: Lake, console: Console) -> None:
    """Show commands to try."""
    from ingestion.settings import Settings

    home = lake.settings.root
    option = "" if home == Settings().root else f" --home {home}"
    console.print("Every value is synthetic 合成数据. Ask the release:", style="bold")
    lines = [f".venv/bin/citylake{option} sql"]
    lines += [f'.venv/bin/citylake{option} sql -c "{query}"' for query in QUERIES]
    lines += [f".venv/bin/citylake{option} quarantine syj.food_inspection"]
    lines += [f".venv/bin/citylake{option} trace mart_town_daily_brief"]
    for line in lines:
        console.print(f"  {line}", markup=False, soft_wrap=True)


def show_addresses(stack: Stack, status: Status, console: Console) -> None:
    """Show where the pages are, with which account to log in, and what there is to see."""
    page = f"{stack.airflow.url}/today/"
    console.print("Running, for this machine only:", style="bold")
    console.print(f"  today 今日  {page}  (in Airflow's menu too)", markup=False, soft_wrap=True)
    for line in to_see(status):
        console.print(f"            {line}", markup=False, soft_wrap=True)
    console.print(f"  Airflow   {stack.airflow.url}", markup=False)
    for account, password in stack.secrets.accounts.items():
        console.print(f"            {account}: {password.get_secret_value()}", markup=False, highlight=False)
    console.print(f"  dbt docs  {stack.pages_url}/dbt/", markup=False)
    console.print("  Releases of the open edition need nobody here; CITYLAKE_OPEN_APPROVAL=true asks a second person.")


def to_see(status: Status) -> list[str]:
    """What the page has for a person to act on: a line for each state that feeds are in, one for blocked products."""
    from warehouse.status.model import NEEDS_A_PERSON

    zone, found = ZoneInfo(status.timezone), []
    for state in NEEDS_A_PERSON:
        lines = [line for line in status.feeds if line.state == state]
        if not lines:
            continue
        since = [line.since.astimezone(zone) for line in lines if line.since is not None]
        named = ", ".join(f"{line.feed} ({line.department_title.zh})" for line in lines)
        found.append(f"{state:8} {named}{f', since {min(since):%Y-%m-%d %H:%M}' if since else ''}")
    blocked = [line.product for line in status.products if line.verdict == "blocked"]
    return [*found, f"blocked  {', '.join(blocked)}"] if blocked else found
