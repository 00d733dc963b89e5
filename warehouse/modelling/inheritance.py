"""What is said of each column of each model: said there, else inherited along lineage (docs/adr/0025).

A column inherits text and classification from the column it copies, where `final` takes it from an imported model;
else from the nearest model upstream that has a column of its name (or of the name it copies); else from the column it
references. Where the nearest disagree, or none has it, the model must say it itself. Texts begin in contracts, seeds
and the lake's own columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from warehouse.modelling.declaration import ColumnSaid, Declaration
from warehouse.modelling.select_list import Selected
from warehouse.modelling.sources import LAKE_COLUMNS
from warehouse.modelling.staging import Described

Texts = Mapping[str, Described]


@dataclass(frozen=True)
class Node:
    """A model a person describes: what it selects, what it reads, what is said of it."""

    selects: list[Selected]
    reads: list[str]
    said: Declaration


@dataclass
class Inheritance:
    """Texts of every column. `known` are the models described by others (staging, seeds), `nodes` the rest.

    `problems` collects (model, column, what is wrong) while texts are asked for.
    """

    known: Mapping[str, Texts]
    nodes: Mapping[str, Node]
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    _resolved: dict[str, Texts] = field(default_factory=dict)

    def columns(self, model: str) -> Texts:
        """Column to what is said of it, in the order of the select list; empty for an unknown model."""
        if model in self.known:
            return self.known[model]
        if model not in self._resolved:
            self._resolved[model] = {}  # a circle of refs ends here; dbt reports it
            node = self.nodes.get(model)
            self._resolved[model] = dict(self._node(model, node)) if node else {}
        return self._resolved[model]

    def _node(self, model: str, node: Node) -> Iterator[tuple[str, Described]]:
        names = [column.name for column in node.selects]
        for name in (name for name in node.said.columns if name not in names):
            self.problems.append((model, name, "is described and not selected"))
        for column in node.selects:
            said = node.said.columns.get(column.name)
            own = said.description if said else None
            found = self._inherited(column, node)
            if len({one.text for one in found}) != 1:
                found = self._referenced(column.name, said) or found
            if own is None and len({one.text for one in found}) > 1:
                self.problems.append((model, column.name, "the models it reads say different things: say it here"))
            elif own is None and not found:
                self.problems.append((model, column.name, "no model upstream has it: say `title · text` here"))
            else:
                classified = {one.classification for one in found}
                kept = classified.pop() if len(classified) == 1 else None
                yield column.name, Described(own or found[0].text, kept)

    def _referenced(self, column: str, said: ColumnSaid | None) -> list[Described]:
        """What the model says that the column points to."""
        model, _, other = (said.references or "").partition(".") if said else ("", "", "")
        texts = self.columns(model) if model else {}
        return [texts[other or column]] if (other or column) in texts else []

    def _inherited(self, column: Selected, node: Node) -> list[Described]:
        """What the nearest column says that has one of the names; several where they stand equally near."""
        names = [column.name, *([column.copies] if column.copies else [])]
        if column.name in LAKE_COLUMNS:
            return [Described(LAKE_COLUMNS[column.name])]
        if column.model and column.copies and column.copies in self.columns(column.model):
            return [self.columns(column.model)[column.copies]]
        level, seen = list(node.reads), set(node.reads)
        while level:
            for name in names:
                found = [texts[name] for model in level if name in (texts := self.columns(model))]
                if found:
                    return found
            level = [up for model in level for up in self._reads(model) if up not in seen]
            seen |= set(level)
        return []

    def _reads(self, model: str) -> list[str]:
        return self.nodes[model].reads if model in self.nodes else []
