"""The text of a verdict for a person (`citylake gate --explain PRODUCT`), whether or not the build can be read now.

While a build runs, and after one was killed, the tables that were judged are gone, but the verdicts are recorded in the
store. So the last build is judged again where that needs no waiting; otherwise the recorded verdicts are shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingestion.errors import ConfigurationError, IntegrityError, LakeBusy
from warehouse.gate.decide import gate
from warehouse.gate.record import latest
from warehouse.verdict import CheckResult, Verdict

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from warehouse.build.report import BuildReport


@dataclass(frozen=True)
class Explained:
    """Verdicts to explain. `why_recorded` says why they are recorded ones; None where they were reached just now."""

    verdicts: list[Verdict]
    why_recorded: str | None = None


def verdicts_to_explain(lake: Lake, report: BuildReport | None) -> Explained:
    """The verdicts on the last build, or the newest recorded ones where it cannot be judged now. Never waits.

    Raises what the gate raises (LakeBusy, IntegrityError, ConfigurationError) where nothing was recorded yet.
    """
    not_waiting = replace(lake, settings=lake.settings.model_copy(update={"lock_timeout_seconds": 0.0}))
    try:
        if report is None:
            raise ConfigurationError("nothing was built yet", left="nothing was done", next_step="citylake run")
        return Explained(gate(not_waiting, report))
    except (LakeBusy, IntegrityError, ConfigurationError) as error:
        recorded = latest(lake.store)
        if recorded is None:
            raise
        return Explained(recorded.verdicts, error.message)


def explain(explained: Explained, product: str) -> str:
    """Decision, reasons, then every result considered. Raises ConfigurationError for an unknown product."""
    verdicts = explained.verdicts
    verdict = next((v for v in verdicts if v.product == product), None)
    if verdict is None:
        known = ", ".join(v.product for v in verdicts) or "none"
        raise ConfigurationError(f"no verdict on product {product!r}; judged: {known}", next_step="citylake gate")
    score = "" if verdict.score is None else f", {verdict.score:.0%} of {len(verdict.checks)} results good"
    lines = [f"{product}: {verdict.decision} (build {verdict.build_id}, as of {verdict.as_of}{score})"]
    if explained.why_recorded:
        lines.append(f"  recorded {verdict.decided_at:%Y-%m-%d %H:%MZ}, not judged again: {explained.why_recorded}")
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
