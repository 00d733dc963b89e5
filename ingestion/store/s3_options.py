"""Address, credentials, time-outs and retries of the S3 store, read from the settings. Sends no request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from ingestion.errors import ConfigurationError
from ingestion.settings import Settings

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SCHEMES = ("http", "https")


@dataclass(frozen=True)
class S3Options:
    """A bucket at an endpoint, and a prefix in it that is empty or ends in a slash. `timeout` is in seconds."""

    endpoint: str
    bucket: str
    prefix: str
    access_key: str
    secret_key: SecretStr
    region: str = "us-east-1"
    url_style: Literal["path", "vhost"] = "path"
    timeout: float = 60.0
    retries: int = 5
    part_bytes: int = 16 * 2**20

    @property
    def host(self) -> str:
        """`host:port` of the endpoint."""
        return urlsplit(self.endpoint).netloc

    @property
    def is_secure(self) -> bool:
        """True for https."""
        return self.endpoint.startswith("https://")

    @property
    def url(self) -> str:
        """`s3://` address of the store's root, without a slash at the end."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @classmethod
    def of(cls, settings: Settings) -> S3Options:
        """Read from `CITYLAKE_STORE=s3://bucket[/prefix]` and `CITYLAKE_S3_*`. Raises ConfigurationError."""
        address = urlsplit(settings.store or "")
        prefix = address.path.strip("/")
        parts = prefix.split("/") if prefix else []
        is_odd = address.query or address.fragment or any(part in ("", ".", "..") for part in parts)
        if not _BUCKET.fullmatch(address.netloc) or is_odd:
            raise ConfigurationError(
                f"CITYLAKE_STORE={settings.store!r} does not name a bucket",
                next_step="use s3://bucket or s3://bucket/prefix; a bucket has 3 to 63 of a-z, 0-9, '.' and '-'",
            )
        if settings.s3_endpoint is None or settings.s3_access_key is None or settings.s3_secret_key is None:
            raise ConfigurationError(
                f"CITYLAKE_STORE={settings.store} needs an endpoint and keys",
                next_step="set CITYLAKE_S3_ENDPOINT (http[s]://host:port), CITYLAKE_S3_ACCESS_KEY, "
                "CITYLAKE_S3_SECRET_KEY",
            )
        return cls(
            endpoint=_endpoint(settings.s3_endpoint),
            bucket=address.netloc,
            prefix=f"{prefix}/" if prefix else "",
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key,
            region=settings.s3_region,
            url_style=settings.s3_url_style,
            timeout=settings.s3_timeout_seconds,
            retries=settings.s3_retries,
            part_bytes=settings.s3_part_bytes,
        )


def _endpoint(text: str) -> str:
    """The endpoint as scheme, host and port. Raises ConfigurationError where it has a path, or credentials, which
    would appear in messages.
    """
    address = urlsplit(text.rstrip("/"))
    if address.scheme not in _SCHEMES or not address.hostname or "@" in address.netloc or address.path:
        raise ConfigurationError(
            "CITYLAKE_S3_ENDPOINT is not http[s]://host:port",
            next_step="give scheme, host and port only; keys go into CITYLAKE_S3_ACCESS_KEY, CITYLAKE_S3_SECRET_KEY",
        )
    return f"{address.scheme}://{address.netloc}"
