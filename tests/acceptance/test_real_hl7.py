"""The real HL7 v2 messages of `health/hl7v2_messages`: LF, CR LF, none at the end, text as software sent it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion.contract.health_formats import Hl7Format
from tests.support.conforming import make, real_data

__all__ = ["make", "real_data"]

ORU = [
    "MSH-4.1",
    "MSH-10",
    "PID-3.1",
    "PID-7",
    "PID-8",
    "OBR-3.1",
    "OBR-4.2",
    "OBR-7",
    "OBR-16.2",
    "OBX-1",
    "OBX-5",
    "OBX-11",
]


@pytest.fixture
def read(make: Any, real_data: Callable[[str], Path]) -> Callable[..., Any]:
    def conform(name: str, table: Any, **facts: Any) -> Any:
        spec = Hl7Format(**{"type": "hl7", "last_segment": "open", **facts})
        path = real_data(f"health/hl7v2_messages/{name}")
        return make.conform(make.contract(table, format=spec), path).tables["t"]

    return conform


def _table(make: Any, segment: str, *paths: str) -> Any:
    columns = [make.column(f"c{n}", path=path) for n, path in enumerate(paths)]
    return make.table(*columns, name="t", source=segment)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("ORU-multiline-short.hl7",
         [None, "[PII] Emergency Department", "ED Encounter Arrival Date: [ADDRESS] [PERSONALNAME]:"]),
        ("ORU-multiline-short-mixed.hl7",
         [None, None, "[PII] Emergency Department", "ED Encounter Arrival Date: [ADDRESS] [PERSONALNAME]:"]),
    ],
)  # fmt: skip
def test_a_report_of_several_lines(make: Any, read: Any, name: str, texts: list[str | None]) -> None:
    found = read(name, _table(make, "OBX", *ORU), messages=["ORU^R01"], ignored=["NTE", "PV1"])
    assert (found.received, found.accepted) == (len(texts), len(texts))
    rows = [list(row.values()) for row in make.rows(found.bronze)]
    around = [
        "IBM_Toronto_Lab", "MSGID00231", "0d70c6c8", "19630306", "M", "FON_0d70c6c8", "ECHO CARDIOGRAM COMPLETE",
        "20200802124455", "SINGH",
    ]  # fmt: skip
    assert [row[:9] for row in rows] == [around] * len(texts)
    assert [row[9:] for row in rows] == [[str(n), text, "F"] for n, text in enumerate(texts, 1)]


@pytest.mark.parametrize("name", ["sample_unix.hl7", "sample_win.hl7"])
def test_both_line_ends_and_a_doubled_escape_character(make: Any, read: Any, name: str) -> None:
    table = _table(make, "AL1", "AL1-1", "AL1-3.2", "AL1-5(1)", "AL1-5(2)", "PID-3(2).1", "PID-5.1", "EVN-2")
    found = read(name, table, messages=["ADT^A01"], ignored=["PV1", "OBX", "PRB"])
    # `\\r` at the end of two segments is text that a program wrote for a segment end: no sequence, kept as sent.
    assert [list(row.values()) for row in make.rows(found.bronze)] == [
        ["1", "OXYCODONE", "HYPOTENSION", None, "1234568965", "DOE", "201209122222"],
        ["2", "TRAMADOL", "SEIZURES", "VOMITING\\r", "1234568965", "DOE", "201209122222"],
    ]


def test_what_was_not_declared_refuses_them(make: Any, read: Any) -> None:
    table = _table(make, "AL1", "AL1-1")
    assert make.refused(read("sample_win.hl7", table, messages=["ORU^R01"]).quarantine) == [
        (1, ["hl7_message_type"]), (2, ["hl7_message_type"]),
    ]  # fmt: skip
    found = read("sample_win.hl7", table, messages=["ADT^A01"], last_segment="ended")
    assert make.refused(found.quarantine) == [(1, ["hl7_cut_off"]), (2, ["hl7_cut_off"])]
