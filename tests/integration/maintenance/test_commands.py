"""Maintenance of a lake with a release, through its commands; and builds from merged copies."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from tests.support import office
from tests.support.office import CALL, READING
from warehouse import maintenance
from warehouse.build.runner import build
from warehouse.cli import main
from warehouse.docs import write_docs
from warehouse.reconcile.run import reconcile
from warehouse.release.pointer import released_inputs
from warehouse.run import run

Run = Callable[..., tuple[int, str]]
LAST = date(2026, 3, 3)
IN_MAY = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of the fixture project, run to a release; its settings are saved in the home."""
    home = tmp_path_factory.mktemp("released")
    settings = office.settings(home)
    settings.save()
    for number in (0, 1):
        assert run(open_lake(settings), office.arrive(home / "drop", number)).exit_code == 0
    return home


@pytest.fixture
def home(released: Path, tmp_path: Path) -> Path:
    shutil.copytree(released, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def command(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def called(*words: str) -> tuple[int, str]:
        code = main(["--home", str(home), *words])
        return code, capsys.readouterr().out

    return called


def lake(home: Path, now: datetime = IN_MAY) -> Lake:
    return replace(open_lake(Settings.at(home)), clock=lambda: now)


def tables(made: Lake) -> dict[str, tuple[int, int]]:
    """Rows and their order-free hash of every table of the build file but the lake's own."""
    with duckdb.connect(made.settings.build_path, read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        names = connection.execute(
            "select schema_name, table_name from duckdb_tables() where schema_name <> '_citylake' order by all"
        ).fetchall()
        return {
            f"{schema}.{name}": connection.execute(
                f'select count(*), sum(hash(t)::hugeint) from "{schema}"."{name}" as t'
            ).fetchall()[0]
            for schema, name in names
        }


def opened(made: Lake) -> int:
    """Files the source views of the last build name."""
    with duckdb.connect(made.settings.build_path, read_only=True) as connection:
        views = connection.execute("select sql from duckdb_views() where schema_name like 'bronze%'").fetchall()
    return sum(sql.count(".parquet'") for (sql,) in views)


def test_builds_from_merged_copies_are_equal_and_traceable(home: Path) -> None:
    made = lake(home)
    build(made, LAST, full_refresh=True, released=released_inputs(made))
    before, apart = tables(made), opened(made)
    done = maintenance.compact(made)
    assert set(done) == {READING, CALL}
    assert maintenance.compact(made) == {}
    assert build(made, LAST, released=released_inputs(made)).nothing_new
    report = build(made, LAST, full_refresh=True, released=released_inputs(made))
    assert {check.status for check in report.checks} <= {"passed", "warned"}
    assert tables(made) == before
    # One file a feed, of the register the newest as before.
    assert (apart, opened(made)) == (6, 3)
    assert reconcile(made, deep=True).off == []
    (made.settings.state_root / "merged").mkdir(exist_ok=True)
    shutil.rmtree(made.settings.state_root)
    again = lake(home)
    build(again, LAST)
    assert tables(again) == before


def test_dry_runs_change_nothing(home: Path, command: Run) -> None:
    before = {path: path.stat().st_mtime_ns for path in (home / "lake").rglob("*") if path.is_file()}
    for words in (("collect", "--days", "0"), ("expire",), ("compact",)):
        code, message = command("maintain", *words, "--dry-run")
        assert code == 0, message
    assert "merged into" in message
    assert {path: path.stat().st_mtime_ns for path in (home / "lake").rglob("*") if path.is_file()} == before


def test_collect_counts_what_it_deletes_and_leaves_what_is_named(home: Path, command: Run) -> None:
    made = lake(home)
    stray = "bronze/office/reading/reading/dt=2026-03-02/b/v1-dead.parquet"
    made.store.put_bytes(stray, b"left by a dead process")
    assert command("maintain", "collect")[1].count(stray) == 0
    code, message = command("maintain", "collect", "--days", "0", "--json")
    assert (code, json.loads(message)["keys"]) == (0, {"lake": [stray], "internal": [], "open": []})
    assert made.store.head(stray) is None
    assert reconcile(made).off == []


def test_expire_follows_each_contract(home: Path) -> None:
    made = lake(home, datetime.now(UTC) + timedelta(days=200))
    would = maintenance.expire(made, dry_run=True)
    done = maintenance.expire(made)
    assert would == done
    assert {key.split("/")[0] for key in done.keys[READING]} == {"quarantine"}
    assert maintenance.expire(made).count == 0
    later = lake(home, datetime.now(UTC) + timedelta(days=4000))
    assert maintenance.expire(later).count > 0
    assert [info.key for info in made.store.list("raw/") if "/payload/" in info.key] == []


def test_the_log_is_folded_again(home: Path, command: Run) -> None:
    made = lake(home)
    expected = len(list(made.store.list("receipts/")))
    assert command("maintain", "rebuild-log") == (0, f"{expected:,} receipts and decisions folded\n")


def test_erasing_asks_and_then_leaves_nothing(home: Path, command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lake(home)
    maintenance.compact(made)
    batch = max(info.key for info in made.store.list("bronze/office/reading/")).split("/")[5]
    words = ("erase", READING, batch, "--reason", "request 7")
    code, message = command(*words, "--dry-run")
    keys = [line for line in message.splitlines() if "/" in line]
    assert (code, {key.split("/")[0] for key in keys}) == (0, {"raw", "bronze", "quarantine", "merged"})
    for answer, erased in (("no", False), (batch, True)):
        monkeypatch.setattr("typer.prompt", lambda *_, said=answer, **__: said)
        assert command(*words)[0] == (0 if erased else 1)
        assert [made.store.head(key) is None for key in keys] == [erased] * len(keys)
    assert command("erase", READING, "no-such-batch", "--reason", "r", "--yes")[0] == 1
    build(lake(home), LAST)
    assert [row for row in reconcile(lake(home)).off if row.step in ("raw", "receipt", "bronze", "warehouse")] == []


def test_incidents_are_listed_swept_and_closed(home: Path, command: Run) -> None:
    code, message = command("incidents", "sweep", "--json")
    late = json.loads(message)["opened"]
    assert code == 0
    assert late
    assert all("delivery_late" in incident for incident in late)
    assert [incident["id"] for incident in json.loads(command("incidents", "--json")[1])] == late
    assert "no channel" in command("incidents")[1]
    assert command("incidents", "close", late[0], "--reason", "the demo's days are over")[0] == 0
    assert len(json.loads(command("incidents", "--json")[1])) == len(late) - 1
    assert command("incidents", "close", late[0], "--reason", "again")[0] == 1
    assert len(json.loads(command("incidents", "--all", "--json")[1])) == len(late)


def test_the_dbt_page_needs_no_network_no_lock_and_shows_the_release(home: Path) -> None:
    from warehouse.build.lock import build_lock

    made = lake(home)
    with build_lock(made.settings.state_root):
        page = write_docs(made)
    text = page.read_text(encoding="utf-8")
    assert page == made.settings.state_root / "docs" / "index.html"
    assert "fct_reading" in text
    assert "TIMESTAMP WITH TIME ZONE" in text
    for loaded in ('src="http', 'href="http://f', 'href="https://f', "@import url(http"):
        assert loaded not in text
    assert '"send_anonymous_usage_stats": true' not in text
    elsewhere = write_docs(made, home / "pages")
    assert [path.name for path in elsewhere.parent.iterdir()] == ["index.html"]
