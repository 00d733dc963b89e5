"""A run takes in what may be used, and says of the rest why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ingestion.contract.problem import Problem
from tests.support.lakes import contract, drop, lake, rows
from warehouse.run import ERROR, run


@pytest.fixture
def only_ingest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps after ingest find nothing to do."""
    for name, answer in (
        ("build.runner.build", "built"),
        ("status.refresh.gate", []),
        ("publish.run.publish", []),
        ("release.pointer.released_inputs", {}),
    ):
        monkeypatch.setattr(f"warehouse.{name}", lambda *_, _answer=answer, **__: _answer)


@pytest.mark.usefixtures("only_ingest")
def test_a_draft_is_left_out_and_a_wrong_file_fails_its_own_feed(tmp_path: Path) -> None:
    feed = contract()
    parts: dict[str, Any] = {"contracts": {"office.draft": replace(feed, status="draft"), "office.readings": feed}}
    made = lake(tmp_path, **parts)
    drop(made, "readings_20260302.csv", rows(["a", "b"]))
    report = run(made, date(2026, 3, 2))
    assert [delivery.outcome for delivery in report.deliveries] == ["accepted"]
    assert list(report.skipped) == ["office.draft"]
    assert report.exit_code == 0
    wrong = replace(made, broken={"office.other": (Problem("other.yaml", "", "not YAML"),)})
    report = run(wrong, date(2026, 3, 2))
    assert report.known == 1
    assert "other.yaml: not YAML" in report.failures["office.other"]
    assert report.exit_code == ERROR
