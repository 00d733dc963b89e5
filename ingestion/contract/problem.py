"""Problems of contract files, one line each, reported together for a whole file.

`yaml_text`, `strict`, `columns` and `semantics` find the problems and add them to a `Report`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ingestion.errors import ContractError

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One problem, shown as `file:line: key path: message`. `line` is 1-based; None where unknown."""

    file: str
    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        """One line."""
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class InvalidContract(ContractError):
    """One or more contract files are wrong; `problems` lists every line of the message."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """At least one problem."""
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = [f"{count} problem{'s' if count > 1 else ''} in contract files", *(f"  {p}" for p in self.problems)]
        super().__init__("\n".join(lines), next_step="correct the lines above, then: citylake contracts check")


@dataclass
class Report:
    """Collects the problems of one file; `lines` maps key paths to line numbers."""

    file: Path
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, path: KeyPath, message: str, *, line: int | None = None) -> None:
        """Add one problem; the line is looked up where it is not given."""
        self.problems.append(Problem(str(self.file), dotted(path), message, line or self._line(path)))

    def raise_if_any(self) -> None:
        """Raise InvalidContract with everything found, in file order."""
        if self.problems:
            raise InvalidContract(sorted(self.problems, key=lambda p: p.line or 0))

    def _line(self, path: KeyPath) -> int | None:
        """The line of the key, or of its nearest parent that is in the file: line 1 for the document itself."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 1 if self.lines else None


def dotted(path: KeyPath) -> str:
    """A key path as text, such as `schema[0].properties[3].logicalType`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def choices(word: object, allowed: Iterable[str]) -> str:
    """Help for a wrong word: the allowed word with the nearest spelling, then all allowed words."""
    options = list(allowed)
    folded = {option.casefold(): option for option in options}
    near = difflib.get_close_matches(str(word).casefold(), list(folded), n=1, cutoff=0.6)
    hint = f"did you mean `{folded[near[0]]}`? " if near else ""
    return f"{hint}allowed: {', '.join(options) if options else 'nothing'}"
