"""The boundary of a restricted edition is the store's: MinIO refuses whoever is not named, whatever they try.

The lake itself writes as an account of its own here, with the policy `writer` and no more.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pytest
from minio import Minio
from minio.error import S3Error
from pydantic import SecretStr
from typer.testing import CliRunner

from infra.compose.store_accounts import PREFIX, add_account, administer, application, is_minio, policies, put_policies
from ingestion.errors import StoreError
from ingestion.settings import Settings
from ingestion.sql import literal
from ingestion.store import open_store
from ingestion.store.s3 import S3Store
from tests.support import s3_servers
from tests.support.s3_servers import S3Server
from tests.support.small_city import SmallCity
from warehouse.actions.model import Actor
from warehouse.actions.opening import Opening
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.release import layout, pointer
from warehouse.sql import connect

pytestmark = pytest.mark.faults

FOOD, WEATHER = "restricted/food", "restricted/weather"
SECRET = "not-so-secret-in-a-test"  # noqa: S105 - the server lives for this module


@dataclass(frozen=True)
class Published:
    """A lake in MinIO with two restricted editions, its accounts `analyst` (internal), `public` (open), `doctor` and
    `meteorologist` (one restricted edition each, and internal)."""

    server: S3Server
    settings: Settings
    city: SmallCity

    def as_account(self, name: str) -> Settings:
        """The lake's settings with the keys of another account."""
        return self.settings.model_copy(update={"s3_access_key": name, "s3_secret_key": _secret(SECRET)})

    def client(self, name: str) -> Minio:
        """A plain S3 client of an account."""
        address = self.server.endpoint.removeprefix("http://")
        return Minio(address, access_key=name, secret_key=SECRET, secure=False, region="us-east-1")

    def engine(self, name: str) -> duckdb.DuckDBPyConnection:
        """DuckDB with the keys of an account, as readers have it: nothing of the lake in between."""
        connection = duckdb.connect()
        open_store(self.as_account(name)).prepare(connection)
        return connection

    @property
    def bucket(self) -> str:
        return (self.settings.store or "").removeprefix("s3://").split("/")[0]

    def name(self, key: str) -> str:
        return f"city/{key}"

    def release(self, edition: str) -> str:
        """Key of the current release's file."""
        found = pointer.current(self.city.lake, edition)
        assert found is not None
        return found.warehouse.key

    def fact(self, edition: str) -> str:
        """Key of a fact file of the current release."""
        found = pointer.current(self.city.lake, edition)
        assert found is not None
        return next(file.key for table in found.tables.values() for file in table.files)


def opening(account: str) -> Opening:
    return Opening(Actor(account=account, role="command line", via="command line"), "a check", "test")


def _secret(text: str) -> SecretStr:
    return SecretStr(text)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    with s3_servers.minio(tmp_path_factory.mktemp("minio") / "data") as server:
        home = tmp_path_factory.mktemp("city") / "home"
        root = server.settings(home, f"s3://lake-{uuid.uuid4().hex[:12]}/city")
        store = open_store(root)
        assert isinstance(store, S3Store)
        store.ensure_bucket()
        assert is_minio(server.endpoint)
        admin = administer(root)
        put_policies(admin, policies(root.store or "", ["food", "weather"]))
        add_account(admin, "analyst", SECRET, ["internal"])
        add_account(admin, "public", SECRET, ["open"])
        add_account(admin, "doctor", SECRET, ["internal", FOOD])
        add_account(admin, "meteorologist", SECRET, [WEATHER])
        admin.user_add("lake", SECRET)
        admin.policy_set(f"{PREFIX}writer", user="lake")
        own = root.model_copy(update={"s3_access_key": "lake", "s3_secret_key": _secret(SECRET)})
        city = SmallCity(home, settings=own, restricted={"fct_inspection", "fct_weather"})
        for day in ("2026-03-05", "2026-03-06"):
            city.add_day(day)
            report = city.build()
            publish(city.lake, report, gate(city.lake, report), approver="duty officer")
        yield Published(server, own, city)


def test_the_lakes_own_account_publishes_and_reads(published: Published) -> None:
    city = published.city
    with closing(connect(city.lake, FOOD, opening=opening("li.si"))) as session:
        assert session.execute("select count(*) from fct_inspection").fetchall() == [(15,)]
    report = city.build()
    done = publish(city.lake, report, gate(city.lake, report), approver="duty officer")
    assert [one.edition for one in done] == ["internal", "open", FOOD, WEATHER]


@pytest.mark.parametrize(("account", "own"), [("analyst", "internal"), ("doctor", FOOD), ("meteorologist", WEATHER)])
def test_a_reader_reads_the_own_edition_whole(published: Published, account: str, own: str) -> None:
    client = published.client(account)
    prefix = published.name(f"published/{own}/")
    listed = [item.object_name for item in client.list_objects(published.bucket, prefix=prefix, recursive=True)]
    assert published.name(layout.current(own)) in listed
    store = open_store(published.as_account(account))
    with closing(published.engine(account)) as engine:
        engine.execute(f"attach {literal(store.url(published.release(own)))} as released (read_only)")
        tables = engine.execute("select table_name from duckdb_tables() where database_name = 'released'").fetchall()
        views = engine.execute(
            "select view_name from duckdb_views() where database_name = 'released' and not internal"
        ).fetchall()
        assert tables or views
        for (table,) in [*tables, *views]:
            assert engine.execute(f"select count(*) from released.main.{table}").fetchall()[0][0] > 0


