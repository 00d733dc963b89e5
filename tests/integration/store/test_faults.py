"""A store that fails, by a real proxy between the client and a real server: message, recovery, nothing lost.

Here single calls and ingest; build, publish and reading a release are in test_release_faults.py.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from ingestion.connectors.file_drop import fetched_file
from ingestion.delivery.ingest import Waiting, conform_landed_each, extract_each, ingest_file
from ingestion.errors import CitylakeError, StoreError
from ingestion.isolation import Isolated
from ingestion.machine import engines
from ingestion.settings import Settings
from ingestion.store import open_store
from ingestion.store.reading import reading
from ingestion.store.s3 import S3Store
from tests.integration.store.conftest import SERVERS, bucket_of
from tests.support import s3_servers
from tests.support.fault_proxy import FaultProxy, Rule, fault_proxy
from tests.support.lakes import contract, counted, day, drop, lake, rows
from tests.support.ports import free_port

pytestmark = pytest.mark.faults

RETRIES = 2
TIMEOUT = 1.0


@pytest.fixture(scope="module", params=SERVERS)
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultProxy]:
    with (
        getattr(s3_servers, request.param)(tmp_path_factory.mktemp(request.param) / "data") as server,
        fault_proxy(server) as made,
    ):
        yield made


@pytest.fixture
def settings(proxy: FaultProxy, tmp_path: Path) -> Settings:
    return bucket_of(proxy.server, tmp_path / "home", s3_timeout_seconds=TIMEOUT, s3_retries=RETRIES)


@pytest.fixture
def store(settings: Settings) -> S3Store:
    opened = open_store(settings)
    assert isinstance(opened, S3Store)
    return opened


def error_is(error: CitylakeError, *, what: str, next_step: str, proxy: FaultProxy) -> None:
    """The message says what, what is left and what to do, and holds no key."""
    assert re.search(what, error.message), error
    assert error.left, error
    assert next_step in (error.next_step or ""), error
    assert proxy.server.secret_key not in f"{error!r}{error}"


CALLS: dict[str, tuple[str, Callable[[S3Store, Path], object]]] = {
    "put": ("PUT", lambda store, _: store.put_bytes("a/new", b"12345678")),
    "replace": ("PUT", lambda store, _: store.replace("a/x", b"12345678")),
    "get": ("GET", lambda store, _: store.get_bytes("a/x")),
    "fetch": ("GET", lambda store, folder: store.fetch("a/x", folder / "target")),
    "head": ("HEAD", lambda store, _: store.head("a/x")),
    "list": ("GET", lambda store, _: list(store.list("a"))),
    "delete": ("DELETE", lambda store, _: store.delete("a/y")),
}


@pytest.mark.parametrize("call", CALLS)
def test_503_once_is_retried(proxy: FaultProxy, store: S3Store, tmp_path: Path, call: str) -> None:
    store.put_bytes("a/x", b"old")
    method, asked = CALLS[call]
    with proxy.hurting(Rule("503", method, times=1)):
        asked(store, tmp_path)


@pytest.mark.parametrize("call", CALLS)
def test_503_always_is_told_and_changes_nothing(proxy: FaultProxy, store: S3Store, tmp_path: Path, call: str) -> None:
    store.put_bytes("a/x", b"old")
    method, asked = CALLS[call]
    rule = Rule("503", method)
    with proxy.hurting(rule), pytest.raises(StoreError) as raised:
        asked(store, tmp_path)
    assert rule.hits == RETRIES + 1
    error_is(raised.value, what=r"answered 503( \w+)?, 3 times", next_step="wait until the store is well", proxy=proxy)
    assert [(info.key, info.size) for info in store.list("")] == [("a/x", 3)]
    assert [path.name for path in tmp_path.iterdir() if "target" in path.name] == []
    asked(store, tmp_path)


@pytest.mark.parametrize("call", ["put", "get", "head", "list"])
def test_a_store_too_slow_is_left_after_bounded_time(
    proxy: FaultProxy, store: S3Store, tmp_path: Path, call: str
) -> None:
    store.put_bytes("a/x", b"old")
    method, asked = CALLS[call]
    rule = Rule("slow", method, seconds=TIMEOUT * 1.5)
    started = time.monotonic()
    with proxy.hurting(rule), pytest.raises(StoreError) as raised:
        asked(store, tmp_path)
    assert time.monotonic() - started < 10
    assert rule.hits == RETRIES + 1
    error_is(raised.value, what="no answer from .* within 1 s, 3 times", next_step="S3_TIMEOUT_SECONDS", proxy=proxy)
    # The server may have taken a write whose answer was lost; the same write again is fine.
    asked(store, tmp_path)
    assert store.get_bytes("a/x") == b"old"


@pytest.mark.parametrize("call", ["get", "fetch"])
def test_a_truncated_answer_is_asked_for_again(proxy: FaultProxy, store: S3Store, tmp_path: Path, call: str) -> None:
    data = bytes(range(256)) * 10_000
    store.put_bytes("a/x", data)
    _, asked = CALLS[call]
    with proxy.hurting(Rule("truncate", "GET", "a/x", times=RETRIES)):
        found = asked(store, tmp_path)
    assert (found.read_bytes() if isinstance(found, Path) else found) == data


def test_a_sign_in_page_for_a_listing_is_told(proxy: FaultProxy, store: S3Store) -> None:
    """A network that answers in the store's place: with 200, and with what is no listing."""
    store.put_bytes("a/x", b"old")
    with proxy.hurting(Rule("page", "GET")), pytest.raises(StoreError) as raised:
        list(store.list("a"))
    error_is(raised.value, what="sent something that is not S3", next_step="look at", proxy=proxy)
    assert [info.key for info in store.list("a")] == ["a/x"]


