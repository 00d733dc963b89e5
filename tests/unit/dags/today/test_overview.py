"""Which lines the first page has, in which order, and what the summary says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from dags.today.access import Caller
from dags.today.overview import SHOWN, overview
from tests.support.today import CALLERS
from warehouse.status.model import BY_URGENCY, FeedLine, ProductLine, Reason, Status
from warehouse.title import Title

AT = datetime(2026, 3, 4, 15, tzinfo=UTC)
OPERATOR = CALLERS["operator"]


def feed(name: str, state: Any = "good", **said: Any) -> FeedLine:
    department = name.split(".", maxsplit=1)[0]
    parts: dict[str, Any] = {
        "feed": name, "department": department, "title": Title(zh=name, en=name), "steward": "管理员",
        "department_title": Title(zh=department, en=department), "impact": "high", "product": "visits",
        "synthetic": True, "state": state,
    }  # fmt: skip
    return FeedLine(**(parts | said))


def product(name: str, verdict: Any = "passed", **said: Any) -> ProductLine:
    parts: dict[str, Any] = {
        "product": name, "title": Title(zh=name, en=name), "departments": ["office"], "feeds": ["office.a"],
        "synthetic": True, "verdict": verdict,
    }  # fmt: skip
    return ProductLine(**(parts | said))


def status(feeds: list[FeedLine], products: list[ProductLine] | None = None) -> Status:
    return Status(at=AT, timezone="Asia/Shanghai", synthetic=True, feeds=feeds, products=products or [], editions=[])


def test_who_needs_a_person_comes_first_and_the_longest_first() -> None:
    feeds = [feed(f"office.{state}", state) for state in reversed(BY_URGENCY)]
    feeds += [feed("office.older", "late", since=AT - timedelta(days=2)), feed("office.newer", "late", since=AT)]
    found = [line.feed for line in overview(status(feeds), OPERATOR).feeds]
    assert found == [
        *(f"office.{state}" for state in BY_URGENCY[:4]), "office.older", "office.newer",
        *(f"office.{state}" for state in BY_URGENCY[4:]),
    ]  # fmt: skip


def test_blocked_products_come_first_those_that_only_wait_for_another_last() -> None:
    waits = product("a", "blocked", reasons=[Reason(kind="dependency", failures=1, text="it is blocked")])
    own = product("b", "blocked", reasons=[Reason(kind="rule", failures=3, text="rule x: failed")])
    found = overview(status([], [product("0"), waits, product("c", None), own]), OPERATOR)
    assert [line.product for line in found.products] == ["b", "a", "c", "0"]
    assert [(count.state, count.total) for count in found.counts] == [("blocked", 2)]
    first = found.counts[0].lines[0]
    assert (first.kind, first.reason) == ("rule", "rule x: failed")


def test_the_summary_counts_all_and_names_some() -> None:
    feeds = [feed(f"office.f{n}", "late") for n in range(SHOWN + 2)] + [feed("office.h", "held"), feed("office.g")]
    counts = overview(status(feeds), OPERATOR, state="good").counts
    assert [(c.state, c.total, len(c.lines)) for c in counts] == [("held", 1, 1), ("late", SHOWN + 2, SHOWN)]
    assert overview(status([feed("office.g")]), OPERATOR).counts == []


def test_filters_keep_what_stands_in_connection() -> None:
    feeds = [feed("office.a", "refused"), feed("office.b"), feed("other.c", "late", product="else")]
    products = [
        product("visits", "blocked", feeds=["office.a", "office.b"]),
        product("else", departments=["other"], feeds=["other.c"]),
    ]

    def shown(**chosen: str) -> tuple[list[str], list[str]]:
        found = overview(status(feeds, products), OPERATOR, **chosen)
        return [line.feed for line in found.feeds], [line.product for line in found.products]

    assert shown(department="other") == (["other.c"], ["else"])
    assert shown(state="refused") == (["office.a"], ["visits"])
    assert shown(state="attention") == (["office.a", "other.c"], ["visits", "else"])
    assert shown(state="blocked") == (["office.a", "office.b"], ["visits"])
    assert shown(state="late", department="office") == ([], [])
    assert shown(state="no such") == ([], [])


def test_feeds_that_the_caller_may_not_read_are_not_there() -> None:
    one = Caller("one", "user", "", may_read=lambda dag: dag != "other.c")
    found = overview(status([feed("office.a"), feed("other.c", "late")]), one)
    assert [line.feed for line in found.feeds] == ["office.a"]
    assert found.counts == []
    assert [name for name, _ in found.departments] == ["office"]
