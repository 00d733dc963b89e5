"""One bad food file, told from end to end on the simulated city.

The bad inspections of 2026-03-04 turn food_safety red; the other products are released; food
keeps its last release; the refused rows are readable with rule ids; the corrected re-delivery
turns it green with no manual clean-up; an accepted failure whose date has passed blocks again.
"""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
import yaml

from infra.simulator.city import City
from infra.simulator.deliver import deliver
from infra.simulator.truth import truth
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from tests.support import baked
from warehouse.cli import main as cli
from warehouse.reconcile.run import reconcile
from warehouse.release import pointer
from warehouse.release.ledger import verify_ledger
from warehouse.run import RunReport, run
from warehouse.sql import connect

START = date(2026, 3, 2)
BAD_DAY = date(2026, 3, 4)
REPORTS = "reports.pickle"


def _settings(home: Path, **changes: object) -> Settings:
    return Settings(home=home, drop=home / "city" / "drop", **changes)  # type: ignore[arg-type]


def five_days(home: Path) -> None:
    """The city's five days, one run a day; what the runs reported lies beside the lake."""
    lake, city = open_lake(_settings(home)), City(seed=442000, start=START, days=5)
    reports: dict[date, RunReport] = {}
    for offset in range(5):
        day = START + timedelta(days=offset)
        deliver(city, city.day_no(day), home / "city")
        reports[day] = run(lake, day)
    (home / REPORTS).write_bytes(pickle.dumps(reports))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, dict[date, RunReport]]:
    """The lake after five days, and each day's report."""
    home = baked.copied("five-days", five_days, tmp_path_factory.mktemp("story") / "home")
    return open_lake(_settings(home)), pickle.loads((home / REPORTS).read_bytes())  # noqa: S301 - written above


def _decisions(report: RunReport) -> dict[str, str]:
    return {verdict.product: verdict.decision for verdict in report.verdicts}


def test_good_days_release_every_product(story: tuple[Lake, dict[date, RunReport]]) -> None:
    _, reports = story
    for day in (START, START + timedelta(days=1)):
        assert set(_decisions(reports[day]).values()) == {"passed"}, reports[day]
        assert reports[day].exit_code == 0


def test_bad_food_file_blocks_food_and_what_depends_on_it_only(story: tuple[Lake, dict[date, RunReport]]) -> None:
    _, reports = story
    decisions = _decisions(reports[BAD_DAY])
    assert decisions["food_safety"] == "blocked"
    assert decisions["town_brief"] == "blocked"
    assert {decisions[p] for p in ("core", "weather", "transport")} == {"passed"}
    assert reports[BAD_DAY].exit_code == 3


def test_refused_rows_are_readable_with_their_rules(story: tuple[Lake, dict[date, RunReport]]) -> None:
    lake, reports = story
    refused = [d for d in reports[BAD_DAY].deliveries if d.feed == "syj.food_inspection" and d.outcome == "refused"]
    assert len(refused) == 1
    with lake.log.connect() as log:
        keys = log.execute(
            "select unnest(quarantine) from table_receipt "
            "where batch = ? and department = 'syj' and feed = 'food_inspection'",
            [refused[0].batch],
        ).fetchall()
    rows = duckdb.sql(
        f"select record, byte_offset, original_text, rules from read_parquet({[lake.store.url(k) for (k,) in keys]})"
    ).fetchall()
    assert len(rows) > 50
    assert all(rules and text for _, _, text, rules in rows)


def test_last_good_food_release_stays_while_blocked(story: tuple[Lake, dict[date, RunReport]]) -> None:
    lake, reports = story
    blocked_release = next(p for p in reports[BAD_DAY].releases if p.edition == "internal")
    with connect(lake, "internal", release=blocked_release.release) as db:
        last_food_day = db.execute("select max(inspected_date) from fct_food_inspection").fetchone()
        last_weather_day = db.execute("select max(observed_date) from fct_weather_hourly").fetchone()
    assert last_food_day == (BAD_DAY - timedelta(days=1),)
    assert last_weather_day == (BAD_DAY,)


def test_corrected_redelivery_turns_it_green(story: tuple[Lake, dict[date, RunReport]]) -> None:
    lake, reports = story
    after = BAD_DAY + timedelta(days=1)
    assert _decisions(reports[after])["food_safety"] == "passed"
    assert reports[after].exit_code == 0
    with connect(lake, "internal") as db:
        days = db.execute("select count(distinct inspected_date) from fct_food_inspection").fetchone()
    assert days == (5,)
    assert pointer.current(lake, "internal") is not None


