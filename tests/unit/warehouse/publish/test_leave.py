"""Records leave the open edition on their day: published, blocked, on hold, withdrawn, rolled back, or not built."""

from __future__ import annotations

from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion.errors import ConfigurationError, IntegrityError, ObjectNotFound
from tests.support.notices import FIRST, built, notice_city, public, published, set_date, shown
from tests.support.small_city import EXPIRES, SmallCity, changed
from warehouse import sql
from warehouse.build.report import Expires
from warehouse.export import export
from warehouse.incidents.sweep import sweep
from warehouse.publish.leave import leaving_anyway, unpublish
from warehouse.reconcile.run import reconcile
from warehouse.release import layout, ledger, moves, pointer
from warehouse.release.collect import orphans
from warehouse.release.manifest import Manifest, PublicManifest
from warehouse.trace import trace


def day(number: int) -> date:
    """The `number`-th day after the first."""
    return FIRST + timedelta(days=number)


NOTICES = {"one": day(1), "two": day(2), "nine": day(9), "never": None}


@pytest.fixture
def city(tmp_path: Path) -> SmallCity:
    return notice_city(tmp_path / "lake-home", NOTICES)


def current(city: SmallCity, edition: str = "open") -> Manifest:
    found = pointer.current(city.lake, edition)
    assert found is not None
    return found


def findings(city: SmallCity) -> list[str | None]:
    return [row.reason for row in reconcile(city.lake).off if row.step == "release"]


def test_the_manifest_says_until_when(city: SmallCity) -> None:
    published(city, built(city))
    expiry = current(city).tables["pub_notice"].expiry
    assert expiry is not None and (expiry.rule, expiry.next_end, expiry.built_rows) == (EXPIRES, day(1), 4)
    public_part = PublicManifest.model_validate_json(
        city.lake.store.get_bytes(layout.manifest("open", current(city).id))
    )
    table = public_part.tables["pub_notice"]
    assert (table.end_column, table.next_end, table.rows) == ("notice_end_date", day(1), 4)
    assert current(city, "internal").tables["pub_notice"].expiry is None


@pytest.mark.parametrize("blocked", [False, True])
def test_a_row_leaves_on_its_day(city: SmallCity, blocked: bool) -> None:
    published(city, built(city))
    assert set(shown(city.lake)) == {"one", "two", "nine", "never"}
    first = current(city).id
    set_date(city.lake, day(1))
    result = published(city, built(city, blocked=blocked))
    assert (result.outcome, result.expired, result.withdrawn) == ("published", {"pub_notice": 1}, [first])
    assert "1 expired record of pub_notice left" in result.message
    assert set(shown(city.lake)) == {"two", "nine", "never"}
    entry = current(city).tables["pub_notice"]
    assert entry.expiry is not None
    assert (entry.rows, entry.built_rows, entry.expiry.next_end) == (3, 4, day(2))
    lines = ledger.verify_ledger(city.lake, "open")
    assert [(line.event, line.reason) for line in lines[1:]] == [
        ("published", "1 expired record of pub_notice"),
        ("withdrawn", "expired records"),
    ]
    # Analysts keep history.
    with sql.connect(city.lake) as connection:
        assert sql.query(connection, "select count(*) as n from pub_notice")["n"][0].as_py() == 4
    assert findings(city) == []
    assert trace(city.lake, "pub_notice", edition="open").rows == 3
    assert orphans(city.lake, "open") == []


def test_a_day_on_which_nothing_ends_releases_nothing(city: SmallCity) -> None:
    published(city, built(city))
    report = built(city)
    before = {info.key for info in city.lake.store.list("")}
    assert published(city, report).outcome == "nothing_new"
    assert [left.rows for left in unpublish(city.lake)] == [{}]
    assert {info.key for info in city.lake.store.list("")} - before <= {
        info.key for info in city.lake.store.list("verdicts")
    }


@pytest.mark.parametrize("number", [1, 2, 9, 40])
def test_what_ended_is_not_published_at_all(city: SmallCity, number: int) -> None:
    set_date(city.lake, day(number))
    published(city, built(city))
    assert shown(city.lake) == {name: end for name, end in NOTICES.items() if end is None or end > day(number)}
    assert findings(city) == []


def test_an_earlier_end_counts_while_the_product_is_blocked_and_a_lost_file_changes_nothing(city: SmallCity) -> None:
    published(city, built(city))
    city.endings = {"nine": day(0)}
    result = published(city, built(city, blocked=True))
    assert (result.expired, set(shown(city.lake))) == ({"pub_notice": 1}, {"one", "two", "never"})
    assert all("nine" not in rows for rows in public(city.lake).values())


def test_a_row_ended_by_mistake_comes_back_once_the_product_passes(city: SmallCity) -> None:
    published(city, built(city))
    city.endings |= {"nine": day(0)}
    published(city, built(city, blocked=True))
    city.endings |= {"nine": day(9)}
    assert published(city, built(city, blocked=True)).outcome == "nothing_new"
    assert published(city, built(city)).fresh == ["notices"]
    assert set(shown(city.lake)) == set(NOTICES)


