"""What a run leaves for people: its note, and what its asset events say. Counts and batches, bounded, no content."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ingestion.delivery.ingest import ingest_file
from ingestion.delivery.outcome import Delivery
from ingestion.intervals import Interval
from tests.support.lakes import contract, day, lake, rows


def delivery(number: int, **said: Any) -> Delivery:
    start = datetime(2026, 3, 1, 16, tzinfo=UTC) + timedelta(days=number)
    interval = Interval(start, start + timedelta(days=1))
    filled = {"outcome": "accepted", "received": 10, "accepted": 8, "quarantined": 2, **said}
    return Delivery(feed="office.readings", interval=interval, batch=f"batch{number}", filename="王五.csv", **filled)


class Context(dict[str, Any]):
    """What a task is given, as far as the functions below read it."""

    def __init__(self) -> None:
        from airflow.sdk.execution_time.context import OutletEventAccessors

        self.pushed: dict[str, Any] = {}
        super().__init__(ti=self, outlet_events=OutletEventAccessors(), params={}, logical_date=None, run_id="r")
        self |= {"dag_run": SimpleNamespace(triggering_user_name=None), "triggering_asset_events": {}}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Context:
    from dags.factory import feed_tasks, notes, runtime, warehouse_tasks

    made = Context()
    for module in (feed_tasks, notes, runtime, warehouse_tasks):
        monkeypatch.setattr(module, "get_current_context", lambda: made)
    return made


def test_an_event_counts_outcomes_and_names_no_file() -> None:
    from dags.factory.events import of_deliveries

    said = of_deliveries([delivery(1), delivery(0, outcome="refused"), delivery(1)])
    assert said == {
        "interval": "2026-03-01T16:00:00+00:00/2026-03-03T16:00:00+00:00",
        "intervals": 2,
        "rows": 16,
        "refused_rows": 6,
        "outcome": {"accepted": 2, "refused": 1},
        "batch": ["batch1", "batch0", "batch1"],
        "batches": 3,
    }


def test_good_rows_of_a_refused_delivery_did_not_come_in() -> None:
    from dags.factory.notes import deliveries_note

    note = deliveries_note([delivery(0, outcome="refused"), delivery(1, outcome="held"), delivery(2)])
    assert "收到 received 30 · 入库 accepted 8 · 退回 refused 6" in note


def test_event_and_note_of_many_deliveries_stay_small() -> None:
    from dags.factory.events import MOST, of_deliveries
    from dags.factory.notes import MOST_CHARACTERS, deliveries_note

    many = [delivery(number) for number in range(2000)]
    said = of_deliveries(many)
    assert (len(said["batch"]), said["batches"], said["rows"]) == (MOST, 2000, 16000)
    assert len(json.dumps(said)) < 1000
    note = deliveries_note(many)
    assert len(note) < MOST_CHARACTERS / 2
    assert "(+1,995)" in note
    assert "王五" not in note + json.dumps(said, ensure_ascii=False)


def test_conform_leaves_a_receipt_as_note_and_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: Context
) -> None:
    from dags.factory import feed_tasks
    from dags.factory.assets import bronze

    made = lake(tmp_path, contracts={"office.readings": contract()})
    monkeypatch.setattr(feed_tasks, "open_lake", lambda: made)
    drop = made.settings.drop_root
    good, bad = drop / "readings_20260302.csv", drop / "readings_20260303.csv"
    drop.mkdir(parents=True, exist_ok=True)
    good.write_text(rows("ab"), encoding="utf-8")
    bad.write_text("<html><title>张三 13800001111</title></html>", encoding="utf-8")
    taken = [ingest_file(made, contract(), path, day(number)) for number, path in enumerate((good, bad))]
    monkeypatch.setattr(feed_tasks, "feed_days", lambda *_: (None, None))
    monkeypatch.setattr(feed_tasks, "conform_days", lambda *_: iter(taken))
    assert feed_tasks.conform("office.readings", {"waiting": [], "awaited": 0})
    note = context.pushed["note"]
    assert "rows: 收到 received 2 · 入库 accepted 2 · 退回 refused 0" in note.partition("\n")[0]
    for said in ("deliveries 2: 入库 accepted 1 · 退回 refused 1", "accepted 2", taken[0].batch, taken[1].batch):
        assert said in note
    extra = context["outlet_events"][bronze(contract())].extra
    assert "triggered_by" not in extra
    assert extra["outcome"] == {"accepted": 1, "refused": 1}
    assert extra["rows"] == 2
    assert "张三" not in note + json.dumps(extra, ensure_ascii=False)
    assert "13800001111" not in note + json.dumps(context.pushed)


def test_who_is_behind_a_run_goes_with_its_events(context: Context) -> None:
    """From the run of a feed that a person triggered to the run of the warehouse that its event triggers."""
    from dags.factory.events import of_run, people_behind

    context["dag_run"].triggering_user_name = "li.si"
    first = of_run(context, [delivery(1)])
    assert first["triggered_by"] == ["li.si"]
    context["dag_run"].triggering_user_name = None
    events = [SimpleNamespace(extra=extra) for extra in (first, {"outcome": {}}, None)]
    context["triggering_asset_events"] = {"office.readings": events, "history": []}
    assert people_behind(context) == ("li.si",)
    context["dag_run"].triggering_user_name = "wang.wu"
    assert people_behind(context) == ("li.si", "wang.wu")


def test_a_run_without_source_or_news_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: Context
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from dags.factory import feed_tasks

    made = lake(tmp_path, contracts={"office.readings": contract()})
    monkeypatch.setattr(feed_tasks, "open_lake", lambda: made)
    monkeypatch.setattr(feed_tasks, "feed_days", lambda *_: (None, None))
    monkeypatch.setattr(feed_tasks, "nothing_new", lambda *_: "nothing new in these days")
    monkeypatch.setattr(feed_tasks, "conform_days", lambda *_: iter([]))
    assert feed_tasks.conform("office.readings", None)
    assert "could not be read" in context.pushed["note"]
    with pytest.raises(AirflowSkipException):
        feed_tasks.conform("office.readings", {"waiting": [], "awaited": 0})
    assert context.pushed["note"] == "nothing new in these days"


def test_the_note_of_a_release_says_what_was_released_and_what_is_blocked_and_why() -> None:
    from dags.factory.notes import release_note
    from warehouse.publish.run import Published

    published = [
        Published(
            edition="internal", outcome="published", release="r1", parent=None, message="", fresh=["weather", "credit"]
        ),
        Published(edition="open", outcome="on_hold", release="r0", parent=None, message="on hold since"),
    ]
    note = release_note(published, {"transport": ["freshness fct_trips: failed", "second"], "town": ["x" * 500]})
    lines = note.split("\n\n")
    assert lines[:3] == [
        "未放行 blocked 2: transport, town",
        "internal: 已发布 published r1: weather, credit",
        "open: 暂停发布 on hold (r0)",
    ]
    assert lines[3] == "- transport: freshness fct_trips: failed (+1)"
    assert lines[4] == f"- town: {'x' * 160}…"


def test_a_note_is_never_longer_than_airflow_keeps(context: Context) -> None:
    from dags.factory.notes import leave_note

    leave_note("x" * 5000)
    assert len(context.pushed["note"]) == 1000


def test_a_release_note_has_words_for_every_outcome() -> None:
    from typing import get_args

    from dags.factory.notes import release_note
    from warehouse.publish.run import Outcome, Published

    for outcome in get_args(Outcome):
        one = Published(edition="open", outcome=outcome, release="r1", parent=None, message="", fresh=["weather"])
        assert "r1" in release_note([one], {})
    waiting = {"outcome": "awaiting_approval", "awaiting": ["weather"], "parent": None, "message": ""}
    assert release_note([Published(edition="open", release="r1", **waiting)], {}) == (
        "open: 待审批 waits for approval (r1): weather"
    )
    assert release_note([Published(edition="open", release=None, **waiting)], {}).endswith("approval weather")
