"""The elements and attributes that a table reads, as a tree that is walked together with the tree of each record.

Whether a child element is expected, repeated or undeclared can only be found element by element, and lxml gives
elements to Python one at a time. So this is the only reader with a Python loop over records; it copies text and does
not type values.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from ingestion.contract.extension import XmlFormat
from ingestion.contract.model import Column, Table
from ingestion.contract.xml_paths import steps
from ingestion.values.blanks import is_blank

NIL = "\x00nil"
"""Stands for an element with `xsi:nil`; no XML text can contain a NUL."""

_NIL_NAME = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_KNOWN_UNEXPECTED = 1_000

Repeated = Literal["refuse", "first", "list"]
Row = list[Any]


@dataclass
class Node:
    """A declared element: index of the `column` that reads its text (-1: none), and (name, column) of `attributes`.

    `ignored`: undeclared content of it is accepted. `leaf`: only its text is read.
    """

    children: dict[str, Node] = field(default_factory=dict)
    attributes: list[tuple[str, int]] = field(default_factory=list)
    column: int = -1
    ignored: bool = False
    leaf: bool = False


@dataclass
class Plan:
    """What to read of each record, and the undeclared elements found so far.

    `attributes`: names of all declared attributes. `unexpected` maps the path of an element that is neither read nor
    ignored to their number and the number of the first record with one. `mixed`: some element of the block has text
    between its children, which must be searched for.
    """

    root: Node
    repeated: tuple[Repeated, ...]
    attributes: frozenset[str]
    unexpected: dict[str, tuple[int, int]] = field(default_factory=dict)
    mixed: bool = False

    def row(self, record: Any, number: int) -> Row | None:
        """Texts in column order; None for a record that repeats an element the contract has once."""
        row: Row = [None] * len(self.repeated)
        fine = self._put(row, self.root.column, _text(record)) if self.root.column >= 0 else True
        return row if self._walk(record, self.root, row, number, "") and fine else None

    def _walk(self, element: Any, node: Node, row: Row, number: int, path: str) -> bool:
        """Fill `row` from an element's attributes and children; False where one is repeated against the contract."""
        fine = self._own(element, node, row, number, path)
        children = node.children
        if self.mixed and not node.ignored and any(child.tail and not is_blank(child.tail) for child in element):
            self._note(f"{path}text()", number)
        for child in element:
            tag = child.tag
            step = children.get(tag)
            if step is None:
                if not node.ignored:
                    self._note(f"{path}{tag}", number)
            elif step.leaf and not len(child):
                text = child.text
                column = step.column
                if row[column] is None:
                    row[column] = _text(child) if text is None else text
                else:
                    fine &= self._put(row, column, text or "")
            else:
                if step.column >= 0:
                    fine &= self._put(row, step.column, _text(child))
                fine &= self._walk(child, step, row, number, f"{path}{tag}/")
        return fine

    def _own(self, element: Any, node: Node, row: Row, number: int, path: str) -> bool:
        """Read the element's declared attributes; note its own text as unexpected where no column reads it."""
        fine = True
        for name, column in node.attributes:
            value = element.get(name)
            if value is not None:
                fine &= self._put(row, column, value)
        text = element.text
        if text and node.column < 0 and not node.ignored and not is_blank(text):
            self._note(f"{path}text()", number)
        return fine

    def _put(self, row: Row, column: int, value: str) -> bool:
        """Set a column, or handle a repeated value as the contract says; False where it must not be repeated."""
        before, how = row[column], self.repeated[column]
        if how == "list":
            row[column] = [value] if before is None else [*before, value]
        elif before is None:
            row[column] = value
        else:
            return how == "first"
        return True

    def _note(self, path: str, number: int) -> None:
        count, first = self.unexpected.get(path, (0, number))
        if count or len(self.unexpected) < _KNOWN_UNEXPECTED:
            self.unexpected[path] = (count + 1, first)


def plan(table: Table, spec: XmlFormat) -> Plan:
    """Build the tree from a table's columns and the format's ignored elements."""
    root = Node()
    columns = table.source_columns
    attributes = set()
    for index, column in enumerate(columns):
        *way, last = steps(path_of(column), spec.namespaces) or (".",)
        node = _descend(root, way)
        if last == ".":
            root.column = index
        elif last.startswith("@"):
            node.attributes.append((last[1:], index))
            attributes.add(last[1:])
        else:
            _descend(node, [last]).column = index
    for path in spec.ignored:
        if path.startswith("/"):
            continue
        *way, last = steps(path, spec.namespaces)
        if last.startswith("@"):
            attributes.add(last[1:])
        else:
            _descend(root, [*way, last]).ignored = True
    repeated = tuple(column.spec.repeated for column in columns)
    _mark_leaves(root, repeated)
    return Plan(root, repeated, frozenset(attributes))


def _mark_leaves(node: Node, repeated: tuple[Repeated, ...]) -> None:
    for child in node.children.values():
        single = child.column >= 0 and repeated[child.column] != "list"
        child.leaf = single and not child.children and not child.attributes
        _mark_leaves(child, repeated)


def path_of(column: Column) -> str:
    """The path of a column inside a record: its declared `path`, else its source name as a child element."""
    return column.spec.path or str(column.source)


def _descend(node: Node, way: Iterable[str]) -> Node:
    for step in way:
        node = node.children.setdefault(step, Node())
    return node


def _text(element: Any) -> str:
    text = element.text
    if text is None:
        return NIL if element.get(_NIL_NAME) in ("true", "1") else ""
    return str(text)
