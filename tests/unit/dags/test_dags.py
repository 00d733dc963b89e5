"""The DAGs Airflow sees: which there are, what of a contract is in them, and that reading them is cheap."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ingestion.contract.load import load_contracts
from ingestion.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
CONTRACTS = load_contracts(Settings().contracts)
FEEDS = set(CONTRACTS)
CHORES = {
    f"maintenance.{name}"
    for name in ("incidents", "unpublish", "compaction", "retention", "orphans", "reconcile", "docs")
}
HEAVY = ("duckdb", "pyarrow", "pandas", "numpy", "dbt", "minio", "lxml", "httpx")


@pytest.fixture(scope="module")
def dags() -> dict[str, Any]:
    """As Airflow reads them: from the files of the DAGs folder."""
    from airflow.sdk import DAG

    found: dict[str, Any] = {}
    for path in sorted((ROOT / "dags").glob("*.py")):
        space: dict[str, Any] = {"__name__": path.stem, "__file__": str(path)}
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), space)  # noqa: S102 - our own files
        found |= {value.dag_id: value for value in space.values() if isinstance(value, DAG)}
    return found


def test_exactly_these(dags: dict[str, Any]) -> None:
    assert set(dags) == FEEDS | CHORES | {"warehouse", "history"}


def test_each_feed_carries_what_its_contract_says(dags: dict[str, Any]) -> None:
    for name, contract in CONTRACTS.items():
        dag, spec = dags[name], contract.citylake
        assert dag.task_ids == ["needs_attention", "extract", "conform"]
        assert dag.task_dict["extract"].downstream_task_ids == {"conform"}
        assert dag.task_dict["conform"].downstream_task_ids == {"needs_attention"}
        assert {f"department:{contract.department}", f"impact:{spec.impact}", "synthetic 合成数据"} <= set(dag.tags)
        assert dag.max_active_runs == 1
        assert not dag.catchup
        extract = dag.task_dict["extract"]
        assert extract.owner == spec.steward.name
        assert (extract.retries, extract.retry_exponential_backoff) == (spec.retries, True)
        assert extract.retry_delay == timedelta(seconds=60)
        assert [asset.name for asset in dag.task_dict["conform"].outlets] == [name]
        assert dag.owner_links == {spec.steward.name: f"mailto:{spec.steward.email}"}
        for message in (spec.steward.email, "When it is red", f"citylake quarantine {name}", "Backfill"):
            assert message in dag.doc_md


def test_no_date_bounds_a_run_that_is_triggered(dags: dict[str, Any]) -> None:
    """Outside a DAG's start and end Airflow makes no task and calls the run a success."""
    for name, dag in dags.items():
        bounds = [(dag.start_date, dag.end_date), *((task.start_date, task.end_date) for task in dag.tasks)]
        assert all(first is None or first <= datetime(1970, 1, 1, tzinfo=UTC) for first, _ in bounds), name
        assert all(last is None for _, last in bounds), name


@pytest.mark.parametrize(
    ("until", "since", "word"), [(-1, None, "ended"), (0, None, None), (None, 1, "begins"), (1, 0, None)]
)
def test_a_schedule_ends_and_begins_by_not_ticking(until: int | None, since: int | None, word: str | None) -> None:
    """Airflow then shows no next run, and why as the name of the schedule."""
    import pendulum
    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.timetables.base import TimeRestriction

    from dags.factory.maintenance import maintenance_dags
    from dags.factory.settings import cron_schedule
    from ingestion import clocks

    today = clocks.now().astimezone(ZoneInfo("Asia/Shanghai")).date()
    last, first = (None if days is None else today + timedelta(days=days) for days in (until, since))
    found = cron_schedule("0 8 * * *", "Asia/Shanghai", Settings(schedule_until=last), since=first)
    with DAG("one", schedule=found, catchup=False) as made:
        pass
    timetable = DagSerialization.from_dict(DagSerialization.to_dict(made)).timetable
    next_run = timetable.next_dagrun_info(
        last_automated_data_interval=None, restriction=TimeRestriction(earliest=None, latest=None, catchup=False)
    )
    assert (next_run is None) == (word is not None)
    assert timetable.summary == "0 8 * * *" if word is None else timetable.summary.endswith(word)
    assert timetable.infer_manual_data_interval(run_after=pendulum.now("UTC"))
    assert maintenance_dags()["maintenance.incidents"].schedule is not None


def test_a_daily_schedule_ticks_once_a_day_over_a_change_of_clocks() -> None:
    """Of a time that is left out, and of one that comes twice: Airflow's own reckoning, which the lake relies on."""
    from airflow.timetables.trigger import CronTriggerTimetable

    for cron, first in (("30 2 * * *", "2026-03-06"), ("30 1 * * *", "2026-10-30")):
        table = CronTriggerTimetable(cron, timezone="America/New_York")
        at = datetime.fromisoformat(f"{first}T12:00:00+00:00")
        days = []
        for _ in range(5):
            at = table._get_next(at)
            days.append(at.astimezone(ZoneInfo("America/New_York")).date())
        assert [(after - before).days for before, after in itertools.pairwise(days)] == [1, 1, 1, 1]


def test_any_feed_rings_the_warehouse_and_its_tasks_share_one_slot(dags: dict[str, Any]) -> None:
    dag = dags["warehouse"]
    assert dag.max_active_runs == 1
    assert {task.pool for task in dag.tasks} == {"build"}
    order = ["build", "test", "gate", "publish", "blocked_products"]
    for before, after in itertools.pairwise(order):
        assert dag.task_dict[before].downstream_task_ids == {after}
    asked = dag.timetable.asset_condition
    assert type(asked).__name__ == "AssetAny"
    assert {asset.name for asset in asked.objects} == FEEDS | {"history"}


