"""What each edition's readers find beside its releases, and what they do not."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from ingestion.values.hashes import sha256_of_bytes
from tests.support.small_city import DELIVERY
from tests.unit.warehouse.status.conftest import Days, begin
from warehouse.incidents.report import report
from warehouse.incidents.sweep import sweep as sweep_incidents
from warehouse.release import layout, moves, pointer
from warehouse.release.collect import collect
from warehouse.status.published import OpenProduct, OpenStatus
from warehouse.status.refresh import rewrite


def read(days: Days, edition: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(days.lake.store.get_bytes(layout.status(edition)))
    return found


def html(days: Days, edition: str) -> str:
    return days.lake.store.get_bytes(layout.banner(edition)).decode()


class Elements(HTMLParser):
    """The tags of a fragment, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words += data


@dataclass(frozen=True)
class Trouble:
    """The city, and since when its product is blocked."""

    days: Days
    blocked_at: datetime


@pytest.fixture(scope="module")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> Trouble:
    """A released city with a blocked product, a refused feed, an unreachable one, and an open edition on hold.

    Tests only read it.
    """
    days = begin(tmp_path_factory.mktemp("trouble"))
    days.run()
    days.city.deliver("office.visit", "2026-03-05", "refused", "the first row is Li Si 13800000000", "header")
    days.hours += 1
    report(days.lake, "source_unreachable", "office.reading", "ftp.office.example did not answer")
    moves.rollback(days.lake, "open", days.status().editions[1].release or "", reason="a mayor called", by="li.si")
    days.change(5.0)
    at = days.run("fct_weather", released=False)
    sweep_incidents(days.lake, days.now)
    rewrite(days.lake)
    return Trouble(days, at)


def test_the_open_edition_says_what_its_readers_may_know_and_nothing_else(trouble: Trouble) -> None:
    days = trouble.days
    hold = pointer.hold(days.lake, "open")
    manifest = pointer.current(days.lake, "internal")
    assert hold is not None
    assert manifest is not None
    opened = read(days, "open")
    assert set(opened) == set(OpenStatus.model_fields)
    (weather,) = opened["products"]
    assert set(weather) == set(OpenProduct.model_fields)
    assert (weather["product"], weather["content_as_of"], weather["stands_still"]) == ("weather", "2026-03-06", True)
    assert datetime.fromisoformat(weather["stands_still_since"]) == hold.since
    assert opened["release"] == days.status().editions[1].release
    for text in (json.dumps(opened, ensure_ascii=False), html(days, "open")):
        secret = ["A. Steward", "steward@example.org", "a mayor called", "li.si", "airflow", "r1", "blocked", "refused"]
        secret += ["Li Si", "ftp.office", "build0", "verdicts/", "incident", "food", "places", "key_fct", manifest.id]
        secret += [*DELIVERY, "office", str(days.city.home), *(b for b in manifest.products["weather"].inputs)]
        assert [word for word in secret if word in text.replace(opened["release"], "")] == []


def test_the_internal_edition_says_why(trouble: Trouble) -> None:
    days = trouble.days
    found = read(days, "internal")
    lines = {line["product"]: line for line in found["products"]}
    assert list(lines) == ["food", "places", "planned", "weather"]
    assert lines["weather"]["reasons"] == [
        {"kind": "key", "failures": 3, "text": "key key_fct_weather: failed, 3 failing"}
    ]
    assert datetime.fromisoformat(lines["weather"]["since"]) == trouble.blocked_at
    assert lines["weather"]["since"].endswith("+08:00")
    assert {feed["feed"]: feed["state"] for feed in found["feeds"]} == {
        "office.reading": "unreachable", "office.visit": "refused", "office.town": "late",
    }  # fmt: skip
    text = json.dumps(found, ensure_ascii=False) + html(days, "internal")
    secret = ("A. Steward", "steward@example.org", "li.si", "a mayor called", "Li Si", "ftp.office", "airflow")
    assert [word for word in secret if word in text] == []


def test_the_banner_escapes_what_others_wrote_and_runs_nothing(trouble: Trouble) -> None:
    days, at = trouble.days, trouble.blocked_at
    for edition in layout.EDITIONS:
        elements = Elements(html(days, edition))
        assert set(elements.tags) == {"aside", "section", "ul", "li"}
        assert "<script>alert(1)</script>气象：自 2026-03-06 " in elements.words
        assert "Weather & wind: not updated since 2026-03-06 " in elements.words
    assert f"since 2026-03-06 {at.hour + 8:02d}:{at.minute:02d}; content as of 2026-03-04" in html(days, "internal")


def test_nothing_stands_still(days: Days) -> None:
    rewrite(days.lake)
    assert "目前没有可供使用的发布版本" in html(days, "open")
    assert read(days, "open")["products"] == []
    days.run()
    assert set(Elements(html(days, "open")).tags) == {"aside", "section"}
    assert Elements(html(days, "open")).words.strip() == ""


def test_it_is_no_part_of_a_release_and_stays(days: Days) -> None:
    days.run()
    written = [key(edition) for edition in layout.EDITIONS for key in (layout.status, layout.banner)]
    before = {key: days.lake.store.get_bytes(key) for key in written}
    for edition in layout.EDITIONS:
        collect(days.lake, edition)
    assert {key: days.lake.store.get_bytes(key) for key in written} == before
    for edition in layout.EDITIONS:
        manifest = pointer.pointer(days.lake.store, edition)
        assert manifest is not None
        assert manifest.release is not None
        data = days.lake.store.get_bytes(layout.manifest(edition, manifest.release))
        assert sha256_of_bytes(data) == manifest.manifest_sha256
        assert "status.json" not in data.decode()


def test_readers_of_an_edition_may_read_its_status(days: Days) -> None:
    days.run()
    root = days.city.home / "lake"
    modes = {
        key: stat.S_IMODE((root / key).stat().st_mode)
        for edition in layout.EDITIONS
        for key in (layout.status(edition), layout.banner(edition))
    }
    assert set(modes.values()) <= {0o640, 0o644}
    assert {key.split("/")[1]: mode for key, mode in modes.items()} == {"internal": 0o640, "open": 0o644}


def test_a_restricted_edition_has_a_status_of_its_own_and_is_a_line_elsewhere(days: Days) -> None:
    """Readers inside learn that it is there and its release; everybody else nothing."""
    days.city.restricted = {"fct_weather"}
    days.run()
    held = days.run("fct_weather")
    edition = "restricted/weather"
    inside, own, opened = (read(days, name) for name in ("internal", edition, "open"))
    assert [set(line) for line in inside["restricted"]] == [{"edition", "release", "released_at"}]
    assert inside["restricted"][0]["edition"] == edition
    assert inside["restricted"][0]["release"] == own["release"]
    weather = next(line for line in inside["products"] if line["product"] == "weather")
    assert set(weather["stands_still"]) == {"internal", "open"}
    assert "restricted" not in json.dumps(opened) + html(days, "open") + html(days, "internal")
    assert own["product"]["product"] == "weather"
    assert own["content_as_of"] == "2026-03-04"
    assert datetime.fromisoformat(own["stands_still_since"]) == held
    # Since when is remembered, as it is for the other editions.
    days.run("fct_weather")
    assert datetime.fromisoformat(read(days, edition)["stands_still_since"]) == held
    root = days.city.home / "lake"
    assert stat.S_IMODE((root / layout.status(edition)).stat().st_mode) == 0o600
