"""The word `edition` of a declaration: what must hold of a restricted model, and of models that others may read.

A table of another edition must not show a restricted one row by row. That is refused where it selects a pseudonym that
the restricted model has, or its own key is that of the restricted model: by lineage, so that renaming a column does not
help. Whether counts of few people can be told apart is the gate's matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from warehouse.build.lineage import kind_of
from warehouse.modelling.inheritance import Node
from warehouse.modelling.staging import Staging


@dataclass(frozen=True)
class Restricted:
    """The models of a project: `staging` by name as contracts ask for them, `nodes` those that a person describes."""

    staging: Mapping[str, Staging]
    nodes: Mapping[str, Node]
    _pseudonyms: dict[str, frozenset[str]] = field(default_factory=dict)

    def problems(self, model: str) -> Iterator[tuple[str, str]]:
        """(key of the declaration, what is wrong) of one model."""
        said = self.nodes[model].said
        if said.edition is not None:
            yield from self._of_restricted(model)
        elif kind_of(model) is not None:
            yield from self._of_others(model)

    def _of_restricted(self, model: str) -> Iterator[tuple[str, str]]:
        if kind_of(model) == "pub":
            yield "edition", f"{model} is for everybody by its name: a restricted model is no `pub_`"
        elif kind_of(model) is None:
            yield "edition", f"{model} is in no edition: declare it on the released models that are made of it"
        if self.nodes[model].said.expires is not None:
            yield "edition", f"{model} is in the restricted edition, and rows leave the open one alone: no `expires`"

    def _of_others(self, model: str) -> Iterator[tuple[str, str]]:
        below = self._below(model)
        for name in sorted(self._names & below):
            key = self.nodes[name].said.key
            if set(key) <= set(self.nodes[model].said.key):
                yield "key", f"one row for each of the restricted {name} ({', '.join(key)}): count them in groups"
        shown = sorted(self._pseudonyms_of(model)) if below & self._behind else []
        if shown:
            yield (
                "columns",
                f"{', '.join(shown)}: a pseudonym of what only restricted models may show; leave it out, or declare "
                "`edition: restricted`",
            )

    @cached_property
    def _names(self) -> frozenset[str]:
        """The restricted models."""
        return frozenset(name for name, node in self.nodes.items() if node.said.edition is not None)

    @cached_property
    def _behind(self) -> frozenset[str]:
        """They, and the staging models with pseudonyms that they are made of."""
        read = {up for name in self._names for up in self._below(name)}
        return self._names | {name for name in read & self.staging.keys() if self._pseudonyms_of(name)}

    def _below(self, model: str) -> set[str]:
        """Every model that it reads, directly or through others."""
        found: set[str] = set()
        ahead = list(self.nodes[model].reads) if model in self.nodes else []
        while ahead:
            name = ahead.pop()
            if name not in found:
                found.add(name)
                ahead += self.nodes[name].reads if name in self.nodes else []
        return found

    def _pseudonyms_of(self, model: str) -> frozenset[str]:
        """Its columns that are pseudonyms, by the columns they copy; by name where it is not known what they copy."""
        if model not in self._pseudonyms:
            self._pseudonyms[model] = frozenset()  # a circle of refs ends here; dbt reports it
            found = self._of_staging(model) if model in self.staging else set[str]()
            self._pseudonyms[model] = frozenset(found | (self._of_node(model) if model in self.nodes else set()))
        return self._pseudonyms[model]

    def _of_staging(self, model: str) -> set[str]:
        one = self.staging[model]
        rules = {column.name: column.spec.deidentify for column in one.table.columns}
        return {
            name
            for name, (bronze, _) in one.columns.items()
            if (rule := rules.get(bronze)) is not None and rule.method == "pseudonym"
        }

    def _of_node(self, model: str) -> set[str]:
        node = self.nodes[model]
        found = set()
        for column in node.selects:
            names = {column.name, *([column.copies] if column.copies else [])}
            read = [column.model] if column.model and column.copies else node.reads
            wanted = {column.copies} if column.model and column.copies else names
            if any(wanted & self._pseudonyms_of(up) for up in read):
                found.add(column.name)
        return found
