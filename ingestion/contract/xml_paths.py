"""Check the XML paths of a contract, and resolve them to the names that a parser reports.

`/a/b` leads from the document's root to the records; `a/b`, `a/@b`, `@b` and `.` are relative to a record. A prefix
stands for the namespace that the contract declares for it; a name without prefix is in no namespace (XPath 1.0, 2.3),
even where the document has a default namespace.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = r"[^\W\d][\w.\-]*"
_QNAME = rf"(?:{_NAME}:)?{_NAME}"
_RECORDS = re.compile(rf"(?:/{_QNAME})+")
_MEMBER = re.compile(rf"\.|@{_QNAME}|{_QNAME}(?:/{_QNAME})*(?:/@{_QNAME})?")
_IN_EVERY_DOCUMENT = {"xml": "http://www.w3.org/XML/1998/namespace"}


def records_problem(path: str, namespaces: Mapping[str, str]) -> str | None:
    """What is wrong with a path from the root, or None."""
    if not _RECORDS.fullmatch(path):
        return f"{path!r} is not a path from the root such as /Export/Records/Record"
    return _prefix_problem(path, namespaces)


def member_problem(path: str, namespaces: Mapping[str, str]) -> str | None:
    """What is wrong with a path inside a record, or None."""
    if not _MEMBER.fullmatch(path):
        return f"{path!r} is not a path inside a record such as Name, Address/Town, Name/@lang, @id or ."
    return _prefix_problem(path, namespaces)


def steps(path: str, namespaces: Mapping[str, str]) -> tuple[str, ...]:
    """The steps of a valid path as `{namespace}name`; an attribute keeps its `@`; `.` has no steps."""
    return tuple(_resolved(step, namespaces) for step in path.split("/") if step not in ("", "."))


def _resolved(step: str, namespaces: Mapping[str, str]) -> str:
    mark, name = ("@", step[1:]) if step.startswith("@") else ("", step)
    prefix, colon, local = name.rpartition(":")
    return f"{mark}{{{(_IN_EVERY_DOCUMENT | dict(namespaces))[prefix]}}}{local}" if colon else f"{mark}{local}"


def _prefix_problem(path: str, namespaces: Mapping[str, str]) -> str | None:
    found = {step.lstrip("@").rpartition(":")[0] for step in path.split("/")} - {""}
    unknown = sorted(found - set(namespaces) - set(_IN_EVERY_DOCUMENT))
    return f"{path!r}: no namespace is declared for {', '.join(unknown)}; add it to `namespaces`" if unknown else None
