"""One day of the simulated city through Airflow: deliver, run every feed, wait for the warehouse.

Owns the order within a day and what of it is told while it happens. Airflow does the work; here
runs are started under fixed ids, so that a day that was broken off goes on where it was.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from infra.simulator.deliver import deliver
from infra.stack.airflow_api import AirflowApi
from infra.stack.processes import StackError
from infra.stack.stack import Stack

if TYPE_CHECKING:
    from rich.console import Console

    from infra.simulator.city import City
    from ingestion.lake import Lake

Say = Callable[[str], None]
MORNING, EVENING = timedelta(minutes=5), timedelta(hours=23)
DAY_SECONDS = 900.0
POLL_SECONDS = 0.7
QUIET_POLLS = 3
WAREHOUSE = "warehouse"
WORKING = ("extract", "conform", "build", "test", "gate", "publish")
"""Tasks that fail only when something is broken; the others are red by design, to be seen."""


@dataclass
class Days:
    """The days of a demonstration. `done` maps days to the verdicts they ended with."""

    lake: Lake
    stack: Stack
    city: City
    console: Console
    done: dict[str, dict[str, str]] = field(default_factory=dict)

    @cached_property
    def api(self) -> AirflowApi:
        """Airflow, once it is up."""
        return self.stack.api()

    @property
    def folder(self) -> Path:
        """Where the city's files are; the lake's drop folder lies in it."""
        return self.lake.settings.root / "city"

    @property
    def left(self) -> list[date]:
        """Days that are not done."""
        every = [self.city.date_of(number) for number in range(1, self.city.days + 1)]
        return [day for day in every if day.isoformat() not in self.done]

    def remember(self) -> None:
        """Read which days were done before."""
        if self._diary.is_file():
            self.done = json.loads(self._diary.read_text(encoding="utf-8"))

    def play(self, day: date) -> None:
        """One day. Raises StackError where a task failed that should not."""
        started = time.monotonic()
        files = deliver(self.city, self.city.day_no(day), self.folder)
        # The day's runs are one burst at its start: by the evening's clock every feed but the first would be late.
        self.tell_time(day, MORNING)
        notes = Counter(delivery.note for delivery in files if delivery.note)
        noted = "".join(f", {count} {note}" for note, count in sorted(notes.items()))
        self._say(f"{day}", f"the city delivers {len(files)} files{noted}", started)
        with self._step("feeds") as say:
            self._feeds(day, say)
        with self._step("warehouse") as say:
            verdicts = self._warehouse(day, say)
        self.tell_time(day, EVENING)
        self.done[day.isoformat()] = verdicts
        self._diary.write_text(json.dumps(self.done, indent=1), encoding="utf-8")

    @property
    def _diary(self) -> Path:
        return self.folder / "demo.json"

    def tell_time(self, day: date, after: timedelta) -> None:
        """Set the time the city is at: so long after local midnight."""
        path = self.lake.settings.city_time
        if path is None:
            raise StackError("the demonstration's lake has no CITYLAKE_CITY_TIME")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((self._midnight(day) + after).isoformat(), encoding="utf-8")

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, datetime.min.time(), ZoneInfo(self.lake.settings.timezone))

    def _feeds(self, day: date, say: Say) -> None:
        run = f"demo__{day}"
        feeds = list(self.lake.contracts)
        for feed in feeds:
            self.api.trigger(feed, run, at=self._midnight(day) + EVENING)
        deadline = time.monotonic() + DAY_SECONDS
        while active := self.api.active(feeds):
            say(f"{len(feeds) - len(active)} of {len(feeds)} done; running: {', '.join(sorted(active))}")
            _pause(deadline, self.stack)
        tasks = {feed: self.api.tasks(feed, run) for feed in feeds}
        self._require_done({f"{feed} {task}": state for feed in feeds for task, state in tasks[feed].items()})
        red = [feed for feed in feeds if tasks[feed].get("needs_attention") == "failed"]
        say(
            f"{len(feeds)} runs"
            + (f"; [bold red]red, the steward is asked: {', '.join(red)}[/bold red]" if red else "")
        )

    def _warehouse(self, day: date, say: Say) -> dict[str, str]:
        """Wait until the bells have been answered; ring once more where none was heard."""
        from warehouse.build.runner import is_built
        from warehouse.gate.record import latest

        deadline = time.monotonic() + DAY_SECONDS
        self._quiet(deadline, say)
        if not is_built(self.lake, day):
            self.api.trigger(WAREHOUSE, f"demo__{day}")
            self._quiet(deadline, say)
        runs = self.api.runs(WAREHOUSE, limit=1)
        if runs:
            tasks = self.api.tasks(WAREHOUSE, runs[0]["dag_run_id"])
            self._require_done({f"{WAREHOUSE} {task}": state for task, state in tasks.items()})
        recorded = latest(self.lake.store)
        verdicts: dict[str, str] = {v.product: v.decision for v in recorded.verdicts} if recorded else {}
        marked = [f"{p} [green]passed[/]" if d == "passed" else f"{p} [bold red]{d}[/]" for p, d in verdicts.items()]
        say(", ".join(marked) or "no verdict")
        return verdicts

    def _quiet(self, deadline: float, say: Say) -> None:
        """Until no run of the warehouse has been seen for a few looks: a bell takes a moment to be heard."""
        quiet = 0
        while quiet < QUIET_POLLS:
            active = self.api.active([WAREHOUSE])
            quiet = 0 if active else quiet + 1
            if active:
                say("build → test → gate → publish")
            _pause(deadline, self.stack)

    def _require_done(self, states: dict[str, str]) -> None:
        broken = [name for name, state in states.items() if name.split()[-1] in WORKING and state not in _FINE]
        if broken:
            raise StackError(
                f"failed in Airflow: {', '.join(broken)}",
                left="what was committed stays; the last release stays",
                next_step=f"read the task's log at {self.stack.airflow.url}, then call `make demo` again",
            )

    @contextmanager
    def _step(self, head: str) -> Iterator[Say]:
        """Progress on one line while a step runs, its last word and its time when it is over."""
        started = time.monotonic()
        last = [""]
        with self.console.status(head) as status:

            def say(message: str) -> None:
                last[0] = message
                status.update(f"{head}: {message}  {time.monotonic() - started:.0f} s")

            yield say
        self._say("", f"{head}: {last[0]}", started)

    def _say(self, head: str, message: str, started: float) -> None:
        self.console.print(f"[bold]{head:10}[/bold]  {message}  [dim]{time.monotonic() - started:.1f} s[/dim]")


_FINE = ("success", "skipped")


def _pause(deadline: float, stack: Stack) -> None:
    if time.monotonic() > deadline:
        raise StackError(f"a day takes longer than {DAY_SECONDS:.0f} s", next_step=f"look at {stack.airflow.url}")
    time.sleep(POLL_SECONDS)
