"""Keyed pseudonyms: HMAC-SHA256 (RFC 2104) with one key per purpose, computed in SQL.

The key of a purpose is HMAC(master key, purpose), so that the pseudonyms of one person for two purposes cannot be
linked. Master keys are in a file outside the lake; each has a version. Key material never appears in `repr`, messages
or logs.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingestion.errors import ConfigurationError
from ingestion.settings import Settings

PSEUDONYM = "[0-9a-f]{64}"
"""What every pseudonym looks like, in full. In a column de-identified on some rows nothing else does: such a value that
would be kept is refused (`<column>.like_pseudonym`)."""

_BLOCK = 64
_KEY_BYTES = 32
_MIN_KEY_BYTES = 16


@dataclass(frozen=True)
class PseudonymKeys:
    """The current master key and its version; comparison and `repr` use the version only."""

    version: int
    _master: bytes = field(repr=False, compare=False)

    @classmethod
    def load(cls, settings: Settings) -> PseudonymKeys:
        """Load the key from `CITYLAKE_PSEUDONYM_KEY` (version 1) or the key file. Raises ConfigurationError."""
        if settings.pseudonym_key is not None:
            return cls(1, _bytes(settings.pseudonym_key.get_secret_value(), "CITYLAKE_PSEUDONYM_KEY"))
        path = settings.pseudonym_keys_path
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ConfigurationError(
                f"there is no key file for pseudonyms at {path}",
                left="nothing was conformed",
                next_step="restore the file from its backup; a new one is made for a new lake only, since other keys "
                "would give other pseudonyms",
            ) from None
        except OSError as error:
            raise ConfigurationError(f"the key file {path} cannot be read: {error.strerror}") from None
        _check_mode(path)
        return cls._parse(text, path)

    @classmethod
    def create(cls, settings: Settings) -> PseudonymKeys:
        """Load the keys of this lake, generating the key file where neither it nor the key setting exists."""
        path = settings.pseudonym_keys_path
        if settings.pseudonym_key is None and not path.exists():
            document = {"current": 1, "keys": {"1": secrets.token_bytes(_KEY_BYTES).hex()}}
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(json.dumps(document))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was first: its key counts
                os.link(temporary, path)
            temporary.unlink()
        return cls.load(settings)

    @classmethod
    def _parse(cls, text: str, path: Path) -> PseudonymKeys:
        try:
            document: Any = json.loads(text)
            version = int(document["current"])
            master = str(document["keys"][str(version)])
        except (ValueError, KeyError, TypeError):
            raise ConfigurationError(
                f'the key file {path} is not {{"current": 1, "keys": {{"1": "<hex>"}}}}',
                left="nothing was conformed",
                next_step="restore the file from its backup",
            ) from None
        return cls(version, _bytes(master, str(path)))

    @property
    def check(self) -> str:
        """64 hex digits by which two holders know that they have the same key, and from which it cannot be told."""
        return hmac.new(self._master, b"citylake: the same key?", hashlib.sha256).hexdigest()

    def pads(self, purpose: str) -> tuple[bytes, bytes]:
        """The inner and outer padded key of the HMAC for a purpose (64 bytes each): secret key material."""
        key = hmac.new(self._master, purpose.encode("utf-8"), hashlib.sha256).digest().ljust(_BLOCK, b"\x00")
        return bytes(byte ^ 0x36 for byte in key), bytes(byte ^ 0x5C for byte in key)


def hmac_sql(value: str, inner: str = "$inner", outer: str = "$outer") -> str:
    """SQL for the HMAC-SHA256, as hex, of a VARCHAR expression: two nested sha256 over the padded keys of `pads`.

    NULL stays NULL.
    """
    return f"sha256({outer}::blob || unhex(sha256({inner}::blob || encode({value}))))"


def _bytes(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) < _MIN_KEY_BYTES:
        raise ConfigurationError(
            f"the pseudonym key in {where} is not at least {_MIN_KEY_BYTES} bytes of hex",
            next_step="give 64 hex digits, made by a random generator",
        )
    return key


def _check_mode(path: Path) -> None:
    if path.stat().st_mode & 0o077:
        raise ConfigurationError(
            f"the key file {path} can be read by others",
            left="nothing was conformed",
            next_step=f"chmod 600 {path}",
        )
