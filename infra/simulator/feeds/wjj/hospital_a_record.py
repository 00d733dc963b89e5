"""医院A诊疗记录: what is new or changed in hospital A's FHIR server, the ZIP of a bulk export late in the evening."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from infra.simulator.city import City
from infra.simulator.feed import Feed
from infra.simulator.health.fhir import WRITERS, members
from infra.simulator.health.hospital_a import STORY, TABLES, document_reference
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
    found: dict[str, bytes] = {}
    truths: dict[str, TableTruth] = {}
    counts: dict[str, int] = {}
    for table, (kind, _) in TABLES.items():
        rows = record_rows(city, slot, table)
        truths[table] = rows.truth()
        _add(found, counts, kind, rows)
    _add(found, counts, "DocumentReference", document_reference(Run.of(city), city.day_no(slot.start)))
    manifest = _manifest(slot.start + ARRIVES, slot.start, counts)
    content = {**found, "manifest.json": json.dumps(manifest, indent=1).encode()}
    return zip_bytes(content, slot.start + ARRIVES), truths


def _add(found: dict[str, bytes], counts: dict[str, int], kind: str, rows: Rows) -> None:
    made = members(kind, WRITERS[kind](rows))
    found.update(made)
    counts.update({name: content.count(b"\n") for name, content in made.items()})


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
    history="files",
    dirt=_DIRT,
)
