"""Stores to run one test on: the folder, and buckets of two real servers that live for the module."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingestion.settings import Settings
from ingestion.store import Store, open_store
from ingestion.store.s3 import S3Store
from tests.support import s3_servers
from tests.support.s3_servers import S3Server

SERVERS = ("rclone", pytest.param("minio", marks=pytest.mark.faults))
"""The server that comes as a wheel is in every run; the other is built, with Go."""
KINDS = ("local", *SERVERS)


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Each S3 server in turn."""
    with getattr(s3_servers, request.param)(tmp_path_factory.mktemp(request.param) / "data") as running:
        yield running


@pytest.fixture(scope="module", params=KINDS)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Path], Settings]]:
    """Settings of a new, empty store on each kind, given the lake's home folder."""
    if request.param == "local":
        yield lambda home: Settings(home=home)
        return
    with getattr(s3_servers, request.param)(tmp_path_factory.mktemp(request.param) / "data") as running:
        yield lambda home: bucket_of(running, home)


@pytest.fixture
def store(place: Callable[[Path], Settings], tmp_path: Path) -> Store:
    """A new, empty store of each kind."""
    return open_store(place(tmp_path / "home"))


def bucket_of(server: S3Server, home: Path, **more: object) -> Settings:
    """Settings of a lake below a prefix in a bucket of its own, which is made."""
    settings = server.settings(home, f"s3://lake-{uuid.uuid4().hex[:12]}/city/one", **more)
    store = open_store(settings)
    assert isinstance(store, S3Store)
    store.ensure_bucket()
    return settings
