"""What a feed's tasks write where every account of the page reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.delivery.ingest import ingest_file
from tests.support.lakes import contract, day, lake, rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "张三,13800001111,442000199001011234\n李四,1,2\n",
            "rule header; why: citylake deliveries --feed office.readings",
        ),
        ("<html><title>张三 13800001111</title></html>", "rule html_page; why: citylake deliveries"),
        (rows("ab", value="张三") + rows("cd").partition("\n")[2], None),
        (rows("ab", value="张三"), "2 of 2 rows of reading are refused (100.0%, limit 50.0%): number 2"),
    ],
)
def test_a_line_of_the_log_quotes_no_file(tmp_path: Path, text: str, said: str | None) -> None:
    from dags.factory.feed_tasks import describe

    made = lake(tmp_path)
    path = tmp_path / "readings_20260302.csv"
    path.write_text(text, encoding="utf-8")
    delivery = ingest_file(made, contract(), path, day(0))
    line = describe(delivery)
    assert line.startswith(f"{delivery.outcome} readings_20260302.csv ")
    assert "张三" not in line
    assert "13800001111" not in line
    assert (said or "refused rows 2)") in line
    again = describe(ingest_file(made, contract(), path, day(0)))
    assert again.startswith("duplicate ")
    assert "张三" not in again