@pytest.mark.parametrize("call", ["get", "fetch"])
def test_a_short_file_is_never_left(proxy: FaultProxy, store: S3Store, tmp_path: Path, call: str) -> None:
    store.put_bytes("a/x", bytes(range(256)) * 10_000)
    _, asked = CALLS[call]
    rule = Rule("truncate", "GET", "a/x")
    with proxy.hurting(rule), pytest.raises(StoreError) as raised:
        asked(store, tmp_path)
    assert rule.hits == RETRIES + 1
    error_is(raised.value, what="broke off its answer, 3 times", next_step="look at the network", proxy=proxy)
    assert [path.name for path in tmp_path.iterdir() if "target" in path.name] == []


@pytest.mark.parametrize("size", [100_000, 12 * 2**20])
def test_a_put_cut_half_way_leaves_no_object(proxy: FaultProxy, settings: Settings, tmp_path: Path, size: int) -> None:
    """A small one, and one in parts whose second part never arrives."""
    store = open_store(settings.model_copy(update={"s3_part_bytes": 5 * 2**20}))
    source = tmp_path / "source"
    source.write_bytes(b"x" * size)
    rule = Rule("half_put", "PUT", skip=0 if size < 5 * 2**20 else 1)
    with proxy.hurting(rule), pytest.raises(StoreError) as raised:
        store.put_file("a/big", source)
    error_is(raised.value, what="broke off its answer, 3 times", next_step="run the same command again", proxy=proxy)
    assert "the object is not in the store" in str(raised.value)
    assert store.head("a/big") is None
    assert list(store.list("")) == []
    assert store.put_file("a/big", source).size == size


def test_an_answer_lost_after_the_put_is_no_loss(proxy: FaultProxy, store: S3Store) -> None:
    """The server has the object; the client saw nothing, and asks again with equal bytes."""
    with proxy.hurting(Rule("slow", "PUT", times=1, seconds=TIMEOUT * 1.5)):
        store.put_bytes("a/x", b"once")
    assert store.get_bytes("a/x") == b"once"


