"""Format `fhir` against a bare DuckDB COPY of the same resources, read with `read_ndjson`: one ratio, taken in one run.

The resources are encounters as a hospital's server sends them, about 1.4 KB each in several members: references in four
forms, codes to be chosen from lists, free text that no column reads, 1 % in a wrong place. Bare is `COPY (SELECT the
same values FROM read_ndjson(…)) TO … (zstd)` of the unpacked members, without references in one form, pseudonyms or
judgement. Conform does the rest too: unpacking and counting, resource type and version, rules, quarantine, duplicates,
hashes, pseudonyms of three columns. Runs are interleaved, each in its own process, medians of `--times`.

    python -m bench.fhir --rows 200000
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
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

MEMBERS = 4
SERVER = "https://fhir.zs-h1.example/r4"
CITIZEN = "urn:oid:2.16.156.10011.1.3"

_GENERATE = """
copy (
    select to_json({{
        'resourceType': 'Encounter', 'id': cast(uuid5 as varchar),
        'meta': {{'lastUpdated': strftime(began, '%Y-%m-%dT%H:%M:%S+08:00'), 'versionId': '1', 'profile':
            ['http://hl7.org/fhir/StructureDefinition/Encounter']}},
        'identifier': [{{'system': 'urn:zs-h1:visit', 'value': 'V' || cast(k as varchar)}}],
        'status': case when k % 9 = 0 then 'in-progress' else 'finished' end,
        'class': {{'system': 'http://terminology.hl7.org/CodeSystem/v3-ActCode', 'code': case when k % 7 = 0 then 'EMER'
            else 'AMB' end}},
        'type': [{{'coding': [{{'system': 'http://snomed.info/sct', 'code': '185345009'}}], 'text': '门诊就诊'}}],
        'serviceType': {{'coding': [{{'system': 'http://terminology.hl7.org/CodeSystem/service-type', 'code': '57'}},
            {{'system': 'urn:zs:clinic', 'code': '030' || cast(1 + k % 4 as varchar), 'display': '呼吸内科'}}]}},
        'subject': {{'display': '居民' || cast(k % 20000 as varchar), 'reference': case k % 4
            when 0 then 'Patient/p' || cast(k % 20000 as varchar)
            when 1 then '{server}/Patient/p' || cast(k % 20000 as varchar) || '/_history/2'
            when 2 then 'urn:uuid:' || cast(uuid5 as varchar)
            else 'Patient?identifier={citizen}|4420001990' || lpad(cast(k % 20000 as varchar), 8, '0') end}},
        'participant': [{{'individual': {{'reference': 'Practitioner?identifier=urn:zs-h1:staff|' || cast(k % 300 as
            varchar), 'display': '医师' || cast(k % 300 as varchar)}}, 'period': {{'start':
            strftime(began, '%Y-%m-%dT%H:%M:%S+08:00')}}}}],
        'period': {{'start': strftime(began, '%Y-%m-%dT%H:%M:%S+08:00'), 'end': strftime(began + interval 20 minutes,
            '%Y-%m-%dT%H:%M:%S+08:00')}},
        'reasonCode': [{{'text': repeat('咳嗽三日，自述发热，夜间加重。', 6)}}],
        'serviceProvider': {{'reference': case when k % 100 = 0 then 'Location/1' else 'Organization/H442000A01' end}}
    }}) as record
    from (
        select i as k, timestamp '2026-03-02 08:00:00' + to_seconds(i % 36000) as began,
            cast(md5(cast(i as varchar)) as uuid) as uuid5
        from range({first}, {stop}) as t(i)
    )
) to '{path}' (format csv, header false, quote '', escape '', delimiter E'\\x01')
"""

_BARE = """
copy (
    select
        id, status, class.code as class_code, subject.reference as patient_ref, cast(period.start as timestamptz) as
        started_at, cast(period.end as timestamptz) as ended_at, list_filter(servicetype.coding, lambda c: c.system =
        'urn:zs:clinic')[1].code as clinic_code, serviceprovider.reference as organization_ref, cast(meta.lastupdated as
        timestamptz) as updated_at
    from read_ndjson('{members}')
) to '{path}' (format parquet, compression zstd)
"""


def generate(folder: Path, rows: int) -> None:
    """`Encounter.<number>.ndjson` and the archive `export.zip` of them; the same bytes for the same arguments."""
    import duckdb

    step = -(-rows // MEMBERS)
    with duckdb.connect(config={"threads": 2}) as connection:
        for number in range(MEMBERS):
            connection.execute(
                _GENERATE.format(
                    first=number * step, stop=min((number + 1) * step, rows), server=SERVER, citizen=CITIZEN,
                    path=folder / f"Encounter.{number:03d}.ndjson",
                )
            )  # fmt: skip
    with zipfile.ZipFile(folder / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.glob("Encounter.*.ndjson")):
            archive.write(path, path.name)


def bare(source: Path, folder: Path) -> dict[str, float]:
    """The base: DuckDB finds the types by itself."""
    import duckdb

    began = time.perf_counter()
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(_BARE.format(members=source / "Encounter.*.ndjson", path=folder / "bare.parquet"))
    return {"seconds": time.perf_counter() - began}


def _contract():  # type: ignore[no-untyped-def]
    from dataclasses import replace

    from bench.conform import _contract as bench_contract
    from ingestion.contract.extension import Choose, ColumnSpec, Deidentify
    from ingestion.contract.health_formats import FhirFormat
    from ingestion.contract.model import Column

    secret = Deidentify(method="pseudonym", purpose="health_reference")
    clinic = Choose(member="system", equals="urn:zs:clinic")
    spec = {
        "encounter_ref": ("VARCHAR", ColumnSpec(path="$.id", reference="Encounter", deidentify=secret)),
        "status": ("VARCHAR", ColumnSpec(path="$.status")),
        "class_code": ("VARCHAR", ColumnSpec(path="$.class.code")),
        "patient_ref": (
            "VARCHAR", ColumnSpec(path="$.subject.reference", reference="Patient", deidentify=secret),
        ),
        "started_at": ("TIMESTAMPTZ", ColumnSpec(path="$.period.start")),
        "ended_at": ("TIMESTAMPTZ", ColumnSpec(path="$.period.end")),
        "clinic_code": ("VARCHAR", ColumnSpec(path="$.serviceType.coding[*].code", choose=clinic)),
        "organization_ref": (
            "VARCHAR", ColumnSpec(path="$.serviceProvider.reference", reference="Organization", deidentify=secret),
        ),
        "updated_at": ("TIMESTAMPTZ", ColumnSpec(path="$.meta.lastUpdated")),
    }  # fmt: skip
    columns = tuple(
        Column(name, kind, str(one.path), name, name, spec=one, primary_key=1 if name == "encounter_ref" else None)
        for name, (kind, one) in spec.items()
    )
    base = bench_contract()
    table = replace(base.tables[0], columns=columns, event_time="started_at", source="Encounter", rules=())
    form = FhirFormat(type="fhir", server=SERVER)
    return replace(base, citylake=base.citylake.model_copy(update={"format": form}), tables=(table,))


def read(source: Path, folder: Path) -> dict[str, float]:
    """The reader alone: unpacked, counted, found by path; nothing typed or judged but type and version."""
    from ingestion.parsers.fhir import FhirExport
    from ingestion.settings import Settings

    contract = _contract()
    began = time.perf_counter()
    export = FhirExport(contract, contract.citylake.format, source / "export.zip", Settings(home=folder))
    records = sum(len(segment.block) for one in export.sources() for segment in one.segments())
    return {"seconds": time.perf_counter() - began, "received": records}


def conformed(source: Path, folder: Path) -> dict[str, float]:
    """The whole of conform on the archive."""
    from ingestion.conform.pseudonym import PseudonymKeys
    from ingestion.conform.run import Payload, conform
    from ingestion.intervals import Interval
    from ingestion.settings import Settings

    contract = _contract()
    settings = Settings(home=folder / "home")
    start = datetime(2026, 3, 1, 16, tzinfo=UTC)
    began = time.perf_counter()
    interval = Interval(start, start + timedelta(days=1))
    path, scratch = source / "export.zip", folder / "scratch"
    payload = Payload(path, "b", loaded_at=start, interval=interval, content_as_of=start, scratch=scratch)
    (found,) = conform(contract, payload, keys=PseudonymKeys.create(settings), settings=settings).tables.values()
    return {
        "seconds": time.perf_counter() - began, "received": found.received, "accepted": found.accepted,
        "quarantined": found.quarantined,
    }  # fmt: skip


def _child(what: str, source: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=source) as folder:
        command = [sys.executable, "-m", "bench.fhir", "--child", what, "--source", str(source), "--folder", folder]
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
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--child")
    given = parser.parse_args()
    if given.child:
        _serve(given.child, given.source, given.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        source = Path(name)
        generate(source, given.rows)
        runs: dict[str, list[dict[str, float]]] = {"bare": [], "read": [], "conform": []}
        for _ in range(given.times):
            for what, found in runs.items():
                found.append(_child(what, source))
        seconds = {what: statistics.median(run["seconds"] for run in found) for what, found in runs.items()}
        cpu = {what: statistics.median(run["cpu_seconds"] for run in found) for what, found in runs.items()}
        report = {
            "rows": given.rows,
            "bytes": sum(path.stat().st_size for path in source.glob("Encounter.*.ndjson")),
            "seconds": seconds,
            "rows_per_second": {what: round(given.rows / took) for what, took in seconds.items()},
            "ratio": round(seconds["conform"] / seconds["bare"], 2),
            "cpu_ratio": round(cpu["conform"] / cpu["bare"], 2),
            "cpu_seconds": {what: round(took, 2) for what, took in cpu.items()},
            "peak_mb": {what: round(max(run["peak_mb"] for run in found)) for what, found in runs.items()},
            "counts": {k: v for k, v in runs["conform"][0].items() if k in ("received", "accepted", "quarantined")},
        }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
