"""Conform against a bare DuckDB COPY of the same file: one ratio, taken in one run.

Bare is `COPY (SELECT * FROM read_csv(explicit types)) TO … (zstd)` of the same eight columns, bad
rows skipped. Conform does the rest too: counting, rules, quarantine, duplicates, pseudonyms, hashes.
The input has 1 % values that do not fit their type, 1 % out of range, and 0.1 % repeats by
(vehicle, time). Runs are interleaved, each in its own process, medians of `--times`; peak memory is the child's.

    python -m bench.conform --rows 5000000 [--dlt .venv-dlt/bin/python]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

TYPES = {
    "vehicle": "VARCHAR", "positioned_at": "TIMESTAMP", "longitude": "DOUBLE", "latitude": "DOUBLE",
    "speed": "DOUBLE", "heading": "INTEGER", "route": "VARCHAR", "status": "INTEGER",
}  # fmt: skip

_GENERATE = """
copy (
    with keyed as (select case when i % 1000 = 999 then i - 500 else i end as k from range({rows}) as t(i))
    select
        '粤T' || lpad(cast((k * 7919) % {vehicles} as varchar), 5, '0') as vehicle,
        strftime(timestamp '2026-03-02 00:00:00' + to_seconds(k // 60), '%Y-%m-%d %H:%M:%S') as positioned_at,
        case when hash(k, 1) % 100 = 0 then 'x'
            else printf('%.6f', 113.1 + (hash(k, 2) % 500000) / 1e6) end as longitude,
        printf('%.6f', 22.2 + (hash(k, 3) % 500000) / 1e6) as latitude,
        case when hash(k, 4) % 100 = 0 then 999 else hash(k, 5) % 120 end as speed,
        hash(k, 6) % 360 as heading,
        'R' || lpad(cast(hash(k, 7) % 300 as varchar), 3, '0') as route,
        hash(k, 8) % 4 as status
    from keyed
) to '{path}' (header true)
"""


def generate(path: Path, rows: int, vehicles: int) -> None:
    """The input file; the same bytes for the same arguments."""
    import duckdb

    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(_GENERATE.format(rows=rows, vehicles=vehicles, path=path))


def bare(source: Path, folder: Path) -> dict[str, float]:
    """The base: typed COPY, rows with bad values skipped."""
    import duckdb

    began = time.perf_counter()
    with duckdb.connect(config={"threads": 2, "memory_limit": "1GB"}) as connection:
        connection.execute(
            f"copy (select * from read_csv('{source}', header = true, auto_detect = false, delim = ',', "
            f"columns = {TYPES!r}, ignore_errors = true)) "
            f"to '{folder / 'bare.parquet'}' (format parquet, compression zstd)"
        )
    return {"seconds": time.perf_counter() - began}


def conformed(source: Path, folder: Path) -> dict[str, float]:
    """The whole of conform on one file."""
    from ingestion.conform.pseudonym import PseudonymKeys
    from ingestion.conform.run import Payload, conform
    from ingestion.contract.model import Contract
    from ingestion.intervals import Interval
    from ingestion.settings import Settings

    contract: Contract = _contract()
    settings = Settings(home=folder / "home")
    keys = PseudonymKeys.create(settings)
    start = datetime(2026, 3, 1, 16, tzinfo=UTC)
    began = time.perf_counter()
    interval = Interval(start, start + timedelta(days=1))
    payload = Payload(source, "b", loaded_at=start, interval=interval, content_as_of=start, scratch=folder / "scratch")
    found = conform(contract, payload, keys=keys, settings=settings).tables["gps"]
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds, "received": found.received, "accepted": found.accepted,
        "quarantined": found.quarantined, "duplicates": found.duplicates,
    }  # fmt: skip


def _contract():  # type: ignore[no-untyped-def]
    from ingestion.contract.extension import (
        CalendarSpec,
        Catalogue,
        Citylake,
        ColumnSpec,
        CsvFormat,
        Deidentify,
        Retention,
        Steward,
    )  # fmt: skip
    from ingestion.contract.model import Column, Contract, Table
    from ingestion.contract.sources import FileDrop

    facts = {
        "vehicle": {
            "primary_key": 1,
            "spec": ColumnSpec(deidentify=Deidentify(method="pseudonym", purpose="transport")),
        },
        "positioned_at": {"primary_key": 2},
        "longitude": {"minimum": 112, "maximum": 115},
        "latitude": {"minimum": 21, "maximum": 24},
        "speed": {"minimum": 0, "maximum": 200},
    }
    columns = tuple(Column(name, kind, name, name, name, **facts.get(name, {})) for name, kind in TYPES.items())  # type: ignore[arg-type]
    citylake = Citylake(
        department="jtj", feed="gps", delivery="events", schedule="0 * * * *", deadline=timedelta(hours=1),
        calendar=CalendarSpec(every="day", start=date(2026, 1, 1)), steward=Steward(name="s", email="s@example.org"),
        source=FileDrop(path="x"), format=CsvFormat(), licence="CC0-1.0",
        catalogue=Catalogue(
            resource_code="1", category="c", provider="p", share_type="无条件共享", open_attribute="无条件开放",
            update_cycle="每日", published=date(2026, 1, 1),
        ),
        retention=Retention(raw=timedelta(days=1), quarantine=timedelta(days=1), basis="bench"),
    )  # fmt: skip
    table = Table("gps", "gps", "gps", "one position", None, columns, "positioned_at", ())
    return Contract("gps", "1", "gps", "gps", "gps", "d", "transport", (), citylake, (table,), Path("gps.yaml"))


def _child(what: str, source: Path, dlt: Path | None) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        ours = [sys.executable, __file__, "--child", what, "--source", str(source), "--folder", folder]
        theirs = [str(dlt), str(Path(__file__).with_name("dlt_arrow.py")), str(source), folder]
        answer = subprocess.run(theirs if what == "dlt" else ours, check=True, capture_output=True, text=True)
    return dict(json.loads(answer.stdout.strip().splitlines()[-1]))


def _serve(what: str, source: Path, folder: Path) -> None:
    result = {"bare": bare, "conform": conformed}[what](source, folder)
    used = resource.getrusage(resource.RUSAGE_SELF)
    result["peak_mb"] = used.ru_maxrss / 1024
    result["cpu_seconds"] = used.ru_utime + used.ru_stime
    sys.stdout.write(json.dumps(result))


def main() -> None:
    """Measure and write one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--vehicles", type=int, default=6_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--child")
    parser.add_argument("--dlt", type=Path, help="python of an environment with dlt, to measure its Arrow path too")
    given = parser.parse_args()
    if given.child:
        _serve(given.child, given.source, given.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        source = given.source or Path(folder) / "gps.csv"
        if not source.exists():
            generate(source, given.rows, given.vehicles)
        runs: dict[str, list[dict[str, float]]] = {"bare": [], "conform": []}
        if given.dlt:
            runs["dlt"] = []
        for _ in range(given.times):
            for what, found in runs.items():
                found.append(_child(what, source, given.dlt))
        seconds = {what: statistics.median(run["seconds"] for run in found) for what, found in runs.items()}
        report = {
            "rows": given.rows,
            "bytes": source.stat().st_size,
            "seconds": seconds,
            "all_seconds": {what: [round(run["seconds"], 2) for run in found] for what, found in runs.items()},
            "cpu_seconds": {
                what: round(statistics.median(run["cpu_seconds"] for run in found), 2) for what, found in runs.items()
            },
            "ratio": {what: round(found / seconds["bare"], 3) for what, found in seconds.items() if what != "bare"},
            "peak_mb": {what: round(max(run["peak_mb"] for run in found)) for what, found in runs.items()},
            "counts": {k: v for k, v in runs["conform"][0].items() if k not in ("seconds", "peak_mb", "cpu_seconds")},
        }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
