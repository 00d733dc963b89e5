"""The status of each edition in a folder and in buckets: replaced whole, and read back as it is in a folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

from ingestion.settings import Settings
from tests.unit.warehouse.status.conftest import begin
from warehouse.release import layout
from warehouse.status.refresh import rewrite


def test_it_is_replaced_whole_and_the_past_is_read_back(place: Callable[[Path], Settings], tmp_path: Path) -> None:
    days = begin(tmp_path, place(tmp_path / "lake-home"))
    days.run()
    blocked = days.run("fct_weather")
    days.change(20.0)
    days.run("fct_weather", released=False)
    store, done, seen = days.lake.store, threading.Event(), []

    def read() -> None:
        while not done.is_set():
            for edition in layout.EDITIONS:
                seen.append(json.loads(store.get_bytes(layout.status(edition)))["edition"])
                assert store.get_bytes(layout.banner(edition)).rstrip().endswith(b"</aside>")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert all(rewrite(days.lake) for _ in range(10))
    finally:
        done.set()
        reader.join()
    assert set(seen) == {"internal", "open"}
    store.delete(layout.status("internal"))
    line = days.product("weather")
    assert (line.verdict, line.since, line.stands_still) == (
        "blocked", blocked, {"internal": blocked, "open": blocked},
    )  # fmt: skip