@pytest.mark.parametrize(
    ("account", "closed"),
    [("analyst", FOOD), ("analyst", WEATHER), ("doctor", WEATHER), ("meteorologist", FOOD), ("public", FOOD),
     ("meteorologist", "internal")],
)  # fmt: skip
def test_the_store_refuses_every_other_reader(published: Published, account: str, closed: str) -> None:
    client, bucket = published.client(account), published.bucket
    keys = [layout.current(closed), layout.status(closed), published.release(closed)]
    keys += [published.fact(closed)] if closed != "internal" else []
    for key in keys:
        name = published.name(key)
        for attempt in (client.get_object, client.stat_object, client.remove_object):
            with pytest.raises(S3Error) as refused:
                attempt(bucket, name)
            assert refused.value.code == "AccessDenied"
    for prefix in ("published/restricted/", f"published/{closed}/", "published/", ""):
        with pytest.raises(S3Error) as refused:
            list(client.list_objects(bucket, prefix=published.name(prefix) if prefix else "", recursive=True))
        assert refused.value.code == "AccessDenied"
    with closing(published.engine(account)) as engine:
        for key in keys:
            with pytest.raises(duckdb.Error, match="403"):
                engine.execute(f"select * from read_blob({literal(published.city.lake.store.url(key))})").fetchall()
        url = literal(published.city.lake.store.url(published.release(closed)))
        # DuckDB asks whether the file is there, is refused, and says that it is not.
        with pytest.raises(duckdb.Error, match=r"403|database does not exist"):
            engine.execute(f"attach {url} as released (read_only)")


def test_no_reader_sees_what_is_behind_the_editions(published: Published) -> None:
    """Raw bytes, the ledger of openings, private records."""
    store = published.city.lake.store
    connect(published.city.lake, FOOD, opening=opening("li.si")).close()
    keys = [next(iter(store.list(zone))).key for zone in ("raw", "receipts", "editions", "ledger", "actions")]
    for account in ("analyst", "public", "doctor", "meteorologist"):
        for key in keys:
            with pytest.raises(S3Error) as refused:
                published.client(account).get_object(published.bucket, published.name(key))
            assert refused.value.code == "AccessDenied"


def test_a_reader_who_uses_the_lakes_commands_opens_nothing_without_a_record(published: Published) -> None:
    """The keys of a reader cannot write the record of an opening, so the lake opens nothing with them."""
    lake = replace(published.city.lake, store=open_store(published.as_account("doctor")))
    with pytest.raises(StoreError):
        connect(lake, FOOD, opening=opening("doctor"))


def test_a_reader_of_the_internal_edition_may_use_the_lakes_commands(published: Published) -> None:
    lake = replace(published.city.lake, store=open_store(published.as_account("analyst")))
    with closing(connect(lake)) as session:
        assert session.execute("select count(*) from mart_weather").fetchall() == [(4,)]


def test_accounts_are_made_by_a_command(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = published.server.settings(published.settings.home, published.settings.store or "")
    monkeypatch.setenv("CITYLAKE_STORE", settings.store or "")
    monkeypatch.setenv("CITYLAKE_S3_ENDPOINT", settings.s3_endpoint or "")
    monkeypatch.setenv("CITYLAKE_S3_ACCESS_KEY", published.server.access_key)
    monkeypatch.setenv("CITYLAKE_S3_SECRET_KEY", published.server.secret_key)
    runner = CliRunner()
    put = runner.invoke(application, ["policies"])
    assert put.exit_code == 0, put.output
    assert f"{PREFIX}reader-internal" in put.output
    wrong = runner.invoke(application, ["add", "dr.li", "--reads", "restricted/none"])
    assert wrong.exit_code == 2
    made = runner.invoke(application, ["add", "dr.li", "--reads", "internal", "--reads", "open"])
    assert made.exit_code == 0, made.output
    secret = made.output.rsplit(" ", 1)[-1].strip()
    address = published.server.endpoint.removeprefix("http://")
    client = Minio(address, access_key="dr.li", secret_key=secret, secure=False, region="us-east-1")
    for edition in ("internal", "open"):
        client.stat_object(published.bucket, published.name(layout.current(edition)))
    with pytest.raises(S3Error) as refused:
        client.stat_object(published.bucket, published.name(layout.current(FOOD)))
    assert refused.value.code == "AccessDenied"


def test_another_store_is_told_of_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_servers.rclone(tmp_path / "data") as server:
        monkeypatch.setenv("CITYLAKE_STORE", "s3://lake")
        monkeypatch.setenv("CITYLAKE_S3_ENDPOINT", server.endpoint)
        done = CliRunner().invoke(application, ["policies"])
    assert done.exit_code == 0, done.output
    assert "the store is no MinIO" in done.output
