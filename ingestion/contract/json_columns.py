"""Check how a column of JSON records or FHIR resources is found: its `path`, `choose` and `reference`.

A reference may hold a person's identifier (`Patient?identifier=…|<citizen id>`), so a column of references to people
leaves conform only as a pseudonym, or not at all. The parsers read what is declared here (`ingestion.parsers`), and
`ingestion.conform.references` gives references one form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from ingestion.contract.extension import ColumnSpec

_STEP = r"""(\.([^\W\d]\w*|"[^"]+")|\[\d+\])"""
_PATH = re.compile(rf"\${_STEP}*")
_CHOSEN = re.compile(rf"\${_STEP}+\[\*\]{_STEP}+")
_IDENTIFIER = re.compile(rf"\${_STEP}*\.identifier\[\*\]\.value")
EVERY = "[*]"
PEOPLE = ("Patient", "Person", "Practitioner", "PractitionerRole", "RelatedPerson")
"""Resource types that stand for people (FHIR R4, 2.1.6): a conditional reference to one holds its identifier."""

Form = Literal["id", "reference", "identifier"]
"""What a column of references reads: its own record's `id`, a `reference`, or an `identifier` of its own record."""


def form(path: str, spec: ColumnSpec) -> Form | None:
    """What the column at `path` with a `reference` reads; None where it cannot be one."""
    if path == "$.id":
        return "id"
    if _IDENTIFIER.fullmatch(path) and spec.choose is not None and spec.choose.member == "system":
        return "identifier"
    return "reference" if path.endswith(".reference") and EVERY not in path else None


def problems(path: str, spec: ColumnSpec, physical_type: str | None, *, fhir: bool) -> Iterator[tuple[str, str]]:
    """Key of the column's citylake entry, and what is wrong there."""
    if spec.choose is not None and not _CHOSEN.fullmatch(path):
        yield "path", f"{path!r} has not one `[*]` after a list, followed by a member, such as $.identifier[*].value"
    elif spec.choose is None and EVERY in path:
        yield "path", f"{path!r} means every element of a list: say by `choose` which one is read"
    elif spec.choose is None and not _PATH.fullmatch(path):
        yield "path", f'{path!r} is not a JSON path such as $.a.b or $."odd key"[0]'
    is_kept = spec.deidentify is None or spec.deidentify.method not in ("pseudonym", "drop")
    if spec.reference is None:
        if fhir and is_kept and path.endswith(".reference"):
            yield (
                "path",
                f"{path!r} is a reference, which may hold a person's identifier: say by `reference` to which resource "
                "type, or give it a `deidentify` with method pseudonym or drop",
            )
        return
    if not fhir:
        yield "reference", "is for FHIR, whose format declares the server that references are relative to"
    elif form(path, spec) is None:
        yield (
            "reference",
            f"{path!r} is neither $.id, nor a path to `.reference`, nor $.identifier[*].value chosen by its `system`",
        )
    if physical_type != "VARCHAR":
        yield "reference", f"gives text: the column must be VARCHAR, not {physical_type}"
    if spec.reference in PEOPLE and is_kept:
        yield (
            "reference",
            f"a reference to a {spec.reference} may hold a person's identifier: needs a `deidentify` with method "
            "pseudonym or drop",
        )
