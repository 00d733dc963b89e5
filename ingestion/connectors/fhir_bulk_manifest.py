"""The manifest of a finished export, and what a FHIR server says of an error (Bulk Data Access IG 2.0, Export).

No I/O. Texts of a server may quote a person's data, so of an OperationOutcome only its codes are told.
"""

from __future__ import annotations

import json
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
_FAILED = ("error", "fatal")


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
    """The manifest as sent (`body`), the moment (UTC) whose state the export is of, and its files in order.

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
    return ExportManifest(body, taken_at.astimezone(UTC), needs_credential, files)


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


def _is_of_request(asked: httpx.URL, said: httpx.URL) -> bool:
    """Whether a manifest's `request` is the one that was made: host and path may be those before a proxy."""
    if unquote(said.path).rpartition("/")[2] != unquote(asked.path).rpartition("/")[2]:
        return False
    return all(
        set(said.params.get(name, "").split(",")) == set(value.split(",")) for name, value in asked.params.multi_items()
    )


def issue_codes(body: bytes) -> list[tuple[str, str]]:
    """Severity and code of each issue of an OperationOutcome; empty where the body is none."""
    try:
        raw = json.loads(body)
        if raw["resourceType"] != "OperationOutcome":
            return []
        return [(_word(issue.get("severity")), _word(issue.get("code"))) for issue in raw["issue"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def failures(lines: Iterable[bytes]) -> tuple[int, dict[str, int]]:
    """How many OperationOutcomes of a file of errors say that something failed, and how many issues of each code."""
    count, codes = 0, dict[str, int]()
    for line in lines:
        found = [code for severity, code in issue_codes(line) if severity in _FAILED]
        count += bool(found)
        for code in found:
            codes[code] = codes.get(code, 0) + 1
    return count, codes


def _word(value: Any) -> str:
    """A code as FHIR writes it (lower-case letters and hyphens); anything else is not told."""
    text = value if isinstance(value, str) else ""
    known = text.isascii() and text.replace("-", "").isalpha() and len(text) <= _LONGEST_CODE
    return text.lower() if known else "unknown"


_LONGEST_CODE = 40
