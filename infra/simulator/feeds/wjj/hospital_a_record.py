"""医院A诊疗记录: what is new or changed in hospital A's FHIR server, the ZIP of a bulk export late in the evening."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from infra.simulator.city import City
from infra.simulator.feed import Feed
from infra.simulator.health.fhir import WRITERS, members
from infra.simulator.health.hospital_a import STORY, TABLES, document_reference, encounters_by
from infra.simulator.health.places import SERVER
from infra.simulator.health.planned import spoiled
from infra.simulator.health.residents import Run
from infra.simulator.model import Slot, TableTruth
from infra.simulator.planted import Planted
from infra.simulator.rows import Rows
from infra.simulator.writers import zip_bytes

_ID = "wjj.hospital_a_record"
NOBODY = "Patient/99999999"
"""A reference to a patient who is in no export."""
CHANGING = ("organization", "patient", "encounter")
"""Tables whose resources are sent again; the others are sent once."""
ARRIVES = timedelta(hours=23, minutes=30)
_DIRT = (
    Planted(_ID, 1, "cell", 1, "sex.allowed", {"sex": "M"}, table="patient"),
    Planted(_ID, 1, "cell", 2, "class_code.allowed", {"class_code": "VR"}, table="encounter"),
    Planted(_ID, 1, "duplicate", 1, table="encounter"),
    Planted(_ID, 1, "cell", 1, "prescribed_at.required", {"prescribed_at": ""}, table="medication_request"),
    Planted(_ID, 2, "cell", 2, "patient_ref.dangling", {"patient": NOBODY}, "accept", table="encounter"),
    Planted(_ID, 2, "cell", 1, "town_code.pattern", {"town_code": "528400"}, table="patient"),
    Planted(_ID, 2, "cell", 1, "status.allowed", {"status": "done"}, table="diagnostic_report"),
    Planted(_ID, 3, "cell", 1, "started_at.required", {"started_at": ""}, table="encounter"),
    Planted(_ID, 3, "cell", 1, "recorded_at.type", {"recorded_at": "{day}T25:00:00+08:00"}, table="condition"),
    Planted(_ID, 3, "duplicate", 2, table="condition"),
    Planted(
        _ID, 4, "cell", 1, "ended_after_started", {"ended_at": "2020-01-01T08:00:00+08:00", "status": "finished"},
        table="encounter",
    ),
    Planted(_ID, 4, "cell", 2, "quantity.range", {"quantity": "-1"}, table="medication_request"),
    Planted(_ID, 5, "cell", 1, "item_code.required", {"item_code": ""}, table="diagnostic_report"),
    Planted(_ID, 5, "duplicate", 1, table="patient"),
)  # fmt: skip


def record_rows(city: City, slot: Slot, table: str) -> Rows:
    """The rows of one table of a file, dirt included."""
    rows = TABLES[table][1](Run.of(city), city.day_no(slot.start))
    return spoiled(city, _ID, _DIRT, slot, rows, table=table, story=rows.cells[STORY])


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    tables = {table: record_rows(city, slot, table) for table in TABLES}
    notes = document_reference(Run.of(city), city.day_no(slot.start))
    return _export(tables, notes, slot, slot), {table: rows.truth() for table, rows in tables.items()}


def _bulk(city: City, slots: Sequence[Slot]) -> tuple[bytes, int]:
    """A month in one export: every resource once, as it stands when all is handed over."""
    run, days = Run.of(city), [city.day_no(slot.start) for slot in slots]
    tables = {table: _joined([TABLES[table][1](run, day) for day in days]) for table in TABLES if table not in CHANGING}
    tables["encounter"] = _joined([encounters_by(run, day, 0) for day in days])
    for table in (name for name in CHANGING if name != "encounter"):
        rows = _joined([TABLES[table][1](run, day) for day in days])
        # The newest state of each, which is its last row.
        _, newest = np.unique(rows.cells["id"][::-1], return_index=True)
        tables[table] = rows.take(np.sort(len(rows) - 1 - newest))
    notes = _joined([document_reference(run, day) for day in days])
    in_order = {table: tables[table] for table in TABLES}
    return _export(in_order, notes, slots[0], slots[-1]), sum(len(rows) for rows in tables.values())


def _joined(parts: list[Rows]) -> Rows:
    cells = {name: np.concatenate([part.cells[name] for part in parts]) for name in parts[0].cells}
    return Rows(cells)


def _export(tables: Mapping[str, Rows], notes: Rows, first: Slot, last: Slot) -> bytes:
    """The archive of what was new or changed since one interval began, by the end of another."""
    found: dict[str, bytes] = {}
    for table, (kind, _) in TABLES.items():
        found |= members(kind, WRITERS[kind](tables[table]))
    found |= members("DocumentReference", WRITERS["DocumentReference"](notes))
    counts = {name: content.count(b"\n") for name, content in found.items()}
    manifest = _manifest(last.start + ARRIVES, first.start, counts)
    return zip_bytes({**found, "manifest.json": json.dumps(manifest, indent=1).encode()}, last.start + ARRIVES)


def _manifest(at: datetime, since: datetime, counts: dict[str, int]) -> dict[str, object]:
    """The export's manifest (Bulk Data Access IG 2.0.0), with the addresses of the hospital's server."""
    return {
        "transactionTime": at.isoformat(),
        "request": f"{SERVER}/$export?_since={since.isoformat()}",
        "requiresAccessToken": True,
        "output": [
            {"type": name.partition(".")[0], "url": f"{SERVER}/bulk/{at:%Y%m%d}/{name}", "count": count}
            for name, count in counts.items()
        ],
        "error": [],
    }


FEED = Feed(
    department="wjj",
    name="hospital_a_record",
    every="day",
    filename="hospital_a_record_{start:%Y%m%d}{suffix}.zip",
    arrives=ARRIVES,
    render=_render,
    dirt=_DIRT,
    bulk=_bulk,
)
