"""`make demo`: the simulated city hands over its days, the lake takes each from files to a release.

Owns the order of a demonstration and what it tells. Days that were done before are not done again
(`<home>/city/demo.json` names them), so a second call goes on where the first ended. Everything
the city hands over is synthetic.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.simulator.city import DAYS, SEED, START, City
from infra.simulator.deliver import deliver

if TYPE_CHECKING:
    from rich.console import Console

    from ingestion.lake import Lake
    from warehouse.run import RunReport

FAILED = 1
QUERIES = (
    "from mart_town_daily_brief limit 10",
    "select town_code, avg(temperature_c) from fct_weather_hourly group by all",
    "select grade, count(*) as inspections from fct_food_inspection group by all",
)


@dataclass
class Demo:
    """A demonstration on one lake. `done` maps days to the verdicts they ended with."""

    lake: Lake
    city: City
    console: Console
    done: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the city's files are; the lake's drop folder lies in it."""
        return self.lake.settings.root / "city"

    @property
    def diary(self) -> Path:
        """The days that are done."""
        return self.folder / "demo.json"

    def run(self) -> list[RunReport]:
        """Every day of the city that is not done yet."""
        if self.diary.is_file():
            self.done = json.loads(self.diary.read_text(encoding="utf-8"))
        reports = []
        for number in range(1, self.city.days + 1):
            day = self.city.start + timedelta(days=number - 1)
            if day.isoformat() in self.done:
                self._say(f"{day}", "done before", None)
                continue
            report = self._day(number, day)
            reports.append(report)
            if report.failures:
                break
            self._remember(report)
        return reports

    def _day(self, number: int, day: date) -> RunReport:
        from warehouse.run import run

        started = time.monotonic()
        files = deliver(self.city, number, self.folder)
        notes = Counter(delivery.note for delivery in files if delivery.note)
        told = "".join(f", {count} {note}" for note, count in sorted(notes.items()))
        self._say(f"{day}", f"the city delivers {len(files)} files{told}", time.monotonic() - started)
        report = run(self.lake, day, approver="make demo")
        outcomes = Counter(d.outcome for d in report.deliveries if d.outcome != "duplicate")
        refused = sum(d.quarantined for d in report.deliveries)
        taken = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
        self._say("", f"ingest: {taken or 'nothing new'}; {refused} rows refused", report.seconds.get("ingest"))
        if report.build is not None:
            failed = [c.name for c in report.build.checks if c.status in ("failed", "error")]
            checks = f"{len(report.build.checks)} checks" + (f", {len(failed)} failed" if failed else "")
            self._say("", f"build: {len(report.build.models)} models, {checks}", report.seconds.get("build"))
        verdicts = ", ".join(f"{v.product} {_coloured(v.decision)}" for v in report.verdicts)
        self._say("", f"gate: {verdicts}", report.seconds.get("gate"))
        released = ", ".join(f"{r.edition} {r.outcome.replace('_', ' ')}" for r in report.releases)
        self._say("", f"publish: {released}", report.seconds.get("publish"))
        for feed, message in report.failures.items():
            self.console.print(f"could not be read: {feed}\n{message}", style="red", markup=False)
        return report

    def _say(self, head: str, message: str, seconds: float | None) -> None:
        spent = "" if seconds is None else f"  [dim]{seconds:.1f} s[/dim]"
        self.console.print(f"[bold]{head:10}[/bold]  {message}{spent}")

    def _remember(self, report: RunReport) -> None:
        self.done[report.day.isoformat()] = {v.product: v.decision for v in report.verdicts}
        self.diary.parent.mkdir(parents=True, exist_ok=True)
        self.diary.write_text(json.dumps(self.done, indent=1), encoding="utf-8")

    def summary(self, reports: list[RunReport]) -> None:
        """What happened over all days, and what to type next."""
        from warehouse.cli.output import show_grid
        from warehouse.cli.render import show_attention, show_broken_rules, show_feeds, show_releases

        deliveries = [delivery for report in reports for delivery in report.deliveries]
        if deliveries:
            show_feeds(deliveries, self.console)
            show_broken_rules(self.lake, deliveries, self.console)
            show_attention(deliveries, self.console)
        products = sorted({product for verdicts in self.done.values() for product in verdicts})
        rows = [(day, *(verdicts.get(p, "no verdict") for p in products)) for day, verdicts in self.done.items()]
        show_grid(self.console, "verdicts", ("day", *products), rows)
        if reports:
            show_releases(reports[-1].releases, self.console)
        else:
            self._show_current()
        self._next_steps()

    def _show_current(self) -> None:
        from warehouse.release.layout import EDITIONS
        from warehouse.release.pointer import pointer

        for edition in EDITIONS:
            at = pointer(self.lake.store, edition)
            release = at.release if at and at.release else "none"
            self.console.print(f"every day was done before; current {edition} release: {release}")

    def _next_steps(self) -> None:
        from ingestion.settings import Settings

        home = self.lake.settings.root
        option = "" if home == Settings().root else f" --home {home}"
        self.console.print("Every value is synthetic. Ask the release:", style="bold")
        lines = [f".venv/bin/citylake{option} sql"]
        lines += [f'.venv/bin/citylake{option} sql -c "{query}"' for query in QUERIES]
        lines += [f".venv/bin/citylake{option} quarantine syj.food_inspection"]
        lines += [f".venv/bin/citylake{option} trace mart_town_daily_brief"]
        for line in lines:
            self.console.print(f"  {line}", markup=False, soft_wrap=True)


def _coloured(decision: str) -> str:
    return f"[green]{decision}[/green]" if decision == "passed" else f"[bold red]{decision}[/bold red]"


def demo(
    home: Annotated[Path, typer.Option("--home", help="Folder of the demonstration's lake.")] = Path(".citylake"),
    days: Annotated[int, typer.Option("--days", min=1, help="Days of the city.")] = DAYS,
    seed: Annotated[int, typer.Option("--seed", help="Everything the city makes follows from it.")] = SEED,
) -> None:
    """Run the simulated city from the first delivery to the release."""
    from ingestion.errors import CitylakeError
    from ingestion.lake import open_lake
    from ingestion.settings import Settings
    from warehouse.cli.output import results

    console = results()
    console.print(f"A simulated city, {days} days from {START}, seed {seed}. [bold]Every value is synthetic.[/bold]")
    try:
        lake = open_lake(Settings(home=home, drop=home / "city" / "drop"))
        show = Demo(lake, City(seed=seed, start=START, days=days), console)
        reports = show.run()
        show.summary(reports)
    except CitylakeError as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(FAILED) from error
    if any(report.failures for report in reports):
        raise typer.Exit(FAILED)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(demo)
    app()
