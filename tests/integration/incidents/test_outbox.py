"""The outbox: made from receipts, private, gone with the rows it was made from."""

from __future__ import annotations

import dataclasses
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.delivery.ingest import ingest_file
from ingestion.delivery.reconform import reconform
from ingestion.lake import Lake
from ingestion.upkeep.collect import collect, erase, expire, to_erase
from tests.integration.incidents.test_refused_mail import CALLS, CONTRACTS, METERS, READINGS, REFUSED, START, City
from tests.support.handed_out import ROWS, grid
from tests.support.lakes import day, drop, rows
from warehouse.stewards import outbox
from warehouse.stewards.mail import send_due


def keys_of(made: Lake, zone: str = "outbox/") -> list[str]:
    return [info.key for info in made.store.list(zone)]


def batches(made: Lake) -> dict[str, str]:
    return {item.feed: item.batch for item in outbox.items(made)}


def test_it_is_made_from_receipts_and_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    city = City(tmp_path)
    city.deliver(READINGS)
    city.deliver(METERS)
    assert city.deliver(CALLS, text=rows("abc")) == "accepted"
    assert outbox.prepare(city.lake) == 2
    before = {key: city.lake.store.get_bytes(key) for key in keys_of(city.lake)}
    assert outbox.prepare(city.lake) == 0
    assert {key: city.lake.store.get_bytes(key) for key in keys_of(city.lake)} == before
    assert sorted(item.department for item in outbox.items(city.lake)) == ["office", "works"]
    assert [item.feed for item in outbox.items(city.lake, "works")] == [METERS]
    item = outbox.item_of(city.lake, READINGS, batches(city.lake)[READINGS])
    assert item is not None
    assert (item.rows, item.received, item.rule, item.language) == (2, 3, "refused_share", "zh")
    assert [(count.rule, count.rows) for count in item.rules] == [("number", 1), ("seen.type", 1)]
    path = city.lake.store.fetch(item.workbook_key, tmp_path / "w.xlsx")
    assert "never" in {cell for row in grid(path, ROWS) for cell in row}


@pytest.mark.faults
def test_its_cost_follows_new_receipts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    city = City(tmp_path)
    for number in range(5):
        city.minutes = number * 24 * 60
        city.deliver(READINGS, number)
        assert outbox.prepare(city.lake) == 1
    looked: list[str] = []
    read = type(city.lake.store).get_bytes
    monkeypatch.setattr(type(city.lake.store), "get_bytes", lambda self, key: looked.append(key) or read(self, key))
    assert outbox.prepare(city.lake) == 0
    assert 0 < len([key for key in looked if key.endswith("item.json")]) <= 3, "those of the last two days"