def test_on_hold_the_rows_leave_and_the_hold_stays(city: SmallCity) -> None:
    published(city, built(city))
    first = current(city).id
    city.notices = {**NOTICES, "new": day(9)}
    published(city, built(city))
    moves.rollback(city.lake, "open", first, reason="wrong", by="duty officer")
    set_date(city.lake, day(1))
    result = published(city, built(city))
    assert (result.outcome, result.expired) == ("on_hold", {"pub_notice": 1})
    assert set(shown(city.lake)) == {"two", "nine", "never"}
    assert current(city).parent == first
    assert pointer.hold(city.lake, "open") is not None
    assert published(city, built(city)).expired == {}
    moves.resume(city.lake, "open", reason="repaired", by="duty officer")
    published(city, built(city))
    assert set(shown(city.lake)) == {"two", "nine", "never", "new"}
    assert findings(city) == []


def test_a_withdrawn_edition_keeps_no_release_with_such_rows(city: SmallCity) -> None:
    published(city, built(city))
    moves.withdraw(city.lake, "open", reason="wrong", by="duty officer")
    set_date(city.lake, day(1))
    (left,) = unpublish(city.lake)
    assert (left.release, len(left.withdrawn)) == (None, 1)
    assert not any(public(city.lake).values())
    assert [line.event for line in ledger.verify_ledger(city.lake, "open")] == ["published", "withdrawn"]


def test_a_withdrawn_release_says_so_to_its_readers(city: SmallCity, tmp_path: Path) -> None:
    published(city, built(city))
    first = current(city).id
    set_date(city.lake, day(1))
    unpublish(city.lake)
    for read in (
        lambda: sql.connect(city.lake, "open", first),
        lambda: export(city.lake, tmp_path / "open.duckdb", edition="open", release=first),
        lambda: moves.rollback(city.lake, "open", first, reason="wrong", by="duty officer"),
    ):
        with pytest.raises(ConfigurationError, match=r"withdrawn: expired records|may not be shown again"):
            read()
    assert pointer.load(city.lake.store, "open", first).id == first
    script = city.lake.store.get_bytes(layout.open_sql("open", first)).decode()
    with closing(duckdb.connect()) as connection, pytest.raises(duckdb.Error, match="was withdrawn: expired records"):
        connection.execute(script)
    assert pointer.hold(city.lake, "open") is None


def test_without_a_build_the_rows_own_dates_count(city: SmallCity) -> None:
    city.endings |= {"nine": day(2)}
    published(city, built(city))
    set_date(city.lake, day(2))
    with pytest.raises(ConfigurationError, match="left the edition open: 2 expired records of pub_notice"), \
            leaving_anyway(city.lake):  # fmt: skip
        city.lake.settings.build_path.unlink()
        raise ConfigurationError("the build failed")
    assert set(shown(city.lake)) == {"nine", "never"}
    (left,) = unpublish(city.lake)
    assert (left.rows, left.without_build) == ({}, "there is no build yet")
    city.build()
    (left,) = unpublish(city.lake)
    assert (left.rows, left.without_build) == ({"pub_notice": 1}, None)
    assert set(shown(city.lake)) == {"never"}


def test_a_build_that_began_and_was_not_reported_is_not_asked(city: SmallCity) -> None:
    published(city, built(city))
    city.endings |= {"nine": day(0)}
    report = city.build()
    city.build()
    report.save(city.lake.settings.state_root / "build_report.json")
    (left,) = unpublish(city.lake)
    assert left.rows == {} and left.without_build is not None and "another has begun" in left.without_build


def test_a_dry_run_changes_nothing(city: SmallCity) -> None:
    published(city, built(city))
    set_date(city.lake, day(2))
    before = {info.key: info.modified for info in city.lake.store.list("")}
    (left,) = unpublish(city.lake, dry_run=True)
    assert str(left) == "open: 2 expired records of pub_notice"
    assert {info.key: info.modified for info in city.lake.store.list("")} == before
    (left,) = unpublish(city.lake)
    assert left.rows == {"pub_notice": 2}


def test_a_release_that_still_holds_such_a_row_is_a_finding(city: SmallCity) -> None:
    published(city, built(city))
    city.notices = {**NOTICES, "new": day(9)}
    published(city, built(city))
    assert findings(city) == []
    set_date(city.lake, day(1))
    told = " ".join(map(str, findings(city)))
    assert "1 records whose last day is over are still shown" in told
    assert told.count("holds records whose last day is over: `citylake maintain unpublish`") == 2
    opened = sweep(city.lake)
    assert (opened.open, [name.split("-")[1:3] for name in opened.opened]) == (1, [["records_expired", "open"]])
    unpublish(city.lake)
    assert findings(city) == []
    assert sweep(city.lake).open == 0


