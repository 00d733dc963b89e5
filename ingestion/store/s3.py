"""An S3 bucket as an object store, using plain S3 calls only, so that any S3 server works.

It adds the checks that S3 does not make: an existing key is put again only with equal bytes, the stored bytes are
verified against the sent ones, and an incomplete read is an error. Retries of single requests are in
`ingestion.store.s3_client`, error messages in `ingestion.store.s3_errors`, DuckDB's access in
`ingestion.store.duckdb_s3`. Conditional PUT is not used: callers prevent two writers of the same key by locks and
unique keys.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from minio.datatypes import Object
from minio.error import MinioException
from minio.helpers import ObjectWriteResult
from urllib3.exceptions import ProtocolError

from ingestion import clocks
from ingestion.errors import StoreError
from ingestion.keys import check_key
from ingestion.store import duckdb_s3
from ingestion.store.base import ObjectInfo
from ingestion.store.s3_client import Clients, put_attempts, read_attempts
from ingestion.store.s3_errors import FAILURES, as_read_error, as_store_error, code_of, is_missing_key
from ingestion.store.s3_options import S3Options

if TYPE_CHECKING:
    import duckdb

_CHUNK = 2**20
_NOT_LISTED = ("NotImplemented", "MethodNotAllowed", "XNotImplemented", "NoSuchUpload")
_Result = TypeVar("_Result")


class S3Store:
    """See ingestion.store.base.Store. Creating it sends no request."""

    def __init__(self, options: S3Options) -> None:
        self.options = options
        self._clients = Clients(options)
        self._bucket_seen = False

    def list(self, prefix: str, *, after: str | None = None) -> Iterator[ObjectInfo]:
        """See Store.list; pages of the listing are requested as they are consumed."""
        folder = self._folder(prefix)
        start = None if after is None else self.options.prefix + after
        with self._store_errors("list", prefix):
            objects = self._client.list_objects(self.options.bucket, prefix=folder, recursive=True, start_after=start)
            for item in objects:
                info = self._info(item)
                if not item.is_dir and (after is None or info.key > after):
                    yield info

    def list_folders(self, prefix: str) -> Sequence[str]:
        """See Store.list_folders."""
        folder = self._folder(prefix)
        with self._store_errors("list", prefix):
            objects = self._client.list_objects(self.options.bucket, prefix=folder, recursive=False)
            names = {str(item.object_name).removeprefix(folder) for item in objects if item.is_dir}
        return sorted(name.rstrip("/") for name in names)

    def put_file(self, key: str, source: Path, *, consume: bool = False) -> ObjectInfo:
        """See Store.put_file; a large file is uploaded in parts, with one part in memory at a time."""
        size = source.stat().st_size
        return self._put(key, size, lambda: source.open("rb"))

    def put_bytes(self, key: str, data: bytes) -> ObjectInfo:
        """See Store.put_bytes."""
        return self._put(key, len(data), lambda: BytesIO(data))

    def replace(self, key: str, data: bytes) -> None:
        """See Store.replace: one PUT."""
        name = self._name(key)
        with self._store_errors("replace", key):
            self._client.put_object(self.options.bucket, name, BytesIO(data), len(data), part_size=0)

    def head(self, key: str) -> ObjectInfo | None:
        """See Store.head."""
        name = self._name(key)
        with self._store_errors("head", key):
            try:
                return self._info(self._client.stat_object(self.options.bucket, name))
            except MinioException as error:
                if not is_missing_key(error):
                    raise
                self._require_bucket()
                return None

    def get_bytes(self, key: str) -> bytes:
        """See Store.get_bytes; an interrupted response is requested again."""
        return self._read(key, b"".join)

    def fetch(self, key: str, target: Path) -> Path:
        """See Store.fetch: a copy at `target`, replaced atomically (a reader of an older copy keeps reading that)."""
        partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            self._read(key, lambda chunks: _write(partial, chunks))
            partial.replace(target)
        except OSError as error:
            raise StoreError(
                f"fetch {key!r}: {target} cannot be written: {error.strerror or error}",
                left="the object was not changed",
                next_step="free space below the lake's home, then run the same command again",
            ) from error
        finally:
            partial.unlink(missing_ok=True)
        return target

    def delete(self, key: str) -> None:
        """See Store.delete."""
        name = self._name(key)
        with self._store_errors("delete", key):
            try:
                self._client.remove_object(self.options.bucket, name)
            except MinioException as error:
                if not is_missing_key(error):
                    raise

    def sweep(self, before: datetime) -> int:
        """See Store.sweep: aborts multipart uploads begun before that moment, where the server can list them."""
        swept = 0
        with self._store_errors("sweep", ""):
            for name, upload, begun in self._uploads():
                if name.startswith(self.options.prefix) and begun is not None and begun < before:
                    # The client has no public call for this request, nor for the one below.
                    self._client._abort_multipart_upload(self.options.bucket, name, upload)
                    swept += 1
        return swept

    def url(self, key: str) -> str:
        """`s3://bucket/prefix/key`."""
        return f"s3://{self.options.bucket}/{self._name(key)}"

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """See Store.prepare: loads httpfs and gives the session's engine the keys, for this bucket only."""
        duckdb_s3.prepare(connection, self.options)

    def as_store_error(self, doing: str, error: Exception) -> StoreError | None:
        """See Store.as_store_error."""
        return (
            as_read_error(self.options, doing, str(error)) if duckdb_s3.is_store_failure(error, self.options) else None
        )

    def ensure_bucket(self) -> bool:
        """Create the bucket; False where it exists already. Raises StoreError."""
        with self._store_errors("make the bucket", ""):
            if self._client.bucket_exists(self.options.bucket):
                return False
            self._client.make_bucket(self.options.bucket, location=self.options.region)
        return True

    def _uploads(self) -> Iterator[tuple[str, str, datetime | None]]:
        """(object name, upload id, begun) of every unfinished upload; none where the server cannot list them.

        Listed without a prefix, because MinIO treats a prefix as a complete object name here.
        """
        key_marker = upload_marker = None
        while True:
            try:
                page = self._client._list_multipart_uploads(
                    self.options.bucket, key_marker=key_marker, upload_id_marker=upload_marker
                )
            except MinioException as error:
                if code_of(error) in _NOT_LISTED:
                    return
                raise
            for item in page.uploads:
                yield str(item.object_name), str(item.upload_id), item.initiated_time
            if not page.is_truncated:
                return
            key_marker, upload_marker = page.next_key_marker, page.next_upload_id_marker

    @property
    def _client(self) -> Any:
        return self._clients.current()

    def _name(self, key: str) -> str:
        return self.options.prefix + check_key(key)

    def _folder(self, prefix: str) -> str:
        bare = prefix.rstrip("/")
        return self._name(bare) + "/" if bare else self.options.prefix

    def _info(self, item: Object) -> ObjectInfo:
        key = str(item.object_name).removeprefix(self.options.prefix)
        return ObjectInfo(key, int(item.size or 0), item.last_modified or datetime.fromtimestamp(0, UTC))

    def _require_bucket(self) -> None:
        """Raise where the bucket does not exist, which a HEAD request cannot tell from a missing key. Checked once."""
        if not self._bucket_seen and not self._client.bucket_exists(self.options.bucket):
            # A listing of a missing bucket raises the error NoSuchBucket.
            next(iter(self._client.list_objects(self.options.bucket, prefix=self.options.prefix)), None)
        self._bucket_seen = True

    @contextmanager
    def _store_errors(self, verb: str, key: str) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            raise as_store_error(self.options, verb, key, error) from error

    def _put(self, key: str, size: int, opened: Callable[[], BinaryIO]) -> ObjectInfo:
        name = self._name(key)
        existing = self.head(key)
        if existing is not None:
            self._require_equal(key, existing, size, opened)
            return existing
        with self._store_errors("put", key):
            try:
                written = self._upload(name, size, opened)
            except MinioException as error:
                # NoSuchUpload: the upload was completed, but the response was lost and the request repeated.
                if code_of(error) != "NoSuchUpload" or self.head(key) is None:
                    raise
                return self._verify_stored(key, size, opened)
            except OSError as error:
                raise StoreError(
                    f"put {key!r}: the file to store cannot be read: {error.strerror or error}",
                    left="the object is not in the store; objects stored before it are whole",
                    next_step="look at the disk below the lake's home, then run the same command again",
                ) from error
        if self._has_expected_etag(written, size, opened):
            return ObjectInfo(key, size, _stored_at(written))
        return self._verify_stored(key, size, opened)

    def _upload(self, name: str, size: int, opened: Callable[[], BinaryIO]) -> ObjectWriteResult:
        for attempt in put_attempts():
            with attempt, opened() as source:
                written: ObjectWriteResult = self._client.put_object(
                    self.options.bucket, name, source, size, part_size=self.options.part_bytes, num_parallel_uploads=1
                )
                return written
        raise StoreError(f"put {name!r}: no answer", left="the object is not in the store")

    def _has_expected_etag(self, written: ObjectWriteResult, size: int, opened: Callable[[], BinaryIO]) -> bool:
        """Whether the ETag is the MD5 of the sent bytes (or of their parts). False proves nothing (_verify_stored)."""
        with opened() as source:
            return str(written.etag).strip('"') in _expected_etags(source, size, self.options.part_bytes)

    def _verify_stored(self, key: str, size: int, opened: Callable[[], BinaryIO]) -> ObjectInfo:
        """Compare the stored object with the sent bytes, for an ETag that is no MD5 (encrypted buckets).

        Deletes the object and raises StoreError where they differ.
        """
        info = self.head(key)
        if info is None or info.size != size or not self._equal(key, opened):
            self.delete(key)
            raise StoreError(
                f"put {key!r}: {self.options.endpoint} stored other bytes than were sent",
                left="the object was removed again; objects stored before it are whole",
                next_step="look at the store's disks and at the network, then run the same command again",
            )
        return info

    def _require_equal(self, key: str, existing: ObjectInfo, size: int, opened: Callable[[], BinaryIO]) -> None:
        if existing.size != size or not self._equal(key, opened):
            raise StoreError(f"object {key!r} exists with other bytes", left="the stored object is unchanged")

    def _equal(self, key: str, opened: Callable[[], BinaryIO]) -> bool:
        def compare(chunks: Iterator[bytes]) -> bool:
            with opened() as source:
                return all(chunk == source.read(len(chunk)) for chunk in chunks) and not source.read(1)

        return self._read(key, compare)

    def _read(self, key: str, use: Callable[[Iterator[bytes]], _Result]) -> _Result:
        """Call `use` with the object's bytes in chunks; after an interrupted response, call it again from the start."""
        name = self._name(key)
        with self._store_errors("get", key):
            for attempt in read_attempts(self.options):
                with attempt:
                    response = self._client.get_object(self.options.bucket, name)
                    try:
                        return use(_complete_chunks(response))
                    finally:
                        response.close()
                        response.release_conn()
        raise StoreError(f"get {key!r}: no answer", left="the object was not changed")


