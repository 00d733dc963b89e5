"""Building what changed equals building everything: tables, verdicts and checks, whatever came before.

Feeds arrive in random subsets, deliveries are corrected and withdrawn, the date moves both ways, models are edited,
builds are killed. At the end one more build is compared with a full rebuild of the same files, code and date.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.build.small_lake import SmallLake, march, open_lake
from tests.support.edited_project import EditedProject
from tests.support.examples import a_part
from tests.support.office import CALL, FEEDS
from warehouse.build import builder, checks, watermark
from warehouse.build.report import BuildReport
from warehouse.gate.decide import gate

pytestmark = pytest.mark.faults

DELTA = {"delivery": "interval", "correction": "delta"}
DAYS = [date(2026, 3, day) for day in range(2, 6)]
EDITS = {
    "fct_reading": ("        energy_kwh,", "        energy_kwh + {n} as energy_kwh,"),
    "dim_office": ("        office_name,", "        office_name || '{n}' as office_name,"),
    "mart_call_daily": ("cast(sum(calls.minutes) as bigint)", "cast(sum(calls.minutes) + {n} as bigint)"),
    "fct_call": ("        minutes,", "        minutes + {n} as minutes,"),
    "mart_office_daily": ("count(*) as readings", "count(*) + 0 * {n} as readings"),
}


class Killed(BaseException):
    """The process ends."""


KILLS: dict[str, tuple[object, str]] = {
    "before models": (builder, "make_nodes"),
    "before checks": (checks, "lost_parent_keys"),
    "before the watermark": (watermark.kept, "complete"),
    "amid the watermark": (watermark.state, "complete"),
}

days = st.sampled_from(DAYS)
numbers = st.integers(1, 5)
EVENTS = st.one_of(
    st.tuples(st.just("readings"), days, numbers),
    st.tuples(st.just("register"), days, numbers),
    st.tuples(st.just("calls"), days, numbers),
    st.tuples(st.just("moved"), days, numbers),
    st.tuples(st.just("withdraw"), st.sampled_from(FEEDS), st.integers(0, 20)),
    st.tuples(st.just("edit"), st.sampled_from(sorted(EDITS)), numbers),
    st.tuples(st.just("describe"), st.just(""), numbers),
)
STEPS = st.lists(
    st.tuples(
        st.lists(EVENTS, max_size=4),
        st.sampled_from([*DAYS, DAYS[-1], date(2026, 3, 9)]),
        st.sampled_from(["", "", *KILLS]),
    ),
    min_size=2,
    max_size=5,
)


@dataclass
class History:
    """A lake with its project, and what happens to them."""

    lake: SmallLake
    project: EditedProject
    deliveries: int = 0
    batches: dict[str, list[str]] = field(default_factory=dict)

    def event(self, kind: str, what: Any, number: int) -> None:
        getattr(self, f"_{kind}")(what, number)

    def _readings(self, day: date, number: int) -> None:
        self._deliver(lambda as_of: self.lake.readings(day, more=number * 23, as_of=as_of))

    def _moved(self, day: date, number: int) -> None:
        self._deliver(lambda as_of: self.lake.readings(day, moved=timedelta(hours=-3 * number), as_of=as_of))

    def _register(self, day: date, number: int) -> None:
        self._deliver(lambda as_of: self.lake.register(day, offices=number, as_of=as_of))

    def _calls(self, day: date, number: int) -> None:
        self._deliver(
            lambda as_of: self.lake.calls(
                day, range(1, 1 + number), repeated=range(1, number), minutes=number, as_of=as_of
            )
        )

    def _withdraw(self, feed: str, number: int) -> None:
        effective = self.lake.effective().files.select(["feed", "batch"]).to_pylist()
        found = sorted({row["batch"] for row in effective if row["feed"] == feed})
        if len(found) > 1:
            self.lake.withdrawn.add(found[number % len(found)])

    def _edit(self, model: str, number: int) -> None:
        old, new = EDITS[model]
        self.project.edit(model, old, new.format(n=number))

    def _describe(self, _: str, number: int) -> None:
        self.project.describe(f"办公点 {number}")

    def _deliver(self, send: Callable[[Any], object]) -> None:
        self.deliveries += 1
        send(march(6) + timedelta(minutes=self.deliveries))


@settings(max_examples=a_part(0.01), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
@pytest.mark.parametrize(
    "changes", [{}, {CALL: {"delivery": "interval", "correction": "delta"}}], ids=["events", "delta"]
)
def test_what_changed_equals_everything(tmp_path: Path, changes: dict[str, Any], steps: list[Any]) -> None:
    folder = tmp_path / "example"
    shutil.rmtree(folder, ignore_errors=True)
    project = EditedProject(folder)
    history = History(SmallLake(open_lake(folder / "home", changes), project=project.path), project)
    lake = history.lake
    lake.fill(DAYS[0])
    for events, as_of, kill in steps:
        for event in events:
            history.event(*event)
        if kill:
            _build_and_kill(lake, as_of, kill)
        else:
            lake.build(as_of)
    as_of = steps[-1][1]
    report = lake.build(as_of)
    by_parts = lake.public_tables(report), _verdicts(lake, report)
    rebuilt = lake.build(as_of, full_refresh=True)
    everything = lake.public_tables(rebuilt), _verdicts(lake, rebuilt)
    assert {m.name: m.status for m in rebuilt.models} == {m.name: m.status for m in report.models}
    assert by_parts == everything


def _build_and_kill(lake: SmallLake, as_of: date, where: str) -> None:
    module, name = KILLS[where]

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, killed)
        try:
            lake.build(as_of)
        except Killed:
            return


def _verdicts(lake: SmallLake, report: BuildReport) -> dict[str, Any]:
    """Decision, and status of each check, by product."""
    verdicts = gate(lake.lake, report, today=report.as_of)
    return {v.product: (v.decision, {check.name: check.status for check in v.checks}) for v in verdicts}
