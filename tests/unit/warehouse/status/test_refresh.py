"""A status that cannot be written fails neither gate nor sweep, and the next one repairs it."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import pytest

from ingestion.errors import StoreError
from ingestion.lake import Lake
from tests.unit.warehouse.status.conftest import Days
from warehouse.gate.record import latest
from warehouse.incidents.notify import Notified
from warehouse.release import layout
from warehouse.status.refresh import judge, rewrite, sweep


def decisions(days: Days) -> dict[str, str]:
    found = json.loads(days.lake.store.get_bytes(layout.status("internal")))
    return {line["product"]: line["verdict"] for line in found["products"] if line["verdict"]}


def test_gate_and_sweep_go_on(days: Days, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    days.run()

    def full(key: str, data: bytes) -> None:
        raise StoreError(f"replace {key!r}: No space left on device", left="the object is as before")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(type(days.lake.store), "replace", lambda self, key, data: full(key, data))
        verdicts = judge(days.lake, days.build("fct_weather"))
        assert {verdict.product: verdict.decision for verdict in verdicts}["weather"] == "blocked"
        assert not rewrite(days.lake)
    assert "the status was not written: replace 'published/internal/status.json': No space left" in caplog.text
    recorded = latest(days.lake.store)
    assert recorded is not None
    assert recorded.verdicts == verdicts
    assert decisions(days)["weather"] == "passed"
    swept = sweep(days.lake, days.now)
    assert any("product_blocked" in name for name in swept.opened)
    assert decisions(days)["weather"] == "blocked"


def test_an_unexpected_error_is_a_crash_log_and_a_line(
    days: Days, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("warehouse.status.refresh.read_status", lambda *_: {}["Li Si"])
    with caplog.at_level(logging.WARNING):
        assert not rewrite(days.lake)
    assert "unexpected error in status: KeyError" in caplog.text
    assert "Li Si" not in caplog.text


def test_a_status_of_another_version_or_a_damaged_one_is_written_anew(days: Days) -> None:
    at = days.run()
    for damaged in (b"", b'{"schema_version": 9}'):
        days.lake.store.replace(layout.status("internal"), damaged)
        assert days.product("weather").since == at
        assert rewrite(replace(days.lake))
        assert decisions(days)["weather"] == "passed"


def test_the_sweep_mails_stewards_and_goes_on_without(
    days: Days, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    days.run()
    mailed = Notified(sent=[("refused-1", "refused", "smtp")], failed=[("refused-2", "refused", "no answer in time")])
    monkeypatch.setattr("warehouse.status.refresh.send_due", lambda _: mailed)
    swept = sweep(days.lake, days.now)
    assert ("refused-1", "refused", "smtp") in swept.notified.sent
    assert ("refused-2", "refused", "no answer in time") in swept.notified.failed

    def full(_: object) -> None:
        raise StoreError("put 'outbox/x': No space left on device", left="nothing was stored")

    monkeypatch.setattr("warehouse.status.refresh.send_due", full)
    with caplog.at_level(logging.WARNING):
        sweep(days.lake, days.now)
    assert "mail to stewards was not sent: put 'outbox/x': No space left" in caplog.text


def test_a_mail_that_fails_stops_neither_sweep_nor_status(
    days: Days, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unreachable(lake: Lake) -> None:
        raise StoreError("the outbox cannot be written", left="no mail was sent")

    monkeypatch.setattr("warehouse.status.refresh.send_due", unreachable)
    judge(days.lake, days.build("fct_weather"))
    with caplog.at_level(logging.WARNING):
        assert sweep(days.lake, days.now).opened
    assert "mail to stewards was not sent: the outbox cannot be written" in caplog.text
    assert decisions(days)["weather"] == "blocked"
