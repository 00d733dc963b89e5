"""XML against a bare lxml.iterparse → Arrow of the same file: one ratio, taken in one run.

Bare is the common loop: `iterparse(tag=…)`, one list a column, cleared elements, one Arrow table; nothing is
counted apart, no element is missed or met unexpectedly, no original text is kept. Ours is the reader alone:
records cut and counted by expat, fields read by libxml2, names held against the contract.

    python -m bench.xml_records --rows 300000
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

NAMES = ("id", "town", "number", "day", "share", "kind", "name", "flag", "text", "rest")


def generate(path: Path, rows: int) -> None:
    """The input file; the same bytes for the same arguments."""
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<Export><Rows>\n')
        for n in range(rows):
            cells = (
                n,
                f"town {n % 97}",
                n * 7,
                f"2026-03-{n % 28 + 1:02d}",
                f"{n / 3:.4f}",
                f"x{n % 5}",
                f"中山{n % 9}",
            )
            cells += (n % 2, f"text with words {n}", n * 13 % 1000)
            file.write("<Row>" + "".join(f"<{k}>{v}</{k}>" for k, v in zip(NAMES, cells, strict=True)) + "</Row>\n")
        file.write("</Rows></Export>\n")


def bare(source: Path) -> int:
    """The base."""
    import pyarrow as pa
    from lxml import etree

    places = {name: index for index, name in enumerate(NAMES)}
    columns: list[list[str | None]] = [[] for _ in NAMES]
    events = etree.iterparse(str(source), tag="Row", resolve_entities=False, no_network=True, huge_tree=False)
    for _, element in events:
        row: list[str | None] = [None] * len(NAMES)
        for child in element:
            row[places[child.tag]] = child.text
        for column, text in zip(columns, row, strict=True):
            column.append(text)
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
    return pa.table(dict(zip(NAMES, columns, strict=True))).num_rows


def read(source: Path) -> int:
    """The reader, segment by segment, kept until the end as the base keeps its table."""
    import pyarrow as pa

    from ingestion.contract.extension import XmlFormat
    from ingestion.contract.model import Column, Table
    from ingestion.parsers.xml_records import XmlRecords
    from ingestion.settings import Settings

    columns = tuple(Column(name, "VARCHAR", name, name, name) for name in NAMES)
    table = Table("t", "t", "t", "one row", None, columns, None, ())
    reader = XmlRecords(table, XmlFormat(records="/Export/Rows/Row"), source, Settings())
    return int(pa.concat_tables([segment.columns for segment in reader.segments()]).num_rows)


def _child(what: str, source: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.xml_records", "--child", what, "--source", str(source)]
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
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--child")
    given = parser.parse_args()
    if given.child:
        _serve(given.child, given.source)
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.xml"
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
