"""A lake made by the version before is upgraded: read again by today's rules, closed, its open edition replaced."""

from __future__ import annotations

import stat
import tarfile
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from infra.simulator.city import City
from infra.simulator.deliver import arrivals, write_whole
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from warehouse.cli import main
from warehouse.release import layout, pointer
from warehouse.release.ledger import verify_ledger

pytestmark = pytest.mark.faults

ARCHIVE = Path(__file__).parent / "lakes" / "readings-2.tar.xz"
DAY = date(2026, 3, 3)
MISREAD_LICENCE = "JY14420000000025"
MADE_AT = "/tmp/oldlake"  # noqa: S108  (where the archived lake stood when it was made)

Counts = dict[str, tuple[int, int, int, int]]


def counts(lake: Lake) -> Counts:
    """Received, accepted, quarantined and duplicate rows that stand, by table."""
    with lake.log.connect() as log:
        rows = log.execute(
            """
            select feed_id || '/' || table_name, sum(received)::int, sum(accepted)::int,
                sum(quarantined)::int, sum(duplicates)::int
            from standing inner join table_receipt on standing.key = table_receipt.receipt_key
            group by 1
            """
        ).fetchall()
    return {name: tuple(found) for name, *found in rows}  # type: ignore[misc]


def rules(lake: Lake, feed: str) -> dict[str, int]:
    """Rows by broken rule over the receipts that stand."""
    with lake.log.connect() as log:
        rows = log.execute(
            """
            select unnest(map_keys(rules)), unnest(map_values(rules))
            from standing inner join table_receipt on standing.key = table_receipt.receipt_key
            where feed_id = $feed
            """,
            {"feed": feed},
        ).fetchall()
    found: dict[str, int] = {}
    for rule, number in rows:
        found[rule] = found.get(rule, 0) + number
    return found


def bronze(lake: Lake, feed: str, query: str) -> list[Any]:
    from warehouse.effective import create_views

    with lake.log.connect() as log:
        create_views(log)
        keys = log.execute("select key from effective_file where feed = $1 order by key", [feed]).fetchall()
    files = [lake.store.url(key) for (key,) in keys]
    return duckdb.execute(query, {"files": files}).fetchall()


def new_feeds_arrive(lake: Lake, known: set[str]) -> None:
    """Feeds that began after the lake was made: their files up to the day, in the folder the lake reads."""
    city = City()
    for day_no in range(1, city.day_no(DAY) + 1):
        for delivery in arrivals(city, day_no):
            if f"{delivery.department}.{delivery.feed}" not in known:
                write_whole(lake.settings.drop_root / delivery.path, delivery.content, delivery.arrives_at.timestamp())


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "home", filter="data")
    return tmp_path / "home"


def test_a_lake_of_the_version_before_is_read_again_and_closed(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CITYLAKE_CITY_TIME", str(home / "clock"))
    lake = open_lake(Settings(home=home))
    before = counts(lake)
    leaky = {info.key for info in lake.store.list("published/open/")}
    assert leaky

    assert main(["--home", str(home), "reconform"]) == 0, capsys.readouterr()
    lake = open_lake(Settings(home=home))
    lake.log.refresh()
    after = counts(lake)
    changed = {name for name in before if before[name] != after[name]}
    assert set(before) == set(after)
    assert changed == {"syj.complaint/complaint", "syj.food_licence/food_licence"}
    for name in before:
        assert before[name][0] == after[name][0]
    was, now = before["syj.complaint/complaint"], after["syj.complaint/complaint"]
    assert (now[1] - was[1], now[2] - was[2]) == (-1, 1)
    assert rules(lake, "syj.complaint")["topic.required"] == 1
    assert rules(lake, "syj.food_licence")["malformed_quote"] == 2
    licences = bronze(lake, "syj.complaint", "select licence_no from read_parquet($files) where licence_no like '%\t'")
    assert licences == []

    new_feeds_arrive(lake, {name.partition("/")[0] for name in before})
    assert main(["--home", str(home), "run", "--day", DAY.isoformat()]) == 0, capsys.readouterr()
    assert main(["--home", str(home), "reconcile"]) == 0, capsys.readouterr()
    internal = pointer.current(lake, "internal")
    assert internal is not None
    warehouse = lake.store.url(internal.warehouse.key)
    with duckdb.connect(warehouse, read_only=True) as release:
        misread = release.execute(
            "select count(*) from dim_food_business where licence_no = $1", [MISREAD_LICENCE]
        ).fetchone()
    assert misread == (0,)
    for edition in layout.EDITIONS:
        verify_ledger(lake, edition)

    # Releases of the open edition that told internal facts are gone, and a clean one is current.
    published = {info.key for info in lake.store.list("published/open/")}
    assert {key for key in leaky & published if not key.endswith("current.json")} == set()
    texts = [path.read_bytes() for path in (home / "lake" / "published" / "open").rglob("*") if path.is_file()]
    for output in (MADE_AT, str(home), "bronze/", "raw/"):
        assert not any(output.encode() in text for text in texts), output

    # What only the lake's own account may read is closed to others.
    for zone in ("raw", "quarantine", "bronze", "receipts", "verdicts", "ledger"):
        assert stat.S_IMODE((home / "lake" / zone).stat().st_mode) == 0o700, zone
    assert stat.S_IMODE((home / "state").stat().st_mode) == 0o700

    # Read again once: nothing is left to do.
    capsys.readouterr()
    assert main(["--home", str(home), "reconform"]) == 0
    assert "up to date" in capsys.readouterr().out
