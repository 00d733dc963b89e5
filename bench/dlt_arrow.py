"""dlt's Arrow path over the same file, for comparison: read_csv batches into Parquet, no rules, no keys.

Runs in its own environment (infra/requirements/dlt.lock), because dlt's pins are not ours:
`python bench/dlt_arrow.py SOURCE FOLDER` writes one JSON line with seconds and peak memory.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

import dlt
import pyarrow as pa
import pyarrow.csv as pacsv


def batches(source: Path) -> Iterator[pa.RecordBatch]:
    """Text columns: typed reading stops at the first bad value, and one per cent are bad."""
    names = source.open(encoding="utf-8").readline().strip().split(",")
    convert = pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    yield from pacsv.open_csv(source, pacsv.ReadOptions(block_size=16 * 2**20), convert_options=convert)


def main() -> None:
    """Extract, normalise, load."""
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    os.environ["DLT_DATA_DIR"] = str(folder / "dlt")
    began = time.perf_counter()
    pipeline = dlt.pipeline(
        "gps",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.filesystem(str(folder / "lake")),
        dataset_name="bench",
    )
    pipeline.run(dlt.resource(batches(source), name="gps"), loader_file_format="parquet")
    used = resource.getrusage(resource.RUSAGE_SELF)
    result = {
        "seconds": time.perf_counter() - began,
        "peak_mb": used.ru_maxrss / 1024,
        "cpu_seconds": used.ru_utime + used.ru_stime,
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
