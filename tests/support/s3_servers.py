"""Real S3 servers on loopback: `rclone serve s3` from its wheel, and MinIO where it is built or Go is present.

Each server has a folder of its own, a free port and random keys, and is ended by its own process id.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from minio import Minio
from minio.error import MinioException

from ingestion.settings import Settings
from tests.support.needs import skip_without
from tests.support.ports import free_port

REPO = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0


@dataclass(frozen=True)
class S3Server:
    """A running server. `folder` is what it stores into."""

    name: str
    endpoint: str
    access_key: str
    secret_key: str
    folder: Path

    def settings(self, home: Path, store: str, **more: object) -> Settings:
        """Settings of a lake in that store; impatient, since tests wait for faults."""
        facts = {
            "home": home,
            "store": store,
            "s3_endpoint": self.endpoint,
            "s3_access_key": self.access_key,
            "s3_secret_key": self.secret_key,
            "s3_timeout_seconds": 20,
            "s3_retries": 3,
        }
        return Settings(**(facts | more))  # type: ignore[arg-type]


@contextlib.contextmanager
def rclone(folder: Path) -> Iterator[S3Server]:
    """`rclone serve s3` on a folder: no policies, no versions, user metadata is lost."""
    program = Path(sys.executable).with_name("rclone")
    server = _described("rclone", folder)
    address = server.endpoint.removeprefix("http://")
    keys = f"{server.access_key},{server.secret_key}"
    command = [
        program, "serve", "s3", "--config", "/dev/null", "--addr", address, "--auth-key", keys,
        "--dir-cache-time", "1s", "--poll-interval", "0", "--log-level", "ERROR", folder,
    ]  # fmt: skip
    with _running(command, server, {}, ready="/"):
        yield server


@contextlib.contextmanager
def minio(folder: Path) -> Iterator[S3Server]:
    """MinIO, with its data in the folder. Skips, saying why, where it was not built."""
    program = minio_program()
    server = _described("minio", folder)
    address = server.endpoint.removeprefix("http://")
    environment = {
        "MINIO_ROOT_USER": server.access_key,
        "MINIO_ROOT_PASSWORD": server.secret_key,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        "HOME": str(folder.parent),
    }
    command = [program, "server", "--quiet", "--address", address, folder]
    with _running(command, server, environment, ready="/minio/health/ready"):
        _wait_for_requests(server)
        yield server


def _wait_for_requests(server: S3Server) -> None:
    """MinIO calls itself ready a moment before it takes signed requests; until then it answers 503."""
    address, region = server.endpoint.removeprefix("http://"), "us-east-1"
    client = Minio(
        address, access_key=server.access_key, secret_key=server.secret_key, secure=False, region=region,
    )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            client.list_buckets()
        except MinioException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def minio_program() -> Path:
    """The built server. Skips the test, saying why, where there is none (`make test-faults` builds it where Go is)."""
    program = _minio_path()
    if not program.is_file():
        skip_without("MinIO: `make minio` builds it, with Go")
    return program


def built_minio() -> bool:
    """Whether there is a MinIO to run."""
    return _minio_path().is_file()


def _minio_path() -> Path:
    built = subprocess.run(
        [REPO / "infra" / "minio" / "build.sh", "--print"], capture_output=True, text=True, check=True
    )
    return Path(built.stdout.strip())


def _described(name: str, folder: Path) -> S3Server:
    folder.mkdir(parents=True, exist_ok=True)
    endpoint = f"http://127.0.0.1:{free_port()}"
    return S3Server(name, endpoint, f"ak{secrets.token_hex(6)}", f"sk{secrets.token_hex(16)}", folder)


@contextlib.contextmanager
def _running(command: list[object], server: S3Server, environment: dict[str, str], *, ready: str) -> Iterator[None]:
    log = server.folder.with_name(f"{server.folder.name}.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=output, stderr=output, env={**os.environ, **environment}
        )
        try:
            _wait(process, server.endpoint + ready, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 - an http address of our own making
        except urllib.error.HTTPError as answer:
            answer.close()
            if answer.code < 500:
                return
        except OSError:
            time.sleep(0.05)
            continue
        else:
            return
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")
