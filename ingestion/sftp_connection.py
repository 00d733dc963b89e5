"""Connections to SFTP servers: address, login, and the host keys by which the server is known.

A contract has the name of a connection only, as for web servers (`ingestion.connections`). Its values come from the
environment (`CITYLAKE_CONN_<NAME>`, a URI or JSON) or from the resolver of the lake, such as Airflow. No message of
this module shows a secret. The host key is required: nothing is trusted because it answers first, and no file of the
account's own (`known_hosts`) is asked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from ingestion.errors import ConfigurationError
from ingestion.settings import Settings

_CONNECTION_TYPES = (None, "", "generic", "sftp", "ssh")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) ([A-Za-z0-9+/]+=*)(?: .*)?")
_ED25519, _PARTS = 32, 3
"""Bytes of an Ed25519 key; parts of an RSA or ECDSA key, the name included."""
_AIRFLOWS_NAMES = {"key_file": "private_key", "private_key_passphrase": "passphrase"}
"""How Airflow's own forms call them."""
_EXTRA = ("host_key", "private_key", "passphrase", "folder")


class SftpConnection(BaseModel):
    """One SFTP server and the account the lake reads it as, which needs no right to write.

    `host_key`: public keys (`ssh-ed25519 AAAA…`) or their fingerprints (`SHA256:…`); several while the department
    changes its key. `private_key` is a path or the key's text. Paths of contracts lie below `folder`, default the
    account's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: str = Field(min_length=1)
    port: int = Field(default=22, ge=1, le=65535)
    login: str = Field(min_length=1)
    password: SecretStr | None = None
    private_key: SecretStr | None = None
    passphrase: SecretStr | None = None
    host_key: tuple[str, ...] = Field(min_length=1)
    folder: str = ""

    @field_validator("host_key", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in re.split(r"[,\n]+", value) if part.strip())
        return value

    @field_validator("host_key")
    @classmethod
    def _keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if fingerprint(one) is None:
                raise ValueError("must be public keys (ssh-ed25519 AAAA…) or fingerprints (SHA256: and 43 characters)")
        return value

    @field_validator("folder")
    @classmethod
    def _folder(cls, value: str) -> str:
        if "\x00" in value or ".." in value.split("/"):
            raise ValueError("is a path without `..`")
        return value.rstrip("/") or value[:1]

    @model_validator(mode="after")
    def _credential(self) -> SftpConnection:
        if (self.password is None) == (self.private_key is None):
            raise ValueError("needs a password or a private_key, one of the two")
        if self.passphrase is not None and self.private_key is None:
            raise ValueError("passphrase belongs to a private_key")
        return self

    @property
    def where(self) -> str:
        """`host:port`, for messages and manifests."""
        return f"{self.host}:{self.port}"

    @property
    def fingerprints(self) -> frozenset[str]:
        """The fingerprints (SHA256:…) of the keys that the server may show."""
        return frozenset(found for found in map(fingerprint, self.host_key) if found)

    @property
    def key_types(self) -> tuple[str, ...]:
        """The types of the keys that are given whole, such as ssh-ed25519."""
        return tuple(match[1] for match in map(_KEY.fullmatch, self.host_key) if match)

    @classmethod
    def from_uri(cls, uri: str, *, name: str) -> SftpConnection:
        """`sftp://login:password@host:22/folder?host_key=SHA256:…`; a path from the server's root begins with `//`.

        Raises ConfigurationError, which never shows the URI.
        """
        try:
            parts = urlsplit(uri)
            if parts.scheme != "sftp":
                raise ValueError("another scheme")
            extra: dict[str, Any] = {}
            for key, value in parse_qsl(parts.query, keep_blank_values=True):
                if key == "host_key":
                    extra[key] = (*extra.get(key, ()), _with_plus(value))
                else:
                    extra[key] = value
            return cls.from_fields(
                name=name,
                host=unquote(parts.hostname or ""),
                port=parts.port,
                login=unquote(parts.username or ""),
                password=unquote(parts.password) if parts.password else None,
                extra={"folder": unquote(parts.path.removeprefix("/")), **extra},
            )
        except ValueError:
            raise _wrong(name, "is not a URI such as sftp://login:password@host:22/folder?host_key=SHA256:…") from None

    @classmethod
    def from_fields(
        cls,
        *,
        name: str,
        host: str | None,
        conn_type: str | None = None,
        port: int | None = None,
        schema: str | None = None,
        login: str | None = None,
        password: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> SftpConnection:
        """What an Airflow connection (SFTP, SSH or Generic) has; host_key, private_key, passphrase, folder in `extra`.

        With a private key, Airflow's password is its passphrase. Raises ConfigurationError, which shows no value.
        """
        if conn_type not in _CONNECTION_TYPES or schema:
            what = f"is of the type {conn_type}" if conn_type not in _CONNECTION_TYPES else "has a schema"
            raise _wrong(name, f"{what}, and the contract reads an SFTP server")
        more = {_AIRFLOWS_NAMES.get(key, key): value for key, value in dict(extra or {}).items()}
        unknown = sorted(set(more) - set(_EXTRA))
        if unknown:
            raise _wrong(name, f"has {', '.join(unknown)}; allowed beside host, port, login, password: {_EXTRA_NAMES}")
        given: dict[str, Any] = {"host": host or "", "login": login or "", **more}
        given |= {"port": port} if port else {}
        if password:
            given["passphrase" if given.get("private_key") else "password"] = password
        return cls._checked(given, name)

    @classmethod
    def from_text(cls, text: str, *, name: str) -> SftpConnection:
        """The value of `CITYLAKE_CONN_<NAME>`: a URI, or a JSON object of this class's or of Airflow's fields."""
        if not text.lstrip().startswith("{"):
            return cls.from_uri(text.strip(), name=name)
        try:
            found = json.loads(text)
            if isinstance(found.get("extra"), str):
                found["extra"] = json.loads(found["extra"] or "{}")
        except ValueError:
            raise _wrong(name, "begins like JSON and is none") from None
        if "extra" not in found and "conn_type" not in found:
            return cls._checked(found, name)
        known = ("host", "conn_type", "port", "schema", "login", "password", "extra")
        unknown = sorted(set(found) - set(known))
        if unknown:
            raise _wrong(name, f"has unknown keys: {', '.join(unknown)}")
        return cls.from_fields(name=name, **{"host": None, **found})

    @classmethod
    def _checked(cls, given: dict[str, Any], name: str) -> SftpConnection:
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            found = error.errors(include_input=False, include_context=False, include_url=False)
            facts = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}".removeprefix(": ") for f in found)
            raise _wrong(name, facts) from None


_EXTRA_NAMES = ", ".join(_EXTRA)


def fingerprint(key: str) -> str | None:
    """The SHA-256 fingerprint of a public key, as OpenSSH writes it; a fingerprint is its own. None for neither."""
    if _FINGERPRINT.fullmatch(key):
        return key
    found = _KEY.fullmatch(key)
    if not found:
        return None
    try:
        blob = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        return None
    if not _is_key(blob, found[1]):
        return None
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def _is_key(blob: bytes, kind: str) -> bool:
    """Whether these are a whole public key of that type: its name and numbers, each behind its length (RFC 4253)."""
    parts, place = [], 0
    while place < len(blob):
        end = place + 4 + int.from_bytes(blob[place : place + 4], "big")
        parts.append(blob[place + 4 : end])
        place = end
    sizes = [len(part) for part in parts]
    is_whole = place == len(blob) and parts[:1] == [kind.encode("ascii")] and all(sizes)
    return is_whole and (sizes[1:] == [_ED25519] if kind == "ssh-ed25519" else len(parts) == _PARTS)


def _with_plus(value: str) -> str:
    """A host key out of a query, where each `+` of base64 has become a blank."""
    if value.startswith("SHA256:"):
        return value.replace(" ", "+")
    kind, *words = value.split(" ")
    keys = (f"{kind} {'+'.join(words[: number + 1])}" for number in range(len(words)))
    return next((key for key in keys if fingerprint(key)), value)


def from_settings(settings: Settings, name: str) -> SftpConnection:
    """The connection of that name in the environment. Raises ConfigurationError saying both ways to give one."""
    text = settings.connection(name)
    if text is None:
        raise ConfigurationError(
            f"there is no connection named {name!r}",
            left="nothing was fetched",
            next_step=f"set CITYLAKE_CONN_{name.upper()}=sftp://login:password@host:22/folder?host_key=SHA256:…, or "
            f"add an Airflow connection (SFTP or Generic) with the id {name!r} (docs/runbooks/source-unreachable.md)",
        )
    return SftpConnection.from_text(text.get_secret_value(), name=name)


def _wrong(name: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"connection {name!r}: {what}",
        left="nothing was fetched",
        next_step=f"correct CITYLAKE_CONN_{name.upper()} or the Airflow connection {name!r}",
    )
