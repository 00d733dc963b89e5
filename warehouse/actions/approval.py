"""Approve or refuse what waits to be published in the open edition (docs/adr/0035).

An approval names one candidate. Where something else would be published by now, nothing is, and the error names the
candidate to approve instead. Nobody approves what they triggered. Owns these rules and the recording; what a candidate
is belongs to warehouse.publish.approval, the question in Airflow to dags.factory.approval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.errors import ConfigurationError
from warehouse.actions.ledger import checked, recorded
from warehouse.build.report import BuildReport, last_report
from warehouse.publish import approval
from warehouse.publish.approval import Approved, Candidate, Refusal
from warehouse.publish.leave import leaving_anyway
from warehouse.publish.run import Published, publish
from warehouse.release.lock import publisher
from warehouse.status.refresh import judge, rewrite

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from warehouse.actions.model import Actor

EDITION = "open"


class NotAllowed(ConfigurationError):
    """The person may not approve this candidate: they triggered it, or the run that asks."""


def pending(lake: Lake) -> Candidate | None:
    """What waits for approval; None where nothing does, or it was refused. Cheap: one object is read."""
    candidate = approval.current(lake, EDITION)
    return candidate if candidate is not None and candidate.refused is None else None


def is_triggerer(candidate: Candidate, account: str, *, asked_by: str | None = None) -> bool:
    """Did this account trigger the candidate, or (`asked_by`) the run that asks? Then it may not approve."""
    triggered_by = [*candidate.triggered_by, *([asked_by] if asked_by else [])]
    return account.strip().casefold() in {one.strip().casefold() for one in triggered_by}


def asked_in(lake: Lake, candidate: str, run: str) -> Candidate:
    """Note which Airflow run asks for approval of the candidate. Raises ConfigurationError where it is another now."""
    with publisher(lake):
        return approval.put(lake, _require(lake, candidate).model_copy(update={"run": run}))


def approve(lake: Lake, actor: Actor, candidate: str, reason: str, *, asked_by: str | None = None) -> Published:
    """Publish the candidate in the open edition, judged again on the last build.

    Raises NotAllowed for a person who triggered it or the run that asks (`asked_by`), ConfigurationError where another
    candidate waits, nothing does, or the edition is on hold; what publishing raises.
    """
    with recorded(lake, actor, "approve", EDITION, reason, {"candidate": candidate}) as recording:
        waiting = _require(lake, candidate)
        if is_triggerer(waiting, actor.account, asked_by=asked_by):
            raise NotAllowed(
                f"{actor.account} triggered the run behind candidate {candidate}, or the run that asks, and may not "
                "approve it",
                left=f"the {EDITION} edition is as it was; the candidate still waits",
                next_step="let another person approve it",
            )
        approved = Approved(candidate, actor.signature, checked(reason, "reason"))
        with leaving_anyway(lake):
            report = _last_report(lake)
            verdicts = judge(lake, report)
            (result,) = publish(lake, report, verdicts, approver=actor.signature, editions=[EDITION], approved=approved)
            rewrite(lake)
        if result.outcome != "published" or not result.fresh:
            raise _not_published(lake, candidate, result)
        recording.message = f"release {result.release} of {EDITION}: {', '.join(result.fresh)}"
        return result


def refuse(lake: Lake, actor: Actor, candidate: str, reason: str) -> Candidate:
    """Leave the open edition as it is; this candidate is not asked about again. Raises as `approve`."""
    with recorded(lake, actor, "refuse", EDITION, reason, {"candidate": candidate}), publisher(lake):
        refusal = Refusal(by=actor.signature, reason=checked(reason, "reason"), at=lake.clock())
        return approval.put(lake, _require(lake, candidate).model_copy(update={"refused": refusal}))


def _last_report(lake: Lake) -> BuildReport:
    report = last_report(lake.settings)
    if report is None:
        raise ConfigurationError("this host has no build", left="nothing was published", next_step="citylake build")
    return report


def _require(lake: Lake, candidate: str) -> Candidate:
    """The candidate, where it is the one that waits."""
    waiting = approval.current(lake, EDITION)
    if waiting is not None and waiting.id == candidate and waiting.refused is None:
        return waiting
    raise _other(candidate, waiting)


def _other(candidate: str, waiting: Candidate | None) -> ConfigurationError:
    left = f"nothing was published; the {EDITION} edition is as it was"
    if waiting is None:
        return ConfigurationError(
            f"candidate {candidate} does not wait any more, and nothing else does",
            left=left,
            next_step=f"citylake releases --edition {EDITION}",
        )
    if waiting.refused is not None:
        return ConfigurationError(approval.waits(waiting), left=left, next_step="correct what was refused")
    return ConfigurationError(
        f"candidate {candidate} was superseded by {waiting.id} ({waiting.summary})",
        left=left,
        next_step=f'look at that one, then: citylake approve --candidate {waiting.id} --reason "…"',
    )


def _not_published(lake: Lake, candidate: str, result: Published) -> ConfigurationError:
    if result.outcome == "awaiting_approval":
        return _other(candidate, approval.current(lake, EDITION))
    return ConfigurationError(
        f"candidate {candidate} was not published: {result.message}",
        left=f"the {EDITION} edition has no new release by this approval",
        next_step="citylake gate",
    )
