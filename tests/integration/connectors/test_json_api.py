"""A paged JSON API: every way of paging, changes while paging, and paging that never ends."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingestion.delivery.ingest import ingest_interval
from ingestion.errors import SourceError
from ingestion.lake import Lake
from ingestion.receipts.manifests import read_manifest
from tests.support.lakes import counted, day
from tests.support.pages import PATH, Api, readings
from tests.support.web import Answer, Asked, Server, serving

PAGINGS = {
    "cursor": {"by": "cursor", "parameter": "cursor", "next": "$.next"},
    "token": {"by": "token", "parameter": "cursor", "next_header": "X-Next-Token"},
    "page": {"by": "page", "parameter": "page", "size_parameter": "limit", "size": 500},
    "offset": {"by": "offset", "parameter": "from"},
    "link_header": {"by": "link_header"},
    "next_link": {"by": "next_link", "next": "$.next"},
}


@pytest.mark.parametrize("by", PAGINGS)
def test_every_record_of_every_page_is_taken_once(made: Lake, server: Server, api_contract, by: str) -> None:
    """The server gives fewer records a page than asked for: a short page is not the last."""
    feed = api_contract(paging=PAGINGS[by])
    served = Api(server, readings("abcde"), by=by)
    (delivery,) = ingest_interval(made, feed, day(0))
    assert (delivery.outcome, delivery.received, delivery.accepted) == ("accepted", 5, 5)
    assert counted(made) == dict.fromkeys("abcde", 1)
    assert all(asked.query["day"] == "2026-03-02" for asked in server.asked)
    assert all(asked.headers["authorization"] == "Bearer s3cret-token" for asked in server.asked)
    manifest = read_manifest(made.store, feed, day(0), delivery.batch)
    assert manifest.pages == [hashlib.sha256(body).hexdigest() for body in served.bodies]
    assert manifest.source == f"json_api:{server.url}{PATH}?day=2026-03-02"


def test_the_same_pages_are_the_same_delivery(made: Lake, server: Server, api_contract) -> None:
    Api(server, readings("abc"))
    (first,) = ingest_interval(made, api_contract(), day(0))
    before = [info.key for info in made.store.list("")]
    (again,) = ingest_interval(made, api_contract(), day(0))
    assert (again.outcome, again.batch) == ("duplicate", first.batch)
    assert [info.key for info in made.store.list("")] == before
    assert list(made.settings.scratch_root.iterdir()) == []


def test_pages_are_kept_byte_for_byte(made: Lake, server: Server, api_contract, tmp_path: Path) -> None:
    import zipfile

    served = Api(server, readings("abc"))
    (delivery,) = ingest_interval(made, api_contract(), day(0))
    manifest = read_manifest(made.store, api_contract(), day(0), delivery.batch)
    with zipfile.ZipFile(made.store.fetch(manifest.payload, tmp_path / "payload")) as archive:
        assert archive.namelist() == ["page-00001.json", "page-00002.json"]
        assert [archive.read(name) for name in archive.namelist()] == served.bodies


def test_an_interval_that_has_not_ended_is_awaited(made: Lake, server: Server, api_contract) -> None:
    Api(server, readings("abc"))
    early = replace(made, clock=lambda: datetime(2026, 3, 2, 23, 59, tzinfo=UTC))
    assert ingest_interval(early, api_contract(), day(0)) == []
    assert server.asked == []


def test_no_records_are_judged_by_the_contract(made: Lake, server: Server, api_contract) -> None:
    Api(server, [])
    assert ingest_interval(made, api_contract(feed={"empty": "no_data"}), day(0))[0].outcome == "no_data"
    assert ingest_interval(made, api_contract(), day(1))[0].outcome == "refused"


def test_an_api_that_does_not_know_the_interval_is_awaited(made: Lake, server: Server, api_contract) -> None:
    assert ingest_interval(made, api_contract(), day(0)) == []


def test_no_page_after_the_last_ends_paging_by_number(made: Lake, server: Server, api_contract) -> None:
    Api(server, readings("abcd"), by="page", before=lambda n: Answer(b"{}", 404) if n > 2 else None)
    assert ingest_interval(made, api_contract(paging=PAGINGS["page"]), day(0))[0].accepted == 4


def test_a_total_ends_paging_without_an_empty_page(made: Lake, server: Server, api_contract) -> None:
    served = Api(server, readings("abcd"), by="offset", adds=lambda _: {"total": 4})
    ingest_interval(made, api_contract(paging=PAGINGS["offset"], total="$.total"), day(0))
    assert served.served == 2


def test_a_server_that_asks_to_wait_between_pages(made: Lake, server: Server, api_contract) -> None:
    busy = Answer(b"slow down", 429, {"Retry-After": "1"})
    Api(server, readings("abcd"), before=lambda n: busy if n == 2 else None)
    assert ingest_interval(made, api_contract(), day(0))[0].accepted == 4
    assert server.asked[2].at - server.asked[1].at >= 1.0


@pytest.mark.parametrize("member", ["snapshot", "total"])
def test_data_that_changed_while_it_was_paged_is_paged_again(
    made: Lake, server: Server, api_contract, member: str
) -> None:
    served = Api(server, readings("abcd"), adds=lambda n: {member: 3 if n == 1 else 4})
    (delivery,) = ingest_interval(made, api_contract(**{member: f"$.{member}"}), day(0))
    assert delivery.accepted == 4
    assert served.served == 4
    assert counted(made) == dict.fromkeys("abcd", 1)


def test_a_row_that_moved_to_the_next_page_is_noticed(made: Lake, server: Server, api_contract) -> None:
    """A record put in at the front pushes one over the edge of the page: it would come twice."""
    served = Api(server, readings("abcd"), by="offset")

    def insert(number: int) -> None:
        if number == 2:
            served.records = readings("xabcd")

    served.before = insert
    (delivery,) = ingest_interval(made, api_contract(paging=PAGINGS["offset"], id="$.id"), day(0))
    assert counted(made) == dict.fromkeys("xabcd", 1)
    assert delivery.received == 5


def test_ids_that_repeat_in_the_same_pages_twice_are_the_departments_own(
    made: Lake, server: Server, api_contract
) -> None:
    served = Api(server, readings("abba"))
    (delivery,) = ingest_interval(made, api_contract(id="$.id"), day(0))
    assert (delivery.received, delivery.duplicates) == (4, 2)
    assert served.served == 4


def test_data_that_never_stands_still_is_not_taken(made: Lake, server: Server, api_contract) -> None:
    Api(server, readings("abcd"), adds=lambda n: {"snapshot": n})
    with pytest.raises(SourceError, match=r"changes while it is paged, 3 times in a row: snapshot was 5 .* is 6"):
        ingest_interval(made, api_contract(snapshot="$.snapshot"), day(0))
    assert list(made.store.list("")) == []
    assert list(made.settings.scratch_root.iterdir()) == []


def test_a_total_that_is_never_reached_is_not_taken(made: Lake, server: Server, api_contract) -> None:
    Api(server, readings("abc"), adds=lambda _: {"total": 9})
    with pytest.raises(SourceError, match="9 records declared and 3 sent"):
        ingest_interval(made, api_contract(total="$.total"), day(0))


def test_the_same_cursor_twice_is_told(made: Lake, server: Server, api_contract) -> None:
    Api(server, readings("ab"), adds=lambda _: {"next": "after-0"})
    with pytest.raises(SourceError, match="leads back to an earlier page"):
        ingest_interval(made, api_contract(), day(0))
    assert len(server.asked) == 2


def test_paging_without_an_end_is_cut(made: Lake, server: Server, api_contract) -> None:
    Api(server, readings(range(100)), size=1)
    paging = {**PAGINGS["cursor"], "max_pages": 7}
    with pytest.raises(SourceError, match="more than the contract's 7 pages"):
        ingest_interval(made, api_contract(paging=paging), day(0))
    assert len(server.asked) == 7


def test_a_next_page_on_another_server_is_not_followed(made: Lake, server: Server, api_contract) -> None:
    with serving() as other:
        Api(server, readings("ab"), adds=lambda _: {"next": f"{other.url}{PATH}"})
        with pytest.raises(SourceError, match="names a next page on another server"):
            ingest_interval(made, api_contract(paging=PAGINGS["next_link"]), day(0))
        assert other.asked == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": "quota"}', "sent no list of records at \\$.data but an object with error"),
        (b'{"data": [', "sent a page that is not JSON"),
        (b"<!DOCTYPE html><html><title>Sign in</title></html>", "sent a web page .*Sign in"),
        (b"", "sent a page that is not JSON"),
    ],
)
def test_what_is_no_page_is_not_taken(made: Lake, server: Server, api_contract, body: bytes, message: str) -> None:
    Api(server, readings("abcd"), before=lambda n: Answer(body) if n > 1 else None)
    with pytest.raises(SourceError, match=message):
        ingest_interval(made, api_contract(), day(0))
    assert list(made.store.list("")) == []


def test_a_delivery_larger_than_the_contract_allows_is_not_taken(made: Lake, server: Server, api_contract) -> None:
    Api(server, readings(range(100)), size=10)
    with pytest.raises(SourceError, match="more than the contract's 1,000 bytes"):
        ingest_interval(made, api_contract(max_bytes=1000), day(0))


@pytest.mark.parametrize("rel", ["Next", "next", '"NEXT"', '"prev next"'])
def test_the_next_page_is_known_however_its_relation_is_written(
    made: Lake, server: Server, api_contract, rel: str
) -> None:
    """Relation types have no case, and one link may have several (RFC 8288, 2.1.1 and 3.3)."""
    served = Api(server, readings("abcde"), by="link_header")
    plain = served.answer

    def answer(asked: Asked) -> Answer:
        page = plain(asked)
        link = page.headers.get("Link", "").replace('"next"', rel)
        return replace(page, headers={**page.headers, "Link": link})

    server.routes[PATH] = answer
    (delivery,) = ingest_interval(made, api_contract(paging=PAGINGS["link_header"]), day(0))
    assert delivery.accepted == 5


@pytest.mark.parametrize("by", ["link_header", "next_link"])
def test_a_next_page_is_relative_to_the_page_that_names_it(made: Lake, server: Server, api_contract, by: str) -> None:
    """RFC 3986, 5.1.3, also after a redirect."""

    def page(*ids: str, then: str | None) -> Answer:
        body: dict[str, object] = {"data": readings(ids)}
        headers = {"Link": f'<{then}>; rel="next"'} if then and by == "link_header" else {}
        return Answer(json.dumps(body | ({"next": then} if by == "next_link" else {})).encode(), headers=headers)

    server.script(PATH, Answer(status=302, headers={"Location": "/v2/readings/first"}))
    server.script("/v2/readings/first", page("a", then="part/2"))
    server.script("/v2/readings/part/2", page("b", then="3"))
    server.script("/v2/readings/part/3", page("c", then=None))
    (delivery,) = ingest_interval(made, api_contract(paging=PAGINGS[by]), day(0))
    assert delivery.accepted == 3
