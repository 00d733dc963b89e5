"""Try a contract on one file: conform it in a scratch folder, store nothing, show counts and refused rows.

Pseudonyms are made with a random key that is not kept, so neither a lake nor a key file is needed.
"""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from ingestion.city_time import city_time
from ingestion.conform.pseudonym import PseudonymKeys
from ingestion.conform.run import Payload, conform
from ingestion.contract.model import Contract
from ingestion.errors import DeliveryRefused
from ingestion.intervals import Interval
from ingestion.settings import Settings
from warehouse.cli.output import grid, show_grid
from warehouse.refused.quarantine import QuarantinedRow, read_quarantine

if TYPE_CHECKING:
    from rich.console import Console

    from ingestion.conform.result import Conformed


@dataclass
class Trial:
    """Counts per table and the first refused rows. `refused` is the message where the whole file is refused."""

    feed: str
    file: str
    interval: str
    refused: str | None = None
    rule: str | None = None
    tables: dict[str, dict[str, object]] = field(default_factory=dict)
    rows: list[QuarantinedRow] = field(default_factory=list)
    ignored_members: list[str] = field(default_factory=list)

    def show(self, console: Console) -> None:
        """Show the trial on the screen."""
        console.print(f"{self.feed}  {self.file}  {self.interval}", markup=False)
        if self.refused:
            console.print(f"refused whole ({self.rule}): {self.refused}", style="red", markup=False)
        counts = ("received", "accepted", "quarantined", "duplicates")
        rows = [(name, *(facts[count] for count in counts)) for name, facts in self.tables.items()]
        if rows:
            console.print(grid(("table", *counts), rows, right=" ".join(counts)))
        broken = [
            (name, rule, kind, count)
            for name, facts in self.tables.items()
            for kind, rules in (("refused", facts["rules"]), ("flagged", facts["flags"]))
            for rule, count in sorted(dict(rules).items(), key=lambda item: -item[1])  # type: ignore[call-overload]
        ]
        if broken:
            show_grid(console, "broken rules", ("table", "rule", "what happens", "rows"), broken, right="rows")
        if self.ignored_members:
            console.print(f"members no table names: {', '.join(self.ignored_members)}", markup=False)
        if self.rows:
            cells = [(row.table, row.record, ", ".join(row.rules), row.text) for row in self.rows]
            show_grid(console, "refused rows", ("table", "record", "rules", "text"), cells, right="record")
        console.print("nothing was stored", style="dim")


def try_file(
    contract: Contract, file: Path, interval: Interval, settings: Settings, *, limit: int, show_text: bool
) -> Trial:
    """Conform `file` as a delivery of `interval`. Raises CitylakeError leaves other than DeliveryRefused."""
    trial_settings = settings.model_copy(update={"pseudonym_key": SecretStr(secrets.token_hex(32))})
    trial = Trial(f"{contract.department}.{contract.feed}", file.name, str(interval))
    now = city_time(settings).astimezone(UTC)
    with tempfile.TemporaryDirectory(prefix="citylake-try-") as folder:
        try:
            conformed: Conformed | None = conform(
                contract,
                Payload(file, "trial", loaded_at=now, interval=interval, content_as_of=now, scratch=Path(folder)),
                keys=PseudonymKeys.load(trial_settings),
                settings=trial_settings,
            )
        except DeliveryRefused as refusal:
            trial.refused, trial.rule = refusal.message, refusal.rule
            conformed = getattr(refusal, "conformed", None)
        if conformed is not None:
            _fill(trial, conformed, limit=limit, show_text=show_text)
    return trial


def _fill(trial: Trial, conformed: Conformed, *, limit: int, show_text: bool) -> None:
    trial.ignored_members = list(conformed.ignored_members)
    for name, table in conformed.tables.items():
        trial.tables[name] = {
            "received": table.received,
            "accepted": table.accepted,
            "quarantined": table.quarantined,
            "duplicates": table.duplicates,
            "rules": dict(table.rules),
            "flags": dict(table.flags),
        }
        if table.quarantine is not None and len(trial.rows) < limit:
            remaining = limit - len(trial.rows)
            trial.rows += read_quarantine({name: [str(table.quarantine)]}, limit=remaining, show=show_text)