def test_what_needs_the_build_file_goes_to_its_hosts_queue_and_feeds_to_any(monkeypatch: pytest.MonkeyPatch) -> None:
    from dags.factory.feed import feed_dags
    from dags.factory.maintenance import maintenance_dags
    from dags.factory.warehouse import warehouse_dag

    def queues() -> dict[str, set[str]]:
        made = {"warehouse": warehouse_dag(), **maintenance_dags(), **feed_dags()}
        return {name: {task.queue for task in dag.tasks} for name, dag in made.items()}

    assert set(map(frozenset, queues().values())) == {frozenset({"default"})}
    monkeypatch.setenv("CITYLAKE_WAREHOUSE_QUEUE", "build-host")
    there = {name for name, found in queues().items() if found == {"build-host"}}
    assert there == {"warehouse", *CHORES}
    assert all(found == {"default"} for name, found in queues().items() if name in FEEDS)


def test_records_leave_just_after_midnight_whatever_is_delivered(dags: dict[str, Any]) -> None:
    """Their day begins in the city; no feed, no build and no release has to come for it."""
    timetable = dags["maintenance.unpublish"].timetable
    assert type(timetable).__name__ == "CronTriggerTimetable"
    assert timetable.expression == "5 * * * *"
    assert str(timetable.timezone) == Settings().timezone


def test_every_dag_tells_an_operator_what_to_do_when_it_is_red(dags: dict[str, Any]) -> None:
    assert not [name for name, dag in dags.items() if "When it is red" not in (dag.doc_md or "")]


def test_the_list_shows_feeds_by_department_first_and_maintenance_last(dags: dict[str, Any]) -> None:
    """Airflow sorts by display name."""
    ordered = sorted(dags.values(), key=lambda dag: dag.dag_display_name)
    names = [dag.dag_id for dag in ordered]
    assert set(names[: len(FEEDS)]) == FEEDS
    assert names[len(FEEDS) : len(FEEDS) + 2] == ["history", "warehouse"]
    assert set(names[-len(CHORES) :]) == CHORES
    departments = [name.partition(".")[0] for name in names[: len(FEEDS)]]
    assert [one for one, _ in itertools.groupby(departments)] == list(dict.fromkeys(departments))
    assert all(dag.dag_display_name.endswith(dag.dag_id.removeprefix("maintenance.")) for dag in ordered)


def test_only_a_lake_that_asks_has_the_dag_of_the_approval(monkeypatch: pytest.MonkeyPatch) -> None:
    from dags.factory.approval import approval_dags

    assert approval_dags() == {}
    monkeypatch.setenv("CITYLAKE_OPEN_APPROVAL", "true")
    monkeypatch.setenv("CITYLAKE_APPROVAL_TIMEOUT", "PT2H")
    monkeypatch.setenv("CITYLAKE_WAREHOUSE_QUEUE", "build-host")
    (dag,) = approval_dags().values()
    assert dag.dag_id == "open_release"
    assert "When it is red" in (dag.doc_md or "")
    for before, after in itertools.pairwise(["candidate", "approval", "publish_open"]):
        assert dag.task_dict[before].downstream_task_ids == {after}
    asks = dag.task_dict["approval"]
    assert (asks.response_timeout, asks.execution_timeout, asks.retries) == (timedelta(hours=2), None, 0)
    assert asks.defaults is None
    assert dag.max_active_runs > 1
    assert {task.queue for task in dag.tasks} == {"build-host"}
    assert "build" not in {task.pool for task in dag.tasks}


def test_files_are_thin() -> None:
    for path in (ROOT / "dags").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 60, path


@pytest.mark.parametrize(
    "name", ["feeds", "city_warehouse", "history", "maintenance", "contract_problems", "open_release"]
)
def test_reading_a_file_imports_nothing_heavy(name: str, tmp_path: Path) -> None:
    program = (
        "import sys; import airflow.sdk; from airflow.sdk import task; task.short_circuit, task.python;"
        "from airflow.sdk import DAG, CronTriggerTimetable, AssetAny, Asset, Param; before = set(sys.modules);"
        f"import dags.{name}; print(*sorted({{m.split('.')[0] for m in set(sys.modules) - before}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=False, cwd=ROOT, env={"AIRFLOW_HOME": str(tmp_path), "PATH": "/usr/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "ingestion" in done.stdout.split()
    assert not set(HEAVY) & set(done.stdout.split())


def test_an_unfinished_or_wrong_contract_costs_no_other_feed_its_dag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dags.factory.feed import feed_dags, require_sound
    from dags.factory.warehouse import warehouse_dag
    from ingestion.contract.problem import InvalidContract

    folder = tmp_path / "contracts"
    shutil.copytree(Settings().contracts, folder)
    unfinished, damaged, *others = CONTRACTS.values()
    draft, wrong = (folder / contract.department / f"{contract.feed}.yaml" for contract in (unfinished, damaged))
    draft.write_text(draft.read_text(encoding="utf-8").replace("status: active", "status: draft"), encoding="utf-8")
    wrong.write_text("nonsense: [", encoding="utf-8")
    monkeypatch.setenv("CITYLAKE_CONTRACTS", str(folder))
    left = {contract.name for contract in others}
    assert left
    assert set(feed_dags()) == left
    assert {asset.name for asset in warehouse_dag().timetable.asset_condition.objects} == left | {"history"}
    with pytest.raises(InvalidContract, match=rf"{damaged.feed}\.yaml"):
        require_sound()
