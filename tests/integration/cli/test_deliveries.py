"""The command line on deliveries of the fixture project: take in, list, look at refused rows, try a file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import office
from warehouse.cli import main

FEED, GOOD = office.CALL, office.REGISTER
BAD_DAY = "2026-03-02"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake whose departments have delivered a day: a good register, a bad file of calls."""
    folder = tmp_path_factory.mktemp("home")
    office.deliver(folder / "drop", office.FIRST, refused=[FEED])
    return folder


@pytest.fixture(autouse=True)
def fixture_project(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in office.settings(home).environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*words: str) -> tuple[int, str, str]:
        code = main(["--home", str(home), *words])
        output = capsys.readouterr()
        return code, output.out, output.err

    return command


def _json(run: Run, *words: str) -> Any:
    code, out, _ = run(*words, "--json")
    assert code == 0
    return json.loads(out)


def test_a_refused_delivery_is_an_outcome_and_again_a_repeat(run: Run) -> None:
    (delivery,) = _json(run, "ingest", FEED, "--day", BAD_DAY)
    assert (delivery["outcome"], delivery["rule"]) == ("refused", "refused_share")
    assert delivery["received"] == delivery["accepted"] + delivery["quarantined"] + delivery["duplicates"]
    (again,) = _json(run, "ingest", FEED, "--interval", BAD_DAY)
    assert (again["outcome"], again["receipt"]) == ("duplicate", delivery["receipt"])


def test_deliveries_lists_receipts_and_filters(run: Run) -> None:
    run("ingest", FEED, "--day", BAD_DAY)
    run("ingest", GOOD, "--day", BAD_DAY)
    listed = _json(run, "deliveries")
    assert {(d["feed"], d["outcome"]) for d in listed} == {(FEED, "refused"), (GOOD, "accepted")}
    assert [d["feed"] for d in _json(run, "deliveries", "--outcome", "refused")] == [FEED]
    assert _json(run, "deliveries", "--feed", office.READING) == []
    code, out, _ = run("deliveries", "--feed", "call")
    assert code == 0
    assert "refused_share" in out


def test_quarantine_gives_rules_and_masks_text(run: Run) -> None:
    run("ingest", FEED, "--day", BAD_DAY)
    (delivery,) = _json(run, "deliveries", "--feed", FEED)
    rows = _json(run, "quarantine", FEED, "--limit", "500")
    assert len(rows) == delivery["quarantined"]
    assert all(row["rules"] and row["batch"] == delivery["batch"] for row in rows)
    assert not any("call_id" in row["text"] for row in rows)
    shown = _json(run, "quarantine", FEED, "--limit", "1", "--show-text", "--batch", delivery["batch"])
    assert "call_id" in shown[0]["text"]
    code, out, _ = run("quarantine", FEED, "--limit", "2")
    assert code == 0
    assert f"2 of {delivery['quarantined']} refused rows shown; text is masked" in out


def test_try_judges_a_file_and_touches_nothing(home: Path, run: Run, tmp_path: Path) -> None:
    (file,) = (home / "drop" / "office" / "call").glob("*.ndjson")
    untouched = tmp_path / "nowhere"
    code, out, _ = run("contracts", "try", FEED, str(file), "--json", "--limit", "3")
    trial = json.loads(out)
    assert code == 1
    assert trial["rule"] == "refused_share"
    counts = trial["tables"]["call"]
    assert counts["received"] == counts["accepted"] + counts["quarantined"] + counts["duplicates"]
    assert len(trial["rows"]) == 3
    assert main(["--home", str(untouched), "contracts", "try", FEED, str(file)]) == 1
    assert not untouched.exists()


def test_a_good_file_tries_clean(home: Path, run: Run) -> None:
    (file,) = (home / "drop" / "office" / "register").glob("*.csv")
    code, out, _ = run("contracts", "try", GOOD, str(file))
    assert code == 0
    assert "nothing was stored" in out


def test_one_file_needs_its_interval(home: Path, run: Run, tmp_path: Path) -> None:
    (source,) = (home / "drop" / "office" / "register").glob("*.csv")
    file = Path(shutil.copy2(source, tmp_path / "by_mail.csv"))
    code, _, err = run("ingest", GOOD, str(file))
    assert code == 1
    assert "--interval" in err
    code, out, _ = run("ingest", GOOD, str(file), "--interval", BAD_DAY, "--json")
    assert code == 0
    assert json.loads(out)[0]["filename"] == "by_mail.csv"


def test_nothing_waits_and_nothing_is_decided_without_a_reason(run: Run) -> None:
    assert _json(run, "held") == []
    assert run("held", "--accept", "nothing")[0] == 2
    code, _, err = run("held", "--accept", "nothing", "--reason", "checked with the department")
    assert code == 1
    assert "nothing was decided" in err


def test_before_the_first_build_every_later_step_says_what_to_run(run: Run) -> None:
    for words in (["gate"], ["publish"], ["sql", "-c", "select 1"], ["trace", "x"]):
        code, out, err = run(*words)
        assert (code, out) == (1, ""), words
        assert "next:  citylake run" in err, words
    code, _, err = run("resume", "--reason", "repaired")
    assert code == 1
    assert "not on hold" in err


def test_collect_finds_nothing_to_delete(run: Run) -> None:
    run("ingest", FEED, "--day", BAD_DAY)
    assert _json(run, "collect") == {"orphans": [], "residue": 0, "unfinished": [], "unreleased": []}


def test_bad_items_are_named_after_the_others_were_taken_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was taken in is shown, what could not be is named, and the exit code is that of a failure."""
    good = office.deliver(tmp_path / "drop", office.FIRST, feeds=[GOOD])[GOOD]
    monkeypatch.setenv("CITYLAKE_DROP", str(tmp_path / "drop"))
    bad = good.with_name(f"{good.stem}_r2{good.suffix}")
    bad.symlink_to(bad.name)
    code = main(["--home", str(tmp_path), "ingest", GOOD, "--day", BAD_DAY, "--json"])
    output = capsys.readouterr()
    assert code == 1
    assert [(one["filename"], one["outcome"]) for one in json.loads(output.out)] == [(good.name, "accepted")]
    assert f"{bad.name}' is a link that leads back to itself" in output.err


def test_a_past_in_one_file_is_planned_then_loaded_by_its_days(run: Run, tmp_path: Path) -> None:
    files = [
        office.deliver(tmp_path, office.FIRST + timedelta(days=number), feeds=[office.READING])[office.READING]
        for number in range(3)
    ]
    header, *first = files[0].read_text(encoding="utf-8").splitlines()
    lines = [line for file in files[1:] for line in file.read_text(encoding="utf-8").splitlines()[1:]]
    past = tmp_path / "past.csv"
    past.write_text("\n".join([header, *first, *lines]) + "\n", encoding="utf-8")
    days = ("--from", "2026-03-02", "--to", "2026-03-03")

    (planned,) = _json(run, "load", office.READING, str(past), *days, "--dry-run")["bulk"]
    assert (planned["outcome"], planned["intervals"]) == ("accepted", 2)
    assert _json(run, "deliveries", "--feed", office.READING) == []
    (delivery,) = _json(run, "load", office.READING, str(past), *days)
    for count in ("received", "accepted", "quarantined", "duplicates"):
        assert delivery[count] == planned[count], count
    assert delivery["outcome"] == "accepted"
    code, out, _ = run("load", office.READING, str(past), *days)
    assert code == 0
    assert "duplicate" in out
