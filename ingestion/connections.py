"""Connections: address and credentials of a department's server.

A contract has the name of a connection only. Its values come from the environment (`CITYLAKE_CONN_<NAME>`, a URI or
JSON), or from the resolver of the lake, such as Airflow. Secrets are `SecretStr`; no message of this module shows a
value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_validator, model_validator

from ingestion.errors import ConfigurationError
from ingestion.settings import Settings
from ingestion.values.hosts import declared_host

Auth = Literal["none", "basic", "bearer", "header", "query", "oauth2"]

_PORTS = {"http": 80, "https": 443}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, 5.1."""


class Connection(BaseModel):
    """One server. `auth` says how the credential is shown:

    `basic`: login and password. `bearer`: token. `header`, `query`: token in the header or query parameter
    `parameter`. `oauth2`: login and password are client id and secret, changed for a token at `token_url`.
    Left out, it follows from what is given. The credential is only ever sent to the origin (scheme, host,
    port) of `base_url`. `redirect_hosts` (`host` or `host:port`, a list or one text with commas) are the other hosts
    its redirects and next-page links may lead to. `proxy` (http or https) and `ca_file` (PEM; in place of the public
    authorities) are the city network's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str
    auth: Auth = "none"
    login: str | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None
    parameter: str | None = None
    token_url: str | None = None
    scope: str | None = None
    redirect_hosts: tuple[str, ...] = ()
    proxy: SecretStr | None = None
    ca_file: str | None = None

    @field_validator("base_url")
    @classmethod
    def _web(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("must be http(s)://host[:port][/path], without login, query or fragment")
        return value.rstrip("/") + "/"

    @field_validator("redirect_hosts", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(part for part in re.split(r"[\s,]+", value) if part) if isinstance(value, str) else value

    @field_validator("redirect_hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            for one in value:
                declared_host(one)
        except ValueError:
            # Not shown: somebody may have put a whole URL there, with its login.
            raise ValueError("must be hosts such as files.example.org, files.example.org:8443 or [::1]:8080") from None
        return value

    @field_validator("token")
    @classmethod
    def _sendable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not fits_header(value.get_secret_value()):
            raise ValueError("begins or ends with a blank, or holds a line break or another control character")
        return value

    @field_validator("proxy")
    @classmethod
    def _proxy(cls, value: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(value.get_secret_value()) if value else None
        if parts and (parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.port == 0):
            raise ValueError("must be http(s)://[login:password@]host:port")
        return value

    @field_validator("token_url")
    @classmethod
    def _token_url(cls, value: str | None) -> str | None:
        if value and urlsplit(value).scheme not in ("", *_PORTS):
            raise ValueError("must be http(s)://…, or relative to base_url")
        return value

    @model_validator(mode="before")
    @classmethod
    def _implied(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and not raw.get("auth"):
            implied = "bearer" if raw.get("token") else "basic" if raw.get("login") else "none"
            return {**{k: v for k, v in raw.items() if v is not None}, "auth": implied}
        return raw

    @model_validator(mode="after")
    def _complete(self) -> Connection:
        needs = {
            "basic": ("login", "password"),
            "bearer": ("token",),
            "header": ("token", "parameter"),
            "query": ("token", "parameter"),
            "oauth2": ("login", "password", "token_url"),
        }.get(self.auth, ())
        missing = [name for name in needs if getattr(self, name) is None]
        if missing:
            raise ValueError(f"auth {self.auth} needs {' and '.join(missing)}")
        if self.auth == "header" and not _HEADER_NAME.fullmatch(self.parameter or ""):
            raise ValueError("parameter is not the name of a header")
        return self

    @classmethod
    def from_uri(cls, uri: str, *, name: str) -> Connection:
        """`https://login:password@host:port/path?auth=…&token=…`; every field but base_url may be a parameter.

        Raises ConfigurationError, which never shows the URI.
        """
        try:
            parts = urlsplit(uri)
            extra = dict(parse_qsl(parts.query, keep_blank_values=True))
            return cls.from_fields(
                name=name,
                host=f"{parts.scheme}://{_bracketed(parts.hostname or '')}{parts.path}",
                port=parts.port,
                login=unquote(parts.username) if parts.username else None,
                password=unquote(parts.password) if parts.password else None,
                extra=extra,
            )
        except ValueError:
            raise _wrong(name, "is not a URI such as https://login:password@host:port/path") from None

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
    ) -> Connection:
        """What an Airflow connection has. `host` may be a whole URL; else `schema` (or `conn_type`) is its scheme.

        `extra` may hold the fields of this class that Airflow has no place for (auth, token, parameter,
        token_url, scope, redirect_hosts, proxy, ca_file). Without a token, `auth: bearer|header|query` take the
        password. Raises ConfigurationError, which shows no value.
        """
        given: dict[str, Any] = {**dict(extra or {}), "base_url": _base_url(host or "", conn_type, port, schema)}
        given |= {key: value for key, value in (("login", login), ("password", password)) if value}
        if given.get("auth") in ("bearer", "header", "query") and not given.get("token"):
            given["token"] = given.pop("password", None)
        return cls._checked(given, name)

    @classmethod
    def from_text(cls, text: str, *, name: str) -> Connection:
        """The value of `CITYLAKE_CONN_<NAME>`: a URI, or a JSON object of this class's or of Airflow's fields."""
        if not text.lstrip().startswith("{"):
            return cls.from_uri(text.strip(), name=name)
        try:
            found = json.loads(text)
            if isinstance(found.get("extra"), str):
                found["extra"] = json.loads(found["extra"] or "{}")
        except ValueError:
            raise _wrong(name, "begins like JSON and is none") from None
        if "base_url" in found:
            return cls._checked(found, name)
        known = ("host", "conn_type", "port", "schema", "login", "password", "extra")
        unknown = sorted(set(found) - set(known))
        if unknown:
            raise _wrong(name, f"has unknown keys: {', '.join(unknown)}")
        return cls.from_fields(name=name, **{"host": None, **found})

    @classmethod
    def _checked(cls, given: dict[str, Any], name: str) -> Connection:
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            found = error.errors(include_input=False, include_context=False, include_url=False)
            facts = "; ".join(f"{'.'.join(map(str, f['loc'])) or 'connection'}: {f['msg']}" for f in found)
            raise _wrong(name, facts) from None


def fits_header(text: str) -> bool:
    """Whether a header can carry it (RFC 9110, 5.5): no control characters, no blanks around it."""
    return text == text.strip() and _CONTROL.search(text) is None


def from_settings(settings: Settings, name: str) -> Connection:
    """The connection of that name in the environment. Raises ConfigurationError saying both ways to give one."""
    text = settings.connection(name)
    if text is None:
        raise ConfigurationError(
            f"there is no connection named {name!r}",
            left="nothing was fetched",
            next_step=f"set CITYLAKE_CONN_{name.upper()}=https://login:password@host/path, or add an Airflow "
            f"connection with the id {name!r} (docs/runbooks/source-unreachable.md)",
        )
    return Connection.from_text(text.get_secret_value(), name=name)


def _base_url(host: str, conn_type: str | None, port: int | None, schema: str | None) -> str:
    if "://" not in host:
        scheme = next((s for s in (schema, conn_type) if s in _PORTS), "https")
        host = f"{scheme}://{host}"
    parts = urlsplit(host)
    at = _bracketed(parts.hostname or "")
    own = parts.port or port
    return f"{parts.scheme}://{at}{f':{own}' if own else ''}{parts.path}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _wrong(name: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"connection {name!r}: {what}",
        left="nothing was fetched",
        next_step=f"correct CITYLAKE_CONN_{name.upper()} or the Airflow connection {name!r}",
    )
