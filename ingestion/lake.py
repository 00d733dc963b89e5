"""The lake every step is given: settings, store, receipt log, keys, locks, contracts.

Owns how the parts are opened together and where private folders lie. The functions
(`clock`, `connections`, `on_step`) are parts too, so that a step can be run with another clock or a hook at each point
of the commit order; the defaults are the real ones.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.city_time import city_time
from ingestion.clocks import now
from ingestion.contract.model import Contract
from ingestion.contract.problem import InvalidContract, Problem
from ingestion.errors import ConfigurationError, ContractError, LakeBusy, ObjectNotFound, StoreError
from ingestion.keys import KEY_CHECKS, QUARANTINE, RAW, RECEIPTS, key_check
from ingestion.locks import Locks, open_locks
from ingestion.machine.rights import close_drop, keep_private, own_folder, tighten_passage
from ingestion.receipts.log import ReceiptLog
from ingestion.settings import Settings
from ingestion.store import LocalStore, Store, open_store

if TYPE_CHECKING:
    from ingestion.conform.pseudonym import PseudonymKeys
    from ingestion.connections import Connection
    from ingestion.database_connection import DatabaseConnection
    from ingestion.sftp_connection import SftpConnection

FEED_LOCK_SECONDS = 600.0
KEY_LOCK_SECONDS = 30.0


def _no_step(name: str) -> None:
    """Do nothing at a step."""


@dataclass(frozen=True)
class Lake:
    """What every step gets passed. Cheap to copy with `dataclasses.replace`."""

    settings: Settings
    store: Store
    log: ReceiptLog
    open_keys: Callable[[], PseudonymKeys]
    locks: Locks
    contracts: Mapping[str, Contract]
    clock: Callable[[], datetime] = now
    connections: Callable[[str], Connection] | None = None
    """Resolves a connection's name; None reads the environment (ingestion.connections). Raises ConfigurationError."""
    databases: Callable[[str], DatabaseConnection] | None = None
    """As `connections`, for databases (ingestion.database_connection)."""
    sftp_servers: Callable[[str], SftpConnection] | None = None
    """As `connections`, for SFTP servers (ingestion.sftp_connection)."""
    broken: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    """Feeds whose contract file cannot be used, and why (ingestion.contract.load.Feeds)."""
    on_step: Callable[[str], None] = _no_step
    """Called after each step of a commit: landed_payload, landed_manifest, conformed, stored_bronze,
    stored_quarantine (once an object), committed."""

    @property
    def active(self) -> dict[str, Contract]:
        """The contracts whose feeds are taken in (status active)."""
        return {name: contract for name, contract in self.contracts.items() if contract.is_active}

    def contract(self, feed: str) -> Contract:
        """The contract of `department.feed`. Raises InvalidContract where its file is wrong, ContractError without."""
        if feed in self.broken:
            raise InvalidContract(self.broken[feed])
        if feed not in self.contracts:
            raise ContractError(
                "the feed has no contract any more",
                feed=feed,
                left="nothing was done",
                next_step="citylake contracts list",
            )
        return self.contracts[feed]

    def city_time(self) -> datetime:
        """The time ages and lateness are judged at, in the city's zone (ingestion.city_time).

        Raises ConfigurationError.
        """
        return city_time(self.settings, self.clock)

    @cached_property
    def keys(self) -> PseudonymKeys:
        """The pseudonym keys, read when first needed: who only reads the lake needs none. Raises ConfigurationError."""
        return self.open_keys()

    def connection(self, name: str) -> Connection:
        """The connection a contract names. Raises ConfigurationError."""
        from ingestion.connections import from_settings

        return self.connections(name) if self.connections else from_settings(self.settings, name)

    def database(self, name: str) -> DatabaseConnection:
        """The database connection a contract names. Raises ConfigurationError."""
        from ingestion.database_connection import from_settings

        return self.databases(name) if self.databases else from_settings(self.settings, name)

    def sftp_server(self, name: str) -> SftpConnection:
        """The SFTP connection a contract names. Raises ConfigurationError."""
        from ingestion.sftp_connection import from_settings

        return self.sftp_servers(name) if self.sftp_servers else from_settings(self.settings, name)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private folder, removed afterwards. Raises StoreError when it cannot be made."""
        try:
            self.settings.scratch_root.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder = Path(tempfile.mkdtemp(dir=self.settings.scratch_root))
        except OSError as error:
            raise StoreError(
                f"no scratch folder can be made: {error.strerror or error}",
                left="nothing was changed",
                next_step="free space below the lake's home, then run the same command again",
            ) from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def committing(self, contract: Contract) -> Iterator[None]:
        """One commit of a feed at a time in the whole lake, so that a correction is judged against what it meets.

        Before each commit step of the block `require_committing` is called. Correct counts do not depend on it (the
        log keeps the first of equal commits). Raises LakeBusy.
        """
        feed = contract.name

        def busy(holder: str | None) -> LakeBusy:
            return LakeBusy(
                f"another process is committing a delivery of this feed{f' ({holder})' if holder else ''}",
                feed=feed,
                left="raw bytes are landed, nothing else was stored",
                next_step="run the same command again; it continues from the landed bytes",
            )

        with self.locks.exclusive(_feed_lock(contract), busy=busy, timeout=FEED_LOCK_SECONDS):
            yield

    def require_committing(self, contract: Contract) -> None:
        """Call it within `committing`, right before a commit step. Raises LockUnavailable where the lock is lost."""
        self.locks.require_held(_feed_lock(contract))


def open_lake(settings: Settings) -> Lake:
    """The lake of the settings; folders are created on first use, with the rights of ingestion.machine.rights.

    From here on this process makes private files (its umask is 077). An earlier version's lake is closed here.
    A contract file that is wrong is in `broken`; the other feeds go on. Raises ContractError and ConfigurationError.
    """
    from ingestion.contract.load import read_feeds

    feeds = read_feeds(settings.contracts)

    keep_private()
    _create_folders(settings)
    store, locks = open_store(settings), open_locks(settings)
    if isinstance(store, LocalStore):
        store.tighten(RAW, QUARANTINE)
    return Lake(
        settings=settings,
        store=store,
        log=ReceiptLog(store, settings.state_root / "receipts.duckdb"),
        open_keys=lambda: _keys(settings, store, locks),
        locks=locks,
        contracts=feeds.contracts,
        broken=feeds.broken,
    )


def _feed_lock(contract: Contract) -> str:
    return f"feeds/{contract.name}"


def _keys(settings: Settings, store: Store, locks: Locks) -> PseudonymKeys:
    """A lake with receipts has pseudonyms: its keys are restored from backup, never made anew.

    The first host leaves in the store by what it knows its key; raises ConfigurationError where this one has another.
    """
    from ingestion.conform.pseudonym import PseudonymKeys

    found = PseudonymKeys.load(settings) if store.list_folders(f"{RECEIPTS}/") else PseudonymKeys.create(settings)
    known = _key_check(store, found.version)
    if known is None:

        def busy(holder: str | None) -> LakeBusy:
            return LakeBusy(
                f"another process is about to say which pseudonym key this lake has{f' ({holder})' if holder else ''}",
                left="nothing was conformed",
                next_step="run the same command again",
            )

        with locks.exclusive(KEY_CHECKS, busy=busy, timeout=KEY_LOCK_SECONDS):
            known = _key_check(store, found.version)
            if known is None:
                known = found.check
                locks.require_held(KEY_CHECKS)
                store.put_bytes(key_check(found.version), known.encode())
    if known != found.check:
        raise ConfigurationError(
            f"the pseudonym key of version {found.version} on this host is not the one this lake's pseudonyms have",
            left="nothing was conformed: other keys would give other pseudonyms for the same person",
            next_step="copy the key file of the lake's other hosts, or restore it from its backup",
        )
    return found


def _key_check(store: Store, version: int) -> str | None:
    try:
        return store.get_bytes(key_check(version)).decode()
    except ObjectNotFound:
        return None


def _create_folders(settings: Settings) -> None:
    # The build file holds what no edition shows yet, and what the open one never will.
    private = [settings.scratch_root, settings.state_root]
    if settings.pseudonym_keys is None:
        private.append(settings.pseudonym_keys_path.parent)
    tighten_passage(settings.root)
    close_drop(settings.root, settings.drop_root)
    for folder in private:
        own_folder(folder)
