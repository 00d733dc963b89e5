"""A folder of a real SFTP server: taken once, resumed after any byte, and read from the right server only."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from ingestion.connectors import retries, sftp, sftp_download
from ingestion.connectors.factory import connector_for
from ingestion.contract.model import Contract
from ingestion.delivery.ingest import ingest_interval
from ingestion.errors import SourceError
from ingestion.isolation import SomeUnreadable
from ingestion.lake import Lake
from ingestion.receipts.manifests import read_manifest
from ingestion.sftp_connection import SftpConnection
from tests.support.lakes import START, contract, counted, day, lake, rows
from tests.support.sftp_server import PASSWORD, SftpServer, sftp_server

NAME = "readings_20260302.csv"
MODIFIED = int(START.timestamp()) + 3600


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SftpServer]:
    root = tmp_path / "server"
    root.mkdir()
    with sftp_server(root) as made:
        yield made


@pytest.fixture
def made(tmp_path: Path, server: SftpServer) -> Lake:
    return with_connection(lake(tmp_path / "home"), server.uri())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_BACKOFF", lambda state: 0.0)
    monkeypatch.setattr(sftp, "_SECOND_LOOK", 0.0)


def with_connection(made: Lake, uri: str) -> Lake:
    return replace(made, sftp_servers=lambda name: SftpConnection.from_text(uri, name=name))


def feed(**said: Any) -> Contract:
    source = {
        "connector": "sftp", "connection": "office", "path": "readings_{interval:%Y%m%d}*.csv", "settle_seconds": 1,
        "timeouts": {"connect": 20, "read": 20, "total": 120}, "attempts": 4,
    }  # fmt: skip
    return contract(source={**source, **said})


def put(server: SftpServer, name: str, text: str | bytes, *, at: float = MODIFIED) -> Path:
    path = server.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    os.utime(path, (at, at))
    return path


def problem(made: Lake, of: Contract) -> SourceError:
    with pytest.raises(SourceError) as caught:
        ingest_interval(made, of, day(0))
    assert PASSWORD not in str(caught.value)
    assert "next:" in str(caught.value)
    return caught.value


def test_a_file_is_taken_once_and_not_fetched_again(made: Lake, server: SftpServer) -> None:
    put(server, NAME, rows("abc"))
    put(server, "readings_20260302.csv.part", rows("x"))
    put(server, ".readings_20260302.csv", rows("x"))
    (first,) = ingest_interval(made, feed(), day(0))
    assert (first.outcome, counted(made)) == ("accepted", {"a": 1, "b": 1, "c": 1})
    manifest = read_manifest(made.store, feed(), day(0), first.batch)
    assert manifest.source == f"sftp:127.0.0.1:{server.port}/{NAME}"
    assert manifest.headers == {
        "content-length": str(len(rows("abc"))), "last-modified": "Mon, 02 Mar 2026 01:00:00 GMT"
    }  # fmt: skip
    sent = server.sent
    (again,) = ingest_interval(made, feed(), day(0))
    assert (again.outcome, again.batch, server.sent) == ("duplicate", first.batch, sent)
    assert list(made.settings.scratch_root.iterdir()) == []
    put(server, NAME, rows("abcd"), at=MODIFIED + 60)
    assert [one.outcome for one in ingest_interval(made, feed(), day(0))] == ["accepted"]
    assert counted(made) == {"a": 1, "b": 1, "c": 1, "d": 1}


def test_all_intervals_share_one_session(made: Lake, server: SftpServer) -> None:
    for number in range(4):
        put(server, f"readings_2026030{number + 2}.csv", rows("ab", at=number))
    connector = connector_for(made, feed())
    assert [len(connector.fetch(feed(), day(n), made.clock())) for n in range(4)] == [1] * 4
    assert server.connections == 1


@pytest.mark.parametrize("seed", range(6))
def test_a_connection_cut_at_any_byte_ends_in_the_same_file(
    made: Lake, server: SftpServer, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sftp_download, "PIECE", 20_000)
    content = random.Random(seed).randbytes(300_000)
    put(server, NAME, content)
    spots = random.Random(seed)
    server.cuts = [spots.choice([10, 700, 2500, 6000, spots.randrange(7000, 320_000)]) for _ in range(3)]
    (fetched,) = connector_for(made, feed()).fetch(feed(), day(0), made.clock())
    assert fetched.path.read_bytes() == content
    assert server.connections > 1


def test_what_came_before_a_cut_is_not_sent_again(
    made: Lake, server: SftpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sftp_download, "PIECE", 20_000)
    content = random.Random(1).randbytes(400_000)
    put(server, NAME, content)
    server.cuts = [300_000]
    (fetched,) = connector_for(made, feed()).fetch(feed(), day(0), made.clock())
    assert fetched.path.read_bytes() == content
    assert server.sent < 440_000


def test_a_file_replaced_between_two_attempts_is_read_from_the_beginning(
    made: Lake, server: SftpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sftp_download, "PIECE", 20_000)
    old, new = b"a" * 300_000, b"b" * 300_000
    put(server, NAME, old)
    server.cuts = [200_000]

    def replaced(path: Path, offset: int) -> None:
        if server.connections == 1 and offset > 100_000:
            put(server, NAME, new, at=MODIFIED + 5)

    server.on_read = replaced
    assert connector_for(made, feed()).fetch(feed(), day(0), made.clock()) == []
    server.on_read = None
    (fetched,) = connector_for(made, feed()).fetch(feed(), day(0), made.clock())
    assert fetched.path.read_bytes() == new


@pytest.mark.parametrize("grows", [True, False])
def test_a_file_that_changes_while_it_is_read_is_left(
    made: Lake, server: SftpServer, grows: bool, caplog: pytest.LogCaptureFixture
) -> None:
    path = put(server, NAME, rows("ab"))

    def change(read: Path, offset: int) -> None:
        with read.open("ab") as file:
            file.write(b"c,2026-03-02,1\n") if grows else file.truncate(5)

    server.on_read = change
    with caplog.at_level(logging.INFO):
        assert ingest_interval(made, feed(), day(0)) == []
    assert f"{NAME} changed while it was read; it is left for the next run" in caplog.text
    server.on_read = None
    os.utime(path, (MODIFIED, MODIFIED))
    assert len(ingest_interval(made, feed(), day(0))) == 1


def test_a_young_file_is_left_until_it_has_settled(made: Lake, server: SftpServer) -> None:
    path = put(server, NAME, rows("ab"), at=time.time() - 5)
    assert ingest_interval(made, feed(settle_seconds=60), day(0)) == []
    os.utime(path, (time.time() - 61,) * 2)
    assert len(ingest_interval(made, feed(settle_seconds=60), day(0))) == 1


def test_a_server_whose_clock_is_ahead_is_looked_at_twice(made: Lake, server: SftpServer) -> None:
    ahead = time.time() + 3600
    path = put(server, NAME, rows("ab"), at=ahead)
    started = time.monotonic()
    assert len(connector_for(made, feed()).fetch(feed(), day(0), made.clock())) == 1
    assert time.monotonic() - started >= 1
    connector = connector_for(made, feed())
    connector._folder.looked_at = None  # type: ignore[attr-defined]
    server.on_read = lambda read, offset: os.utime(path, (ahead + 1, ahead + 1))
    assert connector.fetch(feed(), day(0), made.clock()) == []


def test_another_host_key_reads_nothing(made: Lake, server: SftpServer) -> None:
    put(server, NAME, rows("ab"))
    expected = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint()
    other = with_connection(made, server.uri(host_key=expected))
    said = str(problem(other, feed()))
    assert f"shows another host key than the connection declares: {server.fingerprint} (ssh-ed25519)" in said
    assert f"expected {expected}; no credential was sent" in said
    assert "by telephone" in said
    assert "source-unreachable.md" in said
    assert (server.logins, server.sent) == ([], 0)


def test_any_of_several_keys_of_any_type_will_do(made: Lake, tmp_path: Path) -> None:
    root = tmp_path / "many"
    root.mkdir()
    with sftp_server(root, "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa") as server:
        put(server, NAME, rows("ab"))
        old = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint()
        for key in server.keys:
            whole = key.export_public_key().decode().strip()
            for declared in (key.get_fingerprint(), whole):
                connection = SftpConnection(
                    host="127.0.0.1", port=server.port, login="lake", password=PASSWORD, host_key=(old, declared)
                )  # type: ignore[arg-type]
                tried = replace(made, sftp_servers=lambda name, found=connection: found)
                assert len(connector_for(tried, feed()).fetch(feed(), day(0), made.clock())) == 1


def test_no_file_of_this_account_is_asked(
    made: Lake, server: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A known_hosts with the server's key, a key the server takes and a config: none of them lets the lake in."""
    home = tmp_path / "account"
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "agent"))
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(home / ".ssh" / "id_ed25519")
    server.allowed_keys.add(key.get_fingerprint())
    public = server.keys[0].export_public_key().decode()
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {public}")
    (home / ".ssh" / "config").write_text("Host *\n  StrictHostKeyChecking no\n  User somebody\n")
    other = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint()
    assert "another host key" in str(problem(with_connection(made, server.uri(host_key=other)), feed()))
    wrong = server.uri().replace(PASSWORD, "wrong")
    assert "does not let this account in" in str(problem(with_connection(made, wrong), feed()))
    assert set(server.logins) == {"lake"}


