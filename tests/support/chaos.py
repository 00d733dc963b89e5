"""Kill runs at chosen moments, read all the time, compare lakes: what the chaos tests are made of."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ingestion.settings import Settings

HERE = Path(__file__).parent
STEPS = ("ingest", "conform", "build", "test", "gate", "publish")
LONGEST_SECONDS = 180.0


@dataclass(frozen=True)
class Moment:
    """`delay` seconds after the `nth` event of a step; after the first event of a later one where it has fewer."""

    step: str
    nth: int
    delay: float

    def reached(self, step: str, seen: int) -> bool:
        later = STEPS.index(step) > STEPS.index(self.step)
        return later or (step == self.step and seen >= self.nth)


@dataclass
class Ran:
    """How one run ended: `code` as of the process (-9 killed), `step` the last begun, seconds and events by step."""

    code: int = 0
    step: str = STEPS[0]
    event: int = 0
    spans: list[tuple[str, float, float]] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    def seconds(self, step: str) -> float:
        return sum(end - begin for name, begin, end in self.spans if name == step)

    def moment(self, step: str, seconds: float) -> Moment:
        """So many seconds into the step, as time after the event before: so it holds for a slower machine too."""
        spans = [end - begin for name, begin, end in self.spans if name == step]
        for number, length in enumerate(spans, start=1):
            if seconds < length:
                return Moment(step, number, seconds)
            seconds -= length
        return Moment(step, len(spans), 0.0)


class Runs:
    """The process that forks runs (chaos_child.py)."""

    def __init__(self, log: Path) -> None:
        reading, writing = os.pipe()
        # A killed process's helper complains there of semaphores nobody gave back.
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(HERE / "chaos_child.py"), str(writing)],
                stdin=subprocess.PIPE, stdout=output, stderr=output, pass_fds=[writing],
            )  # fmt: skip
        os.close(writing)
        self._reading, self._rest = reading, b""
        assert self._event() == {"ready": True}

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=LONGEST_SECONDS)
        os.close(self._reading)

    def run(self, settings: Settings, day: date, way: str, moment: Moment | None = None) -> Ran:
        """One run, killed at `moment` where it comes to that. Other defects of it are errors of the test."""
        request = {"environment": settings.environment(), "day": day.isoformat(), "way": way}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        ran, pid, at = Ran(), 0, None
        while True:
            due = None if at is None else max(0.0, at - time.monotonic())
            event = self._event(LONGEST_SECONDS if due is None else due)
            if event is None:
                assert due is not None, f"no event for {LONGEST_SECONDS} s after {ran.step}"
                # It may have ended this instant, and the news of it be on its way.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                at = time.monotonic() + LONGEST_SECONDS
                moment = None
                continue
            pid = event.get("pid", pid)
            _note(ran, event)
            if "exit" in event:
                break
            if moment is not None and at is None and "step" in event and moment.reached(ran.step, ran.event):
                at = event["at"] + moment.delay
        assert ran.code in (-signal.SIGKILL, 0, 3), (ran.code, ran.errors)
        assert ran.errors == []
        return ran

    def _event(self, seconds: float = LONGEST_SECONDS) -> Any:
        """The next event; None where there is none in time."""
        until = time.monotonic() + seconds
        while b"\n" not in self._rest:
            if not select.select([self._reading], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            found = os.read(self._reading, 65536)
            assert found, "the process that forks runs has ended"
            self._rest += found
        line, self._rest = self._rest.split(b"\n", 1)
        return json.loads(line)


def _note(ran: Ran, event: dict[str, Any]) -> None:
    if "error" in event:
        ran.errors.append(event["error"])
    if "exit" in event:
        ran.code = event["exit"]
    if ("step" in event or "exit" in event) and ran.spans:
        name, begin, _ = ran.spans[-1]
        ran.spans[-1] = (name, begin, event["at"])
    if "step" in event:
        ran.step = event["step"]
        ran.events[ran.step] += 1
        ran.event = ran.events[ran.step]
        ran.spans.append((ran.step, event["at"], event["at"]))


def moments(measured: Ran, counts: dict[str, int], dice: random.Random) -> list[Moment]:
    """Moments drawn over an undisturbed run, in order of the steps, so many of each.

    Files taken in stay taken in: of n kills each is drawn from the first share of what was left. Build and what
    follows begin anew: each of n kills is drawn from its own n-th of the step.
    """
    drawn = []
    for step, count in counts.items():
        seconds = measured.seconds(step)
        for number in range(count):
            kept = step in ("ingest", "conform")
            share = dice.random() / (count + 1) if kept else (number + dice.random()) / count
            drawn.append(measured.moment(step, share * seconds))
    return drawn


@dataclass
class Reading:
    """What the reader verified: loops as (began, ended, release by edition), written to the file `written`."""

    written: Path
    loops: list[tuple[float, float, dict[str, str]]] = field(default_factory=list)

    def load(self) -> None:
        """The loops so far; the last line may be half written."""
        lines = self.written.read_text(encoding="utf-8").split("\n")[:-1]
        loops = [json.loads(line) for line in lines]
        self.loops = [(loop["began"], loop["ended"], loop["found"]) for loop in loops]

    def wait_for(self, releases: dict[str, str]) -> None:
        """Until the reader has verified these releases, by edition."""
        until = time.monotonic() + LONGEST_SECONDS
        while not self.loops or self.loops[-1][2] != releases:
            assert time.monotonic() < until, f"the reader has not seen {releases}"
            time.sleep(0.1)
            self.load()

    def during(self, spans: list[tuple[str, float, float]]) -> Counter[str]:
        """Loops that verified a release and overlap a step, by step."""
        found: Counter[str] = Counter()
        for began, ended, releases in self.loops:
            found.update({name for name, begin, end in spans if releases and began <= end and ended >= begin})
        return found

    def releases(self) -> dict[str, list[str]]:
        """Releases seen by edition, in the order seen."""
        found: dict[str, list[str]] = {}
        for _, _, releases in self.loops:
            for edition, release in releases.items():
                seen = found.setdefault(edition, [])
                if release not in seen:
                    seen.append(release)
        return found


@contextlib.contextmanager
def reader(settings: Settings, home: Path) -> Iterator[Reading]:
    """Read the settings' store until the block ends, from a home of the reader's own. Its failure fails the test."""
    store = settings.store or f"file://{settings.lake_root}"
    environment = settings.model_copy(update={"home": home, "store": store, "threads": 1}).environment()
    environment |= {"CITYLAKE_HOME": str(home), "CITYLAKE_STORE": store, "CITYLAKE_THREADS": "1"}
    home.mkdir(parents=True)
    out, errors_file = home / "loops", home / "errors"
    read = Reading(out)
    with out.open("wb") as loops, errors_file.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "chaos_reader.py")],
            stdin=subprocess.PIPE, stdout=loops, stderr=errors, env=os.environ | environment,
        )  # fmt: skip
    try:
        yield read
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=LONGEST_SECONDS)
        read.load()
    assert process.returncode == 0, errors_file.read_text(encoding="utf-8")
