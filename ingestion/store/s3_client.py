"""The S3 client: time-outs, bounded retries with backoff and jitter, and one client per process."""

from __future__ import annotations

import os
from collections.abc import Iterable

import certifi
import tenacity
from minio import Minio
from minio.error import MinioException
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError, MaxRetryError

from ingestion.store.s3_errors import code_of
from ingestion.store.s3_options import S3Options

_CONNECT_SECONDS = 10.0
_BACKOFF, _JITTER, _LONGEST_PAUSE = 0.2, 0.2, 10
_DENIED_TRIES = 4
_WAIT_FOR = (429, 500, 502, 503, 504)


class Clients:
    """One client per process: a forked child gets a new one, as it must not share its parent's sockets."""

    def __init__(self, options: S3Options) -> None:
        self._options = options
        self._made: tuple[int, Minio] | None = None

    def current(self) -> Minio:
        """The client of the current process, created at the first call."""
        if self._made is None or self._made[0] != os.getpid():
            self._made = os.getpid(), _client(self._options)
        return self._made[1]


def read_attempts(options: S3Options) -> Iterable[tenacity.AttemptManager]:
    """Attempts at one read: repeated where the response was interrupted; any other error is raised at once."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda e: isinstance(e, HTTPError) and not isinstance(e, MaxRetryError)),
        stop=tenacity.stop_after_attempt(options.retries + 1),
        wait=tenacity.wait_random_exponential(multiplier=_BACKOFF, max=_LONGEST_PAUSE),
        reraise=True,
    )


def put_attempts() -> Iterable[tenacity.AttemptManager]:
    """Attempts at one put: MinIO answers AccessDenied while a concurrent delete removes the same, now empty, folder."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda e: isinstance(e, MinioException) and code_of(e) == "AccessDenied"),
        stop=tenacity.stop_after_attempt(_DENIED_TRIES),
        wait=tenacity.wait_random(0.02, _JITTER),
        reraise=True,
    )


def _client(options: S3Options) -> Minio:
    pool = PoolManager(
        timeout=Timeout(connect=min(_CONNECT_SECONDS, options.timeout), read=options.timeout),
        maxsize=10,
        cert_reqs="CERT_REQUIRED",
        ca_certs=certifi.where(),
        retries=Retry(
            total=options.retries,
            redirect=0,
            backoff_factor=_BACKOFF,
            backoff_jitter=_JITTER,
            backoff_max=_LONGEST_PAUSE,
            retry_after_max=_LONGEST_PAUSE,
            status_forcelist=_WAIT_FOR,
            # None: retry all methods. Every request may be repeated, as keys are immutable, pointers are written in
            # one PUT, and an upload that was begun twice is removed by `sweep`.
            allowed_methods=None,
            raise_on_status=False,
        ),
    )
    client = Minio(
        options.host,
        access_key=options.access_key,
        secret_key=options.secret_key.get_secret_value(),
        secure=options.is_secure,
        region=options.region,
        http_client=pool,
    )
    if options.url_style == "vhost":
        client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # as the next, not typed by minio
    else:
        client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # as above
    return client
