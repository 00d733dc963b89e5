"""The raw file of a table: equal content gives equal bytes, however the driver cut it into batches."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.connectors import exchange_file
from ingestion.connectors.exchange_file import RawFile, SourceColumn
from ingestion.parsers.source_types import SourceType, source_type

COLUMNS = [
    SourceColumn("n", SourceType("character varying(9)", "character varying")),
    SourceColumn("t", SourceType("text", "text")),
]
ROWS = pa.record_batch({
    "n": pa.array([str(n) for n in range(10_000)]),
    "t": pa.array([None if n % 7 == 0 else "" if n % 7 == 1 else "长" * (n % 50) for n in range(10_000)]),
})  # fmt: skip


def written(path: Path, bounds: list[int]) -> bytes:
    raw = RawFile(path, COLUMNS)
    for start, stop in pairwise([0, *bounds, ROWS.num_rows]):
        raw.write(ROWS.slice(start, stop - start))
    raw.close()
    assert raw.rows == ROWS.num_rows
    return path.read_bytes()


@pytest.mark.parametrize(("limits", "groups"), [({}, 1), ({"GROUP_ROWS": 999}, 11), ({"GROUP_BYTES": 10_000}, 57)])
def test_batches_leave_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int], groups: int
) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(exchange_file, name, value)
    whole = written(tmp_path / "a", [])
    assert written(tmp_path / "b", [1, 2, 4_000, 4_000, 9_999]) == whole
    assert written(tmp_path / "c", list(range(77, 10_000, 77))) == whole
    file = pq.ParquetFile(tmp_path / "a")
    assert file.metadata.num_row_groups == groups
    assert file.read().to_pydict() == ROWS.to_pydict()


def test_null_and_empty_text_and_the_types_of_the_source_are_kept(tmp_path: Path) -> None:
    written(tmp_path / "a", [])
    table = pq.read_table(tmp_path / "a")
    assert table["t"][:2].to_pylist() == [None, ""]
    assert [source_type(field) for field in table.schema] == [column.type for column in COLUMNS]


def test_no_rows(tmp_path: Path) -> None:
    raw = RawFile(tmp_path / "a", COLUMNS)
    raw.close()
    assert pq.read_table(tmp_path / "a").num_rows == 0
