"""Which connections feeds need, and what is in force for each."""

from __future__ import annotations

from dataclasses import replace

from infra.stack.connections import needed
from ingestion.contract.model import Contract
from ingestion.contract.sources import Database, HttpFile
from ingestion.settings import Settings
from tests.support.lakes import contract


def feeds() -> list[Contract]:
    """Two feeds on one web server, one on a database, one that needs no connection."""
    web = HttpFile(connector="http", connection="office", url="a/{interval:%Y%m%d}.csv")
    table = Database.model_validate(
        {"connector": "database", "connection": "exchange", "schema": "share", "table": "t", "cursor": "at"}
    )
    made = contract()
    sources = [("b", web), ("a", web), ("c", table), ("d", made.citylake.source)]
    return [
        replace(made, name=f"office.{name}", citylake=made.citylake.model_copy(update={"source": source}))
        for name, source in sources
    ]


def test_airflows_own_come_first_then_the_environment() -> None:
    settings = Settings()
    settings.connect({"CITYLAKE_CONN_OFFICE": "https://login:S3cretWord@host.example/"})
    found = needed(feeds(), settings, {"office", "another"})
    assert [(one.name, one.kind.en, one.feeds, one.in_force) for one in found] == [
        ("exchange", "database", ["office.c"], "missing"),
        ("office", "web server", ["office.a", "office.b"], "airflow"),
    ]
    assert [one.variable for one in found] == ["CITYLAKE_CONN_EXCHANGE", "CITYLAKE_CONN_OFFICE"]
    assert [one.in_force for one in needed(feeds(), settings, set())] == ["missing", "environment"]
    assert [one.in_force for one in needed(feeds(), settings, None)] == ["unknown", "environment"]
    assert "S3cret" not in repr(found)


def test_a_feed_of_the_drop_folder_needs_none() -> None:
    assert needed([contract()], Settings(), None) == []
