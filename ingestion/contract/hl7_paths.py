"""The paths by which a contract finds a value in an HL7 v2 message: segment, field, repetition, component.

`OBR-4.1` is the first component of field 4 of the record's own segment, `PID-3(2).1` that of the second repetition in
the nearest `PID` before, `>ZRR-2` a field of the nearest `ZRR` after. Everything counts from 1, as the tables of the
standard do; MSH-1 is the field separator itself (HL7 v2.5, 2.15.9).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ingestion.contract.health_formats import Hl7Format

ENVELOPE = ("FHS", "BHS", "BTS", "FTS")
"""Segments around the messages of a file and of a batch (2.10.3); they belong to no message."""

HEADER = "MSH"
_BEGINNING = ("PID", "ORC")
"""Segments with which the next patient and the next order begin."""
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
_MESSAGE = re.compile(r"[A-Z][A-Z0-9]{2}\^[A-Z0-9]{3}")
_NUMBER = r"([1-9]\d{0,2})"
_PATH = re.compile(rf"(>?)([A-Z][A-Z0-9]{{2}})-{_NUMBER}(?:\({_NUMBER}\))?(?:\.{_NUMBER}(?:\.{_NUMBER})?)?")
_DELIMITERS = (1, 2)

Where = tuple[str | int, ...]


class Hl7Path(NamedTuple):
    """A path. None: the whole field or component, or the only repetition."""

    after: bool
    segment: str
    field: int
    repetition: int | None = None
    component: int | None = None
    subcomponent: int | None = None


def hl7_path(text: str) -> Hl7Path:
    """The path that a contract writes. Raises ValueError."""
    found = _PATH.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is not a path such as OBR-4.1, PID-3(2).1 or >ZRR-2")
    numbers = [int(number) if number else None for number in found.groups()[2:]]
    return Hl7Path(bool(found[1]), found[2], numbers[0] or 0, *numbers[1:])


def path_problem(text: str) -> str | None:
    """What is wrong with a column's path, or None."""
    try:
        path = hl7_path(text)
    except ValueError as error:
        return str(error)
    if path.segment in ENVELOPE:
        return f"{text!r}: {path.segment} stands around the messages and belongs to none"
    if path.segment == HEADER and path.after:
        return f"{text!r}: MSH is the first segment of its message and lies after no other"
    if path.after and path.segment in _BEGINNING:
        return f"{text!r}: {path.segment} stands before its records; one that lies after a record is the next one's"
    if path.segment == HEADER and path.field in _DELIMITERS and path[3:] != (None, None, None):
        return f"{text!r}: MSH-1 and MSH-2 are the delimiters themselves and have no parts"
    return None


def format_problems(spec: Hl7Format, sources: list[str]) -> Iterator[tuple[Where, str]]:
    """What is wrong with the settings of the format, each with its key path; `sources` are the tables' segments."""
    for index, message in enumerate(spec.messages):
        if not _MESSAGE.fullmatch(message):
            yield ("messages", index), f"{message!r} is not a message type such as ORU^R01"
    for index, name in enumerate(spec.ignored):
        if not _SEGMENT.fullmatch(name):
            yield ("ignored", index), f"{name!r} is not a segment such as NTE"
        elif name in sources:
            yield ("ignored", index), f"{name!r} is the segment of a table"


def segment_problem(name: str) -> str | None:
    """What is wrong with the segment a table is made of, or None."""
    if not _SEGMENT.fullmatch(name):
        return f"{name!r} is not a segment such as OBR"
    if name in ENVELOPE:
        return f"{name!r} stands around the messages: a table is made of a segment inside them"
    return None
