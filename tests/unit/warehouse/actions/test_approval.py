"""Where the lake asks for it, what is new for the open edition is published by another person's approval, and nothing
else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ingestion.errors import ConfigurationError
from ingestion.settings import Settings
from tests.support.notices import FIRST, notice_city, set_date
from tests.support.small_city import SmallCity, changed
from warehouse.actions import approval, ledger
from warehouse.actions.model import Actor
from warehouse.build.report import REPORT, BuildReport
from warehouse.gate.decide import gate
from warehouse.publish.run import Published, publish
from warehouse.release import ledger as releases
from warehouse.release import moves, pointer

TRIGGERER = "li.si"
OFFICER = Actor(account="wang.wu", role="op", via="command line")


def lake_of(home: Path, *, asks: bool = True) -> SmallCity:
    return SmallCity(home, settings=Settings(home=home, open_approval=asks))


@pytest.fixture
def city(tmp_path: Path) -> SmallCity:
    return lake_of(tmp_path / "lake-home")


def run(
    city: SmallCity, report: BuildReport | None = None, triggered_by: tuple[str, ...] = (TRIGGERER,)
) -> tuple[Published, Published]:
    """One build, judged and published; what became of the internal and of the open edition."""
    report = report or city.build()
    internal, public = publish(
        city.lake, report, gate(city.lake, report), approver="airflow warehouse run", triggered_by=triggered_by
    )
    return internal, public


def waiting(city: SmallCity) -> approval.Candidate:
    found = approval.pending(city.lake)
    assert found is not None
    return found


def approve(city: SmallCity, candidate: str, actor: Actor = OFFICER, **options: str) -> Published:
    return approval.approve(city.lake, actor, candidate, "looked at", **options)


def release(city: SmallCity) -> str | None:
    manifest = pointer.current(city.lake, "open")
    return manifest.id if manifest else None


def said(city: SmallCity) -> list[tuple[str, str, str | None]]:
    return [(e.verb, e.event, e.message) for e in reversed(ledger.recent(city.lake, 50))]


def test_internal_never_waits_and_open_is_published_by_an_approval(city: SmallCity) -> None:
    internal, public = run(city)
    assert (internal.outcome, public.outcome) == ("published", "awaiting_approval")
    assert (public.fresh, public.awaiting, public.release) == ([], ["weather"], None)
    candidate = waiting(city)
    assert (candidate.id, candidate.release) == (internal.release, internal.release)
    assert candidate.id in public.message
    assert [row[:2] + row[3:] for row in candidate.rows()] == [("weather", "pub_weather", 3, 3, 0)]
    published = approve(city, candidate.id)
    manifest = pointer.current(city.lake, "open")
    assert manifest is not None
    assert (published.outcome, published.release) == ("published", manifest.id)
    assert manifest.approver == "wang.wu (op)"
    assert approval.pending(city.lake) is None
    (entry,) = releases.verify_ledger(city.lake, "open")
    assert (entry.by, entry.reason) == ("wang.wu (op)", f"candidate {candidate.id} approved: looked at")
    assert said(city)[-1] == ("approve", "done", f"release {manifest.id} of open: weather")


def test_without_the_setting_nothing_waits(tmp_path: Path) -> None:
    city = lake_of(tmp_path / "lake-home", asks=False)
    assert [one.outcome for one in run(city)] == ["published", "published"]
    assert approval.pending(city.lake) is None


def test_nobody_approves_what_they_triggered(city: SmallCity) -> None:
    run(city)
    candidate = waiting(city)
    for account, asked_by in ((TRIGGERER, None), (" LI.SI", None), ("wang.wu", "wang.wu")):
        actor = OFFICER.model_copy(update={"account": account})
        with pytest.raises(approval.NotAllowed, match="let another person approve it"):
            approval.approve(city.lake, actor, candidate.id, "looked at", asked_by=asked_by)
    assert release(city) is None
    assert waiting(city) == candidate
    assert {event for _, event, _ in said(city)} == {"asked", "failed"}


@pytest.mark.faults  # several releases
def test_who_triggered_an_earlier_candidate_does_not_approve_what_took_its_place(city: SmallCity) -> None:
    run(city)
    city.add_day("2026-03-05")
    run(city, triggered_by=())
    with pytest.raises(approval.NotAllowed):
        approve(city, waiting(city).id, OFFICER.model_copy(update={"account": TRIGGERER}))
    approve(city, waiting(city).id)
    city.add_day("2026-03-06")
    run(city, triggered_by=())
    assert approve(city, waiting(city).id, OFFICER.model_copy(update={"account": TRIGGERER})).outcome == "published"


def test_an_approval_of_what_was_superseded_publishes_nothing_and_names_the_newer(city: SmallCity) -> None:
    run(city)
    first = waiting(city)
    city.add_day("2026-03-05")
    run(city)
    second = waiting(city)
    assert second.id != first.id
    with pytest.raises(ConfigurationError, match=f"superseded by {second.id}"):
        approve(city, first.id)
    assert release(city) is None
    approve(city, second.id)
    with pytest.raises(ConfigurationError, match="does not wait any more"):
        approve(city, second.id)


@pytest.mark.faults  # several releases
def test_a_build_that_moved_on_since_publishes_nothing(city: SmallCity) -> None:
    run(city)
    first = waiting(city)
    city.add_day("2026-03-05")
    city.build()
    with pytest.raises(ConfigurationError, match="was superseded by"):
        approve(city, first.id)
    assert release(city) is None
    assert approve(city, waiting(city).id).outcome == "published"


def test_another_build_of_the_same_rows_is_the_same_candidate(city: SmallCity) -> None:
    run(city)
    first = waiting(city)
    internal, public = run(city, triggered_by=("zhao.liu",))
    assert (internal.outcome, public.outcome) == ("nothing_new", "awaiting_approval")
    assert waiting(city) == first
    assert approve(city, first.id).outcome == "published"
    assert run(city)[1].outcome == "nothing_new"


def test_what_is_blocked_by_now_is_not_published(city: SmallCity) -> None:
    run(city)
    first = waiting(city)
    blocked = changed(city.build(), "key_fct_weather", status="failed", failures=1)
    (city.lake.settings.state_root / REPORT).write_text(blocked.model_dump_json(), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="was not published"):
        approve(city, first.id)
    assert release(city) is None
    assert approval.pending(city.lake) is None


def test_what_is_refused_stays_out_and_is_not_asked_again_until_it_changes(city: SmallCity) -> None:
    run(city)
    first = waiting(city)
    approval.refuse(city.lake, OFFICER, first.id, "the columns are not agreed")
    assert approval.pending(city.lake) is None
    assert "refused by wang.wu (op)" in run(city)[1].message
    assert approval.pending(city.lake) is None
    for attempt in (approve, lambda city, candidate: approval.refuse(city.lake, OFFICER, candidate, "again")):
        with pytest.raises(ConfigurationError, match="was refused by"):
            attempt(city, first.id)
    city.add_day("2026-03-05")
    run(city)
    assert approve(city, waiting(city).id).outcome == "published"


@pytest.mark.faults  # several releases
def test_an_edition_on_hold_is_not_published_by_an_approval(city: SmallCity) -> None:
    run(city)
    approve(city, waiting(city).id)
    city.add_day("2026-03-05")
    run(city)
    before = release(city)
    moves.rollback(city.lake, "open", before or "", reason="wrong", by="duty officer")
    with pytest.raises(ConfigurationError, match="on hold"):
        approve(city, waiting(city).id)
    assert release(city) == before


def test_records_whose_last_day_is_over_leave_while_the_rest_waits(tmp_path: Path) -> None:
    city = notice_city(tmp_path / "lake-home", {"one": FIRST + timedelta(days=1), "never": None})
    city.lake = replace(city.lake, settings=city.lake.settings.model_copy(update={"open_approval": True}))
    run(city)
    approve(city, waiting(city).id)
    first = release(city)
    set_date(city.lake, FIRST + timedelta(days=1))
    city.add_day("2026-03-05")
    waits = run(city)[1]
    assert (waits.outcome, waits.expired, waits.awaiting) == ("awaiting_approval", {"pub_notice": 1}, ["weather"])
    assert waits.withdrawn == [first]
    assert release(city) == waits.release != first
    assert approve(city, waiting(city).id).expired == {}


@pytest.mark.faults  # several releases
def test_rows_that_come_and_go_are_counted_by_table(city: SmallCity) -> None:
    run(city)
    approve(city, waiting(city).id)
    city.add_day("2026-03-05")
    city.weather.pop("2026-03-02")
    run(city)
    ((_, _, content, rows, added, removed),) = waiting(city).rows()
    assert (rows, added, removed) == (3, 1, 1)
    assert content is None
