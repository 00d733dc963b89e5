"""Turn failures of an S3 server or of the network into a StoreError: what failed, what is stored, what to do next.

The messages are made from status codes and addresses only. A server's own message may repeat headers or keys and is
never passed on.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import ParseError

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)

from ingestion.errors import ObjectNotFound, StoreError
from ingestion.store.s3_options import S3Options

FAILURES = (MinioException, HTTPError, ParseError)
"""Exceptions that the client raises where a request did not succeed."""

_LEFT = {
    "put": "the object is not in the store; objects stored before it are whole",
    "replace": "the object is as it was; objects stored before it are whole",
    "delete": "the object may still be there",
}
_REFUSED = frozenset(
    ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed", "AccountProblem")
)
_AGAIN = "then run the same command again; it continues from what is stored"
_NOT_FOUND = 404
_CLOCK = "RequestTimeTooSkewed"
_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS_IN_TEXT = re.compile(r"HTTP (?:code |Error: )?(\d{3})|\(HTTP (\d{3})|status code[: ]+(\d{3})", re.IGNORECASE)


def as_store_error(options: S3Options, verb: str, key: str, error: Exception) -> StoreError:
    """The StoreError for an exception of the client; ObjectNotFound where the server says that the key is missing."""
    if is_missing_key(error):
        return ObjectNotFound(f"object {key!r} is not in the store")
    what, next_step = _explained(options, error)
    return _store_error(verb, key, what, next_step)


def as_read_error(options: S3Options, doing: str, text: str) -> StoreError:
    """The StoreError for a failed read by DuckDB, which gives the cause in the `text` of its message only."""
    match = _STATUS_IN_TEXT.search(text)
    status = int(next(group for group in match.groups() if group)) if match else None
    if status == _NOT_FOUND:
        what, next_step = f"an object the lake names is not in {options.url}", "citylake reconcile (it says which)"
    elif status is not None:
        what, next_step = _answered(options, status, None)
    elif "timeout" in text.lower() or "timed out" in text.lower():
        what, next_step = _slow(options)
    elif "connect" in text.lower():
        what, next_step = _unreachable(options)
    else:
        what, next_step = _cut(options)
    return _store_error(doing, "", what, next_step)


def code_of(error: Exception) -> str | None:
    """The S3 error code, where the server gave one (some servers send it without an XML content type)."""
    if isinstance(error, S3Error):
        return error.code
    match = _CODE.search(error._body or "") if isinstance(error, InvalidResponseError) else None
    return match.group(1) if match else None


def is_missing_key(error: Exception) -> bool:
    """Whether the server says that the key is missing (rather than the bucket)."""
    return code_of(error) in ("NoSuchKey", "ResourceNotFound")


def _store_error(verb: str, key: str, what: str, next_step: str) -> StoreError:
    subject = f"{verb} {key!r}" if key else verb
    return StoreError(f"{subject}: {what}", left=_LEFT.get(verb, "nothing was changed"), next_step=next_step)


def _explained(options: S3Options, error: Exception) -> tuple[str, str]:
    if isinstance(error, S3Error):
        return _answered(options, error.response.status, error.code)
    if isinstance(error, ServerError):
        return _answered(options, error.status_code, None)
    if isinstance(error, InvalidResponseError):
        return _answered(options, int(error._code), code_of(error))  # the class has no public status
    if isinstance(error, ParseError):
        return f"{options.endpoint} sent something that is not S3", f"look at what answers at that address, {_AGAIN}"
    reason = error.reason if isinstance(error, MaxRetryError) and error.reason is not None else error
    if isinstance(reason, ReadTimeoutError):
        return _slow(options)
    if isinstance(reason, ConnectTimeoutError | NewConnectionError):
        return _unreachable(options)
    if isinstance(reason, ProtocolError | IncompleteRead):
        return _cut(options)
    return f"{type(reason).__name__} while talking to {options.endpoint}", f"look at that server, {_AGAIN}"


def _answered(options: S3Options, status: int, code: str | None) -> tuple[str, str]:
    """Message and next step for a response's HTTP status and S3 error code."""
    status_and_code = f"{status} {code}" if code else str(status)
    if code == "NoSuchBucket":
        return (
            f"bucket {options.bucket!r} does not exist at {options.endpoint}",
            "correct CITYLAKE_STORE, or make the bucket: citylake store create",
        )
    if code == _CLOCK:
        return f"{options.endpoint} says this machine's clock is wrong", f"set the clock, {_AGAIN}"
    if code in _REFUSED or status in (401, 403):
        return (
            f"{options.endpoint} refused the keys for bucket {options.bucket!r} ({status_and_code})",
            "correct CITYLAKE_S3_ACCESS_KEY and CITYLAKE_S3_SECRET_KEY (or the bucket's policy), "
            "then run the same command again",
        )
    if status in (429, 500, 502, 503, 504):
        return (
            f"{options.endpoint} answered {status_and_code}, {options.retries + 1} times",
            f"wait until the store is well, {_AGAIN}",
        )
    return f"{options.endpoint} answered {status_and_code}", f"look the code up in the store's manual, {_AGAIN}"


def _slow(options: S3Options) -> tuple[str, str]:
    return (
        f"no answer from {options.endpoint} within {options.timeout:g} s, {options.retries + 1} times",
        f"look at the store's load, or raise CITYLAKE_S3_TIMEOUT_SECONDS, {_AGAIN}",
    )


def _unreachable(options: S3Options) -> tuple[str, str]:
    return (
        f"{options.endpoint} cannot be reached",
        f"see that the store runs and that CITYLAKE_S3_ENDPOINT names it, {_AGAIN}",
    )


def _cut(options: S3Options) -> tuple[str, str]:
    return (
        f"{options.endpoint} broke off its answer, {options.retries + 1} times",
        f"look at the network between here and the store, {_AGAIN}",
    )
