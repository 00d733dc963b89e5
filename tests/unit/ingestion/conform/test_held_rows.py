"""Rows kept aside come back as they were, from memory and from the scratch folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingestion.conform import held_rows
from ingestion.conform.held_rows import HeldRows
from ingestion.errors import StoreError


def table(*names: str) -> pa.Table:
    words = pa.array(names).dictionary_encode()
    return pa.table({"word": words, "n": pa.array(range(len(names)), pa.decimal128(9, 2))})


@pytest.mark.parametrize("limit", [0, 60, 2**20])
def test_as_they_were(tmp_path: Path, limit: int) -> None:
    tables = [table("a", "b"), table("c"), table("a", "c", "d"), table("e")]
    kept = HeldRows(tmp_path, limit)
    for rows in tables:
        kept.add(rows)
    found = [row for rows in kept for row in rows.to_pylist()]
    assert found == [row for rows in tables for row in rows.to_pylist()]
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    kept = HeldRows(tmp_path / "none", 0)
    with pytest.raises(StoreError, match="repeated rows cannot be written"):
        kept.add(table("a"))


def test_repeats_far_apart_are_judged_from_the_scratch_folder(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_rows, "IN_MEMORY", 500)
    monkeypatch.setattr("ingestion.conform.duplicates._RECENT_BITS", 1)
    monkeypatch.setattr("ingestion.parsers.records.CHUNK", 256)
    hidden = make.column("p", deidentify=make.deidentify("pseudonym", purpose="p"))
    columns = (make.column("k", primary_key=1), make.column("v"), hidden)
    lines = "".join(f"{n},{n % 3},p{n}\n" for n in range(100))
    changed = "".join(f"{n},x{n},p{n}\n" for n in range(50))
    contract = make.contract(make.table(*columns))
    found = make.conform(contract, f"k,v,p\n{lines}{lines}{changed}".encode()).tables["t"]
    assert (found.accepted, found.duplicates, found.quarantined) == (100, 100, 50)
    assert make.refused(found.quarantine) == [(record, ["key_conflict"]) for record in range(201, 251)]
    assert {row["original_text"] for row in make.rows(found.quarantine)} == set(changed.split())
