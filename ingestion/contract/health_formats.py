"""Models of the formats in which hospitals and laboratories send: FHIR resources and HL7 v2 messages.

They are read by `ingestion.parsers.fhir` and `ingestion.parsers.hl7_messages`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ingestion.contract.strict import Declared


class FhirFormat(Declared):
    """A FHIR bulk export as one ZIP: NDJSON members `<resource type>.<number>.ndjson`, one table per resource type.

    A table's `physicalName` is its resource type (`Patient`); all members of the type are one table. Resource types
    that no table reads are ignored and listed in the receipt. `server` is the base URL of the FHIR server: relative
    references mean a resource of it, absolute ones below it are the same resource (FHIR R4, 2.3.0.1).
    A type in `optional` may be missing from an export, as no resource of it changed.
    """

    type: Literal["fhir"]
    version: Literal["4.0"] = "4.0"
    server: str = Field(pattern=r"^https?://[^\s?#]+[^\s?#/]$")
    optional: list[str] = Field(default=[])
    null_values: list[str] = Field(default=[""])
    trim: bool = True


class Hl7Format(Declared):
    """A file of HL7 v2 messages (Ch. 2), one table per segment: each such segment is one record of its table.

    A table's `physicalName` is its segment (`OBR`). Columns are found by `path` (default: their `physicalName`):
    `OBR-4.1` (segment, field and component, from 1; `OBR-4.1.2` has the sub-component), `PID-3(2).1` (second
    repetition). A path to another segment means the nearest before the record's own segment in the same message, `MSH`
    for the whole message; one written `>ZRR-2` the nearest after it and before the next segment of the table. What
    belongs to another patient of the message, or (ORC) to another order, is not taken: no PID lies between it and the
    record, no other record between an ORC and the record. Where a field without a number repeats, `repeated` of the
    column says what is read: a refused row, or the first.
    `messages` are the types (MSH-9) that are taken, others refuse their message. A segment that no column reads
    refuses the delivery unless it is in `ignored`.
    `encoding`: `declared` is what MSH-18 of each message says, UTF-8 without it. `last_segment: open` takes files whose
    last segment has no end; else such a file counts as cut off, and its last message is refused.
    """

    type: Literal["hl7"]
    encoding: Literal["declared", "utf-8", "gb18030"] = "utf-8"
    messages: list[str] = Field(min_length=1)
    ignored: list[str] = Field(default=[])
    last_segment: Literal["ended", "open"] = "ended"
    null_values: list[str] = Field(default=[""])
    trim: bool = True
