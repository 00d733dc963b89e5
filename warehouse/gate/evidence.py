"""Everything the gate has read about one build, and the results that concern one product.

Nothing is read here: warehouse.gate.decide.gather fills `Evidence`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from warehouse.build.report import BuildReport, CheckRun, ModelBuilt
from warehouse.content.measure import BuildContent
from warehouse.gate.drift import Bounds, judge_drift
from warehouse.release.baseline import Baseline
from warehouse.verdict import GOOD, CheckResult

UNASSIGNED = "unassigned"
"""Stands for public models without a product: they are never released."""

REQUIRED = ("key", "freshness", "reconciliation")


@dataclass(frozen=True)
class Evidence:
    """What was read. `contracts`, `deliveries` and `completeness` are results by feed, `leaks` and `small_cells`
    results by table.

    `contracts` holds only feeds that may not be used; `no_data` are the feeds whose newest receipt has that outcome.
    """

    report: BuildReport
    content: BuildContent
    baseline: Baseline
    bounds: Bounds
    contracts: dict[str, CheckResult] = field(default_factory=dict)
    deliveries: dict[str, CheckResult] = field(default_factory=dict)
    completeness: dict[str, CheckResult] = field(default_factory=dict)
    leaks: dict[str, CheckResult] = field(default_factory=dict)
    small_cells: dict[str, CheckResult] = field(default_factory=dict)
    no_data: frozenset[str] = frozenset()

    @property
    def as_of(self) -> date:
        """The local day that is judged."""
        return self.report.as_of

    def products(self) -> list[str]:
        """Products of the build, and those released before that the build no longer has."""
        built = {m.product or UNASSIGNED for m in self.report.models if m.product or m.public}
        return sorted(built | self.baseline.products)

    def models(self, product: str) -> list[ModelBuilt]:
        """Models of the product."""
        return [m for m in self.report.models if m.product == product or (product == UNASSIGNED and _is_unassigned(m))]

    def upstream_products(self, product: str) -> set[str]:
        """Products its models read."""
        return {up for m in self.models(product) for up in m.upstream_products} - {product}

    def inputs(self, product: str) -> dict[str, list[str]]:
        """Effective bronze keys of its feeds."""
        feeds = sorted({feed for m in self.models(product) for feed in m.feeds})
        return {feed: self.report.inputs.get(feed, []) for feed in feeds}

    def identities(self, product: str) -> dict[str, str]:
        """Identities of its models: of the code that their tables are made of."""
        return {model.name: model.identity for model in self.models(product)}

    def checks(self, product: str) -> list[CheckRun]:
        """Checks declared on the product, and unassigned ones on models it reads (staging)."""
        reached = self._reached(product)
        return [
            c
            for c in self.report.checks
            if c.product == product or (c.product is None and not reached.isdisjoint(c.models))
        ]

    def _reached(self, product: str) -> set[str]:
        """Names of the product's models and of every model without a product upstream of them."""
        by_id = {m.unique_id: m for m in self.report.models} | {m.name: m for m in self.report.models}
        waiting, reached = self.models(product), set[str]()
        while waiting:
            model = waiting.pop()
            if model.name in reached:
                continue
            reached |= {model.name, model.unique_id}
            waiting += [by_id[up] for up in model.upstream if up in by_id and by_id[up].product in (None, product)]
        return reached


def results_for(evidence: Evidence, product: str) -> list[CheckResult]:
    """Every result considered for one product, before the register is applied."""
    models = evidence.models(product)
    # Contracts first: what follows is often their consequence.
    results = [result for feed in evidence.inputs(product) if (result := evidence.contracts.get(feed))]
    results += _model_results(evidence, product, models)
    results += [_check_result(evidence, check) for check in evidence.checks(product)]
    results += _missing_checks(evidence, product)
    results += [_delivery(evidence, feed) for feed in evidence.inputs(product)]
    results += [result for feed in evidence.inputs(product) if (result := evidence.completeness.get(feed))]
    for model in models:
        if model.public and model.name in evidence.content.tables:
            results += _table_results(evidence, model)
    return results


