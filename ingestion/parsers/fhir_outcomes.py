"""What OperationOutcomes say went wrong: in the error files of an export, and in a server's answers (FHIR R4, 2.28).

Texts of a server may quote a person's data, so only codes of the value set issue-type are told. Error files are read
with a limit. What a file of errors holds that cannot be read counts as a failure: nobody can say that it is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

MAX_OUTCOME_BYTES = 64 * 2**10
"""Of one OperationOutcome; a longer one is not read."""
_FAILED = ("error", "fatal")
_HARMLESS = ("warning", "information")
_UNKNOWN = "unknown"
_CODES = frozenset({
    "invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired", "forbidden",
    "suppressed", "processing", "not-supported", "duplicate", "multiple-matches", "not-found", "deleted", "too-long",
    "code-invalid", "extension", "too-costly", "business-rule", "conflict", "transient", "lock-error", "no-store",
    "exception", "timeout", "incomplete", "throttled", "informational",
})  # fmt: skip
"""FHIR R4, value set issue-type."""


def issue_codes(body: bytes) -> list[tuple[str, str]]:
    """Severity and code of each issue of an OperationOutcome, each `unknown` where FHIR has no such word; empty where
    the body is none.
    """
    try:
        raw = json.loads(body)
        if raw["resourceType"] != "OperationOutcome":
            return []
        return [
            (_word(issue.get("severity"), (*_FAILED, *_HARMLESS)), _word(issue.get("code"), _CODES))
            for issue in raw["issue"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def failures(stream: BinaryIO) -> tuple[int, dict[str, int]]:
    """How many lines of a file of errors say that something failed, and how many issues of each code they have.

    A line that is no OperationOutcome, or is longer than MAX_OUTCOME_BYTES, is one with the code `unknown`.
    """
    count, codes = 0, dict[str, int]()
    for line in _lines(stream):
        issues = issue_codes(line) or [(_UNKNOWN, _UNKNOWN)]
        found = [code for severity, code in issues if severity not in _HARMLESS]
        count += bool(found)
        for code in found:
            codes[code] = codes.get(code, 0) + 1
    return count, codes


def doubt(failed: int, codes: Mapping[str, int]) -> str | None:
    """Why an export may be incomplete, by the failures in its error files; None where there are none."""
    if not failed:
        return None
    listed = ", ".join(f"{code} {number:,}" for code, number in sorted(codes.items()))
    return f"the server reports {failed:,} errors of its export (OperationOutcome: {listed})"


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines that are not blank; of one that is too long the beginning, which is no JSON."""
    is_rest = False
    while line := stream.readline(MAX_OUTCOME_BYTES + 1):
        if not is_rest and (line.strip() or len(line) > MAX_OUTCOME_BYTES):
            yield line
        is_rest = not line.endswith(b"\n") and len(line) > MAX_OUTCOME_BYTES


def _word(value: Any, known: frozenset[str] | tuple[str, ...]) -> str:
    text = value.lower() if isinstance(value, str) else ""
    return text if text in known else _UNKNOWN
