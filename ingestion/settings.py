"""The one settings class. Environment variables `CITYLAKE_*`; nothing else reads os.environ.

Paths left unset follow from `home`; keys for pseudonyms live outside the lake folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal

from dotenv import dotenv_values
from pydantic import Field, PrivateAttr, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingestion.machine.rights import passage

PACKAGE_ROOT = Path(__file__).resolve().parent
PROJECT_ROOT = PACKAGE_ROOT.parent


_CONNECTION = "CITYLAKE_CONN_"


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, timedelta):
        return f"PT{value.total_seconds()}S"
    return str(value.expanduser().resolve()) if isinstance(value, Path) else str(value)


class Settings(BaseSettings):
    """Where the lake is and how much of the machine it may use."""

    model_config = SettingsConfigDict(env_prefix="CITYLAKE_", extra="forbid")
    _connections: dict[str, str] = PrivateAttr(default_factory=dict)

    home: Path = Field(default=Path(".citylake"), description="All local state lives below it.")
    store: str | None = Field(
        default=None,
        description="Object store: s3://bucket[/prefix] or file:///folder; default the folder <home>/lake.",
    )
    s3_endpoint: str | None = Field(default=None, description="http[s]://host:port of the S3 server.")
    s3_access_key: str | None = Field(default=None, description="Access key (the account's name).")
    s3_secret_key: SecretStr | None = Field(default=None, description="Secret key.")
    s3_region: str = Field(default="us-east-1", description="Region that requests are signed for.")
    s3_url_style: Literal["path", "vhost"] = Field(default="path", description="Bucket in the path or the host name.")
    s3_timeout_seconds: float = Field(default=60.0, gt=0, description="How long one answer may take.")
    s3_retries: int = Field(default=5, ge=0, le=20, description="Tries after the first, with growing pauses.")
    s3_part_bytes: int = Field(
        default=16 * 2**20, ge=5 * 2**20, description="Larger files go in parts of this size, one in memory at a time."
    )
    internal_group: str | None = Field(
        default=None,
        description="Group that reads the internal edition in a folder store; default the group of the lake's account.",
    )
    contracts: Path = Field(default=PACKAGE_ROOT / "contracts", description="Folder of contract files.")
    dbt_project: Path = Field(default=PROJECT_ROOT / "dbt_project")
    accepted_failures: Path | None = Field(
        default=None, description="Register of accepted failures; default warehouse/gate/accepted_failures.yaml."
    )
    drop: Path | None = Field(default=None, description="Where departments drop files; default <home>/city/drop.")
    pseudonym_keys: Path | None = Field(
        default=None, description="Key file, outside the lake; default <home>/secrets/pseudonym-keys.json."
    )
    pseudonym_key: SecretStr | None = Field(
        default=None, description="One key given directly (hex, 32 bytes) instead of the key file: version 1."
    )
    memory_limit: str = Field(default="1GB", description="DuckDB memory limit of one process.")
    threads: int = Field(default=2, ge=1, description="DuckDB threads of one process.")
    timezone: str = Field(default="Asia/Shanghai", description="The city's local time.")
    max_uncompressed_bytes: int = Field(default=20 * 2**30, description="Cap on what one archive may unpack to.")
    max_compression_ratio: int = Field(default=200, description="Cap on unpacked size over packed size.")
    max_document_bytes: int = Field(
        default=256 * 2**20, description="Cap on what a JSON document holds before or after its records, kept whole."
    )
    max_record_bytes: int = Field(default=8 * 2**20, description="Longest record; longer ones are refused rows.")
    city_time: Path | None = Field(
        default=None,
        description="File with the ISO time a simulated city is at; default the machine's clock. Default days, ages "
        "and lateness are judged by it; receipts and retention keep the machine's time.",
    )
    open_approval: bool = Field(
        default=False,
        description="Whether a person approves what is new for the open edition before it is published; the internal "
        "edition never waits.",
    )
    approval_timeout: timedelta = Field(
        default=timedelta(days=1),
        gt=timedelta(0),
        description="How long Airflow waits for an answer (ISO 8601); unanswered, nothing is published.",
    )
    schedule_until: date | None = Field(
        default=None, description="Last local day of the DAGs' schedules; default none. A simulated city ends."
    )
    retry_delay_seconds: float = Field(
        default=60.0, ge=1, description="Wait before a failed task's first retry; it doubles from then on."
    )
    settle_seconds: float = Field(
        default=20.0,
        ge=0,
        description="How long a warehouse run waits for feeds that are running, to take in together what arrives "
        "together.",
    )
    lock_timeout_seconds: float = Field(
        default=0.0, description="How long build, gate, publish and maintenance wait for one another."
    )
    lock_database: SecretStr | None = Field(
        default=None,
        description="PostgreSQL database of the locks, postgresql://role:password@host:port/database, where more than "
        "one host works on the lake; default files, which hold on this host.",
    )
    pages_url: str | None = Field(
        default=None,
        description="Address under which browsers reach the static pages (pages_root), such as "
        "http://127.0.0.1:4422; Airflow's pages and messages link runbooks there; default their paths.",
    )
    warehouse_queue: str | None = Field(
        default=None,
        description="Airflow queue of the tasks that need the build file, served by one host; default Airflow's own.",
    )
    smtp_host: str | None = Field(default=None, description="Mail server for notices; unset: no mail is sent.")
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="`none` is for a relay on this machine; a password is never sent without TLS."
    )
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_sender: str | None = Field(default=None, description="Sender address of notices; required with smtp_host.")
    operator_email: str | None = Field(
        default=None,
        description="Who hears of what no steward can mend: unreadable sources, failed tasks, blocked products.",
    )
    steward_mail_minutes: int = Field(
        default=60,
        ge=0,
        le=1440,
        description="How long refused files are gathered into one mail to their steward, from the first on.",
    )
    smtp_attach_workbook: bool = Field(
        default=False,
        description="Whether mails to stewards carry the refused rows, personal data included; else they link to them.",
    )
    workbook_rows: int = Field(
        default=10_000, ge=1, le=200_000, description="Refused rows listed in a steward's workbook."
    )
    webhook_url: SecretStr | None = Field(
        default=None, description="Where notices are posted as JSON (it may be secret)."
    )
    webhook_secret: SecretStr | None = Field(default=None, description="Signs the posted body (HMAC-SHA256).")
    notice_timeout_seconds: float = Field(default=10.0, gt=0, description="Longest silence of a channel.")
    page_url: str | None = Field(
        default=None,
        description="Address of the page `today` in Airflow as people reach it, for links in mail: https://host/today.",
    )
    stewards: dict[str, list[str]] = Field(
        default={},
        description="Which accounts of Airflow see the text of refused rows, as JSON: account to departments. No role "
        "sees it otherwise.",
    )
    notice_attempts: int = Field(default=3, ge=1, le=10, description="Tries of one notice before the next sweep's.")

    @field_validator("stewards", mode="before")
    @classmethod
    def _from_json(cls, value: object) -> object:
        """From `citylake.env` it comes as text."""
        return json.loads(value) if isinstance(value, str) else value

    @classmethod
    def at(cls, home: Path | None = None) -> Settings:
        """The settings of a home folder: the environment's, and where it is silent those of `<home>/citylake.env`."""
        found = cls() if home is None else cls(home=home)
        file = found.root / "citylake.env"
        if not file.is_file():
            return found
        written = {name: value for name, value in dotenv_values(file).items() if value is not None}
        silent = {name: value for name, value in written.items() if name not in os.environ}
        connections = {name: value for name, value in silent.items() if name.startswith(_CONNECTION)}
        fields = {n.removeprefix("CITYLAKE_").lower(): v for n, v in silent.items() if n not in connections}
        made = cls(**{**fields, "home": found.home})  # type: ignore[arg-type]  # text, as from the environment
        made._connections.update(connections)
        return made

    def save(self) -> Path:
        """Write these settings and connections as `<home>/citylake.env` (mode 0600), for later commands; the file."""
        file = self.root / "citylake.env"
        passage(self.root)
        file.touch(mode=0o600)
        # One that was there may have been everybody's to read.
        file.chmod(0o600)
        quoted = {name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in self.environment().items()}
        lines = [f"{name}='{value}'" for name, value in quoted.items() if name != "CITYLAKE_HOME"]
        file.write_text("\n".join([*lines, ""]), encoding="utf-8")
        return file

    def environment(self) -> dict[str, str]:
        """These settings and the connections as CITYLAKE_* variables for another process; secrets in clear."""
        fields = {f"CITYLAKE_{name.upper()}": _as_text(getattr(self, name)) for name in sorted(self.model_fields_set)}
        given = {name: value for name, value in os.environ.items() if name.startswith(_CONNECTION)}
        return {name: value for name, value in (fields | self._connections | given).items() if value != "None"}

    @cached_property
    def root(self) -> Path:
        """The absolute home folder."""
        return self.home.expanduser().resolve()

    @property
    def lake_root(self) -> Path:
        """Folder of the local object store."""
        return self.root / "lake"

    @property
    def drop_root(self) -> Path:
        """Folder departments drop files into."""
        return (self.drop or self.root / "city" / "drop").expanduser().resolve()

    @property
    def state_root(self) -> Path:
        """Disposable local state: build file, receipt cache, locks, dbt target."""
        return self.root / "state"

    @property
    def pages_root(self) -> Path:
        """Static pages for a browser: dbt's documentation below `dbt`, runbooks below `runbooks`."""
        return self.state_root / "pages"

    @property
    def scratch_root(self) -> Path:
        """Temporary files of running steps (mode 0700, emptied after each)."""
        return self.root / "scratch"

    def connect(self, environment: Mapping[str, str]) -> None:
        """Know these connections too (`CITYLAKE_CONN_<NAME>`), for what this process does and what it starts."""
        self._connections.update({k: v for k, v in environment.items() if k.startswith(_CONNECTION)})

    def connection(self, name: str) -> SecretStr | None:
        """What `CITYLAKE_CONN_<NAME>` holds, as text (ingestion.connections reads it); None where it is not set."""
        variable = f"{_CONNECTION}{name.upper()}"
        text = os.environ.get(variable) or self._connections.get(variable)
        return SecretStr(text) if text else None

    @property
    def build_path(self) -> Path:
        """The private build file, one writer."""
        return self.state_root / "build.duckdb"

    @property
    def pseudonym_keys_path(self) -> Path:
        """The key file."""
        return (self.pseudonym_keys or self.root / "secrets" / "pseudonym-keys.json").expanduser().resolve()

    @property
    def accepted_failures_path(self) -> Path:
        """The register of accepted failures."""
        return self.accepted_failures or PROJECT_ROOT / "warehouse" / "gate" / "accepted_failures.yaml"
