"""The gate: one verdict per data product, refuse by default.

A product passes when every result considered for it is good (passed, warned, or a failed check that
the register accepts today), a key, a freshness and a reconciliation check each checked rows, and
every product it reads passes too. Anything unknown, missing, in error or skipped refuses.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from ingestion.contract.model import not_active
from ingestion.isolation import raise_unless_unexpected
from warehouse.build.lock import building
from warehouse.build.report import BuildReport
from warehouse.content.measure import measure, open_build
from warehouse.gate.accepted import Register, apply_register, load_register, require_known
from warehouse.gate.completeness import judge_completeness
from warehouse.gate.deliveries import judge_deliveries
from warehouse.gate.drift import load_bounds
from warehouse.gate.evidence import Evidence, results_for
from warehouse.gate.leaks import judge_leaks
from warehouse.gate.open_cells import judge_open_cells
from warehouse.gate.record import decision_time, record
from warehouse.release import editions
from warehouse.release.baseline import read_baseline
from warehouse.verdict import CheckResult, Verdict, inputs_digest

if TYPE_CHECKING:
    from ingestion.lake import Lake


@dataclass(frozen=True)
class Terms:
    """The register of accepted failures, the local day its expiry dates are compared with, and the time of decision."""

    register: Register
    today: date
    decided_at: datetime


def gate(lake: Lake, report: BuildReport, *, today: date | None = None) -> list[Verdict]:
    """Judge every product of the build and write the verdicts where they changed.

    `today` (default: the city's local date) is what expiry dates are compared with.
    Raises ConfigurationError (register, bounds), LakeBusy, IntegrityError (build file and report disagree).
    """
    path = lake.settings.accepted_failures_path
    register = load_register(path)
    evidence = gather(lake, report)
    results = {product: _results(lake, evidence, product) for product in evidence.products()}
    require_known(register, path, {product: {r.name for r in found} for product, found in results.items()})
    today = today or lake.city_time().date()
    verdicts = decide(evidence, results, Terms(register, today, decision_time(lake)))
    record(lake, verdicts)
    return verdicts


def _results(lake: Lake, evidence: Evidence, product: str) -> list[CheckResult]:
    """Every result considered for one product.

    An unexpected exception becomes a result that refuses this product only.
    """
    try:
        return results_for(evidence, product)
    except Exception as error:
        defect = raise_unless_unexpected(error, lake.settings, f"judging {product}")
        return [CheckResult(name="gate", kind="rule", status="error", message=defect.message)]


def gather(lake: Lake, report: BuildReport) -> Evidence:
    """Read what the verdicts need: the last release, the build file, the receipts."""
    baseline = read_baseline(lake)
    with building(lake), closing(open_build(lake)) as connection:
        content = measure(lake, report, baseline, connection)
        leaks = judge_leaks(lake, connection, content)
        cells = judge_open_cells(lake, connection, report, content)
    feeds = {feed for model in report.models for feed in model.feeds} | set(report.inputs)
    with closing(lake.log.connect()) as log:
        judged = judge_deliveries(log, {feed: report.inputs.get(feed, []) for feed in sorted(feeds)}, report.as_of)
        complete = judge_completeness(log, lake.active, report.as_of)
    return Evidence(
        report,
        content,
        baseline,
        load_bounds(),
        contracts=judge_contracts(lake),
        deliveries=judged.results,
        completeness=complete,
        leaks=leaks,
        small_cells=cells,
        no_data=judged.no_data,
    )


def judge_contracts(lake: Lake) -> dict[str, CheckResult]:
    """One result for each feed whose contract is not active or whose contract file is wrong; none for other feeds.

    Products that read such a feed are blocked, whatever was ingested before (ADR 0021). The status is `error`, which
    the register of accepted failures cannot accept.
    """
    messages = {
        name: not_active(contract.status) for name, contract in lake.contracts.items() if not contract.is_active
    }
    messages |= {
        name: f"its contract file is wrong ({len(problems)} problems): citylake contracts check"
        for name, problems in lake.broken.items()
    }
    return {
        name: CheckResult(name=f"contract:{name}", kind="contract", status="error", message=message)
        for name, message in messages.items()
    }


def decide(
    evidence: Evidence,
    results: dict[str, list[CheckResult]],
    terms: Terms,
) -> list[Verdict]:
    """The verdicts, sorted by product; a product that reads a blocked one is blocked. Reads and writes nothing."""
    verdicts = {product: _verdict(evidence, product, found, terms) for product, found in results.items()}
    _block_dependants(evidence, verdicts)
    return [verdicts[product] for product in sorted(verdicts)]


def _verdict(
    evidence: Evidence,
    product: str,
    found: list[CheckResult],
    terms: Terms,
) -> Verdict:
    checks, used = apply_register(terms.register, product, found, terms.today)
    reasons = [check.sentence for check in checks if not check.good]
    if not checks:
        reasons = ["no checks were considered"]
    return Verdict(
        product=product,
        decision="blocked" if reasons else "passed",
        reasons=reasons,
        checks=checks,
        score=round(sum(check.good for check in checks) / len(checks), 4) if checks else None,
        decided_at=terms.decided_at,
        as_of=evidence.as_of,
        build_id=evidence.report.build_id,
        inputs=inputs_digest(evidence.inputs(product), evidence.identities(product)),
        accepted=used,
        blocked_editions=_blocked_editions(checks),
    )


def _blocked_editions(checks: list[CheckResult]) -> dict[str, list[str]]:
    """Editions the product may not enter: an accepted privacy failure in a `pub_` table keeps it out of the
    open one."""
    leaks = [c.sentence for c in checks if c.kind == "privacy" and c.accepted and editions.is_open_model(c.tables[0])]
    return {editions.OPEN: leaks} if leaks else {}


def _block_dependants(evidence: Evidence, verdicts: dict[str, Verdict]) -> None:
    """Block every product that reads, directly or through others, a product that is blocked or has no verdict."""
    upstream = {product: evidence.upstream_products(product) for product in verdicts}
    changed = True
    while changed:
        changed = False
        for product, verdict in verdicts.items():
            bad = sorted(up for up in upstream[product] if up not in verdicts or verdicts[up].decision != "passed")
            if verdict.decision == "passed" and bad:
                results = [_dependency(up, verdicts.get(up)) for up in bad]
                verdicts[product] = verdict.model_copy(
                    update={
                        "decision": "blocked",
                        "reasons": [r.sentence for r in results],
                        "checks": [*verdict.checks, *results],
                    }
                )
                changed = True


def _dependency(product: str, verdict: Verdict | None) -> CheckResult:
    message = "it is blocked" if verdict else "it has no verdict"
    return CheckResult(name=f"product:{product}", kind="dependency", status="failed", failures=1, message=message)