def test_a_private_key_lets_in_as_path_and_as_text(made: Lake, server: SftpServer, tmp_path: Path) -> None:
    put(server, NAME, rows("ab"))
    key = asyncssh.generate_private_key("ssh-ed25519")
    server.allowed_keys.add(key.get_fingerprint())
    text = key.export_private_key("pkcs8-pem", passphrase="open").decode()  # noqa: S106
    path = tmp_path / "id"
    path.write_text(text)
    for secret in (text, str(path)):
        facts: dict[str, Any] = {"private_key": secret, "passphrase": "open", "host_key": (server.fingerprint,)}
        connection = SftpConnection(host="127.0.0.1", port=server.port, login="lake", **facts)
        tried = replace(made, sftp_servers=lambda name, found=connection: found)
        assert len(connector_for(tried, feed()).fetch(feed(), day(0), made.clock())) == 1
        closed = replace(
            made, sftp_servers=lambda name, found=connection: found.model_copy(update={"passphrase": None})
        )
        assert "private key cannot be read (KeyImportError)" in str(problem(closed, feed()))


def test_what_cannot_be_read_stops_no_other_file(made: Lake, server: SftpServer, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text(rows("x"))
    put(server, NAME, rows("ab"))
    put(server, "readings_20260302_2.csv", rows("cd"))
    put(server, "readings_20260302_closed.csv", rows("x"))
    server.refused.add("readings_20260302_closed.csv")
    (server.root / "readings_20260302_dir.csv").mkdir()
    (server.root / "readings_20260302_inner.csv").symlink_to(put(server, "kept/real.csv", rows("ef")))
    (server.root / "readings_20260302_nowhere.csv").symlink_to("missing.csv")
    (server.root / "readings_20260302_out.csv").symlink_to("../outside.csv")
    put(server, "readings_20260302_long.csv", "x" * 5000)
    of = feed(max_bytes=4000)
    with pytest.raises(SomeUnreadable) as caught:
        connector_for(made, of).fetch(of, day(0), made.clock())
    assert [one.filename for one in caught.value.found][:2] == [NAME, "readings_20260302_2.csv"]
    said = str(caught.value)
    assert "'readings_20260302_closed.csv' cannot be read: permission denied" in said
    assert "'readings_20260302_nowhere.csv' is a link that leads nowhere" in said
    assert "'readings_20260302_long.csv' has 5,000 bytes, more than the contract's 4,000 bytes" in said
    assert "x" not in [row for one in caught.value.found for row in one.path.read_text()]


def test_a_name_that_is_none_and_one_listed_twice_stop_no_other_file(made: Lake, server: SftpServer) -> None:
    put(server, NAME, rows("ab"))
    server.made_up = [b"readings_20260302/../x.csv", b"readings_20260302\0.csv", b"/etc/x.csv", NAME.encode()]
    with pytest.raises(SomeUnreadable) as caught:
        connector_for(made, feed()).fetch(feed(), day(0), made.clock())
    assert [one.filename for one in caught.value.found] == [NAME]
    said = str(caught.value)
    assert "'readings_20260302/../x.csv' cannot be read: it is no name of a file" in said
    assert "'readings_20260302\\x00.csv' cannot be read: it is no name of a file" in said
    assert "ask the department to correct its SFTP server" in said


def test_a_file_that_is_gone_asks_nobody_for_rights(made: Lake, server: SftpServer) -> None:
    path = put(server, NAME, rows("ab"))
    connector = connector_for(made, feed())
    connector.fetch(feed(), day(0), made.clock())
    path.unlink()
    with pytest.raises(SomeUnreadable, match=f"'{NAME}' cannot be read: it is gone") as caught:
        connector.fetch(feed(), day(0), made.clock())
    assert "run the same command again" in str(caught.value)
    assert "let this account read it" not in str(caught.value)


def test_the_servers_own_text_is_in_no_message(
    made: Lake, server: SftpServer, caplog: pytest.LogCaptureFixture
) -> None:
    put(server, NAME, rows("ab"))

    def failing(path: Path, offset: int) -> None:
        raise asyncssh.SFTPFailure("its own text of somebody")

    server.on_read = failing
    said = str(problem(made, feed(attempts=2)))
    assert "answered with an error (SFTPFailure, code 4)" in said
    assert "its own text" not in said + caplog.text


def test_folders_in_the_path_are_matched_and_a_directory_in_place_of_a_file_is_told(
    made: Lake, server: SftpServer
) -> None:
    put(server, "a1/20260302/readings.csv", rows("ab"))
    put(server, "a2/20260302/readings.csv", rows("cd"))
    (server.root / "a3" / "20260302" / "readings.csv").mkdir(parents=True)
    put(server, "b1/20260302/readings.csv", rows("x"))
    of = feed(path="a*/{interval:%Y%m%d}/readings.csv")
    with pytest.raises(SomeUnreadable, match="it is a folder, not a file") as caught:
        connector_for(made, of).fetch(of, day(0), made.clock())
    assert [one.source.rpartition("/")[0].split("/", 1)[1] for one in caught.value.found] == [
        "a1/20260302",
        "a2/20260302",
    ]


def test_the_connections_folder_is_the_root(made: Lake, server: SftpServer) -> None:
    put(server, f"out/{NAME}", rows("ab"))
    there = with_connection(made, server.uri().replace("/?", "/out?"))
    assert len(ingest_interval(there, feed(), day(0))) == 1
    gone = with_connection(made, server.uri().replace("/?", "/gone?"))
    error = problem(gone, feed())
    assert "has no folder 'gone' for this account" in str(error)
    assert error.is_whole_source


def test_nothing_there_yet_is_no_error(made: Lake, server: SftpServer) -> None:
    assert ingest_interval(made, feed(), day(0)) == []
    assert ingest_interval(made, feed(path="later/{interval:%Y}/x.csv"), day(0)) == []


def test_a_wrong_password_and_a_server_away(made: Lake, server: SftpServer) -> None:
    wrong = problem(with_connection(made, server.uri().replace(PASSWORD, "wrong")), feed())
    assert "does not let this account in: login, password or key" in str(wrong)
    assert "renew the credential: CITYLAKE_CONN_OFFICE" in str(wrong)
    away = with_connection(made, server.uri().replace(f":{server.port}", ":1"))
    error = problem(away, feed(attempts=2))
    assert "127.0.0.1:1 cannot be reached" in str(error)
    assert error.is_whole_source


def test_a_server_that_is_silent_is_given_up(made: Lake, server: SftpServer) -> None:
    put(server, NAME, rows("ab"))
    server.on_read = lambda path, offset: time.sleep(0.6)
    of = feed(timeouts={"connect": 20, "read": 0.3, "total": 60}, attempts=2)
    assert "stopped answering" in str(problem(made, of))


def test_a_name_in_the_departments_own_encoding(made: Lake, server: SftpServer) -> None:
    raw = os.fsencode(server.root) + "/readings_20260302_中山.csv".encode("gb18030")
    Path(os.fsdecode(raw)).write_text(rows("ab"))
    os.utime(raw, (MODIFIED, MODIFIED))
    (fetched,) = connector_for(made, feed()).fetch(feed(), day(0), made.clock())
    assert fetched.filename == "readings_20260302_中山.csv"
