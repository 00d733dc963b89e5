"""How long the warehouse waits for feeds that are running: no longer than they run, no longer than it may."""

from __future__ import annotations

import time

from dags.factory.wait_for_feeds import wait_for_feeds


def test_it_looks_again_only_at_feeds_that_were_running_until_none_is() -> None:
    left = {"a.x": 0, "b.y": 2, "c.z": 1}
    """How often each is still seen running."""
    looked: list[str] = []

    def active(feed: str) -> bool:
        looked.append(feed)
        left[feed] -= 1
        return left[feed] >= 0

    assert wait_for_feeds(["a.x", "b.y", "c.z"], 30, active) == []
    assert looked == ["a.x", "b.y", "c.z", "b.y", "c.z", "b.y"]


def test_a_feed_that_runs_on_is_not_waited_for_beyond_the_time_given() -> None:
    began = time.monotonic()
    assert wait_for_feeds(["a.x", "b.y"], 0.4, lambda feed: feed == "b.y") == ["b.y"]
    assert time.monotonic() - began >= 0.4


def test_no_time_given_asks_nobody() -> None:
    looked: list[str] = []
    assert wait_for_feeds(["a.x"], 0, lambda feed: bool(looked.append(feed)) or True) == []
    assert looked == []
