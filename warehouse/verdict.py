"""The verdict on one data product as data: what was considered, what was decided, and why.

Publication reads nothing else about quality. Verdicts are reached in warehouse.gate.decide and stored by
warehouse.gate.record.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Literal

from pydantic import Field

from ingestion.values.document import Document
from ingestion.values.hashes import sha256_of_bytes
from warehouse.build.report import Status

Decision = Literal["passed", "blocked"]
Considered = Literal[
    "model",
    "key",
    "freshness",
    "reconciliation",
    "relationship",
    "rule",
    "contract",
    "delivery",
    "completeness",
    "drift",
    "privacy",
    "dependency",
]
GOOD: frozenset[str] = frozenset({"passed", "warned"})


class CheckResult(Document):
    """One check the gate considered. `failures` counts rows (or deliveries); None where it could not be counted.

    `accepted` is true when the register of accepted failures covers it today.
    `note` says why a register entry did not help (expired, exceeded).
    `build_id` is the build that ran the check, where it is one of dbt's: an earlier one than the verdict's where
    nothing that the check reads has changed since.
    """

    name: str
    kind: Considered
    status: Status
    failures: int | None = None
    accepted: bool = False
    message: str | None = None
    note: str | None = None
    tables: list[str] = Field(default=[])
    build_id: str | None = None

    @property
    def good(self) -> bool:
        """Is it passed, warned or an accepted failure? Any other result refuses the product."""
        return self.status in GOOD or (self.status == "failed" and self.accepted)

    @property
    def sentence(self) -> str:
        """One line that says why this result refuses the product."""
        count = f", {self.failures} failing" if self.failures else ""
        parts = [f"{self.kind} {self.name}: {self.status}{count}", self.message, self.note]
        return "; ".join(part for part in parts if part)


class AcceptedUse(Document):
    """A register entry that let a failed check pass."""

    check: str
    owner: str
    reason: str
    failures: int
    max_failures: int
    expires: date


class Verdict(Document):
    """Decision on one product of one build.

    `score` is the share of considered checks that are good, 0 to 1. `blocked_editions` names
    editions this product may not enter although it passed, with reasons. `inputs` is the identity of what it was judged
    on: a digest of the effective bronze files behind it and of the code that its tables are made of.
    """

    product: str
    decision: Decision
    reasons: list[str]
    checks: list[CheckResult]
    score: float | None = None
    decided_at: datetime
    as_of: date
    build_id: str
    inputs: str
    accepted: list[AcceptedUse] = Field(default=[])
    blocked_editions: dict[str, list[str]] = Field(default={})

    def passes(self, edition: str) -> bool:
        """May this product's new tables enter the edition?"""
        return self.decision == "passed" and not self.blocked_editions.get(edition)


def inputs_digest(inputs: dict[str, list[str]], identities: dict[str, str]) -> str:
    """sha256 over feeds with their effective bronze keys and models with their identities, order not mattering."""
    canonical = json.dumps([{feed: sorted(keys) for feed, keys in inputs.items()}, identities], sort_keys=True)
    return sha256_of_bytes(canonical.encode())


def decisions_digest(verdicts: list[Verdict]) -> str:
    """sha256 over what was decided, why, and on which inputs; times, builds and good results do not count."""
    meaning = {"product", "decision", "reasons", "inputs", "accepted", "blocked_editions"}
    rows = [verdict.model_dump(mode="json", include=meaning) for verdict in verdicts]
    rows.sort(key=lambda row: str(row["product"]))
    return sha256_of_bytes(json.dumps(rows, sort_keys=True, ensure_ascii=False).encode())
