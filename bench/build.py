"""Building what changed: processor seconds of build, gate and publish with 150 models and 491 reported checks.

The project is generated from the shapes of the shipped one: per group a snapshot feed and a feed that grows by days,
with staging views, a dimension, a fact, a mart and an open table, and the kinds of checks in about the same shares.
Every case runs in a process of its own, so that dbt's import counts where it is needed.

usage: python -m bench.build [--rows 2000] [--repeat 3] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from ingestion.contract.load import load_contracts
from ingestion.delivery.ingest import ingest_file
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from tests.support import office
from warehouse.modelling.sources import source_files

GROUPS = 25
FIRST = date(2026, 3, 2)
SHARED = Path(__file__).parents[1] / "dbt_project"
BARS = {"everything": 25.0, "one feed": 8.0, "another date": 2.0, "nothing": 1.0}
"""Case to the processor seconds it may take, dbt's import included."""

MODELS = {
    "stg_bench__offices_{n}": "select * from {{{{ source('bench', 'register_{n}') }}}}",
    "stg_bench__readings_{n}": "select *, _event_date as read_date from {{{{ source('bench', 'reading_{n}') }}}}",
    "dim_office_{n}": """select {{{{ natural_key(['office_code']) }}}} as office_id, * exclude (_batch_id, _loaded_at)
        from {{{{ ref('stg_bench__offices_{n}') }}}}""",
    "fct_reading_{n}": """select {{{{ natural_key(['office_code', 'read_at']) }}}} as reading_id,
        {{{{ natural_key(['office_code']) }}}} as office_id, * exclude (_batch_id, _loaded_at, _event_date)
        from {{{{ ref('stg_bench__readings_{n}') }}}}""",
    "mart_office_daily_{n}": """select office_id, read_date, count(*) as readings, sum(energy_kwh) as energy_kwh
        from {{{{ ref('fct_reading_{n}') }}}}
        inner join {{{{ ref('dim_office_{n}') }}}} using (office_id) group by all""",
    "pub_reading_{n}": """select reading_id, office_id, read_date, energy_kwh from {{{{ ref('fct_reading_{n}') }}}}
        where {{{{ only_affected_days('read_date') }}}}""",
}
GROWING = ("fct_reading", "pub_reading")


def checks(n: str, *, is_longer: bool) -> list[dict[str, Any]]:
    """The models of a group with their 19 checks, or 20."""

    def test(kind: str, **arguments: Any) -> dict[str, Any]:
        return {kind: {"arguments": arguments}}

    def column(name: str, *tests: Any) -> dict[str, Any]:
        return {"name": name, "description": f"列 · Column {name}.", "data_tests": list(tests)}

    office_of = test("relationships", to=f"ref('dim_office_{n}')", field="office_id")
    receipts = test(
        "row_count_equals_receipts", feed=f"bench.reading_{n}", table_name="reading", day_column="read_date"
    )
    register = {"feed": f"bench.register_{n}"}
    energy = test("value_between", low=0, high=1000)
    names = ["not_null"] if is_longer else []
    declared: dict[str, tuple[list[Any], list[Any]]] = {
        "stg_bench__offices": ([test("primary_key", columns=["office_code"])], []),
        "stg_bench__readings": ([test("primary_key", columns=["office_code", "read_at"])], []),
        "dim_office": (
            [
                test("primary_key", columns=["office_id"]),
                test("content_is_fresh", within_days=30, **register),
                test("row_count_equals_receipts", **register, table_name="register"),
                test("row_count_equals", to=f"ref('stg_bench__offices_{n}')"),
            ],
            [column("office_name", *names), column("district", test("accepted_values", values=["东区", "西区"]))],
        ),
        "fct_reading": (
            [
                test("primary_key", columns=["reading_id"]),
                test("content_is_fresh", within_days=30, day_column="read_date"),
                receipts,
            ],
            [column("office_id", office_of), column("energy_kwh", energy, "not_null")],
        ),
        "mart_office_daily": (
            [
                test("primary_key", columns=["office_id", "read_date"]),
                test("total_equals", measure="readings", to=f"ref('fct_reading_{n}')"),
            ],
            [column("office_id", office_of), column("readings", test("value_between", low=1, high=24))],
        ),
        "pub_reading": ([test("primary_key", columns=["reading_id"])], [column("office_id", office_of)]),
    }
    return [
        {"name": f"{name}_{n}", "description": f"表 · {name}. Grain: one row.", "data_tests": tests, "columns": columns}
        for name, (tests, columns) in declared.items()
    ]