def test_on_a_folder_it_is_the_accounts_own(tmp_path: Path) -> None:
    city = City(tmp_path, steward_mail_minutes=0)
    city.deliver(READINGS)
    send_due(city.lake)
    files = [path for path in (tmp_path / "lake" / "outbox").rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"workbook.xlsx", "item.json", "@cursor.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "lake" / "outbox").stat().st_mode) == 0o700


@pytest.mark.faults
def test_what_failed_is_made_by_the_next_call_and_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    city = City(tmp_path)
    city.deliver(READINGS)
    city.deliver(METERS)
    made: Any = outbox.workbook

    def failing(lake: Lake, feed: str, batch: str, to: Path) -> Path:
        if feed == READINGS:
            raise OSError(28, "no space left on device")
        return Path(made(lake, feed, batch, to))

    monkeypatch.setattr(outbox, "workbook", failing)
    assert outbox.prepare(city.lake) == 1
    assert f"no workbook of {READINGS}" in caplog.text
    monkeypatch.setattr(outbox, "workbook", made)
    city.minutes = 8 * 24 * 60
    city.deliver(METERS, 7)
    assert outbox.prepare(city.lake) == 2
    assert set(batches(city.lake)) == {READINGS, METERS}


def test_erasure_takes_it_along_and_it_does_not_come_back(tmp_path: Path) -> None:
    city = City(tmp_path, steward_mail_minutes=0)
    city.deliver(READINGS)
    city.deliver(METERS)
    city.send(1)
    made, batch = city.lake, batches(city.lake)[READINGS]
    assert any("outbox/office/" in key for key in to_erase(made, CONTRACTS[READINGS], batch))
    stone = erase(made, CONTRACTS[READINGS], batch, reason="a person asked", by="tester")
    gone = [key for key in stone.objects if key.startswith("outbox/")]
    assert [key.rsplit("/", 1)[1] for key in gone if "@" not in key] == ["item.json", "workbook.xlsx"]
    assert [key.split("/")[1] for key in gone if "@" in key] == ["@mail", "@open"]
    left = keys_of(made)
    assert not set(gone) & set(left)
    assert not [key for key in left if "readings" in key]
    send_due(made)
    assert not [key for key in keys_of(made) if "readings" in key]
    assert set(batches(made)) == {METERS}
    assert [mail.to for mail in outbox.mails(made, 10)] == ["works@example.org"]


def test_it_goes_with_the_quarantine(tmp_path: Path) -> None:
    city = City(tmp_path, steward_mail_minutes=0)
    city.deliver(READINGS)
    send_due(city.lake)
    kept = CONTRACTS[READINGS].citylake.retention.quarantine

    def at(after: timedelta) -> Lake:
        return dataclasses.replace(city.lake, clock=lambda: START + after)

    assert not [key for key in expire(at(kept - timedelta(minutes=1)), CONTRACTS[READINGS]) if "outbox" in key]
    late = at(kept + timedelta(minutes=1))
    planned = expire(late, CONTRACTS[READINGS], dry_run=True)
    assert keys_of(late, "outbox/office/")
    assert sorted(expire(late, CONTRACTS[READINGS])) == sorted(planned)
    assert keys_of(late, "outbox/office/") == keys_of(late, "outbox/@mail/") == keys_of(late, "quarantine/") == []
    assert outbox.prepare(late) == 0


def test_a_mail_no_item_names_goes_on_its_day(tmp_path: Path) -> None:
    city = City(tmp_path, steward_mail_minutes=0)
    city.deliver(READINGS)
    send_due(city.lake)
    for key in keys_of(city.lake, "outbox/office/"):
        city.lake.store.delete(key)
    day_after = START + CONTRACTS[READINGS].citylake.retention.quarantine + timedelta(days=1)
    expire(dataclasses.replace(city.lake, clock=lambda: day_after), CONTRACTS[METERS])
    assert keys_of(city.lake, "outbox/@mail/") == []


@pytest.mark.faults
def test_orphans_are_collected_around_it(tmp_path: Path) -> None:
    city = City(tmp_path, steward_mail_minutes=0)
    city.deliver(READINGS)
    send_due(city.lake)
    before = keys_of(city.lake)
    later = dataclasses.replace(city.lake, clock=lambda: START + timedelta(days=4000))
    collect(later)
    assert keys_of(city.lake) == before


@pytest.mark.faults
def test_conformed_again_and_refused_again_is_no_news(tmp_path: Path) -> None:
    city = City(tmp_path, steward_mail_minutes=0)
    path = drop(city.lake, "readings_20260302.csv", REFUSED)
    assert ingest_file(city.lake, CONTRACTS[READINGS], path, day(0)).outcome == "refused"
    send_due(city.lake)
    (first,) = outbox.items(city.lake)
    revised = dataclasses.replace(CONTRACTS[READINGS], version="2.0.0")
    made = dataclasses.replace(city.lake, contracts={**CONTRACTS, READINGS: revised})
    city.minutes = 5
    assert [one.outcome for one in reconform(made, revised)] == ["refused"]
    send_due(made)
    (second,) = outbox.items(made)
    assert second.receipt != first.receipt
    assert (second.mail, len(outbox.mails(made, 10))) == (first.mail, 1)
