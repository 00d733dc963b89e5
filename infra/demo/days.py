"""Run one day of the simulated city through Airflow: deliver files, run every feed, wait for the warehouse.

Owns the order within a day and the progress shown. Airflow does the work; runs are started under fixed ids, so that a
day that was interrupted continues where it was.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from infra.demo.departments import share_day
from infra.simulator.deliver import deliver
from infra.simulator.history import FOLDER, hand_over
from infra.stack.airflow_api import AirflowApi
from infra.stack.processes import StackError
from infra.stack.stack import Stack
from ingestion.city_time import set_city_time

if TYPE_CHECKING:
    from rich.console import Console

    from infra.simulator.city import City
    from ingestion.lake import Lake
    from warehouse.progress import Progress

MORNING, EVENING = timedelta(minutes=5), timedelta(hours=23)
DAY_SECONDS = 900.0
POLL_SECONDS = 0.7
IDLE_POLLS = 3
WAREHOUSE = "warehouse"
HISTORY = "history"
"""The DAG that loads what departments hand over of the past."""
WORKING = ("load", "extract", "conform", "build", "test", "gate", "publish")
"""Tasks that fail only when something is broken; the others fail to show that a person must act."""


@dataclass
class Days:
    """The days of a demonstration. `done` maps ISO days to the verdicts (product to decision) they ended with."""

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
    def remaining(self) -> list[date]:
        """The days that are not done, in order."""
        days = [self.city.date_of(number) for number in range(1, self.city.days + 1)]
        return [day for day in days if day.isoformat() not in self.done]

    def load_done(self) -> None:
        """Read from the home which days an earlier call has done."""
        if self._done_path.is_file():
            self.done = json.loads(self._done_path.read_text(encoding="utf-8"))

    def catch_up(self) -> None:
        """Have the departments send what the last day of an earlier, shorter run kept back; nothing else changes."""
        if self.done and self.remaining:
            deliver(self.city, self.city.day_no(date.fromisoformat(max(self.done))), self.folder)

    def sweep(self) -> None:
        """Find what is late by the evening of the last day, and write the status and the stewards' mail about it."""
        from warehouse.status.refresh import sweep

        with self._step("status") as say:
            swept = sweep(self.lake)
            say(f"{swept.open} incidents are open on the evening of the last day")

    def load_history(self, days: int) -> None:
        """Have the departments hand over the days before the first, and load them; once a day is done, not again.

        Raises StackError.
        """
        if not days or self.done:
            return
        started = time.monotonic()
        handed = hand_over(self.city, days, self.folder)
        self.set_time(self.city.start, MORNING)
        count, rows = sum(len(one.files) for one in handed), sum(one.rows for one in handed)
        self._say(HISTORY, f"the departments hand over {days} days: {count} files, {rows:,} rows", started)
        with self._step("load") as say:
            runs = {}
            for one in handed:
                run = f"demo__{one.feed}"
                department, feed = one.feed.split(".")
                asked = {"feed": one.feed, "files": f"{FOLDER}/{department}/{feed}/*", "from": None, "to": None}
                self.api.trigger(HISTORY, run, conf=asked)
                runs[one.feed] = run
            deadline = time.monotonic() + DAY_SECONDS
            while self.api.active([HISTORY]):
                say(f"{len(handed)} feeds")
                _pause(deadline, self.stack)
            tasks = {feed: self.api.tasks(HISTORY, run) for feed, run in runs.items()}
            self._require_done({f"{feed} {task}": state for feed in tasks for task, state in tasks[feed].items()})
            say(f"{len(handed)} feeds")

    def run(self, day: date) -> None:
        """Run one day. Raises StackError where one of the tasks in WORKING failed, or the day takes too long."""
        started = time.monotonic()
        files = deliver(self.city, self.city.day_no(day), self.folder)
        share_day(self.stack, self.city, day)
        # All feeds run in the morning of the day: judged in the evening, every feed but the first would be late.
        self.set_time(day, MORNING)
        notes = Counter(delivery.note for delivery in files if delivery.note)
        counted = "".join(f", {count} {note}" for note, count in sorted(notes.items()))
        self._say(f"{day}", f"the city delivers {len(files)} files{counted}", started)
        with self._step("feeds") as say:
            self._feeds(day, say)
        with self._step("warehouse") as say:
            verdicts = self._warehouse(day, say)
        self.set_time(day, EVENING)
        self.done[day.isoformat()] = verdicts
        self._done_path.write_text(json.dumps(self.done, indent=1), encoding="utf-8")

    @property
    def _done_path(self) -> Path:
        return self.folder / "demo.json"

    def set_time(self, day: date, after: timedelta) -> None:
        """Set the city's time to `after` past local midnight of the day."""
        path = self.lake.settings.city_time
        if path is None:
            raise StackError("the demonstration's lake has no CITYLAKE_CITY_TIME")
        set_city_time(path, self._midnight(day) + after)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, datetime.min.time(), ZoneInfo(self.lake.settings.timezone))

    def _feeds(self, day: date, say: Progress) -> None:
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

    def _warehouse(self, day: date, say: Progress) -> dict[str, str]:
        """Wait for the runs that asset events triggered, or trigger one where none was; decisions by product."""
        from warehouse.build.runner import is_built
        from warehouse.gate.record import latest

        deadline = time.monotonic() + DAY_SECONDS
        self._wait_until_idle(deadline, say)
        if not is_built(self.lake, day):
            self.api.trigger(WAREHOUSE, f"demo__{day}")
            self._wait_until_idle(deadline, say)
        runs = self.api.runs(WAREHOUSE, limit=1)
        if runs:
            tasks = self.api.tasks(WAREHOUSE, runs[0]["dag_run_id"])
            self._require_done({f"{WAREHOUSE} {task}": state for task, state in tasks.items()})
        recorded = latest(self.lake.store)
        verdicts: dict[str, str] = {v.product: v.decision for v in recorded.verdicts} if recorded else {}
        marked = [f"{p} [green]passed[/]" if d == "passed" else f"{p} [bold red]{d}[/]" for p, d in verdicts.items()]
        say(", ".join(marked) or "no verdict")
        return verdicts

    def _wait_until_idle(self, deadline: float, say: Progress) -> None:
        """Wait until a few polls in a row saw no active warehouse run: an asset event takes a moment to trigger one."""
        idle = 0
        while idle < IDLE_POLLS:
            active = self.api.active([WAREHOUSE])
            idle = 0 if active else idle + 1
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
    def _step(self, head: str) -> Iterator[Progress]:
        """Show progress on one line while the block runs, and at its end the last message and the time it took."""
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