def _complete_chunks(response: Any) -> Iterator[bytes]:
    """The response's chunks. Raises ProtocolError where fewer bytes came than Content-Length declares."""
    announced = response.headers.get("Content-Length")
    received = 0
    for chunk in response.stream(_CHUNK):
        received += len(chunk)
        yield chunk
    if announced is not None and received != int(announced):
        raise ProtocolError(f"{received} of {announced} bytes came")


def _write(path: Path, chunks: Iterator[bytes]) -> None:
    with path.open("wb") as target:
        for chunk in chunks:
            target.write(chunk)


def _expected_etags(source: BinaryIO, size: int, part_bytes: int) -> set[str]:
    """ETags S3 may give an object: its MD5 or, for an upload in parts, the MD5 of the parts' MD5s and their number."""
    whole, parts = _md5(), []
    while part := source.read(part_bytes):
        whole.update(part)
        parts.append(_md5(part).digest())
    etags = {whole.hexdigest()}
    return etags | {f"{_md5(b''.join(parts)).hexdigest()}-{len(parts)}"} if size > part_bytes else etags


def _md5(data: bytes = b"") -> hashlib._Hash:
    """MD5, as S3's ETag is one; used to detect transmission errors, not attacks."""
    return hashlib.md5(data, usedforsecurity=False)


def _stored_at(written: ObjectWriteResult) -> datetime:
    """The time of the response by the server's Date header, else this machine's."""
    date = written.http_headers.get("date")
    return parsedate_to_datetime(date).astimezone(UTC) if date else clocks.now()
