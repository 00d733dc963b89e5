"""Whatever happens on whichever day, the open edition shows what must be shown, and no object of it holds more."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingestion.errors import ConfigurationError
from tests.support.examples import a_part
from tests.support.notices import FIRST, Notices, built, notice_city, public, published, set_date, shown
from tests.support.small_city import SmallCity
from warehouse.gate.decide import gate
from warehouse.publish.leave import unpublish
from warehouse.publish.run import publish
from warehouse.reconcile.run import reconcile
from warehouse.release import ledger, moves, pointer

ids = st.sampled_from(["a", "b", "c", "d", "e"])
ends = st.one_of(st.none(), st.integers(-1, 12))
changes = st.one_of(
    st.tuples(st.just("record"), ids, ends),
    st.tuples(st.just("lost"), ids, st.none()),
    st.tuples(st.just("ended"), ids, ends),
)
acts = st.one_of(
    st.sampled_from([("pass", 0), ("block", 0), ("idle", 0), ("broken", 0), ("resume", 0), ("withdraw", 0)]),
    st.tuples(st.just("rollback"), st.integers(0, 5)),
    st.tuples(st.just("cut"), st.integers(1, 16)),
)
days = st.tuples(st.integers(0, 3), st.lists(changes, max_size=4), acts)


class PowerCut(BaseException):
    """The machine stops."""


class CutStore:
    """A real store that ends the process, as far as a test can, before its n-th write."""

    def __init__(self, store: Any, left: int) -> None:
        self._store, self._left = store, left

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in ("put_file", "put_bytes", "replace", "delete"):
            return found
        self._left -= 1
        if self._left <= 0:
            raise PowerCut
        return found


@dataclass
class Story:
    """A city, and by simple means what its open edition must show: `visible`."""

    city: SmallCity
    today: date = FIRST
    visible: Notices = field(default_factory=dict)
    known_endings: Notices = field(default_factory=dict)
    """Those of the last build, none while it is broken."""
    releases: dict[str, Notices] = field(default_factory=dict)

    def shown_of(self, notices: Notices, endings: Notices) -> Notices:
        def has_come(end: date | None) -> bool:
            return end is not None and end <= self.today

        return {name: end for name, end in notices.items() if not has_come(end) and not has_come(endings.get(name))}

    def change(self, kind: str, name: str, end: int | None) -> None:
        assert self.city.notices is not None
        on = None if end is None else FIRST + timedelta(days=end)
        if kind == "record":
            self.city.notices[name] = self.city.endings[name] = on
        elif kind == "ended":
            self.city.endings[name] = on
        else:
            self.city.notices.pop(name, None)
            self.city.endings.pop(name, None)

    def act(self, kind: str, number: int) -> None:
        getattr(self, f"_{kind}", lambda number: None)(number)

    def midnight(self, later: int) -> None:
        """The day's task, before anything is delivered."""
        self.today += timedelta(days=later)
        set_date(self.city.lake, self.today)
        unpublish(self.city.lake)
        self.visible = self.shown_of(self.visible, self.known_endings)

    def _pass(self, number: int) -> None:
        report = built(self.city)
        # The gate has its own mind: it also blocks a product that lost many rows.
        is_good = any(v.product == "notices" and v.decision == "passed" for v in gate(self.city.lake, report))
        published(self.city, report)
        self._publish(is_good=is_good)

    def _block(self, number: int) -> None:
        published(self.city, built(self.city, blocked=True))
        self._publish(is_good=False)

    def _publish(self, *, is_good: bool) -> None:
        self.known_endings = dict(self.city.endings)
        is_fresh = is_good and pointer.hold(self.city.lake, "open") is None
        self.visible = self.shown_of((self.city.notices or {}) if is_fresh else self.visible, self.known_endings)

    def _broken(self, number: int) -> None:
        self.city.lake.settings.build_path.unlink(missing_ok=True)
        self.known_endings = {}

    def _resume(self, number: int) -> None:
        if pointer.hold(self.city.lake, "open") is not None:
            moves.resume(self.city.lake, "open", reason="repaired", by="officer")

    def _withdraw(self, number: int) -> None:
        if pointer.current(self.city.lake, "open") is not None:
            moves.withdraw(self.city.lake, "open", reason="wrong", by="officer")
            self.visible = {}

    def _rollback(self, number: int) -> None:
        releases = [line.release for line in ledger.entries(self.city.lake.store, "open") if line.event == "published"]
        if not releases:
            return
        to = str(releases[number % len(releases)])
        rows = self.releases[to]
        kept = {key.split("/")[3] for key, found in public(self.city.lake).items() if key.endswith(".duckdb")}
        try:
            moves.rollback(self.city.lake, "open", to, reason="wrong", by="officer")
        except ConfigurationError:
            assert to not in kept or self.shown_of(rows, {}) != rows
        else:
            self.visible = rows

    def _cut(self, number: int) -> None:
        report = built(self.city)
        verdicts = gate(self.city.lake, report)
        is_good = any(verdict.product == "notices" and verdict.decision == "passed" for verdict in verdicts)
        cut = replace(self.city.lake, store=CutStore(self.city.lake.store, number))  # type: ignore[arg-type]
        before, self.known_endings = self.visible, dict(self.city.endings)
        try:
            publish(cut, report, verdicts, approver=None)
        except PowerCut:
            unpublish(self.city.lake)
            self._publish(is_good=is_good)  # either that release, or the one before it
            if shown(self.city.lake) != self.visible:
                self.visible = self.shown_of(before, self.known_endings)
        else:
            self._publish(is_good=is_good)

    def check(self) -> None:
        """Compare what readers get at with what they must."""
        assert shown(self.city.lake) == self.visible
        for key, rows in public(self.city.lake).items():
            assert self.shown_of(rows, self.known_endings) == rows, key
        lines = ledger.verify_ledger(self.city.lake, "open")
        current = pointer.current(self.city.lake, "open")
        self.releases |= {str(line.release): {} for line in lines if line.release not in self.releases}
        if current is not None:
            self.releases[current.id] = self.visible


@pytest.mark.faults
# An example takes seconds: too long to look for a smaller one.
@settings(
    max_examples=a_part(0.02),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(days, min_size=4, max_size=8))
def test_every_record_leaves_on_its_day_and_none_before(story: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        told = Story(notice_city(Path(folder) / "lake-home", {}))
        told.city.build()
        for name, end in (("a", 2), ("b", 5), ("c", None)):
            told.change("record", name, end)
        told.act("pass", 0)
        told.check()
        for later, changed, act in story:
            told.midnight(later)
            told.check()
            for change in changed:
                told.change(*change)
            told.act(*act)
            told.check()
        told.midnight(30)
        told.check()
        assert not [row for row in reconcile(told.city.lake).off if row.step == "release"]