def test_an_export_carries_its_dates_and_none_is_made_of_what_ended(city: SmallCity, tmp_path: Path) -> None:
    published(city, built(city))
    export(city.lake, tmp_path / "open.duckdb", edition="open")
    with closing(duckdb.connect(str(tmp_path / "open.duckdb"), read_only=True)) as connection:
        rows = connection.execute("select table_name, end_column, show_until from _expires").fetchall()
        notice = connection.execute("select notice from _expires").fetchone()
    assert rows == [("pub_notice", "notice_end_date", day(1))]
    assert notice is not None and f"from {day(1)} on replace this file" in notice[0]
    set_date(city.lake, day(1))
    with pytest.raises(ConfigurationError, match="whose last day is over"):
        export(city.lake, tmp_path / "later.duckdb", edition="open")
    unpublish(city.lake)
    export(city.lake, tmp_path / "later.duckdb", edition="open")


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (Expires(column="title", key=["notice_id"]), "column title is VARCHAR"),
        (Expires(column="end_date", key=["notice_id"]), "it has no column end_date"),
        (Expires(column="notice_end_date", key=["notice_id"], ended_by="fct_gone"), "the build has no such table"),
    ],
)
def test_a_rule_that_cannot_be_applied_holds_its_product_back(city: SmallCity, rule: Expires, why: str) -> None:
    published(city, built(city))
    city.notices = {**NOTICES, "new": day(9)}
    city.expires = rule
    set_date(city.lake, day(1))
    result = published(city, built(city))
    assert why in result.held_back["notices"][0]
    assert set(shown(city.lake)) == {"two", "nine", "never"}


def test_a_rule_declared_later_holds_for_what_was_released_before(city: SmallCity) -> None:
    city.expires = None
    published(city, built(city))
    first = current(city).id
    assert current(city).tables["pub_notice"].expiry is None
    city.expires = EXPIRES
    set_date(city.lake, day(1))
    result = published(city, built(city, blocked=True))
    assert (set(shown(city.lake)), result.withdrawn) == ({"two", "nine", "never"}, [first])


def test_what_a_publication_left_unfinished_is_deleted(city: SmallCity) -> None:
    published(city, built(city))
    left = layout.warehouse("open", "20260301T000000000000Z-unfinished")
    city.lake.store.put_bytes(left, city.lake.store.get_bytes(current(city).warehouse.key))
    unpublish(city.lake)
    assert city.lake.store.head(left) is None


def test_a_current_release_that_is_gone_does_not_keep_the_older_ones(city: SmallCity) -> None:
    for number in range(2):
        city.notices = {**NOTICES, f"new{number}": day(9)}
        published(city, built(city))
    city.lake.store.delete(current(city).warehouse.key)
    set_date(city.lake, day(1))
    with pytest.raises(ObjectNotFound):
        unpublish(city.lake)
    assert not any(public(city.lake).values())


def test_one_release_that_cannot_be_read_does_not_keep_the_others(city: SmallCity) -> None:
    releases = []
    for number in range(3):
        city.notices = {**NOTICES, f"new{number}": day(9)}
        published(city, built(city))
        releases.append(current(city).id)
    city.lake.store.replace(layout.record("open", releases[0]), b"{}")
    (city.lake.settings.state_root / "ends-open.json").unlink()
    set_date(city.lake, day(1))
    with pytest.raises(IntegrityError, match=releases[0]):
        unpublish(city.lake)
    holding = [key for key, rows in public(city.lake).items() if "one" in rows]
    assert holding == [layout.warehouse("open", releases[0])]


def test_a_fact_by_day_keeps_its_days_in_step(city: SmallCity) -> None:
    def dated(*, blocked: bool = False) -> object:
        report = changed(built(city, blocked=blocked), "pub_notice", day_column="notice_end_date")
        return changed(report, "pub_notice", materialized="incremental")

    city.notices = {name: end for name, end in NOTICES.items() if end is not None}
    published(city, dated())  # type: ignore[arg-type]
    set_date(city.lake, day(1))
    published(city, dated(blocked=True))  # type: ignore[arg-type]
    entry = current(city).tables["pub_notice"]
    assert [one.day for one in entry.days] == [str(day(2)), str(day(9))]
    city.notices.pop("one")
    published(city, dated())  # type: ignore[arg-type]
    later = current(city).tables["pub_notice"]
    assert (later.days, later.content) == (entry.days, entry.content)


def test_the_same_rows_have_the_same_hash_however_they_left(city: SmallCity, tmp_path: Path) -> None:
    published(city, built(city))
    set_date(city.lake, day(1))
    unpublish(city.lake)
    other = notice_city(tmp_path / "other", {name: end for name, end in NOTICES.items() if name != "one"})
    published(other, built(other))
    assert current(city).tables["pub_notice"].content == current(other).tables["pub_notice"].content
