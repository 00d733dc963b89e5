"""Split an XML document into whole records, count them, and check that the document is well-formed.

This is the independent counter of received records for XML. The parser (expat) reports where elements begin and end;
only the text of records is kept. It holds one chunk and one unfinished record at a time. A document with a DOCTYPE is
refused where it begins, so entities are never declared or expanded. `xml_records` reads the fields with another parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

import numpy as np

from ingestion.errors import DeliveryRefused
from ingestion.parsers import block_limits
from ingestion.parsers.blocks import Block
from ingestion.parsers.encoding import undecodable
from ingestion.parsers.records import kept_ends, kept_head
from ingestion.parsers.xml_text import undecodable_byte
from ingestion.values.blanks import is_blank

MAX_DEPTH = 100
"""Maximum nesting depth of elements, including the root."""

_LISTED = 20
_KNOWN = 1_000
"""Limit of different names that are counted, of elements beside the records and of attributes."""
_LONGEST_CHARACTER = 4
_START_TAG = re.compile(rb"""<[^\s/>]+(?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*(/?)>""")
_SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_XML = "http://www.w3.org/XML/1998/namespace"


class _Place(NamedTuple):
    """Position of one record: `end` is where its end tag begins; `bare`: it has no child elements."""

    start: int
    end: int
    bare: bool
    scope: str


@dataclass
class Beside:
    """What the document contains apart from its records; names are `{namespace}name`.

    `siblings` counts elements with another name at the level of the records; `paths` are the first few paths outside
    records; `parent`: the document has the element that should contain the records; `attributes` are the names of
    attributes within records.
    """

    siblings: dict[str, int] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    parent: bool = False
    attributes: set[str] = field(default_factory=set)


class CutBlock(NamedTuple):
    """A block of records, and the start tag of an element that declares the namespaces in scope for them."""

    block: Block
    scope: str


class XmlCutter:
    """Gives blocks of whole records. `path`: steps to the record element, as `{namespace}name`.

    `offset` is the position of the text in the payload; None where it was transcoded.
    """

    def __init__(
        self, path: tuple[str, ...], *, max_record_bytes: int, offset: int | None, most: int = block_limits.MAX_RECORDS
    ) -> None:
        self._path = tuple(_expat_name(step) for step in path)
        self._max = max_record_bytes
        self._offset = offset
        self._most = most
        self._parser = expat.ParserCreate("utf-8", " ")
        self._parser.ordered_attributes = True
        if defer := getattr(self._parser, "SetReparseDeferralEnabled", None):  # expat 2.6
            defer(False)  # parse at once, so that the result does not depend on the size of chunks
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartNamespaceDeclHandler = self._namespace
        self._outside()
        self.beside = Beside()
        self.count = 0
        self._names: list[str] = []
        self._matched = 0
        self._depth = 0
        self._declared: list[tuple[str | None, str | None]] = []
        self._scopes: list[str] = ["<records>"]
        self._known: list[dict[str | None, str | None]] = [{}]
        self._start = -1
        self._bare = True
        self._places: list[_Place] = []
        self._text = b""
        self._base = 0
        self._head: bytes | None = None

    def blocks(self, chunks: Iterable[bytes]) -> Iterator[CutBlock]:
        """Every record in order. Raises DeliveryRefused: `xml_malformed`, `xml_doctype`, `xml_depth`, `xml_token`,
        `encoding`."""
        for chunk in chunks:
            self._feed(chunk)
            yield from self._ready()
        self._parse(b"", final=True)
        yield from self._ready()

    def _feed(self, chunk: bytes) -> None:
        """Parse a chunk in steps small enough to refuse a single tag or comment longer than the longest record."""
        at, end = 0, self._base + len(self._text)
        self._text = self._text + chunk if self._text else chunk
        while at < len(chunk):
            seen = max(self._parser.CurrentByteIndex, self._base)
            if end + at - seen >= self._max:
                raise self._giant(seen)
            stop = at + self._max - (end + at - seen)
            self._parse(chunk[at:stop] if at or stop < len(chunk) else chunk, final=False)
            at = stop

    def _parse(self, chunk: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(chunk, final)
        except expat.ExpatError as error:
            raise self._malformed(error) from error

    def _ready(self) -> Iterator[CutBlock]:
        """Blocks of the records completed so far; text that is no longer needed is dropped."""
        places, self._places = self._places, []
        if self._head is not None and places:
            yield self._long(places.pop(0))
        for scope, found in groupby(places, key=lambda place: place.scope):
            for block in self._block(list(found)).parts(self._most):
                yield CutBlock(block, scope)
        seen = max(self._parser.CurrentByteIndex, self._base)
        end = self._base + len(self._text)
        needed = seen if self._start < 0 else self._start
        if self._start >= 0 and end - self._start > self._max:
            if self._head is None:
                self._head = kept_head(self._text[self._start - self._base :], self._max, "utf-8")
            needed = seen
        self._text = self._text[max(needed - self._base, 0) :]
        self._base = max(needed, self._base)

    def _block(self, places: list[_Place]) -> Block:
        starts = np.array([place.start for place in places], np.int64)
        ends = np.array([self._end(place) for place in places], np.int64)
        low, high = int(starts[0]), int(ends[-1])
        first, self.count = self.count + 1, self.count + len(places)
        long = np.flatnonzero(ends - starts > self._max)
        refused = (("record_too_long", long),) if len(long) else ()
        text = self._text[low - self._base : high - self._base]
        kept = kept_ends(text, starts - low, ends - low, self._max, "utf-8")
        base = None if self._offset is None else self._offset + low
        return Block(text, base, first, starts - low, kept, ends - starts, "utf-8", refused)

    def _end(self, place: _Place) -> int:
        """Offset just after a record. expat reports where its end tag begins or, for `<record/>`, where it ends."""
        at = place.end - self._base
        if place.bare and self._text[at - 2 : at] == b"/>":
            tag = _START_TAG.match(self._text, place.start - self._base)
            if tag and tag[1]:
                return place.end
        return self._text.index(b">", at) + 1 + self._base

    def _long(self, place: _Place) -> CutBlock:
        """The block of a record that is too long, of which only the beginning was kept; it is one refused record."""
        head, self._head = self._head or b"", None
        length = self._end(place) - place.start
        self.count += 1
        zero = np.zeros(1, np.int64)
        base = None if self._offset is None else self._offset + place.start
        block = Block(
            head, base, self.count, zero, zero + len(head), zero + length, "utf-8", (("record_too_long", zero),)
        )
        return CutBlock(block, place.scope)

    def _outside(self) -> None:
        self._parser.StartElementHandler = self._open
        self._parser.EndElementHandler = self._close
        self._parser.CharacterDataHandler = self._loose

    def _open(self, name: str, attributes: list[str]) -> None:
        """Start tag outside a record: an ancestor of the records, a record itself, or any other element."""
        self._depth += 1
        self._check_depth()
        depth, path = self._depth, self._path
        on_the_way = self._matched == depth - 1 and depth <= len(path)
        if on_the_way and name == path[depth - 1]:
            if depth == len(path):
                self._enter(attributes)
                return
            self._matched = depth
            self.beside.parent |= depth == len(path) - 1
        elif on_the_way and depth == len(path):
            self._count_beside(_readable(name))
        self._names.append(name)
        if len(self.beside.paths) < _LISTED:
            shown = "/" + "/".join(map(_readable, self._names))
            if shown not in self.beside.paths:
                self.beside.paths.append(shown)
        self._push_scope()

    def _close(self, _: str) -> None:
        if self._matched == self._depth:
            self._matched -= 1
        self._depth -= 1
        self._names.pop()
        self._scopes.pop()
        self._known.pop()

    def _loose(self, text: str) -> None:
        """Text outside records; between records only blanks are expected, other text is counted."""
        if self._matched == self._depth == len(self._path) - 1 and not is_blank(text):
            self._count_beside("text()")

    def _count_beside(self, name: str) -> None:
        known = self.beside.siblings
        if name in known or len(known) < _KNOWN:
            known[name] = known.get(name, 0) + 1

    def _enter(self, attributes: list[str]) -> None:
        self._start = self._parser.CurrentByteIndex
        self._bare = True
        self._declared.clear()
        self._parser.StartElementHandler = self._open_inside
        self._parser.EndElementHandler = self._close_inside
        self._parser.CharacterDataHandler = None
        if attributes and len(self.beside.attributes) < _KNOWN:
            self.beside.attributes.update(attributes[::2])

    def _open_inside(self, _: str, attributes: list[str]) -> None:
        self._depth += 1
        self._bare = False
        if self._depth > MAX_DEPTH:
            self._check_depth()
        if attributes and len(self.beside.attributes) < _KNOWN:
            self.beside.attributes.update(attributes[::2])

    def _close_inside(self, _: str) -> None:
        if self._depth == len(self._path):
            self._places.append(_Place(self._start, self._parser.CurrentByteIndex, self._bare, self._scopes[-1]))
            self._start = -1
            self._declared.clear()
            self._outside()
        self._depth -= 1

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        self._declared.append((prefix, uri))

    def _push_scope(self) -> None:
        """Record the namespaces in scope for the children of this element."""
        known, scope = self._known[-1], self._scopes[-1]
        if self._declared:
            known = {**known, **dict(self._declared)}
            self._declared.clear()
            names = ((f"xmlns:{p}" if p else "xmlns", uri) for p, uri in known.items() if uri)
            scope = "<records " + " ".join(f"{name}={quoteattr(uri)}" for name, uri in names) + ">"
        self._known.append(known)
        self._scopes.append(scope)

    def _check_depth(self) -> None:
        if self._depth > MAX_DEPTH:
            raise DeliveryRefused(
                f"the XML document nests elements more than {MAX_DEPTH} deep {self._where()}",
                rule="xml_depth",
                next_step="ask the department how the file was made; no register needs this",
            )

    def _doctype(self, name: str, *_: object) -> None:
        raise DeliveryRefused(
            f"the XML document has a DOCTYPE ({name[:40]}) {self._where()}; a DOCTYPE can declare entities, which are "
            "never expanded or fetched here, so nothing after it was read",
            rule="xml_doctype",
            next_step="ask the department to export without a DOCTYPE",
        )

    def _giant(self, place: int) -> DeliveryRefused:
        return DeliveryRefused(
            f"one tag, comment or instruction of the XML document, from byte {place:,} of its text on, is longer than "
            f"{self._max:,} bytes",
            rule="xml_token",
            next_step="ask the department how the file was made, or raise CITYLAKE_MAX_RECORD_BYTES",
        )

    def _malformed(self, error: expat.ExpatError) -> DeliveryRefused:
        index = self._parser.ErrorByteIndex
        rest = self._text[max(index - self._base, 0) :][:_LONGEST_CHARACTER]
        bad = undecodable(rest, "utf-8")
        if self._offset is not None and len(rest) == _LONGEST_CHARACTER and len(bad) and bad[0] == 0:
            return undecodable_byte(self._offset + index, "utf-8")
        what = expat.ErrorString(error.code)
        return DeliveryRefused(
            f"the XML document is not well-formed: {what} at line {error.lineno}, column {error.offset + 1}; "
            f"{self.count + len(self._places):,} whole records were counted before it (cut off in transfer?)",
            rule="xml_malformed",
            next_step="ask the department to send the whole document again",
        )

    def _where(self) -> str:
        return f"at line {self._parser.CurrentLineNumber}, column {self._parser.CurrentColumnNumber + 1}"


def unexpected_attributes(seen: set[str]) -> set[str]:
    """`{namespace}name` of the attributes in records, without those any document may have (xsi:…, xml:…)."""
    return {_readable(name) for name in seen if not name.startswith((f"{_SCHEMA_INSTANCE} ", f"{_XML} "))}


def _expat_name(step: str) -> str:
    return step[1:].replace("}", " ", 1) if step.startswith("{") else step


def _readable(name: str) -> str:
    uri, blank, local = name.rpartition(" ")
    return f"{{{uri}}}{local}" if blank else local
