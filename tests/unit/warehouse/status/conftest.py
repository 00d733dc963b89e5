"""A small city whose days are judged and published under a clock that the test moves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.lake import Lake
from ingestion.settings import Settings
from tests.support.lakes import contract
from tests.support.small_city import SmallCity, changed
from warehouse.build.report import BuildReport
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.status.model import ProductLine, Status
from warehouse.status.read import read_status
from warehouse.status.refresh import rewrite

BEGIN = datetime(2026, 3, 6, 1, tzinfo=UTC)
FAILED = {"status": "failed", "failures": 3, "message": "Li Si 13800000000"}


@dataclass
class Days:
    """The city, and the hours that have passed."""

    city: SmallCity
    hours: int = 0

    @property
    def now(self) -> datetime:
        """The machine's and the city's time."""
        return BEGIN + timedelta(hours=self.hours)

    @property
    def lake(self) -> Lake:
        """The lake at that time, with a contract for each of the three feeds."""
        feeds = {f"office.{name}": _contract(name) for name in ("reading", "visit", "town")}
        return replace(self.city.lake, clock=lambda: self.now, contracts=feeds)

    def build(self, *blocked: str) -> BuildReport:
        """The next build, with a failed key of each of these tables."""
        report = self.city.build()
        for table in blocked:
            report = changed(report, f"key_{table}", **FAILED)
        return report

    def run(self, *blocked: str, released: bool = True) -> datetime:
        """An hour later: build, judge, publish and write the status; when it was judged."""
        self.hours += 1
        report = self.build(*blocked)
        verdicts = gate(self.lake, report)
        if released:
            publish(self.lake, report, verdicts, approver="airflow warehouse r1")
        rewrite(self.lake)
        return verdicts[0].decided_at

    def change(self, value: float) -> None:
        """A corrected day of weather: new content and new inputs."""
        self.city.weather["2026-03-04"][0] = ("G0", value)
        self.city.deliver("office.reading", "2026-03-04")

    def inspect(self, remark: str) -> None:
        """A corrected day of food."""
        self.city.inspections["2026-03-04"][0] = ("2026-03-04-0", "442000001", remark)
        self.city.deliver("office.visit", "2026-03-04")

    def status(self) -> Status:
        """As it is read now."""
        return read_status(self.lake, self.now)

    def product(self, name: str) -> ProductLine:
        """One line of it."""
        return next(line for line in self.status().products if line.product == name)


def _contract(name: str) -> Any:
    made = contract("snapshot", None, feed=name) if name == "town" else contract(feed=name)
    return replace(made, title=f"<b>{name}</b>", product={"reading": "weather", "visit": "food"}.get(name, "places"))


@pytest.fixture
def days(tmp_path: Path) -> Days:
    return begin(tmp_path)


def begin(folder: Path, settings: Settings | None = None) -> Days:
    """A city that nobody built yet, with a product nobody made a model for, and a title that is no title.

    `settings` say where its store is.
    """
    home = folder / "lake-home"
    project = folder / "project"
    (project / "models").mkdir(parents=True)
    titles = "config: {meta: {title: {zh: '<script>alert(1)</script>气象', en: Weather & wind}}}"
    groups = f"groups:\n- name: weather\n  {titles}\n  owner: {{name: a}}\n- name: planned\n  owner: {{name: a}}\n"
    (project / "models" / "_groups.yml").write_text(groups, encoding="utf-8")
    said = {"home": home, "dbt_project": project, "timezone": "Asia/Shanghai"}
    return Days(SmallCity(home, settings=settings.model_copy(update=said) if settings else Settings(**said)))