def write_project(home: Path) -> None:
    """Contracts and dbt project of all groups below `home`."""
    contracts, project = home / "contracts", home / "dbt_project"
    for number in range(GROUPS):
        for feed in ("register", "reading"):
            document = yaml.safe_load((office.CONTRACTS / "office" / f"{feed}.yaml").read_text(encoding="utf-8"))
            _rename(document, feed, f"{number:02}")
            path = contracts / "bench" / f"{feed}_{number:02}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    settings = yaml.safe_load((office.DBT_PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    settings["macro-paths"], settings["test-paths"] = [str(SHARED / "macros")], [str(SHARED / "tests")]
    marts = {"+materialized": "table", "+access": "public"}
    marts |= {f"g{number:02}": {"+group": f"group_{number:02}"} for number in range(GROUPS)}
    settings["models"]["office"]["marts"] = marts
    settings["models"]["office"]["staging"]["+access"] = "protected"
    groups = [
        {"name": f"group_{n:02}", "owner": {"name": "bench", "email": "b@example.invalid"}} for n in range(GROUPS)
    ]
    _yaml(project / "dbt_project.yml", settings)
    _yaml(project / "models" / "_groups.yml", {"groups": groups})
    for path, text in source_files(load_contracts(contracts), project).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for number in range(GROUPS):
        n = f"{number:02}"
        marts_of = project / "models" / "marts" / f"g{n}"
        _yaml(marts_of / "_models.yml", {"models": checks(n, is_longer=number < 491 - 19 * GROUPS)})
        for name, sql in MODELS.items():
            folder = project / "models" / "staging" / "bench" if name.startswith("stg") else marts_of
            folder.mkdir(parents=True, exist_ok=True)
            text = f"with final as (\n{sql.format(n=n)}\n)\n\nselect * from final\n"
            if name.startswith(GROWING):
                meta = {"citylake": {"feeds": [f"bench.reading_{n}"], "day_column": "read_date"}}
                head = f"materialized='incremental', incremental_strategy='affected_days', meta={meta}"
                text = f"{{{{ config({head}) }}}}\n{text}"
            (folder / f"{name.format(n=n)}.sql").write_text(text, encoding="utf-8")


