"""Connections to databases: address, role and password of a department's exchange database.

A contract has the name of a connection only, as for web servers (`ingestion.connections`). Its values come from the
environment (`CITYLAKE_CONN_<NAME>`, a URI or JSON) or from the resolver of the lake, such as Airflow. No message of
this module shows a value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from ingestion.errors import ConfigurationError
from ingestion.settings import Settings

PARAMETERS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "target_session_attrs", "gssencmode")
"""What a connection may say beside address and role, as libpq names it; the rest is the connector's own."""
_SCHEMES = ("postgresql", "postgres")
_CONNECTION_TYPES = (None, "", "generic", *_SCHEMES)
"""Airflow's forms offer the type Postgres only where its provider is installed."""


class DatabaseConnection(BaseModel):
    """One PostgreSQL database and the role the lake reads it as, which needs no right but to select.

    `parameters` are libpq's (PARAMETERS). Over a network `sslmode=verify-full` with `sslrootcert` keeps the password
    and the data from others.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: str = Field(min_length=1)
    port: int = Field(default=5432, ge=1, le=65535)
    database: str = Field(min_length=1)
    login: str = Field(min_length=1)
    password: SecretStr | None = None
    parameters: dict[str, str] = Field(default={})

    @field_validator("parameters")
    @classmethod
    def _known(cls, value: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(value) - set(PARAMETERS))
        if unknown:
            raise ValueError(f"has {', '.join(unknown)}; allowed: {', '.join(PARAMETERS)}")
        return value

    @property
    def where(self) -> str:
        """`host:port/database`, for messages and manifests."""
        return f"{self.host}:{self.port}/{self.database}"

    def conninfo(self, **more: str | int) -> SecretStr:
        """libpq's connection string, with `more` parameters (PostgreSQL manual, 34.1.1.1)."""
        given: dict[str, str | int | None] = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.login,
            "password": self.password.get_secret_value() if self.password else None,
            **self.parameters,
            **more,
        }
        return SecretStr(
            " ".join(f"{name}={_quoted(str(value))}" for name, value in given.items() if value is not None)
        )

    @classmethod
    def from_uri(cls, uri: str, *, name: str) -> DatabaseConnection:
        """`postgresql://login:password@host:port/database?sslmode=…`.

        Raises ConfigurationError, which never shows the URI.
        """
        try:
            parts = urlsplit(uri)
            if parts.scheme not in _SCHEMES:
                raise ValueError("another scheme")
            return cls.from_fields(
                name=name,
                host=unquote(parts.hostname or ""),
                port=parts.port,
                schema=unquote(parts.path.removeprefix("/")),
                login=unquote(parts.username or ""),
                password=unquote(parts.password) if parts.password else None,
                extra=dict(parse_qsl(parts.query, keep_blank_values=True)),
            )
        except ValueError:
            raise _wrong(name, "is not a URI such as postgresql://login:password@host:5432/database") from None

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
    ) -> DatabaseConnection:
        """What an Airflow connection (Postgres or Generic) has: `schema` is the database, `extra` the parameters.

        Raises ConfigurationError, which shows no value.
        """
        if conn_type not in _CONNECTION_TYPES:
            raise _wrong(name, f"is of the type {conn_type}, and the contract reads a PostgreSQL database")
        given: dict[str, Any] = {"host": host or "", "database": schema or "", "login": login or ""}
        given |= {key: value for key, value in (("port", port), ("password", password)) if value}
        try:
            return cls.model_validate({**given, "parameters": {k: str(v) for k, v in dict(extra or {}).items()}})
        except ValidationError as error:
            found = error.errors(include_input=False, include_context=False, include_url=False)
            facts = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in found)
            raise _wrong(name, facts) from None

    @classmethod
    def from_text(cls, text: str, *, name: str) -> DatabaseConnection:
        """The value of `CITYLAKE_CONN_<NAME>`: a URI, or a JSON object of Airflow's fields."""
        if not text.lstrip().startswith("{"):
            return cls.from_uri(text.strip(), name=name)
        try:
            found = json.loads(text)
            if isinstance(found.get("extra"), str):
                found["extra"] = json.loads(found["extra"] or "{}")
        except ValueError:
            raise _wrong(name, "begins like JSON and is none") from None
        known = ("host", "conn_type", "port", "schema", "login", "password", "extra")
        unknown = sorted(set(found) - set(known))
        if unknown:
            raise _wrong(name, f"has unknown keys: {', '.join(unknown)}")
        return cls.from_fields(name=name, **{"host": None, **found})


def from_settings(settings: Settings, name: str) -> DatabaseConnection:
    """The connection of that name in the environment. Raises ConfigurationError saying both ways to give one."""
    text = settings.connection(name)
    if text is None:
        raise ConfigurationError(
            f"there is no connection named {name!r}",
            left="nothing was fetched",
            next_step=f"set CITYLAKE_CONN_{name.upper()}=postgresql://login:password@host:5432/database, or add an "
            f"Airflow connection (Postgres or Generic) with the id {name!r} (docs/runbooks/source-unreachable.md)",
        )
    return DatabaseConnection.from_text(text.get_secret_value(), name=name)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _wrong(name: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"connection {name!r}: {what}",
        left="nothing was fetched",
        next_step=f"correct CITYLAKE_CONN_{name.upper()} or the Airflow connection {name!r}",
    )
