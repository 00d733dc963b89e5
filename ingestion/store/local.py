"""A folder as an object store: write beside, sync, then link into place."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlparse

from ingestion.errors import ObjectNotFound, StoreError
from ingestion.keys import check_key
from ingestion.store.base import ObjectInfo


class LocalStore:
    """See ingestion.store.base.Store."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._incoming = root / ".incoming"

    @classmethod
    def from_url(cls, url: str) -> LocalStore:
        return cls(Path(unquote(urlparse(url).path)))

    def list(self, prefix: str, *, after: str | None = None) -> Iterator[ObjectInfo]:
        base = self.root / prefix
        if not base.is_dir():
            return
        for folder, names, files in os.walk(base):
            names.sort()
            for name in sorted(files):
                path = Path(folder, name)
                key = path.relative_to(self.root).as_posix()
                if after is None or key > after:
                    yield _info(key, path)

    def list_folders(self, prefix: str) -> list[str]:
        base = self.root / prefix
        return sorted(p.name for p in base.iterdir() if p.is_dir()) if base.is_dir() else []

    def put_file(self, key: str, source: Path) -> ObjectInfo:
        with self._placed(key) as temporary:
            shutil.copyfile(source, temporary)
        return _info(key, self._path(key))

    def put_bytes(self, key: str, data: bytes) -> ObjectInfo:
        with self._placed(key) as temporary:
            temporary.write_bytes(data)
        return _info(key, self._path(key))

    def replace(self, key: str, data: bytes) -> None:
        temporary, target = self._temporary(), self._path(key)
        try:
            temporary.write_bytes(data)
            _sync(temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(target)
            _sync(target.parent)
        except OSError as error:
            raise _store_error("replace", key, error) from error
        finally:
            temporary.unlink(missing_ok=True)

    def head(self, key: str) -> ObjectInfo | None:
        path = self._path(key)
        return _info(key, path) if path.is_file() else None

    def get_bytes(self, key: str) -> bytes:
        return self._existing(key).read_bytes()

    def fetch(self, key: str, target: Path) -> Path:
        return self._existing(key)

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def url(self, key: str) -> str:
        return str(self._path(key))

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _existing(self, key: str) -> Path:
        path = self._path(key)
        if not path.is_file():
            raise ObjectNotFound(f"object {key!r} is not in the store {self.root}")
        return path

    def _temporary(self) -> Path:
        self._incoming.mkdir(parents=True, exist_ok=True)
        return self._incoming / uuid.uuid4().hex

    @contextmanager
    def _placed(self, key: str) -> Iterator[Path]:
        """Yields a temporary path; what was written there is linked to `key`, never over another object."""
        temporary, target = self._temporary(), self._path(key)
        try:
            yield temporary
            _sync(temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(temporary, target)
            except FileExistsError:
                _require_equal(key, temporary, target)
            _sync(target.parent)
        except OSError as error:
            raise _store_error("put", key, error) from error
        finally:
            temporary.unlink(missing_ok=True)


def _info(key: str, path: Path) -> ObjectInfo:
    stat = path.stat()
    return ObjectInfo(key, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _require_equal(key: str, new: Path, old: Path) -> None:
    import filecmp

    if not filecmp.cmp(new, old, shallow=False):
        raise StoreError(f"object {key!r} exists with other bytes", left="the stored object is unchanged")


def _store_error(verb: str, key: str, error: OSError) -> StoreError:
    return StoreError(
        f"{verb} {key!r}: {error.strerror or error}",
        left="the object is not in the store; objects stored before it are whole",
        next_step="free space or repair the folder, then run the same command again",
    )
