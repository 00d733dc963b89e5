"""The open edition in a bucket: nothing of the lake in it, and what an earlier version put there is replaced."""

from __future__ import annotations

from pathlib import Path

from ingestion.store import open_store
from tests.integration.store.conftest import bucket_of
from tests.support.open_edition import earlier_version, texts
from tests.support.s3_servers import S3Server
from tests.support.small_city import SmallCity, changed
from warehouse import sql
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.reconcile.run import reconcile
from warehouse.release import ledger


def release(city: SmallCity) -> None:
    report = changed(city.build(), "pub_weather", day_column="observed_date", materialized="incremental")
    publish(city.lake, report, gate(city.lake, report), approver="zhang.san")


def test_no_object_tells_of_the_lake(server: S3Server, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    settings = bucket_of(server, tmp_path / "home")
    monkeypatch.setattr("tests.support.small_city.open_store", lambda _: open_store(settings))
    city = SmallCity(tmp_path / "home")
    bucket = (settings.store or "").removeprefix("s3://").split("/")[0]
    facts = [
        "zhang.san",
        bucket,
        server.endpoint.split("://")[-1],
        str(tmp_path),
        "raw/office/reading",
        "office.reading",
        "T000000Z-",
    ]

    def leaks() -> set[str]:
        return {fact for text in texts(city.lake).values() for fact in facts if fact in text}

    with earlier_version():
        release(city)
    assert {"zhang.san", bucket, "raw/office/reading", "T000000Z-"} <= leaks()
    release(city)
    assert leaks() == set()
    assert [e.event for e in ledger.verify_ledger(city.lake, "open")] == ["published", "published", "withdrawn"]
    with sql.connect(city.lake, "open") as connection:
        assert sql.query(connection, "select count(*) as n from pub_weather").to_pydict() == {"n": [3]}
    assert reconcile(city.lake, deep=True).ok
