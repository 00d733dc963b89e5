"""Read the beginning of an XML document as records: guess the record element and list its contents.

It gives one JSON object per record, keyed by the paths that a contract would use, so that columns are profiled as those
of any other sample. The record is guessed to be the shallowest of the most frequent elements with children. A truncated
sample is read up to its last complete record.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from ingestion.errors import DeliveryRefused
from ingestion.parsers.xml_cut import MAX_DEPTH
from ingestion.parsers.xml_text import XmlText
from ingestion.values.blanks import strip

_EVERYWHERE = ("http://www.w3.org/2001/XMLSchema-instance", "http://www.w3.org/XML/1998/namespace")

Record = dict[str, Any]


@dataclass(frozen=True)
class XmlSample:
    """`records` is the guessed path; `lines` one JSON object a record; `whole` that nothing was cut off."""

    records: str
    namespaces: dict[str, str]
    lines: str
    whole: bool


@dataclass
class _Element:
    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[_Element] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


class _Tree:
    """Builds the elements of a sample; `root` is there even where the document was cut off."""

    def __init__(self) -> None:
        self.root = _Element("")
        self.prefixes: dict[str, str] = {}
        self._open = [self.root]
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartNamespaceDeclHandler = self._namespace
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _doctype(self, *_: object) -> None:
        raise ValueError("it has a DOCTYPE, which no parser here reads")

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        if uri and uri not in self.prefixes and uri not in _EVERYWHERE:
            taken = set(self.prefixes.values())
            wanted = prefix or "n"
            self.prefixes[uri] = wanted if wanted not in taken else f"{wanted}{len(taken)}"

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > MAX_DEPTH:
            raise ValueError(f"it nests elements more than {MAX_DEPTH} deep")
        kept = {f"@{self._named(k)}": v for k, v in attributes.items() if not k.startswith(_EVERYWHERE)}
        element = _Element(self._named(name), kept)
        self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, data: str) -> None:
        self._open[-1].text.append(data)

    def _named(self, name: str) -> str:
        uri, blank, local = name.rpartition(" ")
        return f"{self.prefixes[uri]}:{local}" if blank else local

    def drop_unfinished(self) -> None:
        """Take out what was still open when the sample ended: everything but the elements around the records."""
        for parent, child in zip(self._open[1:], self._open[2:], strict=False):
            if len(parent.children) > 1 and parent.children[-1] is child:
                parent.children.pop()
                return


def read_xml(path: Path, limit: int) -> XmlSample:
    """Raises ValueError saying why it is no sample, in words that follow the file's name."""
    tree, whole = _Tree(), False
    try:
        with path.open("rb") as stream:
            taken = 0
            for chunk in XmlText(stream, "declared").chunks():
                tree.parser.Parse(chunk, False)
                taken += len(chunk)
                if taken > limit:
                    break
            else:
                tree.parser.Parse(b"", True)
                whole = True
    except expat.ExpatError as error:
        raise ValueError(f"starts like XML and is not: {error}") from error
    except DeliveryRefused as error:
        raise ValueError(f"cannot be read: {error.message}") from error
    if not whole:
        tree.drop_unfinished()
    counts = Counter(_paths(tree.root, ""))
    candidates = [(path, count) for path, count in counts.items() if count > 1]
    if not candidates:
        raise ValueError("is an XML document in which no element with parts is there more than once")
    depth = min(path.count("/") for path, _ in candidates)
    records, _ = max((found for found in candidates if found[0].count("/") == depth), key=lambda found: found[1])
    found = [_flat(element) for element in _at(tree.root, records.split("/")[1:])]
    names = {prefix: uri for uri, prefix in tree.prefixes.items()}
    used = {prefix: uri for prefix, uri in names.items() if _uses(prefix, records, found)}
    return XmlSample(records, used, "\n".join(json.dumps(row, ensure_ascii=False) for row in _leaves(found)), whole)


def _paths(element: _Element, path: str) -> Iterator[str]:
    for child in element.children:
        here = f"{path}/{child.name}"
        if child.children or child.attributes:
            yield here
        yield from _paths(child, here)


def _at(element: _Element, way: list[str]) -> Iterator[_Element]:
    for child in element.children:
        if child.name == way[0]:
            yield from _at(child, way[1:]) if len(way) > 1 else (child,)


def _flat(element: _Element, path: str = "") -> Record:
    """Path in the record → text, or a list of texts; an element with parts is None under its own path."""
    row: Record = {f"{path}{name}": value for name, value in element.attributes.items()}
    text = strip("".join(element.text))
    here = path.rstrip("/") or "."
    if text or (not element.children and here != "."):
        row[here] = text or None
    for child in element.children:
        for key, value in _flat(child, f"{path}{child.name}/").items():
            row[key] = value if key not in row else [*_listed(row[key]), *_listed(value)]
    return row


def _leaves(rows: list[Record]) -> list[Record]:
    """Without the paths of elements that never hold text and have parts in some record."""
    keys = {key for row in rows for key in row}
    parents = {key.rpartition("/")[0] for key in keys if not key.startswith("@")}
    filled = {key for row in rows for key, value in row.items() if value is not None}
    order = list(dict.fromkeys(key for row in rows for key in row if key in filled or key not in parents))
    return [{key: row.get(key) for key in order} for row in rows]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _uses(prefix: str, records: str, rows: list[Record]) -> bool:
    mark = f"{prefix}:"
    return mark in records or any(mark in key for row in rows for key in row)
