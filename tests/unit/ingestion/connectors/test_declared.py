"""What pages declare against what they hold: every way in which they can disagree, and what is no disagreement."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import closing
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.connectors.declared import Declared
from ingestion.connectors.pages import PageReader, header_total, whole_number
from ingestion.contract.sources import JsonApi
from tests.support.examples import a_part

URL = httpx.Request("GET", "http://127.0.0.1/api")
Pages = list[dict[str, Any]]


def read(
    pages: Iterable[dict[str, Any]], headers: dict[str, str] | None = None, **said: Any
) -> tuple[str | None, Declared]:
    """The doubt of a pass over these pages, or what changed under it. `said` are keys of the source."""
    source = JsonApi.model_validate({"connector": "json_api", "url": "api", "paging": {"by": "none"}, **said})
    declared = Declared(source)
    with closing(PageReader(source, "$.data", "utf-8")) as reader:
        for page in pages:
            response = httpx.Response(200, headers=headers, request=URL)
            change = declared.add(reader.read(json.dumps(page).encode(), response))
            if change is not None:
                return change, declared
        return declared.doubt(reader.ids()), declared


def rows(*ids: object) -> list[dict[str, object]]:
    return [{"id": one} for one in ids]


KNOWN = {"total": "$.total", "id": "$.id"}


@settings(max_examples=a_part(0.25))
@given(ids=st.lists(st.integers(0, 4), max_size=7), total=st.integers(0, 7), size=st.integers(1, 4))
def test_a_total_is_met_by_exactly_so_many_records_and_ids(ids: list[int], total: int, size: int) -> None:
    """However they are cut into pages."""
    pages: Pages = [{"data": rows(*ids[n : n + size]), "total": total} for n in range(0, max(1, len(ids)), size)]
    doubt, _ = read(pages, **KNOWN)
    assert (doubt is None) == (len(ids) == len(set(ids)) == total)


@pytest.mark.parametrize(
    ("ids", "total", "doubt"),
    [
        ((1, 2, 2), 3, "3 records declared; 3 came with 2 different ids"),
        ((1, "1"), 2, "2 records declared; 2 came with 1 different ids"),
        (("X9", "X9\t"), 2, "2 records declared; 2 came with 1 different ids"),
        (("X9", "\u3000X9\ufeff"), 2, "2 records declared; 2 came with 1 different ids"),
        ((1, None, 3), 3, "3 records declared; 3 came with 2 different ids and 1 without one"),
        ((1, "", " "), 3, "3 records declared; 3 came with 1 different ids and 2 without one"),
        ((1, 2, 3, 4), 3, "3 records declared; 4 came with 4 different ids"),
        ((1, 2), 3, "3 records declared; 2 came with 2 different ids"),
        ((1, 1, 2), 2, "2 records declared; 3 came with 2 different ids"),
        ((), 2, "2 records declared; 0 came with 0 different ids"),
        ((1, 2), "2", None),
        ((1, 2), " 2 ", None),
        ((1, 2), 2.0, None),
        ((1, 2), "about 2", "the declared `total` is no whole number"),
        ((1, 2), "\u00b2", "the declared `total` is no whole number"),
        ((1, 2), -1, "the declared `total` is no whole number"),
        ((1, 2), {"value": 2}, "the declared `total` is no whole number"),
        ((1, 2), None, "the contract's `total` is on no page"),
        ((2**70, 2**70 + 1), 2, None),
    ],
)
def test_ids_against_a_total(ids: tuple[object, ...], total: object, doubt: str | None) -> None:
    assert read([{"data": rows(*ids), "total": total}], **KNOWN)[0] == doubt


def test_a_record_that_is_no_object_has_no_id() -> None:
    doubt, _ = read([{"data": [{"id": 1}, 7, {"other": 1}], "total": 3}], **KNOWN)
    assert doubt == "3 records declared; 3 came with 1 different ids and 2 without one"


@pytest.mark.parametrize("places", [(0,), (1,), (2,), (0, 2)])
def test_a_total_on_some_pages_holds_for_all(places: tuple[int, ...]) -> None:
    def pages(*ids: int) -> Pages:
        return [{"data": rows(one)} | ({"total": 3} if n in places else {}) for n, one in enumerate(ids)]

    assert read(pages(1, 2, 3), **KNOWN)[0] is None
    assert read(pages(1, 2, 2), **KNOWN)[0] == "3 records declared; 3 came with 2 different ids"


def test_totals_that_differ_are_a_change() -> None:
    pages: Pages = [{"data": rows(1), "total": 2}, {"data": rows(2)}, {"data": rows(3), "total": 3}]
    assert read(pages, **KNOWN)[0] == "total was 2 on an earlier page and is 3 on page 3"


def test_without_id_only_records_can_be_counted() -> None:
    doubt, declared = read([{"data": rows(1, 1), "total": 2}], total="$.total")
    assert (doubt, declared.is_short_of_records()) == (None, False)
    _, short = read([{"data": rows(1, 1), "total": 3}], total="$.total")
    assert short.is_short_of_records()


@pytest.mark.parametrize(
    ("pages", "doubt"),
    [
        ([1, 1, 1], None),
        ([1, 1, 1, 0], None),
        ([1, 1], "3 pages declared and 2 with records came"),
        ([1, 1, 1, 1], "3 pages declared and 4 with records came"),
    ],
)
def test_pages_against_their_declared_number(pages: list[int], doubt: str | None) -> None:
    """An empty page is how paging by number ends."""
    sent: Pages = [{"data": rows(*range(count)), "of": 3} for count in pages]
    assert read(sent, page_count="$.of")[0] == doubt


def test_no_records_are_on_no_page_or_one() -> None:
    assert [read([{"data": [], "of": of}], page_count="$.of")[0] for of in (0, 1, 2)] == [
        None,
        None,
        "2 pages declared and 0 with records came",
    ]


def test_a_page_against_its_own_count() -> None:
    pages: Pages = [{"data": rows(1, 2), "n": 2}, {"data": rows(3), "n": 2}, {"data": rows(4)}]
    message = (
        "1 of 3 pages hold another number of records than they declare; the contract's `count` is missing on 1 of 3"
    )
    assert read(pages, count="$.n")[0] == f"{message} pages"


def test_a_snapshot_must_be_on_every_page() -> None:
    pages: Pages = [{"data": rows(1), "as_of": "a"}, {"data": rows(2)}]
    assert read(pages, snapshot="$.as_of")[0] == "the contract's `snapshot` is missing on 1 of 2 pages"
    assert read(pages[1:], snapshot="$.as_of")[0] is None


@pytest.mark.parametrize(
    ("name", "value", "doubt"),
    [
        ("X-Total-Count", "2", None),
        ("X-Total-Count", "3", "3 records declared; 2 came with 2 different ids"),
        ("Content-Range", "items 0-1/2", None),
        ("Content-Range", "0-1/3", "3 records declared; 2 came with 2 different ids"),
        ("Content-Range", "items 0-1/*", "the contract's `total` is on no page"),
        ("X-Other", "2", "the contract's `total` is on no page"),
    ],
)
def test_a_total_in_a_header(name: str, value: str, doubt: str | None) -> None:
    wanted = "X-Total-Count" if name == "X-Other" else name
    assert read([{"data": rows(1, 2)}], {name: value}, total_header=wanted, id="$.id")[0] == doubt


def test_what_a_page_says_of_itself_is_no_part_of_its_records() -> None:
    """Two passes are equal by their records: a time, a request's id or a cursor may differ."""
    source = JsonApi.model_validate({"connector": "json_api", "url": "api", "paging": {"by": "none"}})
    with closing(PageReader(source, "$.data", "utf-8")) as reader:
        response = httpx.Response(200, request=URL)
        bodies = [json.dumps({"at": n, "data": rows(1, n > 1)}).encode() for n in range(3)]
        digests = [reader.read(body, response).digest for body in bodies]
    assert digests[0] == digests[1] != digests[2]


def test_numbers_of_a_declaration() -> None:
    texts = ["0", "007", "+3", "4.0", " 5 ", "1e3", "1,000", "-1", "1.5", "", "9" * 19, "\uff14", "true"]
    assert [whole_number(text) for text in texts] == [0, 7, 3, 4, 5, *[None] * 8]
    assert whole_number(None) is None
    assert header_total(None) is None
