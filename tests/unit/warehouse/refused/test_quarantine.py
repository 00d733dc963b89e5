"""Refused rows on a screen: masked unless asked, in file order, cut."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ingestion.conform.output import QUARANTINE_SCHEMA
from warehouse.refused.quarantine import TEXT_WIDTH, read_quarantine


@pytest.fixture
def quarantine(tmp_path: Path) -> str:
    path = tmp_path / "quarantine.parquet"
    duckdb.sql(
        "select 'inspection' as table_name, record, record * 100 as byte_offset, "
        "['grade', 'score'] as rules, text as original_text "
        "from (values (2, '张三,13800138000,x@example.com'), (1, 'a|b'), (3, repeat('9', 1000))) as t(record, text)"
    ).write_parquet(str(path))
    return str(path)


def test_text_is_masked_and_its_shape_stays(quarantine: str) -> None:
    first, second, third = read_quarantine({"inspection": [quarantine]}, limit=10, show=False)
    assert (first.record, first.text) == (1, "x|x")
    assert second.text == "文文,99999999999,x@xxxxxxx.xxx"
    assert second.rules == ["grade", "score"]
    assert len(third.text) == TEXT_WIDTH


def test_text_is_shown_when_asked(quarantine: str) -> None:
    assert read_quarantine({"inspection": [quarantine]}, limit=2, show=True)[1].text == "张三,13800138000,x@example.com"


def test_the_limit_and_no_objects(quarantine: str) -> None:
    assert len(read_quarantine({"inspection": [quarantine]}, limit=1, show=False)) == 1
    assert read_quarantine({"inspection": [quarantine]}, limit=0, show=False) == []
    assert read_quarantine({"inspection": []}, limit=5, show=False) == []


def test_the_columns_read_are_those_conform_writes() -> None:
    assert {"record", "byte_offset", "rules", "original_text"} <= set(QUARANTINE_SCHEMA.names)
