"""Files of errors: what says that something failed, and what cannot be read and so might."""

from __future__ import annotations

import io
import json

import pytest

from ingestion.parsers.fhir_outcomes import MAX_OUTCOME_BYTES, doubt, failures, issue_codes


def said(severity: str, code: str = "processing") -> bytes:
    issue = {"severity": severity, "code": code, "diagnostics": "张三"}
    return json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", (0, {})),
        (b"\n \r\n", (0, {})),
        (said("warning") + b"\n" + said("information"), (0, {})),
        (said("error") + b"\n" + said("fatal", "exception"), (2, {"processing": 1, "exception": 1})),
        (said("catastrophe"), (1, {"processing": 1})),
        (said("error")[:-5], (1, {"unknown": 1})),
        (b'{"resourceType": "Bundle"}\n' + said("error"), (2, {"unknown": 1, "processing": 1})),
        (b'{"resourceType": "OperationOutcome", "issue": []}', (1, {"unknown": 1})),
        (b"x" * (3 * MAX_OUTCOME_BYTES) + b"\n" + said("error"), (2, {"unknown": 1, "processing": 1})),
        (b" " * (3 * MAX_OUTCOME_BYTES), (1, {"unknown": 1})),
    ],
)
def test_what_counts_as_a_failure(text: bytes, expected: tuple[int, dict[str, int]]) -> None:
    assert failures(io.BytesIO(text)) == expected


def test_an_outcome_on_several_lines_is_a_failure() -> None:
    count, codes = failures(io.BytesIO(json.dumps(json.loads(said("error")), indent=1).encode()))
    assert (count > 0, list(codes)) == (True, ["unknown"])


def test_only_words_of_fhir_are_told() -> None:
    assert issue_codes(said("zhang-san", "zhang-san")) == [("unknown", "unknown")]
    assert doubt(0, {}) is None
    assert doubt(2, {"b": 1, "a": 1_000}) == (
        "the server reports 2 errors of its export (OperationOutcome: a 1,000, b 1)"
    )
