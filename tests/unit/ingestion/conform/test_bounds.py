"""Memory follows neither the number of records nor that of cells: every format gives blocks of a bounded size."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingestion.contract.extension import CsvFormat, JsonFormat, XmlFormat
from ingestion.contract.table_formats import FixedWidthFormat
from ingestion.parsers import block_limits
from ingestion.parsers.payload import open_payload

GROUP: Any = {"start": 1, "width": 1, "count": 500, "index": "c1", "fields": {"c0": {"start": 1, "width": 1}}}
MANY = 40_000
PAYLOADS: dict[str, tuple[Any, bytes]] = {
    "csv": (CsvFormat(header=False, lenient_extra_columns=True), b",\n" * MANY),
    "csv without columns": (CsvFormat(header=False), b"\xff\n" * MANY),
    "ndjson": (JsonFormat(type="ndjson"), b"{}\n" * MANY),
    "json": (JsonFormat(type="json"), b"[" + b"{}," * MANY + b"{}]"),
    "xml": (XmlFormat(records="/r/i"), b"<r>" + b"<i/>" * MANY + b"</r>"),
    "fixed width": (
        FixedWidthFormat(min_length=1, short="blank", fields={"c0": {"start": 1, "width": 1}, "c1": {"start": 2}}),
        b"1\n" * MANY,
    ),
    "groups": (FixedWidthFormat(min_length=1, max_length=1000, short="blank", repeat=GROUP), b"1\n" * (MANY // 500)),
}


@pytest.mark.parametrize("kind", PAYLOADS)
@pytest.mark.parametrize(("records", "cells"), [(1000, 2**22), (2**17, 3000)])
def test_blocks_are_bounded(
    make: Any, kind: str, records: int, cells: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(block_limits, "MAX_RECORDS", records)
    monkeypatch.setattr(block_limits, "MAX_CELLS", cells)
    form, payload = PAYLOADS[kind]
    path = tmp_path / "payload"
    path.write_bytes(payload)
    contract = make.contract(make.table(make.column("c0"), make.column("c1")), format=form)
    (source,) = open_payload(contract, path, make.settings, None).sources  # type: ignore[arg-type]
    sizes = [len(segment.block) for segment in source.segments()]
    assert sum(sizes) >= MANY
    assert max(sizes) <= min(records, cells // 2)
    assert all(len(segment.block.data) < 2**20 for segment in source.segments())


SCRIPT = """
import sys
sys.path[:0] = {folders!r}
from pathlib import Path
from ingestion.conform.pseudonym import PseudonymKeys
from ingestion.settings import Settings
from test_bounds import PAYLOADS
from tests.support.conforming import MASTER, Maker

folder = Path({folder!r})
settings = Settings(home=folder / "home", pseudonym_key=MASTER)
make = Maker(folder, settings, PseudonymKeys.load(settings))
found = make.conform(
    make.contract(make.table(make.column("c0"), make.column("c1")), format=PAYLOADS[{kind!r}][0]),
    Path({payload!r}),
).tables["t"]
status = Path("/proc/self/status").read_text()
print(found.received, int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""


@pytest.mark.faults
@pytest.mark.parametrize(
    ("kind", "line", "count"),
    [("ndjson", b"{}\n", 1_500_000), ("csv", b",\n", 2_000_000), ("csv without columns", b"\xff\n", 600_000)],
)
def test_many_tiny_records_take_no_more_memory_than_few(tmp_path: Path, kind: str, line: bytes, count: int) -> None:
    """Peak megabytes of a process that conforms them; it was a gigabyte and more, growing with the payload."""
    payload = tmp_path / "payload"
    payload.write_bytes(line * count)
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[4])]
    facts = {"folders": folders, "folder": str(tmp_path), "payload": str(payload), "kind": kind}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(**facts)], capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert run.returncode == 0, run.stderr
    received, peak = map(int, run.stdout.split())
    assert received == count
    assert peak < 600