def test_accepted_failure_expires(story: tuple[Lake, dict[date, RunReport]], tmp_path: Path) -> None:
    """A failing check accepted until a date passes before it and blocks after it."""
    lake, _ = story
    from warehouse.build.report import last_report
    from warehouse.gate.decide import gate

    report = last_report(lake.settings)
    assert report is not None
    check = next(c for c in report.checks if c.product == "weather" and c.check == "rule" and c.severity == "error")
    failing = report.model_copy(
        update={
            "checks": [
                c.model_copy(update={"status": "failed", "failures": 2}) if c.unique_id == check.unique_id else c
                for c in report.checks
            ]
        }
    )
    register = tmp_path / "accepted.yaml"
    entry = {
        "check": check.name,
        "product": "weather",
        "owner": "steward.qxj",
        "reason": "two stations report late while the line is repaired",
        "max_failures": 5,
        "expires": report.as_of,
    }
    register.write_text(yaml.safe_dump({"accepted_failures": [entry]}), encoding="utf-8")
    accepted = replace(lake, settings=lake.settings.model_copy(update={"accepted_failures": register}))

    def weather(today: date) -> str:
        return next(v.decision for v in gate(accepted, failing, today=today) if v.product == "weather")

    assert weather(report.as_of) == "passed"
    assert weather(report.as_of + timedelta(days=1)) == "blocked"


def _planted(city: City) -> dict[str, Counter[str]]:
    """Per feed, rows each rule must refuse or flag and rows repeated, by the simulator's own account."""
    found: dict[str, Counter[str]] = {}
    for file in truth(city)["files"]:
        if file["note"] == "redelivery":
            continue
        counts = found.setdefault(file["feed"], Counter())
        for table in file["tables"].values():
            counts.update(table["refused"])
            counts.update({f"flag {rule}": rows for rule, rows in table["flagged"].items()})
            counts["duplicates"] += table["duplicates"]
            counts["key_conflict"] += table["conflict_rows"] - table["conflict_keys"]
    return {feed: +counts for feed, counts in found.items()}


def _received(lake: Lake) -> dict[str, Counter[str]]:
    """The same from the receipts."""
    found: dict[str, Counter[str]] = {}
    with lake.log.connect() as log:
        rows = log.execute("select department || '.' || feed, rules, flags, duplicates from table_receipt").fetchall()
    for feed, rules, flags, duplicates in rows:
        counts = found.setdefault(feed, Counter())
        counts.update(dict(rules or {}))
        counts.update({f"flag {rule}": count for rule, count in dict(flags or {}).items()})
        counts["duplicates"] += duplicates
    return {feed: +counts for feed, counts in found.items()}


def test_planted_dirt_is_found_exactly(story: tuple[Lake, dict[date, RunReport]]) -> None:
    lake, _ = story
    assert _received(lake) == _planted(City(seed=442000, start=START, days=5))


def test_everything_reconciles(story: tuple[Lake, dict[date, RunReport]]) -> None:
    lake, _ = story
    result = reconcile(lake, deep=True)
    assert result.ok, [row for row in result.rows if row.status != "ok"]


def test_rollback_holds_until_someone_resumes(
    story: tuple[Lake, dict[date, RunReport]], capsys: pytest.CaptureFixture[str]
) -> None:
    """By the commands a person would type; the last test, because it moves the pointer."""
    lake, reports = story
    home = ["--home", str(lake.settings.root)]
    newest, older = (
        next(p.release for p in reports[START + timedelta(days=n)].releases if p.edition == "internal") for n in (4, 1)
    )
    assert newest is not None
    assert older is not None
    assert cli([*home, "rollback", "--to", older, "--reason", "a number is wrong"]) == 0
    manifest = pointer.current(lake, "internal")
    assert manifest is not None
    assert manifest.id == older
    assert cli([*home, "publish"]) == 0
    assert "on hold" in capsys.readouterr().out
    assert pointer.current(lake, "internal") == manifest
    assert cli([*home, "resume", "--reason", "repaired"]) == 0
    assert cli([*home, "publish"]) == 0
    after = pointer.current(lake, "internal")
    assert after is not None
    assert after.parent == older
    assert [entry.event for entry in verify_ledger(lake, "internal")][-3:] == ["rollback", "resumed", "published"]
