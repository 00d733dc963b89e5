"""A department's server, a lake that fetches from it, and contracts for both kinds of source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingestion.connections import Connection
from ingestion.contract.model import Contract
from ingestion.lake import Lake
from tests.support.lakes import contract, lake
from tests.support.web import Server, serving

FAST = {"timeouts": {"connect": 2, "read": 0.5, "total": 20}, "attempts": 3, "max_wait": 5}

HttpContract = Callable[..., Contract]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture
def made(tmp_path: Path, server: Server) -> Lake:
    """A lake whose only connection is the server, entered with a bearer token."""
    connection = Connection.model_validate({"base_url": server.url, "token": "s3cret-token"})
    return replace(lake(tmp_path), connections={"office": connection}.__getitem__)


def http(**said: Any) -> Contract:
    """A feed whose daily CSV lies at /files/readings_<day>.csv; `said` changes the source."""
    source = {"connector": "http", "connection": "office", "url": "files/readings_{interval:%Y%m%d}.csv", **FAST}
    feed = said.pop("feed", {})
    return contract(source={**source, **said}, **feed)


@pytest.fixture
def http_contract() -> HttpContract:
    return http


def api(**said: Any) -> Contract:
    """A feed whose days are paged at /api/readings?day=…; `said` changes the source."""
    source = {
        "connector": "json_api",
        "connection": "office",
        "url": "api/readings",
        "params": {"day": "{start:%Y-%m-%d}"},
        "paging": {"by": "cursor", "parameter": "cursor", "next": "$.next"},
        **FAST,
    }
    feed = said.pop("feed", {})
    return contract(source={**source, **said}, format={"type": "json", "records": "$.data"}, **feed)


@pytest.fixture
def api_contract() -> HttpContract:
    return api