def _is_unassigned(model: ModelBuilt) -> bool:
    return model.public and model.product is None


def _model_results(evidence: Evidence, product: str, models: list[ModelBuilt]) -> list[CheckResult]:
    results = [
        CheckResult(name=m.name, kind="model", status=m.status, message=m.message, tables=[m.name])
        for m in models
        if m.status != "passed"
    ]
    if product == UNASSIGNED:
        names = ", ".join(m.name for m in models)
        results.append(_refused("group", "model", f"public models without a product: {names}"))
    elif not any(m.public for m in models):
        results.append(_refused("models", "model", "the build has no public model of this product"))
    for model in models:
        if model.public and model.status == "passed" and model.name not in evidence.content.tables:
            results.append(_refused(model.name, "model", "its table was not found in the build file"))
    return results


def _check_result(evidence: Evidence, check: CheckRun) -> CheckResult:
    status, message = check.status, check.message
    if status not in ("passed", "warned", "failed", "error", "skipped"):
        status, message = "error", f"unknown status {check.status!r}"
    elif status == "passed" and check.failures:
        status, message = "error", f"reported as passed with {check.failures} failures"
    return CheckResult(
        name=check.name,
        kind=check.check,
        status=status,
        failures=check.failures,
        message=message,
        tables=check.models,
        build_id=check.build_id,
    )


def _missing_checks(evidence: Evidence, product: str) -> list[CheckResult]:
    checks = evidence.checks(product)
    results = []
    for kind in REQUIRED:
        of_kind = [c for c in checks if c.check == kind]
        if not of_kind:
            results.append(_refused(kind, kind, f"no {kind} check ran"))
        elif not any(_over_rows(evidence, check) for check in of_kind):
            results.append(_refused(f"{kind}:rows", kind, f"no {kind} check looked at a row, and no feed says no_data"))
    before = evidence.baseline.product(product)
    if before and before.project_digest == evidence.report.project_digest:
        gone = sorted(set(before.checks) - {c.name for c in checks})
        results += [_refused(name, "rule", "ran for the last release and did not run now") for name in gone]
    return results


def _over_rows(evidence: Evidence, check: CheckRun) -> bool:
    """Did the check look at a row? The first model it reads decides, unless its rows are not counted (a view)."""
    if check.status not in GOOD | {"failed"}:
        return False
    by_name = {m.name: m for m in evidence.report.models} | {m.unique_id: m for m in evidence.report.models}
    read = [by_name[name] for name in check.models if name in by_name]
    counted = next((m for m in read if m.rows is not None), None)
    if counted is None:
        return False
    return bool(counted.rows) or not evidence.no_data.isdisjoint(counted.feeds)


def _delivery(evidence: Evidence, feed: str) -> CheckResult:
    unknown = _refused(f"delivery:{feed}", "delivery", "its receipts were not read")
    return evidence.deliveries.get(feed, unknown)


def _table_results(evidence: Evidence, model: ModelBuilt) -> list[CheckResult]:
    table = model.name
    now, released = evidence.content.tables[table], evidence.baseline.table(model)
    results = [judge_drift(evidence.bounds, table, released.rows if released else None, now.rows)]
    if now.undated:
        results.append(_refused(f"day:{table}", "rule", f"{now.undated} rows have no {now.day_column}"))
    unknown = _refused(f"privacy:{table}", "privacy", "the table was not scanned")
    cells = evidence.small_cells.get(table)
    return [*results, evidence.leaks.get(table, unknown), *([cells] if cells else [])]


def _refused(name: str, kind: str, message: str) -> CheckResult:
    """A result with status `error`, which the register cannot accept: something was not checked that must be."""
    return CheckResult.model_validate({"name": name, "kind": kind, "status": "error", "message": message})
