"""docker-compose.yml run without a container engine: each service's own command, as a process on 127.0.0.1.

Kept of a container: command, environment, env files, working folder, the files its Dockerfile copies (and no others),
volumes shared as the file says, order and conditions of starting, health checks. Translated: host names and ports
to 127.0.0.1 and free ports, folders to folders below `root`, the programs `postgres`, `pg_isready` (a wheel's) and
`minio` (built from the same commit; rclone, saying so, where it is not). Not kept: accounts, capabilities, limits,
read-only file systems, networks; tests look at what those are for (what listens where, what was written).
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from infra.stack.postgres import Postgres
from infra.stack.processes import Running, Service, start, stop, tail
from infra.stack.secrets import StackSecrets
from tests.support.compose_file import REPO, Image, env_file, image, loaded
from tests.support.ports import free_port
from tests.support.s3_servers import built_minio, minio_program

HEALTH_SECONDS = 150.0
LOOPBACK = "127.0.0.1"


@dataclass
class Native:
    """The services of the compose file below `root`; `secrets` is the folder `make compose-secrets` wrote into."""

    root: Path
    secrets: Path
    running: dict[str, Running] = field(default_factory=dict)
    ready: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.variables = env_file(self.secrets / ".env.compose")
        self.services: dict[str, dict[str, Any]] = loaded(self.variables)["services"]
        self.ports = {(name, port): free_port() for name, s in self.services.items() for port in _ports_of(s)}
        self.image: Image = image(REPO / "infra/images/citylake/Dockerfile")
        self.tree = self.root / "image"
        self._postgres: Postgres | None = None
        self._make_image()

    def up(self) -> None:
        """Start every service, each once what it waits for is ready; return when all are healthy."""
        for name in self._order():
            for needed in self.services[name].get("depends_on", {}):
                self.wait(needed)
            self.start(name)
        for name in self.services:
            self.wait(name)

    def down(self) -> None:
        """End every process, each before what it waited for: the scheduler's tasks can still report."""
        left = [name for name in reversed(self._order()) if name in self.running]
        with ThreadPoolExecutor() as side_by_side:
            while left:
                needed = {other for name in left for other in self.services[name].get("depends_on", {})}
                needed |= {"postgres", "minio"} if set(left) - {"postgres", "minio"} else set()
                free = [name for name in left if name not in needed]
                list(side_by_side.map(self.stop, free))
                left = [name for name in left if name not in free]
        if self._postgres is not None and not self._postgres.data.is_relative_to(self.root):
            shutil.rmtree(self._postgres.data.parent, ignore_errors=True)

    def stop(self, name: str) -> None:
        """End one service with its own stop signal."""
        stop([self.running[name]], first=signal.Signals[self.services[name].get("stop_signal", "SIGTERM")])

    def start(self, name: str) -> None:
        """Start a service; one that runs once has ended well when this returns."""
        began = time.monotonic()
        service = self._service(name)
        if self.services[name]["restart"] == "no":
            done = self.execute(name, *self.services[name]["command"])
            self.log(name).write_text(done.stdout, encoding="utf-8")
            assert done.returncode == 0, f"{name} ended with {done.returncode}:\n{done.stdout}"
            self.seconds[name] = time.monotonic() - began
            self.ready.add(name)
            return
        self.running[name] = start(service, self.log(name))

    def wait(self, name: str) -> None:
        """Until the service's health check says so."""
        began = time.monotonic()
        while name not in self.ready:
            problem = self.health(name)
            if problem is None:
                self.ready.add(name)
                self.seconds[name] = time.monotonic() - began
                return
            ended = self.running[name].process() is None
            late = time.monotonic() - began > HEALTH_SECONDS
            assert not (ended or late), (
                f"{name} {'ended' if ended else 'is not well'}: {problem}\n{tail(self.log(name))}"
            )
            time.sleep(0.3)

    def health(self, name: str) -> str | None:
        """What the service's own health check says; None when it is well."""
        kind, *command = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        if name == "minio" and not built_minio():
            command = ["bash", "-c", f"exec 3<>/dev/tcp/{LOOPBACK}/9000"]
        done = self.execute(name, *command)
        return None if done.returncode == 0 else done.stdout or f"exit code {done.returncode}"

    def execute(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end as the service would (`docker compose exec`, `run`)."""
        environment = self.environment(name)
        words = self._words(name, list(command), environment)
        return subprocess.run(
            words, env=environment, cwd=self._folder(name), text=True, check=False, timeout=HEALTH_SECONDS,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def log(self, name: str) -> Path:
        """What the service wrote."""
        path = self.root / "logs" / f"{name}.log"
        path.parent.mkdir(exist_ok=True)
        return path

    def url(self, name: str, port: int) -> str:
        """Where a service's port is."""
        return f"http://{LOOPBACK}:{self.ports[name, port]}"

    def volume(self, name: str) -> Path:
        """A named volume's folder."""
        path = self.root / "volumes" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def environment(self, name: str) -> dict[str, str]:
        """The whole environment of a service's processes; nothing of this process's own."""
        service = self.services[name]
        given: dict[str, str] = {}
        if self._is_ours(name):
            given |= self.image.environment
            given["PYTHONPATH"] = "/opt/citylake"  # in the image: the installed package's own link
        else:
            given |= {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp"}  # noqa: S108 - translated
        for file in service.get("env_file", []):
            given |= env_file((self.secrets if file["path"].startswith(".env") else REPO) / file["path"])
        given |= {key: str(value) for key, value in service.get("environment", {}).items()}
        return {key: self.translated(name, value) for key, value in given.items()}

    def translated(self, name: str, text: str) -> str:
        """Container paths, host names and ports in a text of the service, as they are here."""
        folders = self._mounts(name)
        found = "|".join(re.escape(path) for path in sorted(folders, key=len, reverse=True))
        if found:
            text = re.sub(rf"(?<![\w/.])({found})(?![\w.-])", lambda match: str(folders[match[1]]), text)
        for (host, port), here in self.ports.items():
            text = re.sub(rf"(?<![\w.-]){host}:{port}(?!\d)", f"{LOOPBACK}:{here}", text)
            for published in self.services[host].get("ports", []):
                text = text.replace(f"http://{published.rsplit(':', 1)[0]}", f"http://{LOOPBACK}:{here}")
        text = text.replace("0.0.0.0", LOOPBACK)  # noqa: S104 - put right here
        for port in _ports_of(self.services[name]):
            here = self.ports[name, port]
            text = re.sub(rf"^:{port}$", f"{LOOPBACK}:{here}", text)
            text = re.sub(rf"(?<![\w.-]){port}(?![\w.-])", str(here), text)
        return text

    def _service(self, name: str) -> Service:
        if name == "postgres":
            return self._prepared_postgres()
        environment = self.environment(name)
        words = self._words(name, self.services[name]["command"], environment)
        if name == "minio" and not built_minio():
            words = self._rclone()
        # `start` runs programs from /: a container starts them in its working folder.
        enter = ["/bin/bash", "-c", 'cd "$0" && exec "$@"', str(self._folder(name)), *words]
        return Service(name, enter, environment)

    def _words(self, name: str, command: list[str], environment: dict[str, str]) -> list[str]:
        program, *arguments = [self.translated(name, word) for word in command]
        if program == "minio" and built_minio():
            program = str(minio_program())
        elif program == "pg_isready":
            assert self._postgres is not None
            program = str(Path(self._postgres.service().command[0]).with_name(program))
        found = shutil.which(program, path=environment["PATH"])
        assert found is not None or program == "minio", f"{name}: there is no program {program}"
        return [found or program, *arguments]

    def _prepared_postgres(self) -> Service:
        """What the image's entry point does: make the data folder, then run the service's own command."""
        said = self.services["postgres"]["environment"]
        empty = SecretStr("")
        secrets = StackSecrets(
            postgres=empty, postgres_admin=SecretStr(said["POSTGRES_PASSWORD"]), exchange_writer=empty,
            exchange_reader=empty, fernet_key=empty, jwt_secret=empty, session_key=empty, accounts={},
        )  # fmt: skip
        self._postgres = Postgres(self.volume("postgres"), self.ports["postgres", 5432], secrets)
        self._postgres.prepare()
        service = self._postgres.service()
        program, *arguments = self.services["postgres"]["command"]
        assert program == "postgres"
        first = start(Service("postgres", service.command, service.environment, service.user), self.log("postgres"))
        _until(self._postgres.answers)
        stop([first], first=signal.SIGINT)
        return Service("postgres", [*service.command, *arguments], service.environment, service.user)

    def _rclone(self) -> list[str]:
        sys.stderr.write("compose: no MinIO was built here (`make minio`): rclone stands in for it\n")
        said = self.services["minio"]["environment"]
        keys = f"{said['MINIO_ROOT_USER']},{said['MINIO_ROOT_PASSWORD']}"
        return [
            str(Path(sys.executable).with_name("rclone")), "serve", "s3", "--config", "/dev/null", "--addr",
            f"{LOOPBACK}:{self.ports['minio', 9000]}", "--auth-key", keys, "--dir-cache-time", "1s",
            "--poll-interval", "0", "--log-level", "ERROR", str(self.volume("objects")),
        ]  # fmt: skip

    def _make_image(self) -> None:
        """The folder /opt/citylake of the image: what the Dockerfile copies, and the environment."""
        for source, target in self.image.copies:
            inside = self.tree / Path(target).relative_to("/opt/citylake")
            if (REPO / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "target", "logs")
                shutil.copytree(REPO / source, inside, ignore=ignored, dirs_exist_ok=True)
            else:
                inside = inside / Path(source).name if target.endswith("/") else inside
                inside.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPO / source, inside)
        (self.tree / ".venv").symlink_to(Path(sys.prefix))
        made = [sys.executable, "-m", "infra.web_contracts", str(self.tree / "web-contracts")]
        subprocess.run(made, cwd=self.tree, check=True, capture_output=True)

    def _mounts(self, name: str) -> dict[str, Path]:
        """Folder in the container to folder here."""
        found = {"/opt/citylake": self.tree} if self._is_ours(name) else {}
        for volume in self.services[name].get("volumes", []):
            source, target, *_ = volume.split(":")
            found[target] = self.volume(source)
        for tmpfs in self.services[name].get("tmpfs", []):
            path = tmpfs.split(":")[0]
            found[path] = self.root / "tmpfs" / name / path.strip("/")
            found[path].mkdir(parents=True, exist_ok=True)
        for outer, folder in found.items():
            for inner, inside in found.items():
                place = folder / Path(inner).relative_to(outer) if inner.startswith(f"{outer}/") else None
                if place is not None and not place.exists():
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.symlink_to(inside)
        return found

    def _folder(self, name: str) -> Path:
        return self.tree if self._is_ours(name) else self.root

    def _is_ours(self, name: str) -> bool:
        return "infra/images/citylake/" in str(self.services[name].get("build", ""))

    def _order(self) -> list[str]:
        """Each after what it waits for; who waits for most comes last."""
        order: list[str] = []
        while len(order) < len(self.services):
            ready = [
                n for n, s in self.services.items() if n not in order and set(s.get("depends_on", {})) <= set(order)
            ]
            order.append(min(ready, key=lambda name: len(self.services[name].get("depends_on", {}))))
        return order


def _ports_of(service: dict[str, Any]) -> list[int]:
    return [int(port.rsplit(":", 1)[-1]) for port in (*service.get("ports", []), *service.get("expose", []))]


def _until(ready: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "PostgreSQL does not answer"
        time.sleep(0.1)
