"""One day of the city through a real Airflow: rows are those of `citylake run`, and Airflow's pages say what came."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

from ingestion.lake import open_lake
from ingestion.settings import Settings
from tests.integration.airflow.conftest import Running
from tests.support.lake_rows import committed, rows
from warehouse.reconcile.run import reconcile
from warehouse.release import editions, pointer
from warehouse.run import run

FIRST = date(2026, 3, 2)


def test_a_day_through_airflow_equals_the_same_day_without_it(running: Running, tmp_path: Path) -> None:
    running.days.run(FIRST)
    assert set(running.days.done[str(FIRST)].values()) == {"passed"}
    secrets = running.lake.settings.pseudonym_keys_path
    (tmp_path / "secrets").mkdir(mode=0o700)
    shutil.copy2(secrets, tmp_path / "secrets" / secrets.name)
    beside = open_lake(Settings(home=tmp_path, drop=running.lake.settings.drop_root))
    run(beside, FIRST)
    assert committed(running.lake) == committed(beside)
    assert rows(running.lake) == rows(beside)
    assert not reconcile(running.lake, deep=True).off
    assert running.stack.api().get("/importErrors")["import_errors"] == []


def test_runs_and_assets_say_what_came_and_what_was_released(running: Running) -> None:
    """After the day before: a note for every run, an event for every feed and for every product that was released."""
    api, manifest = running.stack.api(), pointer.current(running.lake, "internal")
    assert manifest is not None
    events = api.get("/assets/events", limit=200, order_by="timestamp")["asset_events"]
    said = {event["name"]: event["extra"] for event in events if event["name"] != "release"}
    running.lake.log.refresh()
    with running.lake.log.reading() as log:
        receipts = log.execute(
            "select receipt.department || '.' || receipt.feed, count(distinct receipt.key), sum(accepted)::bigint, "
            "list(receipt.batch) "
            "from receipt inner join table_receipt on receipt.key = table_receipt.receipt_key group by all"
        ).fetchall()
    assert receipts
    for feed, count, accepted, batches in receipts:
        note = api.get(f"/dags/{feed}/dagRuns/demo__{FIRST}")["note"]
        assert f"deliveries {count:,}: 入库 accepted {count:,}" in note
        assert f"入库 accepted {accepted:,}" in note.partition("\n")[0].partition("rows")[2]
        extra = said[feed]
        assert (extra["rows"], extra["outcome"], extra["batches"]) == (accepted, {"accepted": count}, count)
        assert set(extra["batch"]) <= set(batches)
    for product, entry in manifest.products.items():
        event = said[product]
        shown = {edition for edition in editions.of_lake(running.lake.store) if _holds(running, edition, product)}
        assert "internal" in event["edition"] and set(event["edition"]) <= shown
        assert {name: event[name] for name in event if name != "edition"} == {
            "release": entry.release, "verdict": "passed", "content_date": str(FIRST),
            "rows": sum(manifest.tables[table].rows for table in entry.tables),
        }  # fmt: skip
    assert any(manifest.id in run["note"] for run in api.runs("warehouse", limit=10))
    assets = {asset["name"] for asset in api.get("/assets", limit=200)["assets"] if asset["group"] == "product"}
    assert set(manifest.products) <= assets
    assert api.get("/dagWarnings")["dag_warnings"] == []


def _holds(running: Running, edition: str, product: str) -> bool:
    manifest = pointer.current(running.lake, edition)
    return manifest is not None and product in manifest.products
