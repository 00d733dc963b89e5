"""Why a product is green or red, answered while a build runs and after one died."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from ingestion.contract.load import load_contracts
from ingestion.errors import CitylakeError, ConfigurationError, IntegrityError, LakeBusy
from ingestion.settings import Settings
from tests.support.small_city import SmallCity, changed
from warehouse.build.report import REPORT, last_report
from warehouse.cli import main
from warehouse.gate.decide import gate
from warehouse.gate.explain import explain, verdicts_to_explain
from warehouse.publish.run import publish
from warehouse.release import layout

_BUILDING = """
import sys
from pathlib import Path
import duckdb
from warehouse.build.lock import build_lock
with build_lock(Path(sys.argv[1])), duckdb.connect(sys.argv[2]) as build:
    print("building", flush=True)
    sys.stdin.read()
"""
_WHEN = re.compile(r'not judged again|"decided_at"')


@pytest.fixture
def city(tmp_path: Path) -> SmallCity:
    """A city whose food is blocked, judged and published."""
    made = SmallCity(tmp_path / "home")
    report = changed(made.build(), "key_fct_inspection", status="failed", failures=7)
    report.save(made.lake.settings.state_root / REPORT)
    publish(made.lake, report, gate(made.lake, report), approver="test")
    return made


@contextmanager
def building(city: SmallCity) -> Iterator[None]:
    """Another process holds the build lock and has the build file open for writing."""
    settings = city.lake.settings
    words = [sys.executable, "-c", _BUILDING, str(settings.state_root), str(settings.build_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "building\n"
        yield
        child.communicate()


def begin_build(city: SmallCity) -> None:
    """A build began and died: its tables are half those of the one before."""
    with duckdb.connect(str(city.lake.settings.build_path)) as build:
        build.execute("update _citylake.run set build_id = 'build9999'")
        build.execute("drop table fct_inspection")


def remove_build(city: SmallCity) -> None:
    city.lake.settings.build_path.unlink()


def other_host(city: SmallCity) -> None:
    remove_build(city)
    (city.lake.settings.state_root / REPORT).unlink()


def message(city: SmallCity) -> str:
    return explain(verdicts_to_explain(city.lake, last_report(city.lake.settings)), "food")


@pytest.mark.parametrize(
    ("happens", "why"),
    [(begin_build, "another has begun since"), (remove_build, "no build yet"), (other_host, "nothing was built yet")],
)
def test_recorded_verdicts_answer_where_the_build_is_gone(city: SmallCity, happens: object, why: str) -> None:
    before = message(city)
    assert "recorded" not in before
    happens(city)  # type: ignore[operator]
    lines = message(city).splitlines()
    assert "not judged again" in lines[1]
    assert why in lines[1]
    assert [lines[0], *lines[2:]] == before.splitlines()


def test_it_does_not_wait_for_a_build(city: SmallCity) -> None:
    settings = city.lake.settings.model_copy(update={"lock_timeout_seconds": 3600.0})
    object.__setattr__(city.lake, "settings", settings)
    with building(city):
        assert "another build is running" in message(city)


READING = [
    ["gate", "--explain", "food"],
    ["gate", "--explain", "food", "--json"],
    ["trace", "fct_weather"],
    ["trace", "fct_weather", "--day", "2026-03-03"],
    ["reconcile"],
    ["deliveries"],
    ["quarantine", next(iter(load_contracts(Settings().contracts)))],
    ["held"],
    ["incidents"],
    ["releases"],
    ["sql", "-c", "select count(*) from fct_weather"],
    ["contracts", "list"],
]


def test_reading_commands_answer_alike_during_a_build_and_after_one_died(
    city: SmallCity, capsys: pytest.CaptureFixture[str]
) -> None:
    def answers() -> dict[str, tuple[int, list[str]]]:
        found = {}
        for words in READING:
            code = main(["--home", str(city.home), *words])
            lines = capsys.readouterr().out.splitlines()
            found[" ".join(words)] = code, [line for line in lines if not _WHEN.search(line)]
        return found

    before = answers()
    assert all(lines for _, lines in before.values())
    assert {words: code for words, (code, _) in before.items() if code} == {
        "gate --explain food": 3,
        "gate --explain food --json": 3,
    }
    with building(city):
        assert answers() == before
    begin_build(city)
    assert answers() == before


@pytest.mark.parametrize(
    ("happens", "error"),
    [(begin_build, IntegrityError), (remove_build, ConfigurationError), (other_host, ConfigurationError)],
)
def test_without_a_recorded_verdict_the_reason_is_told(
    tmp_path: Path, happens: object, error: type[CitylakeError]
) -> None:
    fresh = SmallCity(tmp_path / "home")
    fresh.build()
    happens(fresh)  # type: ignore[operator]
    with pytest.raises(error):
        message(fresh)


def test_nothing_recorded_and_a_build_running(tmp_path: Path) -> None:
    fresh = SmallCity(tmp_path / "home")
    fresh.build()
    with building(fresh), pytest.raises(LakeBusy):
        message(fresh)


def test_a_report_is_replaced_whole(city: SmallCity, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build killed, or out of disk, while it writes its report leaves the one before."""
    path = city.lake.settings.state_root / REPORT
    report = last_report(city.lake.settings)
    assert report is not None

    def half(self: Path, text: str, encoding: str) -> None:
        with self.open("w", encoding=encoding) as file:
            file.write(text[: len(text) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(KeyboardInterrupt):
        report.model_copy(update={"build_id": "next"}).save(path)
    monkeypatch.undo()
    assert last_report(city.lake.settings) == report


def test_a_folder_of_verdicts_left_empty_hides_none(city: SmallCity) -> None:
    """A gate of a later day was killed between making the folder and the object."""
    begin_build(city)
    before = message(city)
    Path(city.lake.store.url(f"{layout.VERDICTS}/decided=9999-01-01")).mkdir()
    assert message(city) == before
