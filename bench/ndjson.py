"""NDJSON against a bare DuckDB COPY of the same file: one ratio, taken in one run.

Bare is `COPY (SELECT * FROM read_json(explicit types)) TO … (zstd)` of the same ten members. Conform does the
rest too: cutting and counting records, checking each, rules, quarantine, duplicates, hashes. The input has 1 %
values that do not fit their type, 1 % out of range, 0.1 % repeats, and one line in 10,000 that is no JSON, which
the bare copy skips (`ignore_errors`). Runs are interleaved, each in its own process, medians of `--times`.
With `--document` the records are one JSON document (`{"data": […]}`) instead of lines.

    python -m bench.ndjson --rows 1000000 [--document]
    python -m bench.ndjson --rows 12000000 --times 1     # more than 2 GB: peak memory must stay what it was
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
from datetime import UTC, datetime, timedelta
from pathlib import Path

TYPES = {
    "request_id": "VARCHAR", "opened_at": "TIMESTAMP", "agency": "VARCHAR", "kind": "VARCHAR", "town": "VARCHAR",
    "longitude": "DOUBLE", "latitude": "DOUBLE", "priority": "INTEGER", "closed": "BOOLEAN", "text": "VARCHAR",
}  # fmt: skip

_GENERATE = """
copy (
    with keyed as (select case when i % 1000 = 999 then i - 500 else i end as k from range({rows}) as t(i)),
    made as (
        select k, cast(to_json({{
            'request_id': 'R' || lpad(cast(k as varchar), 10, '0'),
            'opened_at': strftime(timestamp '2026-03-02 00:00:00' + to_seconds(k // 60), '%Y-%m-%d %H:%M:%S'),
            'agency': 'A' || cast(hash(k, 1) % 40 as varchar), 'kind': '市容 ' || cast(hash(k, 2) % 200 as varchar),
            'town': 'town ' || cast(hash(k, 3) % 24 as varchar),
            'longitude': case when hash(k, 4) % 100 = 0 then 'x'
                else printf('%.6f', 113.1 + (hash(k, 5) % 500000) / 1e6) end,
            'latitude': printf('%.6f', 22.2 + (hash(k, 6) % 500000) / 1e6),
            'priority': case when hash(k, 7) % 100 = 0 then 99 else hash(k, 8) % 5 end,
            'closed': hash(k, 9) % 2 = 0,
            'text': 'as told by the caller, "verbatim" ' || cast(hash(k, 10) % 100000 as varchar)
        }}) as varchar) as record
        from keyed
    )
    select case when {broken} and k % 10000 = 7777 then left(record, 40) else record end as record from made
) to '{path}' (format csv, header false, quote '', escape '', delimiter E'\x01')
"""


def generate(path: Path, rows: int, *, document: bool) -> None:
    """The input file; the same bytes for the same arguments."""
    import duckdb

    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(_GENERATE.format(rows=rows, path=path, broken=not document))
    if not document:
        return
    lines = path.with_suffix(".lines")
    path.rename(lines)
    with lines.open("rb") as source, path.open("wb") as target:
        target.write(b'{"next": null, "data": [\n')
        separator = b""
        while block := source.read(16 * 2**20):
            block += source.readline()
            target.write(separator + block.rstrip(b"\n").replace(b"\n", b",\n"))
            separator = b",\n"
        target.write(b"\n]}\n")
    lines.unlink()


def bare(source: Path, folder: Path) -> dict[str, float]:
    """The base: typed COPY, lines that are no JSON and bad values skipped."""
    import duckdb

    began = time.perf_counter()
    options = "format = 'newline_delimited', ignore_errors = true"
    reading = f"select * from read_json('{source}', columns = {TYPES!r}, {options})"
    if source.suffix == ".json":  # a document has no reader by path: whole, then unnested
        members = ", ".join(f"{name} VARCHAR" for name in TYPES)
        reading = (
            f"select unnest(data, recursive := true) from read_json('{source}', format = 'unstructured', "
            f"maximum_object_size = {2**32 - 1}, columns = {{data: 'STRUCT({members})[]'}})"
        )
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(f"copy ({reading}) to '{folder / 'bare.parquet'}' (format parquet, compression zstd)")
    return {"seconds": time.perf_counter() - began}


def _contract(source: Path):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    from bench.conform import _contract as bench_contract
    from ingestion.contract.extension import ColumnSpec, JsonFormat
    from ingestion.contract.model import Column

    facts = {"request_id": {"primary_key": 1}, "priority": {"minimum": 0, "maximum": 9}}
    columns = tuple(
        Column(name, kind, name, name, name, spec=ColumnSpec(path=f"$.{name}"), **facts.get(name, {}))  # type: ignore[arg-type]
        for name, kind in TYPES.items()
    )
    base = bench_contract()
    form = JsonFormat(type="json", records="$.data") if source.suffix == ".json" else JsonFormat(type="ndjson")
    table = replace(base.tables[0], columns=columns, event_time="opened_at")
    return replace(base, citylake=base.citylake.model_copy(update={"format": form}), tables=(table,))


def read(source: Path, folder: Path) -> dict[str, float]:
    """The reader alone, without typing or judging: what it holds must not depend on the size of the file."""
    from ingestion.parsers.json_records import JsonRecords
    from ingestion.settings import Settings

    contract = _contract(source)
    began = time.perf_counter()
    reader = JsonRecords(contract.tables[0], contract.citylake.format, source, Settings(home=folder))
    records = sum(len(segment.block) for segment in reader.segments())
    return {"seconds": time.perf_counter() - began, "received": records}


def conformed(source: Path, folder: Path) -> dict[str, float]:
    """The whole of conform on one file."""
    from ingestion.conform.pseudonym import PseudonymKeys
    from ingestion.conform.run import Payload, conform
    from ingestion.intervals import Interval
    from ingestion.settings import Settings

    contract = _contract(source)
    settings = Settings(home=folder / "home")
    start = datetime(2026, 3, 1, 16, tzinfo=UTC)
    began = time.perf_counter()
    interval = Interval(start, start + timedelta(days=1))
    payload = Payload(source, "b", loaded_at=start, interval=interval, content_as_of=start, scratch=folder / "scratch")
    found = conform(contract, payload, keys=PseudonymKeys.create(settings), settings=settings).tables["gps"]
    return {
        "seconds": time.perf_counter() - began, "received": found.received, "accepted": found.accepted,
        "quarantined": found.quarantined, "duplicates": found.duplicates,
    }  # fmt: skip


def _child(what: str, source: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        command = [sys.executable, "-m", "bench.ndjson", "--child", what, "--source", str(source), "--folder", folder]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(answer.stdout.strip().splitlines()[-1]))


def _serve(what: str, source: Path, folder: Path) -> None:
    result = {"bare": bare, "read": read, "conform": conformed}[what](source, folder)
    used = resource.getrusage(resource.RUSAGE_SELF)
    result["peak_mb"] = used.ru_maxrss / 1024
    result["cpu_seconds"] = used.ru_utime + used.ru_stime
    sys.stdout.write(json.dumps(result))


def main() -> None:
    """Measure and write one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--document", action="store_true")
    parser.add_argument("--no-bare", action="store_true", help="conform alone: where the base cannot hold the file")
    parser.add_argument("--source", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--child")
    given = parser.parse_args()
    if given.child:
        _serve(given.child, given.source, given.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / ("requests.json" if given.document else "requests.ndjson")
        generate(source, given.rows, document=given.document)
        runs: dict[str, list[dict[str, float]]] = {"read": [], "conform": []}
        if not given.no_bare:
            runs = {"bare": [], **runs}
        for _ in range(given.times):
            for what, found in runs.items():
                found.append(_child(what, source))
        seconds = {what: statistics.median(run["seconds"] for run in found) for what, found in runs.items()}
        report = {
            "rows": given.rows,
            "bytes": source.stat().st_size,
            "seconds": seconds,
            "rows_per_second": {what: round(given.rows / took) for what, took in seconds.items()},
            "ratio": None if given.no_bare else round(seconds["conform"] / seconds["bare"], 3),
            "cpu_seconds": {
                what: round(statistics.median(run["cpu_seconds"] for run in found), 2) for what, found in runs.items()
            },
            "peak_mb": {what: round(max(run["peak_mb"] for run in found)) for what, found in runs.items()},
            "counts": {k: v for k, v in runs["conform"][0].items() if k not in ("seconds", "peak_mb", "cpu_seconds")},
        }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
