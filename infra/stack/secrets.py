"""Secrets of the local stack: random, made on its first start, kept in one private file.

No password has a default. Without the file new secrets are made, but the database keeps its passwords. Secrets that a
file of an earlier version lacks are added to it.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr

from ingestion.machine.rights import own_folder

ROLES = {"admin": "admin", "operator": "op", "viewer": "viewer", "steward": "viewer"}
"""Account of the Airflow page to its role in Airflow's simple auth manager. `steward` stands for the data steward of
the departments that CITYLAKE_STEWARDS names for it."""


class StackSecrets(BaseModel):
    """What the services of one stack share. `accounts` maps accounts of the Airflow page to passwords.

    `postgres` is the password of Airflow's role, `postgres_admin` the administrator's, which no service is given.
    `exchange_writer` and `exchange_reader` are those of a simulated city's exchange database.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    postgres: SecretStr
    postgres_admin: SecretStr
    exchange_writer: SecretStr
    exchange_reader: SecretStr
    fernet_key: SecretStr
    jwt_secret: SecretStr
    session_key: SecretStr
    accounts: dict[str, SecretStr]


def stack_secrets(path: Path) -> StackSecrets:
    """The secrets in `path`; made (file mode 0600, folder 0700) when the file is missing."""
    stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    made = {
        "postgres": secrets.token_urlsafe(24),
        "postgres_admin": secrets.token_urlsafe(24),
        "exchange_writer": secrets.token_urlsafe(24),
        "exchange_reader": secrets.token_urlsafe(24),
        "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "jwt_secret": secrets.token_urlsafe(48),
        "session_key": secrets.token_urlsafe(32),
    } | stored
    accounts = {account: secrets.token_urlsafe(12) for account in ROLES}
    made["accounts"] = accounts | stored.get("accounts", {})
    if made != stored:
        own_folder(path.parent)
        partial = path.with_suffix(".part")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(made, file)
        partial.replace(path)
    return StackSecrets.model_validate_json(path.read_text(encoding="utf-8"))
