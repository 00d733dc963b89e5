"""Pages that do not hold what their server declares: held for the steward, and told, until there is a word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ingestion.contract.model import Contract
from ingestion.delivery.holds import decide, held
from ingestion.delivery.ingest import ingest_interval
from ingestion.delivery.reconform import reconform
from ingestion.errors import SourceError
from ingestion.lake import Lake
from ingestion.receipts.manifests import read_manifest
from tests.support.lakes import counted, day
from tests.support.pages import Api, readings
from tests.support.web import Server
from warehouse.capture import Captured, Extracted, capture, conform_days, extract_days
from warehouse.incidents.book import Book
from warehouse.incidents.sweep import sweep

WHY = "may be incomplete: 3 records declared; 3 came with 2 different ids. The steward (A. Steward) decides"
KNOWN = {"total": "$.total", "id": "$.id"}
OFFSET = {"by": "offset", "parameter": "from"}


def watched(lake: Lake, feed: Contract) -> Lake:
    """The lake as the sweep wants it: it knows the feed, and it is the day after."""
    return replace(lake, contracts={"office.readings": feed}, clock=lambda: day(1).start + timedelta(hours=9))


def incidents(lake: Lake) -> list[tuple[str, str]]:
    sweep(lake)
    return [(one.kind, one.message) for one in Book(lake).active() if one.is_open]


def declaring(total: int) -> Callable[[int], dict[str, Any]]:
    return lambda _: {"total": total}


@pytest.mark.parametrize(("verb", "after"), [("accept", {"a": 1, "b": 1}), ("reject", {})])
def test_pages_that_repeat_one_record_and_miss_another_wait_for_the_steward(
    made: Lake, server: Server, api_contract, verb: Any, after: dict[str, float]
) -> None:
    feed = api_contract(**KNOWN)
    lake = watched(made, feed)
    served = Api(server, readings("abb"), adds=declaring(3))
    (delivery,) = ingest_interval(lake, feed, day(0))
    assert (delivery.outcome, delivery.message) == ("held", WHY)
    assert served.served == 4  # two pages, read twice
    assert counted(lake) == {}
    assert [(one.batch, one.message) for one in held(lake)] == [(delivery.batch, WHY)]
    assert incidents(lake) == [("delivery_held", f"waits for the steward's decision: {WHY}")]
    assert ingest_interval(lake, feed, day(0))[0].outcome == "duplicate"
    decide(lake, delivery.batch, verb, "asked the office", "A. Steward")
    assert counted(lake) == after
    assert held(lake) == []
    assert incidents(lake) == ([] if verb == "accept" else [("delivery_late", "due 2026-03-03 01:00Z")])


def test_a_whole_delivery_that_comes_later_counts_by_itself(made: Lake, server: Server, api_contract) -> None:
    feed = api_contract(**KNOWN)
    lake = watched(made, feed)
    served = Api(server, readings("abb"), adds=declaring(3))
    ingest_interval(lake, feed, day(0))
    served.records = readings("abc")
    assert ingest_interval(lake, feed, day(0))[0].outcome == "accepted"
    assert counted(lake) == dict.fromkeys("abc", 1)
    assert incidents(lake) == []


@pytest.mark.parametrize("delivery", ["events", "snapshot", "interval"])
def test_what_counted_before_stays_until_there_is_a_word(
    made: Lake, server: Server, api_contract, delivery: str
) -> None:
    """Of whatever kind the feed is; a loss of keys is told with the doubt."""
    feed = api_contract(**KNOWN, feed={"delivery": delivery})
    served = Api(server, readings("abc"), adds=declaring(3))
    assert ingest_interval(made, feed, day(0))[0].outcome == "accepted"
    served.records = readings("aab", value=5)
    (second,) = ingest_interval(made, feed, day(0))
    assert second.outcome == "held"
    lost = "" if delivery == "events" else "It would lose 1 of 3 keys of reading (33%); the contract allows 20%. "
    assert second.message == WHY.replace("The steward", f"{lost}The steward")
    assert counted(made) == dict.fromkeys("abc", 1)


def test_the_doubt_goes_through_both_tasks_and_reconform(made: Lake, server: Server, api_contract) -> None:
    feed = api_contract(**KNOWN)
    lake = watched(made, feed)
    first = feed.calendar.local_date(day(0))
    Api(server, readings("abb"), adds=declaring(3))
    extracted = Extracted()
    extract_days(lake, feed, first, first, extracted)
    (waiting,) = extracted.waiting
    assert (
        read_manifest(lake.store, feed, day(0), waiting.batch).doubt
        == "3 records declared; 3 came with 2 different ids"
    )
    # What was presented may be lost between the tasks: what lies in raw says it too.
    (delivery,) = conform_days(lake, feed, first, first, [])
    assert (delivery.outcome, delivery.message) == ("held", WHY)
    newer = api_contract(**KNOWN, feed={"version": "2.0.0"})
    assert [(one.outcome, one.message) for one in reconform(lake, newer)] == [("held", WHY)]
    assert counted(lake) == {}
    decide(lake, delivery.batch, "accept", "asked the office", "A. Steward")
    newest = api_contract(**KNOWN, feed={"version": "3.0.0"})
    assert [one.outcome for one in reconform(lake, newest)] == ["held"]
    assert counted(lake) == {"a": 1, "b": 1}


def test_a_refused_delivery_judged_again_is_still_in_doubt(made: Lake, server: Server, api_contract) -> None:
    Api(server, readings("abb", value="x"), adds=declaring(3))
    (first,) = ingest_interval(made, api_contract(**KNOWN), day(0))
    assert first.outcome == "refused"
    relaxed = api_contract(**KNOWN, feed={"version": "2.0.0", "max_refused_share": 1.0})
    assert [one.outcome for one in reconform(made, relaxed)] == ["held"]


def test_the_same_rows_as_count_already_leave_nothing_to_decide(made: Lake, server: Server, api_contract) -> None:
    feed = api_contract(**KNOWN)
    served = Api(server, readings("abb"), adds=declaring(3))
    (first,) = ingest_interval(made, feed, day(0))
    decide(made, first.batch, "accept", "asked the office", "A. Steward")
    served.adds = lambda _: {"total": 3, "at": "later"}
    assert ingest_interval(made, feed, day(0))[0].outcome == "unchanged"
    assert counted(made) == {"a": 1, "b": 1}


def test_the_rows_of_before_are_no_proof_that_nothing_is_missing(made: Lake, server: Server, api_contract) -> None:
    """A fourth record is declared; what came is what counts already, with one of it twice."""
    served = Api(server, readings("abc"), adds=lambda _: {"total": len(served.records)})
    assert ingest_interval(made, api_contract(**KNOWN), day(0))[0].outcome == "accepted"
    served.records = readings("abcc")
    assert ingest_interval(made, api_contract(**KNOWN), day(0))[0].outcome == "held"


def test_what_the_steward_let_count_does_not_come_back_over_a_whole_one(
    made: Lake, server: Server, api_contract
) -> None:
    feed = api_contract(**KNOWN, feed={"max_key_loss": 1.0})
    served = Api(server, readings("abb"), adds=declaring(3))
    (first,) = ingest_interval(made, feed, day(0))
    decide(made, first.batch, "accept", "asked the office", "A. Steward")
    served.records = readings("abc")
    ingest_interval(made, feed, day(0))
    served.records = readings("abb")
    (again,) = ingest_interval(made, feed, day(0))
    assert (again.outcome, again.message) == ("duplicate", f"not taken back: {WHY}")
    assert counted(made) == dict.fromkeys("abc", 1)


def test_a_second_pass_that_agrees_is_taken(made: Lake, server: Server, api_contract) -> None:
    """A record put in while paging moved another over the edge of the page."""
    served = Api(server, readings("abc"), by="offset", adds=declaring(4))

    def insert(number: int) -> None:
        if number == 2:
            served.records = readings("xabc")

    served.before = insert
    (delivery,) = ingest_interval(made, api_contract(**KNOWN, paging=OFFSET), day(0))
    assert (delivery.outcome, served.served) == ("accepted", 4)
    assert counted(made) == dict.fromkeys("xabc", 1)


def test_passes_that_never_agree_are_not_taken(made: Lake, server: Server, api_contract) -> None:
    served = Api(server, readings("abb"))
    served.adds = lambda n: {"total": 3}
    served.before = lambda n: setattr(served, "records", readings("abb", value=n))  # type: ignore[func-returns-value]
    with pytest.raises(SourceError, match="changes while it is paged, 3 times in a row: 3 records declared; 3 came"):
        ingest_interval(made, api_contract(**KNOWN), day(0))
    assert list(made.store.list("")) == []


def test_a_time_in_the_envelope_does_not_tell_two_passes_apart(made: Lake, server: Server, api_contract) -> None:
    Api(server, readings("abb"), adds=lambda n: {"total": 3, "generated": n})
    assert ingest_interval(made, api_contract(**KNOWN), day(0))[0].outcome == "held"


def test_held_by_every_run_and_no_other_interval_is_stopped(made: Lake, server: Server, api_contract) -> None:
    feed = api_contract(**KNOWN, feed={"recapture": timedelta(days=1)})
    Api(server, readings("abb"), adds=declaring(3))
    captured = Captured()
    capture(made, feed, feed.calendar.local_date(day(1)), captured)
    assert [one.outcome for one in captured.deliveries] == ["held", "held"]
