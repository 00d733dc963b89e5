"""The SFTP server by asyncssh's client: one account, a host key that stays, nothing but the department's files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import asyncssh
import pytest

from infra.simulator.serve import Served, serving
from infra.simulator.sftp_server import LOGIN, connection_uri, host_key, password

T = TypeVar("T")
NAME = "hospital_b_visit/visits.csv"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("served")
    for name in ("drop/wjj/" + NAME, "drop/gsj/other.csv", "truth/truth.json"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(b"line\n" * 10_000)
    return made


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with serving(folder) as running:
        yield running


def with_client(served: Served, work: Callable[[asyncssh.SFTPClient], Awaitable[T]], **changed: Any) -> T:
    """What `work` gives with a client that trusts the host key of the connection and no other."""
    uri = urlsplit(served.environment()["CITYLAKE_CONN_WJJ_SFTP"])
    (fingerprint,) = parse_qs(uri.query)["host_key"]

    class Client(asyncssh.SSHClient):
        def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
            return bool(key.get_fingerprint() == fingerprint)

    async def run() -> T:
        given = {"username": uri.username, "password": unquote(uri.password or ""), **changed}
        async with (
            asyncssh.connect(
                uri.hostname or "", uri.port or 0, known_hosts=b"", client_factory=Client, config=None,
                client_keys=None, agent_path=None, **given,
            ) as connection,
            connection.start_sftp_client() as client,
        ):  # fmt: skip
            return await work(client)

    return asyncio.run(run())


def test_files_are_read_with_their_size_and_time(served: Served, folder: Path) -> None:
    async def work(client: asyncssh.SFTPClient) -> tuple[list[str], bytes, int | None, float | None]:
        names = sorted(str(name) for name in await client.listdir("."))
        async with client.open(NAME, "rb") as file:
            content = await file.read()
        attributes = await client.stat(NAME)
        return names, content, attributes.size, attributes.mtime

    names, content, size, modified = with_client(served, work)
    path = folder / "drop" / "wjj" / NAME
    assert [name for name in names if not name.startswith(".")] == ["hospital_b_visit"]
    assert (content, size, modified) == (path.read_bytes(), path.stat().st_size, int(path.stat().st_mtime))


@pytest.mark.parametrize("path", ["../gsj/other.csv", "/../../truth/truth.json", "/etc/passwd"])
def test_nothing_outside_the_departments_folder(served: Served, path: str) -> None:
    with pytest.raises(asyncssh.SFTPError):
        with_client(served, lambda client: client.stat(path))


def test_nothing_is_written(served: Served, folder: Path) -> None:
    async def write(client: asyncssh.SFTPClient) -> None:
        async with client.open("new.csv", "w") as file:
            await file.write("x")

    changes: list[Callable[[asyncssh.SFTPClient], Awaitable[None]]] = [
        write,
        lambda client: client.remove(NAME),
        lambda client: client.rename(NAME, "other.csv"),
        lambda client: client.mkdir("new"),
        lambda client: client.symlink("/etc/passwd", "link"),
        lambda client: client.truncate(NAME, 0),
        lambda client: client.chmod(NAME, 0o777),
    ]
    before = sorted(folder.rglob("*"))
    for change in changes:
        with pytest.raises(asyncssh.SFTPError):
            with_client(served, change)
    assert sorted(folder.rglob("*")) == before
    assert (folder / "drop" / "wjj" / NAME).stat().st_size == 50_000


@pytest.mark.parametrize("changed", [{"password": "guessed"}, {"username": "root"}])
def test_only_the_account_with_its_password(served: Served, changed: dict[str, str]) -> None:
    with pytest.raises(asyncssh.PermissionDenied):
        with_client(served, lambda client: client.listdir("."), **changed)


def test_the_host_key_stays_with_the_token_and_another_is_not_trusted(served: Served, folder: Path) -> None:
    assert host_key("a").get_fingerprint() == host_key("a").get_fingerprint() != host_key("b").get_fingerprint()
    assert password("a") != password("b")
    assert connection_uri("a", "host", 22).startswith(f"sftp://{LOGIN}:{password('a')}@host:22/?host_key=SHA256:")
    other = Served(served.url, "another-token", served.control, served.sftp_port)
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        with_client(other, lambda client: client.listdir("."))
