"""Read a contract's YAML file into plain data, refusing YAML features that are unsafe or ambiguous.

Refused are: more than 1 MB, other encodings than UTF-8, anchors and aliases (a short file can expand to gigabytes),
duplicate keys (the last would silently win), explicit tags, several documents, deep nesting, and numbers that YAML 1.1
reads as other numbers (`010`, `1_000`, `12:30`). Other numbers keep all digits: one with a point becomes a Decimal. It
uses libyaml (CSafeLoader), as the pure Python loader is ten times slower and every DAG parse reads every contract.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from ingestion.contract.problem import KeyPath, Report
from ingestion.values.numbers import exact

MAX_BYTES = 1_000_000
MAX_DEPTH = 24
_WHOLE = re.compile(r"[+-]?(0|[1-9][0-9]*)")


def read_yaml(path: Path) -> tuple[Any, Report]:
    """The data of one file, and the report to which later checks add their problems.

    Raises InvalidContract where the file cannot be read as YAML.
    """
    report = Report(path)
    text = _text(path, report)
    scanner = _Scanner(report)
    report.lines = scanner.lines
    try:
        scanner.scan(text)
        report.raise_if_any()
        return _data(text), report
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        report.add((), f"not YAML: {error.problem or error.context}", line=mark.line + 1 if mark else None)
    except (yaml.YAMLError, ValueError) as error:
        report.add((), f"not YAML: {str(error).splitlines()[0]}")
    report.raise_if_any()
    return None, report


class _Loader(yaml.CSafeLoader):
    """YAML loader that keeps the digits of numbers and refuses ambiguous ones."""


def _data(text: str) -> Any:
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    if not _WHOLE.fullmatch(node.value):
        raise _ambiguous_number(node)
    return int(node.value)


def _decimal(loader: _Loader, node: yaml.ScalarNode) -> Decimal:
    number = exact(node.value)
    if number is None:
        raise _ambiguous_number(node)
    return number


def _ambiguous_number(node: yaml.ScalarNode) -> yaml.MarkedYAMLError:
    what = f"{node.value} is no plain number; text goes in quotes, a number is written like 12 or -0.5"
    return yaml.constructor.ConstructorError(None, None, what, node.start_mark)


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _decimal)


def _text(path: Path, report: Report) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            report.add((), f"larger than {MAX_BYTES} bytes: not a contract")
        text = data.decode("utf-8-sig") if not report.problems else ""
    except OSError as error:
        report.add((), f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        report.add((), f"not UTF-8 (byte {error.start})")
    report.raise_if_any()
    return text


@dataclass
class _Frame:
    """An open mapping or sequence."""

    path: KeyPath
    mapping: bool
    keys: set[str] = field(default_factory=set)
    key: str | None = None
    index: int = 0


class _Scanner:
    """One pass over the parser's events: reports refused features, and records the line of every key path."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.lines: dict[KeyPath, int] = {}
        self.stack: list[_Frame] = []
        self.documents = 0

    def scan(self, text: str) -> None:
        loader = yaml.CSafeLoader(text)
        try:
            while loader.check_event():
                event = loader.get_event()
                if event is None or not self._event(event):
                    return
        finally:
            loader.dispose()

    def _event(self, event: yaml.Event) -> bool:
        """Process one event. False stops the scan, because reading on would be unsafe."""
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self.report.add((), "more than one YAML document", line=line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.stack.pop()
        elif isinstance(event, yaml.NodeEvent):
            return self._node(event, line)
        return True

    def _node(self, event: yaml.NodeEvent, line: int) -> bool:
        path, is_key = self._place(event, line)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self.report.add(path, "anchors and aliases are not allowed in a contract; write the value out", line=line)
            return False
        if getattr(event, "tag", None) is not None:
            self.report.add(path, f"the explicit tag {event.tag} is not allowed", line=line)  # type: ignore[attr-defined]
            return False
        if isinstance(event, yaml.CollectionStartEvent):
            if is_key or len(self.stack) >= MAX_DEPTH:
                self.report.add(path, "a key must be plain text" if is_key else "nested too deeply", line=line)
                return False
            self.stack.append(_Frame(path, isinstance(event, yaml.MappingStartEvent)))
        return True

    def _place(self, event: yaml.NodeEvent, line: int) -> tuple[KeyPath, bool]:
        """The key path of this node, and whether it is a key of a mapping."""
        if not self.stack:
            return (), False
        frame = self.stack[-1]
        if not frame.mapping:
            path: KeyPath = (*frame.path, frame.index)
            frame.index += 1
            self.lines[path] = line
            return path, False
        if frame.key is not None:
            path, frame.key = (*frame.path, frame.key), None
            return path, False
        frame.key = str(getattr(event, "value", ""))
        path = (*frame.path, frame.key)
        if frame.key in frame.keys:
            self.report.add(path, f"the key is given twice (first in line {self.lines.get(path)})", line=line)
        frame.keys.add(frame.key)
        self.lines.setdefault(path, line)
        return path, True
