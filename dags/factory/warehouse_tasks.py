"""The tasks of the warehouse DAG, run in a worker, each under the lock of the build file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException

from dags.factory.assets import product, release, released
from dags.factory.events import of_products, people_behind
from dags.factory.failures import notify, resolve_incident
from dags.factory.notes import leave_note, release_note
from dags.factory.runtime import folded, for_operators, judged_day, log, open_lake, parameter
from dags.factory.wait_for_feeds import wait_for_feeds
from ingestion.lake import Lake
from warehouse.build.report import BuildReport
from warehouse.verdict import Verdict

if TYPE_CHECKING:
    from warehouse.publish.run import Published


def build() -> None:
    """Wait a moment for running feeds, then build the models that have something new."""
    from warehouse.build.dbt_runner import freeing_dbt
    from warehouse.build.runner import make_models
    from warehouse.release.pointer import released_inputs

    with for_operators(), freeing_dbt():
        lake = open_lake()
        wait_for_feeds(lake.contracts, lake.settings.settle_seconds)
        made = make_models(
            lake,
            judged_day(lake),
            full_refresh=bool(parameter("full_refresh")),
            released=released_inputs(lake),
            progress=log.info,
        )
        for message in made.messages:
            log.info(message)
        log.info("build %s as of %s", made.build_id, made.as_of)


def test() -> None:
    """Run every check on what was built, and log models and checks that are not good; the gate judges them."""
    from warehouse.build.dbt_runner import freeing_dbt
    from warehouse.build.runner import test_models

    with for_operators(), freeing_dbt():
        report = test_models(open_lake(), progress=log.info)
        bad = [f"model {model.name}: {model.message}" for model in report.models if model.status == "error"]
        bad += [
            f"check {check.name}: {check.message}" for check in report.checks if check.status in ("failed", "error")
        ]
        for line in bad:
            log.warning(line)
        log.info("%d models, %d checks, %d not good", len(report.models), len(report.checks), len(bad))


def gate() -> None:
    """Judge every product of the last build."""
    with for_operators():
        lake = open_lake()
        for verdict in _verdicts(lake, _report(lake)):
            log.info("%s: %s", verdict.product, verdict.decision)
            for reason in verdict.reasons:
                log.info("    %s", reason)


def publish() -> bool:
    """Release what passed; whether a product is blocked.

    The gate judges again here: no verdict comes from another task.
    """
    from warehouse.publish.leave import leaving_anyway
    from warehouse.publish.run import publish

    with for_operators():
        lake = open_lake()
        with leaving_anyway(lake):
            report = _report(lake)
            verdicts = _verdicts(lake, report)
            context = get_current_context()
            published = publish(
                lake,
                report,
                verdicts,
                approver=f"airflow warehouse {context['run_id']}",
                triggered_by=people_behind(context),
            )
        lines = [f"{p.edition}: {p.outcome} {p.release or ''} {p.message or ''}" for p in published]
        for line in lines:
            log.info(line)
        get_current_context()["ti"].xcom_push(key="published", value=lines)
        blocked = {v.product: list(v.reasons) for v in verdicts if v.decision != "passed"}
        leave_note(release_note(published, blocked))
        _emit(lake, published)
        resolve_incident(lake, "warehouse", "publish")
        notify(lake)
    get_current_context()["ti"].xcom_push(key="blocked", value=blocked)
    return bool(blocked)


def blocked_products() -> None:
    """Fail, naming the products that are blocked and why."""
    blocked = get_current_context()["ti"].xcom_pull(task_ids="publish", key="blocked") or {}
    lines = [f"blocked: {', '.join(blocked)}; everything else was published"]
    for name, reasons in blocked.items():
        lines += [f"  {name}", *(line for reason in reasons for line in folded(reason, indent=4))]
    lines += ["  left:  these products keep the tables of their last good release"]
    lines += [f"  next:  citylake gate --explain {name}" for name in blocked]
    raise AirflowFailException("\n".join(lines))


def _emit(lake: Lake, published: list[Published]) -> None:
    """Say what the asset events of this run hold: one for each product released, and that of the releases."""
    events = get_current_context()["outlet_events"]
    for name, extra in of_products(lake, published).items():
        events[released()].add(product(name), extra=extra)
    events[release()].extra = {one.edition: {"outcome": one.outcome, "release": one.release} for one in published}


def _report(lake: Lake) -> BuildReport:
    from ingestion.errors import ConfigurationError
    from warehouse.build.report import last_report

    report = last_report(lake.settings)
    if report is None:
        raise ConfigurationError("nothing was built yet", left="nothing was done", next_step="clear the task `build`")
    return report


def _verdicts(lake: Lake, report: BuildReport) -> list[Verdict]:
    from warehouse.status.refresh import judge

    return judge(lake, report)
