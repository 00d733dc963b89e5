"""The manifest of a finished export (Bulk Data Access IG 2.0, Export). No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import httpx

from ingestion.connectors.allowed_hosts import redacted
from ingestion.connectors.fetch_errors import FetchError

SECTIONS = ("output", "error", "deleted")
TRANSIENT = frozenset({"transient", "lock-error", "timeout", "throttled", "incomplete", "exception"})
"""Issue types of an error that may pass (FHIR R4, value set issue-type)."""
_SECRETS = re.compile(r"(?<=://)[^/?#@]*@|[?#].*", re.DOTALL)
"""Of a URL what may hold a credential: login, query and fragment."""


@dataclass(frozen=True)
class ExportFile:
    """One file of an export: in which list of the manifest it stands, its resource type, and its number of resources.

    `member` is its name in the delivery's archive: `Patient.000.ndjson`, `error.000.ndjson`, `deleted.000.ndjson`.
    """

    section: str
    type: str
    url: httpx.URL
    count: int | None
    member: str


@dataclass(frozen=True)
class ExportManifest:
    """The moment (UTC) whose state the export is of, and its files in order.

    `body` is the manifest as sent, but for the queries and logins of its URLs: signatures and tokens are kept nowhere.
    `needs_credential`: files are asked for with the connection's credential.
    """

    body: bytes
    taken_at: datetime
    needs_credential: bool
    files: tuple[ExportFile, ...]

    def of_types(self, types: Iterable[str]) -> tuple[ExportFile, ...]:
        """The files that were asked for: those of errors and deletions, and output of these resource types."""
        wanted = set(types)
        return tuple(file for file in self.files if file.section != "output" or file.type in wanted)


def read_manifest(body: bytes, asked: httpx.URL, status: httpx.URL) -> ExportManifest:
    """The manifest that came from the URL `status`, of an export that was kicked off at `asked`. Raises FetchError."""
    where = redacted(status)
    try:
        raw = json.loads(body)
        said = httpx.URL(raw["request"])
        taken_at = datetime.fromisoformat(raw["transactionTime"])
        needs_credential = raw["requiresAccessToken"]
        files = tuple(file for section in SECTIONS for file in _files(section, raw, status))
        further = [link for link in raw.get("link", []) if link.get("relation") == "next"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, httpx.InvalidURL):
        raise FetchError("sent something that is not the manifest of an export", where, advice=_SUPPORT) from None
    if taken_at.tzinfo is None or not isinstance(needs_credential, bool):
        raise FetchError(
            "sent a manifest whose transactionTime has no offset, or whose requiresAccessToken is no boolean", where,
            advice=_SUPPORT,
        )  # fmt: skip
    if not _is_of_request(asked, said):
        raise FetchError(
            "sent the manifest of another request than the one that was made", where,
            advice="ask the department whether its server mixes up exports that run at the same time",
        )  # fmt: skip
    if further:
        raise FetchError("sent a manifest in several parts, which the contract's version does not have", where)
    return ExportManifest(_without_secrets(raw), taken_at.astimezone(UTC), needs_credential, files)


_SUPPORT = "ask the department whether its server exports by the Bulk Data Access IG 2.0"


def _files(section: str, raw: Any, status: httpx.URL) -> Iterable[ExportFile]:
    """The files of one list of the manifest, numbered within their resource type. Raises what is wrong with it."""
    numbers: dict[str, int] = {}
    for entry in raw.get(section) or []:
        kind, count = entry["type"], entry.get("count")
        if not (isinstance(kind, str) and kind.isascii() and kind.isalpha()):
            raise ValueError("a type that is no resource type")
        if isinstance(count, bool) or not isinstance(count, int | None):
            raise ValueError("a count that is no number")
        name = kind if section == "output" else section
        number = numbers[name] = numbers.get(name, -1) + 1
        yield ExportFile(section, kind, status.join(entry["url"]), count, f"{name}.{number:03d}.ndjson")


def _without_secrets(raw: Any) -> bytes:
    """The manifest with the server, path and nothing else of every URL."""

    def cut(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: cut(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [cut(inner, key) for inner in value]
        is_url = isinstance(value, str) and (key in ("url", "request") or "://" in value)
        return _SECRETS.sub("", value) if is_url else value

    return json.dumps(cut(raw), ensure_ascii=False).encode("utf-8", "backslashreplace")


def _is_of_request(asked: httpx.URL, said: httpx.URL) -> bool:
    """Whether a manifest's `request` is the one that was made: host and path may be those before a proxy.

    A list may be given as one value or by repeating its parameter, and an instant in any spelling.
    """
    if unquote(said.path).rpartition("/")[2] != unquote(asked.path).rpartition("/")[2]:
        return False
    return all(_values(said, name) == _values(asked, name) for name in asked.params)


def _values(url: httpx.URL, name: str) -> set[str | datetime]:
    values = {part for value in url.params.get_list(name) for part in value.split(",")}
    if name == "_outputFormat":  # a plus sign that was not escaped was read as a blank
        return {value.replace(" ", "+") for value in values}
    return {_instant(value) for value in values} if name == "_since" else set(values)


def _instant(text: str) -> str | datetime:
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return text
    return moment.astimezone(UTC) if moment.tzinfo else text