def _yaml(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _rename(document: dict[str, Any], feed: str, n: str) -> None:
    document["id"], document["dataProduct"] = f"bench.{feed}_{n}", f"group_{n}"
    own = document["customProperties"][0]["value"]
    own |= {"department": "bench", "feed": f"{feed}_{n}", "max_key_loss": 1.0}
    own["source"]["path"] = f"bench/{feed}_{n}/{{interval:%Y%m%d}}*.csv"


def opened(home: Path) -> Lake:
    """The lake of the generated project."""
    settings = office.fixture(Settings(home=home / "lake", threads=2), home / "drop")
    paths = {"contracts": home / "contracts", "dbt_project": home / "dbt_project"}
    return open_lake(settings.model_copy(update=paths))


def deliver(lake: Lake, day: date, feeds: list[str], rows: int) -> None:
    """A day's file of each feed."""
    for name in feeds:
        contract = lake.contracts[name]
        (interval,) = contract.calendar.meeting(day)
        query = _offices(day) if "register" in name else _readings(day, rows)
        path = office.write(lake.settings.root / "sent", office.READING, f"{name}_{day}", query, interval.end)
        outcome = ingest_file(lake, contract, path, interval).outcome
        if outcome not in ("accepted", "unchanged"):
            raise SystemExit(f"{name} of {day}: {outcome}")


def _offices(day: date) -> str:
    return f"""select 'OF' || lpad(cast(i as varchar), 2, '0') as office_code, '办公点' || i || '{day}' as office_name,
        ['东区', '西区'][1 + i % 2] as district, '负责人' as manager, '2020-01-01' as opened_date
        from range(99) as r (i)"""


def _readings(day: date, rows: int) -> str:
    return f"""select 'OF' || lpad(cast(i % 99 as varchar), 2, '0') as office_code, i % 900 / 10.0 as energy_kwh,
        strftime(timestamp '{day}' + to_seconds(i // 99), '%Y-%m-%dT%H:%M:%S+08:00') as read_at
        from range({rows}) as r (i)"""


def measured(home: Path, as_of: date, *options: str) -> dict[str, Any]:
    """One build, gate and publish in a new process: processor seconds by step, and what was done."""
    command = [sys.executable, "-m", "bench.build", "--child", str(home), str(as_of), *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def child(home: Path, as_of: date, *, full: bool) -> None:
    """Measure in this process, and print the figures as JSON."""
    from warehouse.build.runner import build
    from warehouse.gate.decide import gate
    from warehouse.publish.run import publish
    from warehouse.release.pointer import released_inputs

    lake = opened(home)
    spent: dict[str, float] = {"start": _processor()}

    def step(name: str, work: Callable[[], Any]) -> Any:
        before = _processor()
        result = work()
        spent[name] = _processor() - before
        return result

    report = step("build", lambda: build(lake, as_of, full_refresh=full, released=released_inputs(lake)))
    verdicts = step("gate", lambda: gate(lake, report, today=as_of))
    releases = step("publish", lambda: publish(lake, report, verdicts, approver="bench"))
    blocked = {v.product: v.reasons for v in verdicts if v.decision != "passed"}
    made = [m for m in report.models if m.build_id == report.build_id and not report.nothing_new]
    ran = [c for c in report.checks if c.build_id == report.build_id and not report.nothing_new]
    figures = {
        "spent": spent,
        "total": sum(seconds for name, seconds in spent.items() if name != "start"),
        "models": f"{len(made)} of {len(report.models)}",
        "checks": f"{len(ran)} of {len(report.checks)}",
        "dbt": "dbt.cli.main" in sys.modules,
        "blocked": blocked,
        "released": [release.outcome for release in releases],
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--child", nargs="+")
    arguments = parser.parse_args()
    if arguments.child:
        child(Path(arguments.child[0]), date.fromisoformat(arguments.child[1]), full="full" in arguments.child)
        return
    home = arguments.keep or Path(tempfile.mkdtemp(prefix="citylake-bench-"))
    try:
        compare(home, arguments.rows, arguments.repeat)
    finally:
        if not arguments.keep:
            shutil.rmtree(home, ignore_errors=True)


def compare(home: Path, rows: int, repeat: int) -> None:
    """Every case `repeat` times, interleaved; the medians beside the bars."""
    lake = _prepared(home, rows)
    as_of = FIRST + timedelta(days=2)
    measured(home, as_of, "full")
    found: dict[str, list[dict[str, Any]]] = {case: [] for case in BARS}
    for number in range(repeat):
        deliver(lake, as_of + timedelta(days=1), [f"bench.reading_{number:02}"], rows)
        found["one feed"].append(measured(home, as_of))
        as_of += timedelta(days=1)
        found["another date"].append(measured(home, as_of))
        found["nothing"].append(measured(home, as_of))
        found["everything"].append(measured(home, as_of, "full"))
    out = sys.stdout
    out.write(f"processor seconds, median of {repeat}, {rows:,} rows a feed and day\n")
    out.write("case | total | bar | build | gate | publish | models made | checks run | dbt imported\n")
    for case, runs in found.items():
        total = statistics.median(run["total"] for run in runs)
        steps = " | ".join(
            f"{statistics.median(r['spent'][step] for r in runs):.2f}" for step in ("build", "gate", "publish")
        )
        last = runs[-1]
        done = f"{last['models']} | {last['checks']} | {last['dbt']}"
        out.write(f"{case} | {total:.2f} | {BARS[case]:.0f} | {steps} | {done}\n")
        if last["blocked"]:
            out.write(f"  blocked: {last['blocked']}\n")


def _prepared(home: Path, rows: int) -> Lake:
    if not (home / "contracts").is_dir():
        write_project(home)
        lake = opened(home)
        for offset in range(3):
            deliver(lake, FIRST + timedelta(days=offset), sorted(lake.contracts), rows)
    return opened(home)


if __name__ == "__main__":
    main()
