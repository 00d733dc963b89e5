"""What a person does is done, names the person where it is kept, and is in the ledger of actions."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.delivery import holds
from ingestion.errors import ConfigurationError, NothingToDecide
from tests.support.small_city import SmallCity
from warehouse.actions import ledger, perform
from warehouse.actions.model import Actor
from warehouse.gate.decide import gate
from warehouse.incidents.book import Book
from warehouse.incidents.report import report
from warehouse.publish.run import publish
from warehouse.release import ledger as releases
from warehouse.release import pointer

OFFICER = Actor(account="duty", role="op", via="page")
SIGNED = "duty (op)"


@pytest.fixture
def city(tmp_path: Path) -> SmallCity:
    return SmallCity(tmp_path / "lake-home")


def released(city: SmallCity) -> str:
    """One release of each edition; its id."""
    built = city.build()
    publish(city.lake, built, gate(city.lake, built), approver="test")
    return releases.entries(city.lake.store, "internal")[0].release or ""


def said(city: SmallCity) -> list[tuple[str, str, str, str]]:
    return [(e.verb, e.subject, e.event, e.reason) for e in reversed(ledger.recent(city.lake, 50))]


def test_an_edition_is_rolled_back_withdrawn_and_resumed(city: SmallCity) -> None:
    first = released(city)
    assert perform.roll_back(city.lake, OFFICER, "internal", first, " wrong totals ").id == first
    held = pointer.hold(city.lake, "internal")
    assert held is not None
    assert (held.by, held.reason) == (SIGNED, "wrong totals")
    perform.withdraw(city.lake, OFFICER, "internal", "leak suspected")
    assert pointer.current(city.lake, "internal") is None
    perform.resume(city.lake, OFFICER, "internal", "repaired")
    assert pointer.hold(city.lake, "internal") is None
    assert [(e.event, e.by, e.reason) for e in releases.verify_ledger(city.lake, "internal")][1:] == [
        ("rollback", SIGNED, "wrong totals"),
        ("withdrawn", SIGNED, "leak suspected"),
        ("resumed", SIGNED, "repaired"),
    ]
    assert said(city) == [
        (verb, "internal", event, reason)
        for verb, reason in (("rollback", "wrong totals"), ("withdraw", "leak suspected"), ("resume", "repaired"))
        for event in ("asked", "done")
    ]


def test_what_is_refused_changes_nothing_and_is_recorded_as_failed(city: SmallCity) -> None:
    released(city)
    current = pointer.pointer(city.lake.store, "internal")
    with pytest.raises(ConfigurationError):
        perform.roll_back(city.lake, OFFICER, "internal", "nope", "wrong totals")
    with pytest.raises(ConfigurationError):
        perform.resume(city.lake, OFFICER, "internal", "repaired")
    assert pointer.pointer(city.lake.store, "internal") == current
    assert [(verb, event) for verb, _, event, _ in said(city)] == [
        ("rollback", "asked"), ("rollback", "failed"), ("resume", "asked"), ("resume", "failed"),
    ]  # fmt: skip
    assert "never published release 'nope'" in (ledger.recent(city.lake, 3)[-1].message or "")


def test_without_a_reason_or_of_no_edition_nothing_is_asked(city: SmallCity) -> None:
    with pytest.raises(ConfigurationError, match="reason is empty"):
        perform.withdraw(city.lake, OFFICER, "internal", " ")
    with pytest.raises(ConfigurationError, match="there is no edition"):
        perform.withdraw(city.lake, OFFICER, "../internal", "leak")
    assert said(city) == []
    assert pointer.hold(city.lake, "internal") is None


def test_a_held_delivery_is_decided_by_the_person_who_is_named(city: SmallCity) -> None:
    city.deliver("office.reading", "2026-03-06", "held")
    (waiting,) = holds.held(city.lake)
    perform.decide_held(city.lake, OFFICER, "office.reading", waiting.batch, False, "truncated")
    assert holds.held(city.lake) == []
    assert perform.decide_held(city.lake, OFFICER, None, waiting.batch, True, "right after all") == "office.reading"
    with city.lake.log.connect() as log:
        decisions = log.execute("select verb, reason, decided_by from decision order by decided_at").fetchall()
    assert decisions == [("reject", "truncated", SIGNED), ("accept", "right after all", SIGNED)]
    assert ledger.recent(city.lake, 1)[0].details == {"batch": waiting.batch}
    with pytest.raises(NothingToDecide):
        perform.decide_held(city.lake, OFFICER, "office.visit", waiting.batch, True, "the wrong feed")
    assert said(city)[-1] == ("accept", "office.visit", "failed", "the wrong feed")


def test_an_incident_is_closed_by_hand(city: SmallCity) -> None:
    opened = report(city.lake, "task_failed", "warehouse", "build: failed").incident
    change = perform.close_incident(city.lake, OFFICER, opened.id, "disk replaced")
    assert change.incident.resolution == "disk replaced"
    assert not [incident for incident in Book(city.lake).active() if incident.is_open]
    assert said(city) == [("close", opened.id, event, "disk replaced") for event in ("asked", "done")]
