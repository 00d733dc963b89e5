"""A verdict as a person reads it (`citylake gate --explain PRODUCT`)."""

from __future__ import annotations

from ingestion.errors import ConfigurationError
from warehouse.gate.verdict import CheckResult, Verdict


def explain(verdicts: list[Verdict], product: str) -> str:
    """Decision, reasons, then every result considered. Raises ConfigurationError for an unknown product."""
    verdict = next((v for v in verdicts if v.product == product), None)
    if verdict is None:
        known = ", ".join(v.product for v in verdicts) or "none"
        raise ConfigurationError(f"no verdict on product {product!r}; judged: {known}", next_step="citylake gate")
    score = "" if verdict.score is None else f", {verdict.score:.0%} of {len(verdict.checks)} results good"
    lines = [f"{product}: {verdict.decision} (build {verdict.build_id}, as of {verdict.as_of}{score})"]
    lines += [f"  because  {reason}" for reason in verdict.reasons]
    for edition, reasons in verdict.blocked_editions.items():
        lines += [f"  not in the {edition} edition  {reason}" for reason in reasons]
    lines += [f"  accepted {a.check}: {a.reason} (owner {a.owner}, until {a.expires})" for a in verdict.accepted]
    lines += ["", *(_line(check) for check in verdict.checks)]
    return "\n".join(lines)


def _line(check: CheckResult) -> str:
    status = "accepted" if check.accepted else check.status
    detail = check.note or check.message
    count = f" ({check.failures})" if check.failures else ""
    return f"  {status:9}{check.kind:15}{check.name}{count}" + (f"  {detail}" if detail else "")
