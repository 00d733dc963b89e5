"""The command that loads what a department hands over of the past."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.cli.arguments import AsJson, Feed
from warehouse.cli.output import grid, progress, results, show_grid, write, write_json

if TYPE_CHECKING:
    from ingestion.contract.model import Contract
    from ingestion.delivery.load import Files, Planned
    from ingestion.delivery.outcome import Delivery
    from ingestion.intervals import Interval
    from warehouse.cli.session import Session
    from warehouse.progress import Progress

_DATE = ["%Y-%m-%d"]
_LISTED = 40
"""Deliveries listed one by one; of more only those that were not simply accepted."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("load")(load_command)


def load_command(
    context: typer.Context,
    feed: Feed,
    files: Annotated[list[Path], typer.Argument(exists=True, help="Files, or folders of files.", show_default=False)],
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=_DATE, help="First local day of the bulk files.", show_default=False),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=_DATE, help="Last local day of the bulk files.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; store nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load a feed's past, in bulk or file by file. A file named as the contract's source says is one delivery; any
    other holds many intervals and is divided by event time. With --from or --to every file does. Rows outside the
    days go to quarantine. Loading the same files again goes on where an interrupted load ended.
    """
    from ingestion.delivery.load import load, sort_files, span
    from ingestion.errors import CitylakeError

    session: Session = context.obj
    contract = session.contract(feed)
    days = [moment.date() if moment is not None else None for moment in (first, last)]
    found = sort_files(contract, _listed(files), all_bulk=first is not None or last is not None)
    of = span(session.lake, contract, *days) if found.bulk else None
    if dry_run:
        _plan(session, contract, found, of, as_json=as_json)
        return
    deliveries: list[Delivery] = []
    try:
        with progress(f"load {feed}") as say:
            for delivery in load(session.lake, contract, found, of, _speed(f"load {feed}", found.size, say)):
                deliveries.append(delivery)
    except CitylakeError:
        # What was committed before is shown before the error is.
        _show(deliveries, as_json=as_json)
        raise
    _show(deliveries, as_json=as_json)


def _listed(paths: Sequence[Path]) -> list[Path]:
    """The files, and those in the folders, each once, in order of name within a folder."""
    found = [
        file
        for path in paths
        for file in (sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path])
        if not file.name.startswith(".")
    ]
    return list(dict.fromkeys(found))


def _speed(what: str, size: int, say: Progress) -> Callable[[int], None]:
    """Tells bytes done, bytes a second and the time left."""
    began = time.monotonic()

    def read(done: int) -> None:
        seconds = max(time.monotonic() - began, 1e-3)
        rest = seconds * max(size - done, 0) / max(done, 1)
        say(f"{what}: {done / 1e6:,.1f} of {size / 1e6:,.1f} MB, {done / 1e6 / seconds:,.1f} MB/s, {rest:,.0f} s left")

    return read


def _plan(session: Session, contract: Contract, files: Files, of: Interval | None, *, as_json: bool) -> None:
    from ingestion.delivery.load import after, plan

    planned: list[Planned] = []
    with progress(f"read for {contract.name}") as say:
        speed, done = _speed(f"read for {contract.name}", files.size, say), 0
        for path in files.bulk:
            if of is not None:
                planned.append(plan(session.lake, contract, path, of, after(done, speed)))
            done += path.stat().st_size
    named = [{"file": path.name, "interval": interval} for interval, path in files.named]
    if as_json:
        write_json({"bulk": planned, "named": named, "span": of})
        return
    if named:
        write(f"{len(named)} files of one interval each, {files.named[0][0]} to {files.named[-1][0]}")
    for one in planned:
        rows = [
            ("outcome", one.outcome), ("why", one.message), ("span", of), ("received", one.received),
            ("accepted", one.accepted), ("refused rows", one.quarantined), ("duplicates", one.duplicates),
            ("intervals with rows", one.intervals), ("first", one.first), ("last", one.last),
            ("that replace a delivery", one.superseded), ("in already, the same rows", one.same),
            ("with a later delivery, which stays", one.outranked),
            *((f"rule {rule}", count) for rule, count in one.rules.items()),
        ]  # fmt: skip
        show_grid(results(), one.filename, ("what", "value"), [row for row in rows if row[1] is not None])
    write("nothing was stored")


def _show(deliveries: Sequence[Delivery], *, as_json: bool) -> None:
    from warehouse.cli.render import show_deliveries

    if as_json or len(deliveries) <= _LISTED:
        show_deliveries(deliveries, as_json=as_json, nothing="there was no file to load")
        return
    counts = Counter(delivery.outcome for delivery in deliveries)
    rows = sum(delivery.accepted for delivery in deliveries)
    results().print(grid(("outcome", "files"), sorted(counts.items()), right="files"))
    write(f"{rows:,} rows accepted, {sum(d.quarantined for d in deliveries):,} refused")
    special = [delivery for delivery in deliveries if delivery.outcome not in ("accepted", "unchanged", "duplicate")]
    if special:
        show_deliveries(special[:_LISTED], as_json=False)
