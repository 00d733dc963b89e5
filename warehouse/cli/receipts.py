"""Commands on what arrived: deliveries and their receipts, and the rows that were refused."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warehouse.cli.arguments import AsJson, Feed
from warehouse.cli.output import results, show_grid, write, write_json
from warehouse.cli.session import Session

if TYPE_CHECKING:
    import duckdb

    from ingestion.contract.model import Contract
    from warehouse.refused.quarantine import QuarantinedRow

_COUNTED = ("batch", "outcome", "table", "rule", "rows", "what it says")
_DELIVERIES = """
select
    receipt.department || '.' || receipt.feed as feed, receipt.interval_start, receipt.outcome,
    sum(table_receipt.received)::bigint as received, sum(table_receipt.accepted)::bigint as accepted,
    sum(table_receipt.quarantined)::bigint as quarantined, sum(table_receipt.duplicates)::bigint as duplicates,
    receipt.content_as_of, receipt.committed_at, receipt.batch, receipt.rule, receipt.message, receipt.revision,
    receipt.raw_key, receipt.raw_sha256, receipt.key as receipt
from receipt
left join table_receipt on receipt.key = table_receipt.receipt_key
where ($feed is null or receipt.department || '.' || receipt.feed = $feed)
    and ($outcome is null or receipt.outcome = $outcome)
group by all
order by receipt.committed_at desc, receipt.key desc
limit $limit
"""

_QUARANTINE = """
select receipt.batch, receipt.interval_start, receipt.outcome, table_receipt.table_name,
    table_receipt.quarantined, table_receipt.rules, table_receipt.quarantine
from receipt
inner join table_receipt on receipt.key = table_receipt.receipt_key
where receipt.department = $department and receipt.feed = $feed and table_receipt.quarantined > 0
    and ($batch is null or receipt.batch = $batch)
order by receipt.committed_at desc, receipt.key desc, table_receipt.table_name
"""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("deliveries")(deliveries_command)
    app.command("quarantine")(quarantine_command)


def deliveries_command(
    context: typer.Context,
    feed: Annotated[str | None, typer.Option("--feed", help="department.feed; default every feed.")] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", help="accepted, held, refused, unchanged or no_data.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Newest receipts to show.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what arrived, newest first. One line a receipt."""
    session: Session = context.obj
    values = {"feed": _full_name(session, feed), "outcome": outcome, "limit": limit}
    with closing(session.lake.log.connect()) as log:
        rows = _records(log, _DELIVERIES, values)
    if as_json:
        write_json(rows)
        return
    columns = ("feed", "interval", "outcome", "received", "accepted", "quarantined", "duplicates", "batch", "why")
    cells = [
        (r["feed"], r["interval_start"], r["outcome"], *(r[c] for c in columns[3:7]), r["batch"], _why(r)) for r in rows
    ]
    show_grid(results(), f"newest {len(rows)} receipts", columns, cells, right=" ".join(columns[3:7]))


def quarantine_command(
    context: typer.Context,
    feed: Feed,
    batch: Annotated[str | None, typer.Option("--batch", help="One delivery; default the newest first.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows to show.")] = 20,
    show_text: Annotated[
        bool, typer.Option("--show-text", help="Show the text unmasked: it holds personal data.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show refused rows and their rules. Their text is masked."""
    session: Session = context.obj
    contract = session.contract(feed)
    values = {"department": contract.department, "feed": contract.feed, "batch": batch}
    with closing(session.lake.log.connect()) as log:
        records = _records(log, _QUARANTINE, values)
    refused = _refused(session, records, limit, show=show_text)
    if as_json:
        write_json([{"batch": name, **vars(row)} for name, row in refused])
        return
    show_grid(results(), "rules broken", _COUNTED, _counts(contract, records), right="rows")
    cells = [(name, row.table, row.record, ", ".join(row.rules), row.text) for name, row in refused]
    show_grid(results(), "refused rows", ("batch", "table", "record", "rules", "text"), cells, right="record")
    total = sum(r["quarantined"] for r in records)
    masked = "" if show_text else "; text is masked, --show-text shows it"
    write(f"{len(refused)} of {total} refused rows shown{masked}")


def _counts(contract: Contract, records: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    """The rules that rows of each delivery broke, in words."""
    from warehouse.refused.read import counts_of

    return [
        (record["batch"], record["outcome"], one.table, one.rule, one.rows, one.words.en)
        for record in records
        for one in counts_of(contract, {record["table_name"]: record["rules"]})
    ]


def _refused(
    session: Session, records: list[dict[str, Any]], limit: int, *, show: bool
) -> list[tuple[str, QuarantinedRow]]:
    from warehouse.refused.quarantine import read_quarantine

    store = session.lake.store
    refused: list[tuple[str, QuarantinedRow]] = []
    for entry in records:
        remaining = limit - len(refused)
        # Past its retention a quarantine object is gone; its counts stay in the receipt.
        urls = [store.url(key) for key in entry["quarantine"] if remaining > 0 and store.head(key)]
        rows = read_quarantine({entry["table_name"]: urls}, limit=remaining, show=show, store=store)
        refused += [(entry["batch"], row) for row in rows]
    return refused


def _records(connection: duckdb.DuckDBPyConnection, query: str, values: Mapping[str, object]) -> list[dict[str, Any]]:
    result = connection.execute(query, values)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _full_name(session: Session, feed: str | None) -> str | None:
    if feed is None:
        return None
    contract = session.contract(feed)
    return f"{contract.department}.{contract.feed}"


def _why(record: dict[str, Any]) -> str:
    return ": ".join(part for part in (record["rule"], record["message"]) if part)