def test_a_finished_upload_whose_answer_was_lost_is_found(
    proxy: FaultProxy, settings: Settings, tmp_path: Path
) -> None:
    store = open_store(settings.model_copy(update={"s3_part_bytes": 5 * 2**20}))
    source = tmp_path / "source"
    source.write_bytes(b"0123456789" * 1_200_000)
    with proxy.hurting(Rule("slow", "POST", "uploadId", times=1, seconds=TIMEOUT * 1.5)):
        assert store.put_file("a/big", source).size == 12_000_000
    assert store.fetch("a/big", tmp_path / "target").read_bytes() == source.read_bytes()


def test_nobody_listens(store: S3Store, proxy: FaultProxy, settings: Settings, tmp_path: Path) -> None:
    free = f"http://127.0.0.1:{free_port()}"
    gone = open_store(settings.model_copy(update={"s3_endpoint": free}))
    with pytest.raises(StoreError) as raised:
        gone.get_bytes("a/x")
    error_is(raised.value, what=f"{free} cannot be reached", next_step="CITYLAKE_S3_ENDPOINT", proxy=proxy)


WRONG = {
    "access key": {"s3_access_key": "nobody"},
    "secret key": {"s3_secret_key": SecretStr("not the key at all")},
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("call", CALLS)
def test_wrong_keys(proxy: FaultProxy, settings: Settings, tmp_path: Path, call: str, wrong: str) -> None:
    store = open_store(settings.model_copy(update=WRONG[wrong]))
    assert isinstance(store, S3Store)
    with pytest.raises(StoreError) as raised:
        CALLS[call][1](store, tmp_path)
    error_is(raised.value, what="refused the keys for bucket", next_step="CITYLAKE_S3_SECRET_KEY", proxy=proxy)
    assert "not the key at all" not in str(raised.value)


# DuckDB's own reading goes the same way.


def parquet(store: S3Store, tmp_path: Path) -> str:
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select md5(range::varchar) as t from range(200000)) to '{tmp_path / 'x'}' (format parquet)"
        )
    store.put_file("bronze/x.parquet", tmp_path / "x")
    return store.url("bronze/x.parquet")


def summed(store: S3Store, url: str) -> tuple[int, int]:
    with duckdb.connect() as connection, reading(store, connection, "sum"):
        found = connection.execute(f"select count(*), sum(length(t)) from read_parquet(['{url}'])").fetchone()
        return found or (0, 0)


READS = {
    "503": (Rule("503", "GET", "x.parquet"), "sum: .* answered 503, 3 times", "wait until the store is well"),
    "slow": (Rule("slow", "GET", "x.parquet", seconds=1.6), "sum: no answer from .* within 1 s", "TIMEOUT_SECONDS"),
    "truncate": (Rule("truncate", "GET", "x.parquet"), "sum: .* broke off its answer", "look at the network"),
    "unreachable": (Rule("unreachable", None, "x.parquet"), "sum: .*(broke off|cannot be reached)", "run the same"),
}


@pytest.mark.parametrize("fault", ["503", "slow", "truncate", "unreachable"])
def test_duckdb_retries_and_then_tells(proxy: FaultProxy, store: S3Store, tmp_path: Path, fault: str) -> None:
    url = parquet(store, tmp_path)
    rule, what, next_step = READS[fault]
    once = Rule(rule.fault, rule.method, rule.containing, times=1, seconds=rule.seconds)
    with proxy.hurting(once):
        assert summed(store, url) == (200_000, 6_400_000)
    always = Rule(rule.fault, rule.method, rule.containing, seconds=rule.seconds)
    with proxy.hurting(always), pytest.raises(StoreError) as raised:
        summed(store, url)
    error_is(raised.value, what=what, next_step=next_step, proxy=proxy)
    assert summed(store, url) == (200_000, 6_400_000)


# Ingest: what a department sent is taken in when the store is well again, once.

