"""HL7 v2 messages against the bare library `hl7` → Arrow of the same file: one ratio, taken in one run.

Bare is the common loop: `hl7.split_file`, `hl7.parse` of each message, one list a column, one Arrow table; nothing is
counted apart, no unknown segment is seen, no original text is kept. Ours is the reader alone: messages cut and records
counted on the bytes, fields read in SQL, header and encoding of each message judged.

    python -m bench.hl7_messages --rows 50000
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
from pathlib import Path

PATHS = {
    "report_no": "OBR-3.1", "laboratory": "MSH-4.1", "resident": "PID-3(2).1", "sex": "PID-8", "born": "PID-7",
    "town": "PID-11.5", "item": "OBR-4.1", "item_name": "OBR-4.2", "examined": "OBR-7", "issued": "OBR-22",
    "status": "OBR-25", "ordering": "OBR-10.1", "recognised": ">ZRR-2",
}  # fmt: skip


def generate(path: Path, rows: int) -> None:
    """The input file; the same bytes for the same arguments: two records a message."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for n in range(0, rows, 2):
            lab, moment = f"L4420000{n % 2 + 1}", f"20260302{n % 86400:06d}"
            head = f"MSH|^~\\&|LIS|{lab}|HIE|ZS|{moment}||ORU^R01^ORU_R01|{n}|P|2.5||||||UNICODE UTF-8"
            ids, lives = f"MRN{n}^^^MRN~4420001980010{n:05d}^^^ID", f"某路{n}号^^中山^^442000107"
            person = f"PID|1||{ids}||姓名^{n}||19800101|M|||{lives}||1380000{n:04d}"
            file.write(head + "\r" + person + "\r")
            for record in (n, n + 1):
                order = f"OBR|1|P{record}|R{record:08d}|LAB-CBC^血常规||20260301|20260302080000|||H442000B01"
                order += "|" * 12 + "20260302090000|||F"
                results = "".join(f"OBX|{k}|NM|X{k}^值||{k * 7 % 90}|g/L|1-90|N|||F\r" for k in range(1, 6))
                file.write(order + "\r" + results + f"ZRR|1|{'YN'[record % 2]}\r")


def bare(source: Path) -> int:
    """The base."""
    import hl7
    import pyarrow as pa

    columns: dict[str, list[str | None]] = {name: [] for name in PATHS}
    for text in hl7.split_file(source.read_bytes().decode("utf-8")):
        message = hl7.parse(text)
        header, person = message.segment("MSH"), message.segment("PID")
        for place, segment in enumerate(message):
            if str(segment[0]) != "OBR":
                continue
            last = next((one for one in message[place:] if str(one[0]) == "ZRR"), None)
            found = [
                segment[3][0], header[4][0], person[3][1][0][0], person[8][0], person[7][0], person[11][0][4][0],
                segment[4][0][0][0], segment[4][0][1][0], segment[7][0], segment[22][0], segment[25][0],
                segment[10][0], last[2][0] if last else None,
            ]  # fmt: skip
            for name, value in zip(columns, found, strict=True):
                columns[name].append(None if value is None else str(value))
    return int(pa.table(columns).num_rows)


def read(source: Path) -> int:
    """The reader, segment by segment, kept until the end as the base keeps its table."""
    import pyarrow as pa

    from ingestion.contract.extension import ColumnSpec
    from ingestion.contract.health_formats import Hl7Format
    from ingestion.contract.model import Column, Table
    from ingestion.parsers.hl7_messages import Hl7Messages
    from ingestion.settings import Settings

    columns = tuple(
        Column(name, "VARCHAR", name, name, name, spec=ColumnSpec(path=path)) for name, path in PATHS.items()
    )
    table = Table("t", "t", "t", "one row", "OBR", columns, None, ())
    spec = Hl7Format(type="hl7", messages=["ORU^R01"], ignored=["OBX"])
    reader = Hl7Messages(table, (table,), spec, source, Settings())
    return int(pa.concat_tables([segment.columns for segment in reader.segments()]).num_rows)


def _child(what: str, source: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.hl7_messages", "--child", what, "--source", str(source)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(answer.stdout.strip().splitlines()[-1]))


def _serve(what: str, source: Path) -> None:
    began = time.perf_counter()
    rows = {"bare": bare, "read": read}[what](source)
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = {"rows": rows, "seconds": time.perf_counter() - began, "peak_mb": used.ru_maxrss / 1024}
    sys.stdout.write(json.dumps(found | {"cpu_seconds": used.ru_utime + used.ru_stime}))


def main() -> None:
    """Measure and write one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--child")
    given = parser.parse_args()
    if given.child:
        _serve(given.child, given.source)
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.hl7"
        generate(source, given.rows)
        runs: dict[str, list[dict[str, float]]] = {"bare": [], "read": []}
        for _ in range(given.times):
            for what, found in runs.items():
                found.append(_child(what, source))
        size = source.stat().st_size
    seconds = {what: statistics.median(run["seconds"] for run in found) for what, found in runs.items()}
    report = {
        "rows": given.rows,
        "bytes": size,
        "seconds": seconds,
        "rows_per_second": {what: round(given.rows / took) for what, took in seconds.items()},
        "ratio": round(seconds["read"] / seconds["bare"], 3),
        "cpu_seconds": {w: round(statistics.median(run["cpu_seconds"] for run in f), 2) for w, f in runs.items()},
        "peak_mb": {what: round(max(run["peak_mb"] for run in found)) for what, found in runs.items()},
    }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
