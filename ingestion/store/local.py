"""A local folder as an object store.

An object is written to a temporary file in `.incoming`, synced to disk, then hard-linked to its key. A crash therefore
leaves at worst a temporary file, which `sweep` removes. Files and folders get the modes of `ingestion.machine.rights`,
whatever the umask.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from ingestion.errors import ObjectNotFound, StoreError
from ingestion.keys import check_key
from ingestion.machine import rights
from ingestion.store.base import ObjectInfo

if TYPE_CHECKING:
    import duckdb

INCOMING = ".incoming"
_ATTEMPTS = 5
PlaceFile = Callable[[Path, Path], object]


class LocalStore:
    """See ingestion.store.base.Store."""

    def __init__(self, root: Path, group: int | None = None) -> None:
        """`group` is the id of the group that may read the internal edition; None keeps the owner's group."""
        self.root = root
        self._group = group
        self._incoming = root / INCOMING

    @classmethod
    def from_url(cls, url: str, group: int | None = None) -> LocalStore:
        """The store of a `file:///absolute/folder` address."""
        return cls(Path(unquote(urlparse(url).path)), group)

    def tighten(self, *zones: str) -> None:
        """Set the modes of an existing store's folders, and create the folders of these zones. Raises StoreError."""
        try:
            rights.passage(self.root)
            for zone in zones:
                self._make_folders(self.root / zone)
            if self._incoming.is_dir():
                rights.own_folder(self._incoming)
            rights.tighten_store(self.root, self._group)
        except OSError as error:
            raise StoreError(
                f"the rights of {self.root} cannot be set: {error.strerror or error}",
                left="nothing of the lake was changed",
                next_step="run as the account that owns the folder",
            ) from error

    def list(self, prefix: str, *, after: str | None = None) -> Iterator[ObjectInfo]:
        """See Store.list."""
        yield from self._walk(self._folder(prefix), after)

    def list_folders(self, prefix: str) -> Sequence[str]:
        """See Store.list_folders."""
        base = self._folder(prefix)
        if not base.is_dir():
            return []
        return sorted(path.name for path in base.iterdir() if path.is_dir() and path != self._incoming)

    def put_file(self, key: str, source: Path, *, consume: bool = False) -> ObjectInfo:
        """See Store.put_file. With `consume` the file is hard-linked where it lies on the same file system."""
        with self._placed(key) as temporary:
            if not (consume and _try_link(source, temporary)):
                shutil.copyfile(source, temporary)
        return _info(key, self._path(key))

    def put_bytes(self, key: str, data: bytes) -> ObjectInfo:
        """See Store.put_bytes."""
        with self._placed(key) as temporary:
            temporary.write_bytes(data)
        return _info(key, self._path(key))

    def replace(self, key: str, data: bytes) -> None:
        """See Store.replace."""
        target = self._path(key)
        try:
            with self._temporary() as temporary:
                temporary.write_bytes(data)
                self._set_mode_and_sync(temporary, key)
                self._into_place(temporary, target, Path.replace)
        except OSError as error:
            raise _store_error("replace", key, error) from error

    def head(self, key: str) -> ObjectInfo | None:
        """See Store.head."""
        path = self._path(key)
        try:
            return _info(key, path) if path.is_file() else None
        except FileNotFoundError:
            return None

    def get_bytes(self, key: str) -> bytes:
        """See Store.get_bytes."""
        try:
            return self._existing(key).read_bytes()
        except OSError as error:
            raise StoreError(f"get {key!r}: {error.strerror or error}", left="the object was not changed") from error

    def fetch(self, key: str, target: Path) -> Path:
        """See Store.fetch: the store's own file; `target` is not written."""
        return self._existing(key)

    def delete(self, key: str) -> None:
        """See Store.delete. Also removes folders that become empty, as an object store has none."""
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"delete {key!r}: {error.strerror or error}", left="the object is still there") from error
        for folder in path.parents:
            if folder == self.root or not _remove_if_empty(folder):
                return

    def sweep(self, before: datetime) -> int:
        """See Store.sweep."""
        if not self._incoming.is_dir():
            return 0
        stale = [path for path in self._incoming.iterdir() if _modified_before(path, before)]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)

    def url(self, key: str) -> str:
        """The object's absolute path."""
        return str(self._path(key).absolute())

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """DuckDB opens files by itself."""

    def as_store_error(self, doing: str, error: Exception) -> StoreError | None:
        """See Store.as_store_error: always None, as DuckDB's own message about a local file says enough."""
        return None

    def _path(self, key: str) -> Path:
        check_key(key)
        if key.split("/", 1)[0] == INCOMING:
            raise StoreError(f"unsafe object key {key!r}", left="nothing was written")
        return self.root / key

    def _folder(self, prefix: str) -> Path:
        return self._path(prefix.rstrip("/")) if prefix.rstrip("/") else self.root

    def _existing(self, key: str) -> Path:
        path = self._path(key)
        if not path.is_file():
            raise ObjectNotFound(f"object {key!r} is not in the store")
        return path

    def _walk(self, folder: Path, after: str | None) -> Iterator[ObjectInfo]:
        try:
            with os.scandir(folder) as entries:
                # With its slash a folder sorts where the keys of its objects sort: 'a-b' < 'a/x' < 'a0'.
                names = sorted(entry.name + "/" if entry.is_dir() else entry.name for entry in entries)
        except (FileNotFoundError, NotADirectoryError):
            return
        for name in names:
            path = folder / name
            key = path.relative_to(self.root).as_posix()
            if not name.endswith("/"):
                yield from _listed(key, path, after)
            elif path != self._incoming and not _is_skipped_folder(key + "/", after):
                yield from self._walk(path, after)

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        if not self._incoming.is_dir():
            rights.own_folder(self._incoming)
        temporary = self._incoming / uuid.uuid4().hex
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    @contextmanager
    def _placed(self, key: str) -> Iterator[Path]:
        """Yields a temporary path; afterwards the file written there is linked to `key`, unless it has other bytes."""
        target = self._path(key)
        try:
            with self._temporary() as temporary:
                yield temporary
                self._set_mode_and_sync(temporary, key)
                try:
                    self._into_place(temporary, target, os.link)
                except FileExistsError:
                    _require_equal(key, temporary, target)
        except OSError as error:
            raise _store_error("put", key, error) from error

    def _set_mode_and_sync(self, temporary: Path, key: str) -> None:
        """Set a temporary file's mode and sync it, before it is linked to its key."""
        mode = rights.of_key(key)
        rights.set_mode(temporary, mode.file, self._group if mode.has_group else None)
        _sync(temporary)

    def _make_folders(self, folder: Path) -> None:
        """Create missing folders and sync the parent of each, so that their names survive a power cut."""
        if folder.is_dir():
            return
        if folder == self.root:
            rights.passage(folder)
            return
        self._make_folders(folder.parent)
        key = folder.relative_to(self.root).as_posix()
        try:
            folder.mkdir(mode=rights.OWN.folder)
        except FileExistsError:
            return
        mode = rights.of_key(key)
        rights.set_mode(folder, rights.of_folder(key), self._group if mode.has_group else None)
        _sync(folder.parent)

    def _into_place(self, temporary: Path, target: Path, place: PlaceFile) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                self._make_folders(target.parent)
                place(temporary, target)
                break
            except FileNotFoundError:
                # A concurrent delete may remove the empty folder between the two calls.
                if attempt + 1 == _ATTEMPTS:
                    raise
        _sync(target.parent)


def _listed(key: str, path: Path, after: str | None) -> Iterator[ObjectInfo]:
    if after is not None and key <= after:
        return
    try:
        info = _info(key, path)
    except FileNotFoundError:
        return
    yield info


def _is_skipped_folder(folder: str, after: str | None) -> bool:
    """True when every key below `folder` (ending in a slash) is at or before `after`."""
    return after is not None and folder < after and not after.startswith(folder)


def _info(key: str, path: Path) -> ObjectInfo:
    stat = path.stat()
    return ObjectInfo(key, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))


def _modified_before(path: Path, moment: datetime) -> bool:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) < moment
    except FileNotFoundError:
        return False


def _try_link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def _remove_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _require_equal(key: str, new: Path, old: Path) -> None:
    if not filecmp.cmp(new, old, shallow=False):
        raise StoreError(f"object {key!r} exists with other bytes", left="the stored object is unchanged")


def _store_error(verb: str, key: str, error: OSError) -> StoreError:
    return StoreError(
        f"{verb} {key!r}: {error.strerror or error}",
        left="the object is not in the store; objects stored before it are whole",
        next_step="free space or repair the folder, then run the same command again",
    )