INGEST = {
    "503 on the payload": Rule("503", "PUT", "/payload/"),
    "503 on the manifest": Rule("503", "PUT", "manifest.json"),
    "503 on bronze": Rule("503", "PUT", "bronze/"),
    "503 on the receipt": Rule("503", "PUT", "receipts/"),
    "503 on listing": Rule("503", "GET", "list-type"),
    "half a payload": Rule("half_put", "PUT", "/payload/"),
    "half a bronze file": Rule("half_put", "PUT", "bronze/"),
    "half a receipt": Rule("half_put", "PUT", "receipts/"),
    "slow receipt": Rule("slow", "PUT", "receipts/", seconds=1.6),
    "nothing answers": Rule("unreachable"),
}


@pytest.mark.parametrize("fault", INGEST)
def test_an_ingest_through_a_failing_store(proxy: FaultProxy, settings: Settings, fault: str) -> None:
    made = lake(settings.home, settings=settings)
    first = drop(made, "first.csv", rows("xy"))
    ingest_file(made, contract("events", None), first, day(0))
    path = drop(made, "readings.csv", rows("abc") + "d,2026-03-02,bad\n")
    rule = INGEST[fault]
    with (
        proxy.hurting(Rule(rule.fault, rule.method, rule.containing, seconds=rule.seconds)),
        pytest.raises(StoreError, match=r"\n  left:  (.|\n)*\n  next:  (.|\n)*run the same command again"),
    ):
        ingest_file(made, contract("events", None), path, day(0))
    before = dict.fromkeys("xy", 1)
    after = before | dict.fromkeys("abc", 1)
    # A receipt whose answer was lost is a commit all the same.
    assert counted(made) == (after if fault == "slow receipt" else before)
    again = ingest_file(made, contract("events", None), path, day(0))
    assert again.outcome == ("duplicate" if fault == "slow receipt" else "accepted")
    assert counted(made) == after
    assert len(list(made.store.list("receipts/"))) == 2


def test_landed_bytes_that_come_back_short_are_conformed_once_they_come_whole(
    proxy: FaultProxy, settings: Settings
) -> None:
    """A task that conforms what another landed fetches it: an answer cut short must not become fewer rows."""
    made, feed = lake(settings.home, settings=settings), contract("events", None)
    path = drop(made, "readings.csv", rows("abc"))
    fetched = fetched_file(feed, day(0), path, source="file:readings.csv", connector="file/1", now=made.clock())
    isolated = Isolated(settings, feed.name, "extract")
    (waiting,) = extract_each(made, feed, [(day(0), fetched)], isolated)
    assert isinstance(waiting, Waiting)
    with (
        proxy.hurting(Rule("truncate", "GET", "/payload/")),
        pytest.raises(StoreError, match=r"\n  left:  (.|\n)*\n  next:  (.|\n)*run the same command again"),
    ):
        list(conform_landed_each(made, feed, [waiting], isolated))
        isolated.raise_collected()
    assert counted(made) == {}
    (again,) = conform_landed_each(made, feed, [waiting], isolated)
    assert again.outcome == "accepted"
    assert counted(made) == dict.fromkeys("abc", 1)


def test_a_truncated_receipt_is_not_a_damaged_one(
    proxy: FaultProxy, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB reads receipts: an answer cut short must not look like an object to be restored."""

    def forget_what_engines_read() -> None:
        monkeypatch.setattr(engines, "_idle", {})

    made = lake(settings.home, settings=settings)
    ingest_file(made, contract(), drop(made, "readings.csv", rows("abc")), day(0))
    forget_what_engines_read()
    with proxy.hurting(Rule("truncate", "GET", ".json", times=1)):
        assert made.log.rebuild() == 1
    forget_what_engines_read()
    with (
        proxy.hurting(Rule("truncate", "GET", ".json")),
        pytest.raises(StoreError, match=r"read receipts: .* broke off its answer"),
    ):
        made.log.rebuild()
    assert made.log.rebuild() == 1
    assert counted(made) == dict.fromkeys("abc", 1)
