"""What Airflow's page says of a DAG: words, and links that lead somewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.contract.load import load_contracts
from ingestion.settings import Settings
from warehouse.runbooks import write_runbooks

CONTRACTS = load_contracts(Settings().contracts)
PAGES = "http://127.0.0.1:4422"
_LINK = re.compile(r"\]\(([^)]+)\)")
_MACHINE_FORM = [
    re.compile(r"\bP(T?\d+[DHMWY])+\b"),  # ISO 8601 durations
    re.compile(r"\d days?, \d+:\d\d:\d\d|\b\d+:\d\d:\d\d\b"),  # timedeltas
    re.compile(r"(^|\s|`)[\d*/,-]+ [\d*/,-]+ [\d*/,-]+ [\d*/,-]+ [\d*/,-]+(\s|`|$)"),  # cron expressions
]


def docs(**said: Any) -> dict[str, str]:
    """The texts of every DAG."""
    from dags.factory.doc import feed_doc
    from dags.factory.history import history_dag
    from dags.factory.maintenance import maintenance_dags
    from dags.factory.warehouse import warehouse_dag

    made = {**maintenance_dags(), "history": history_dag(), "warehouse": warehouse_dag()}
    feeds = {name: feed_doc(contract, Settings(**said)) for name, contract in CONTRACTS.items()}
    return feeds | {name: str(dag.doc_md) for name, dag in made.items()}


def test_no_schedule_or_duration_stands_in_machine_form() -> None:
    for name, text in docs().items():
        assert not [found[0] for form in _MACHINE_FORM if (found := form.search(text))], name
    assert all(form.search("P3D 3 days, 0:00:00 `0 8 * * *`") for form in _MACHINE_FORM)


def test_every_heading_is_chinese_and_english_and_says_what_red_means() -> None:
    for name, text in docs().items():
        headings = [line for line in text.splitlines() if line.startswith("#")]
        assert any("When it is red" in heading for heading in headings), name
        for heading in headings[1:]:
            assert re.search("[一-鿿]", heading), (name, heading)
            assert re.search("[A-Za-z]", heading), (name, heading)


def test_every_link_leads_to_a_page_that_is_served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CITYLAKE_PAGES_URL", f"{PAGES}/")
    write_runbooks(tmp_path)
    for name, text in docs().items():
        links = [link for link in _LINK.findall(text) if not link.startswith("mailto:")]
        assert links, name
        for link in links:
            assert link.startswith(f"{PAGES}/runbooks/"), (name, link)
            assert (tmp_path / link.removeprefix(f"{PAGES}/")).is_file(), (name, link)


def test_without_pages_a_runbook_is_named_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CITYLAKE_PAGES_URL", raising=False)
    for name, text in docs().items():
        assert "docs/runbooks/" in text, name
        assert "http://" not in text, name


def test_a_feed_says_when_by_whom_and_how_late() -> None:
    from dags.factory.doc import feed_doc

    contract = next(iter(CONTRACTS.values()))
    spec = contract.citylake.model_copy(
        update={"schedule": "45 1 * * 2", "deadline": timedelta(hours=36), "recapture": timedelta(days=3)}
    )
    text = feed_doc(replace(contract, citylake=spec), Settings())
    for said in ("At 01:45, only on Tuesday, city time", "仅在 星期二", "36 hours after", "3 days, for late", "36小时"):
        assert said in text
    for said in (spec.steward.email, spec.catalogue.provider, f"citylake quarantine {contract.name}", contract.product):
        assert said in text
    quiet = spec.model_copy(update={"on_change": True, "recapture": timedelta(0)})
    text = feed_doc(replace(contract, citylake=quiet), Settings())
    assert "none is owed and none is late" in text
    assert "不回看" in text
    assert "36 hours" not in text


def test_a_schedule_that_is_over_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "ended on 2026-03-09"
    assert not [name for name, text in docs().items() if "schedule ended" in text]
    monkeypatch.setenv("CITYLAKE_SCHEDULE_UNTIL", "2026-03-09")
    over = docs(schedule_until=date(2026, 3, 9))
    assert all(said in over[name] for name in CONTRACTS)
    assert said in over["maintenance.incidents"]
    assert said not in over["maintenance.docs"]


def test_a_connection_is_named_with_where_it_is_set_and_never_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    from dags.factory.doc import connection_kind, feed_doc
    from ingestion.contract.sources import Database, HttpFile

    monkeypatch.setenv("CITYLAKE_CONN_OFFICE_DATA", "https://login:S3cretWord@host.example/data")
    contract = next(iter(CONTRACTS.values()))
    web = HttpFile(connector="http", connection="office_data", url="files/{interval:%Y%m%d}.csv")
    table = Database.model_validate(
        {"connector": "database", "connection": "office_data", "schema": "share", "table": "t", "cursor": "at"}
    )
    for source, kind in ((web, "web server"), (table, "database")):
        named = replace(contract, citylake=contract.citylake.model_copy(update={"source": source}))
        text = feed_doc(named, Settings())
        assert f"**office_data** ({kind}" in text
        assert "`CITYLAKE_CONN_OFFICE_DATA`" in text
        assert "Admin → Connections" in text
        assert "S3cretWord" not in text
        assert "host.example" not in text
    assert connection_kind(contract) is None
    assert "CITYLAKE_CONN_" not in feed_doc(contract, Settings())
