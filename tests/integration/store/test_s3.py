"""What only a bucket has: residue of uploads in parts, keys in sessions, settings and their errors."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion.errors import ConfigurationError, StoreError
from ingestion.settings import Settings
from ingestion.store import open_store
from ingestion.store.s3 import S3Store
from tests.integration.store.conftest import bucket_of
from tests.support.s3_servers import S3Server


@pytest.fixture
def store(server: S3Server, tmp_path: Path) -> S3Store:
    opened = open_store(bucket_of(server, tmp_path / "home"))
    assert isinstance(opened, S3Store)
    return opened


def begin_upload(store: S3Store, name: str) -> str:
    client, bucket = store._clients.current(), store.options.bucket
    upload = client._create_multipart_upload(bucket, name, {})
    client._upload_part(bucket, name, b"x" * 100, {}, upload, 1)
    return str(upload)


def test_stale_uploads_below_the_prefix_are_swept(store: S3Store, server: S3Server) -> None:
    begin_upload(store, "city/one/half")
    begin_upload(store, "city/other/half")
    assert list(store.list("")) == []
    assert store.sweep(datetime.now(UTC) - timedelta(hours=1)) == 0
    # rclone lists an upload only to those who name its object: there the server's restart is the sweep.
    swept = store.sweep(datetime.now(UTC) + timedelta(hours=1))
    assert swept == (0 if server.name == "rclone" else 1)
    left = [name for name, _, _ in store._uploads()]
    assert left == ([] if server.name == "rclone" else ["city/other/half"])


def test_the_bucket_is_made_when_asked_and_never_by_opening(server: S3Server, tmp_path: Path) -> None:
    store = open_store(server.settings(tmp_path / "home", "s3://not-there-yet"))
    assert isinstance(store, S3Store)
    calls = {
        "list": lambda: list(store.list("")),
        "folders": lambda: store.list_folders(""),
        "head": lambda: store.head("a/x"),
        "get": lambda: store.get_bytes("a/x"),
        "put": lambda: store.put_bytes("a/x", b"1"),
        "sweep": lambda: store.sweep(datetime.now(UTC)),
    }
    for call in calls.values():
        with pytest.raises(StoreError, match=r"bucket 'not-there-yet' does not exist(.|\n)*citylake store create"):
            call()
    assert store.ensure_bucket()
    assert not store.ensure_bucket()
    store.put_bytes("a/x", b"1")
    assert store.url("a/x") == "s3://not-there-yet/a/x"


def test_sessions_get_the_keys_and_cannot_show_them(store: S3Store, server: S3Server) -> None:
    with duckdb.connect() as connection:
        store.prepare(connection)
        shown = str(connection.execute("from duckdb_secrets()").fetchall())
        assert "citylake_store" in shown
        assert server.secret_key not in shown
        with pytest.raises(duckdb.Error, match="unredacted secrets is disabled"):
            connection.execute("from duckdb_secrets(redact = false)")
        assert connection.execute("select persistent, scope from duckdb_secrets()").fetchall() == [
            (False, [f"s3://{store.options.bucket}"])
        ]


def test_a_refused_secret_is_told_without_it(store: S3Store, server: S3Server) -> None:
    with duckdb.connect() as connection:
        store.prepare(connection)
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        with pytest.raises((StoreError, duckdb.Error)) as raised:
            store.prepare(connection)
    assert server.secret_key not in f"{raised.value} {raised.value.__cause__} {raised.value.__context__}"


def test_settings_never_show_the_secret(server: S3Server, tmp_path: Path) -> None:
    settings = server.settings(tmp_path, "s3://lake")
    store = open_store(settings)
    assert isinstance(store, S3Store)
    assert server.secret_key not in f"{settings!r} {settings.model_dump_json()} {store.options!r}"


def test_a_forked_child_gets_a_client_of_its_own(store: S3Store) -> None:
    store.put_bytes("a/x", b"1")
    client = store._clients.current()
    assert store._clients.current() is client
    store._clients._made = (os.getpid() + 1, client)
    assert store.get_bytes("a/x") == b"1"
    assert store._clients.current() is not client


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"store": "s3://Bad_Bucket"}, "does not name a bucket"),
        ({"store": "s3://lake/../x"}, "does not name a bucket"),
        ({"store": "s3://lake?x=1"}, "does not name a bucket"),
        ({"s3_endpoint": None}, r"needs an endpoint and keys(.|\n)*CITYLAKE_S3_ENDPOINT"),
        ({"s3_secret_key": None}, "needs an endpoint and keys"),
        ({"s3_endpoint": "127.0.0.1:9000"}, r"is not http\[s\]://host:port"),
        ({"s3_endpoint": "http://ak:hidden@127.0.0.1:9000"}, r"is not http\[s\]://host:port"),
        ({"s3_endpoint": "http://127.0.0.1:9000/path"}, r"is not http\[s\]://host:port"),
        ({"store": "swift://lake"}, "is not a store this version opens"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path: Path, given: dict[str, str | None], message: str) -> None:
    facts = {
        "home": tmp_path,
        "store": "s3://lake",
        "s3_endpoint": "http://127.0.0.1:9000",
        "s3_access_key": "ak",
        "s3_secret_key": "hidden",
    }
    with pytest.raises(ConfigurationError, match=message) as raised:
        open_store(Settings(**(facts | given)))  # type: ignore[arg-type]
    assert "hidden" not in str(raised.value)
