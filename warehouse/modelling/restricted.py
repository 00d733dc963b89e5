"""The word `edition` of a declaration: what must hold of a restricted model, and of models that others may read.

A table of another edition must not show a restricted one row by row. That is refused where a column's value is made of
a pseudonym that the restricted model is made of, or of the restricted model's key: by lineage
(warehouse.modelling.made_of), so that neither a new name nor an expression helps. Whether counts of few people can be
told apart is the gate's matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from warehouse.build.lineage import kind_of
from warehouse.modelling.inheritance import Node
from warehouse.modelling.made_of import Origin
from warehouse.modelling.staging import Staging, bronze


@dataclass(frozen=True)
class Restricted:
    """The models of a project: `staging` by name as contracts ask for them, `nodes` those that a person describes."""

    staging: Mapping[str, Staging]
    nodes: Mapping[str, Node]
    _traced: dict[tuple[str, str], frozenset[tuple[str, str]]] = field(default_factory=dict)

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
        columns = [one.name for one in self.nodes[model].selects]
        copied = {self._copied(model, name) for name in columns}
        for name in sorted(self._names):
            key = self.nodes[name].said.key
            is_same = set(key) <= set(self.nodes[model].said.key) or {(name, column) for column in key} <= copied
            shown = [column for column in columns if self._trace(model, column) & self._keys[name]]
            if name in below and is_same:
                yield "key", f"one row for each of the restricted {name} ({', '.join(key)}): count them in groups"
            elif shown:
                yield (
                    "columns",
                    f"{', '.join(shown)}: made of the key of the restricted {name}: leave it out, or count",
                )
        shown = self._pseudonyms_of(model) if below & self._behind else []
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

    @cached_property
    def _keys(self) -> dict[str, frozenset[tuple[str, str]]]:
        """The column that tells the rows of a restricted model apart, and those upstream that it alone is made of.

        None where only several columns do; nor what refers to another model, which is that one's. A released model
        that is not restricted shows its columns by decision, so nothing beyond it counts.
        """
        found = {}
        for name in sorted(self._names):
            ahead, seen = [(name, column) for column in self._row_key(name)], set[tuple[str, str]]()
            while ahead:
                one = ahead.pop()
                if one not in seen and (one[0] in self._names or kind_of(one[0]) is None):
                    seen.add(one)
                    above = self._made_of(*one)
                    models = [model for model, _ in above]
                    ahead += [up for up in above if models.count(up[0]) == 1]
            found[name] = frozenset(seen)
        return found

    def _row_key(self, model: str) -> list[str]:
        """The one column that tells its rows apart within a day; empty where it takes several, or refers to another."""
        said = self.nodes[model].said
        refers = {name for name, column in said.columns.items() if column.references}
        rest = [name for name in said.key if name != said.day_column]
        return rest if len(rest) == 1 and rest[0] not in refers else []

    def _copied(self, model: str, column: str) -> tuple[str, str]:
        """The column of a restricted model that it is a plain copy of, else the furthest one upstream."""
        node = self.nodes.get(model)
        one = next((one for one in node.selects if one.name == column), None) if node else None
        if model in self._names or one is None or one.model is None or one.copies is None:
            return model, column
        return self._copied(one.model, one.copies)

    @cached_property
    def _pseudonyms(self) -> frozenset[tuple[str, str]]:
        """The columns of staging models that the contract makes pseudonyms, as they give and as they get them."""
        found = set()
        for model, one in self.staging.items():
            rules = {column.name: column.spec.deidentify for column in one.table.columns}
            for name, (sent, _) in one.columns.items():
                rule = rules.get(sent)
                if rule is not None and rule.method == "pseudonym":
                    found |= {(model, name), (bronze(model), name), (bronze(model), sent)}
        return frozenset(found)

    def _pseudonyms_of(self, model: str) -> list[str]:
        """Its columns that are made of pseudonyms, in order."""
        node = self.nodes.get(model)
        names = [one.name for one in node.selects] if node else list(self.staging[model].columns)
        return [name for name in names if self._trace(model, name) & self._pseudonyms]

    def _trace(self, model: str, column: str) -> frozenset[tuple[str, str]]:
        """The column, and every column of any model upstream that its value is made of."""
        one = (model, column)
        if one not in self._traced:
            self._traced[one] = frozenset({one})  # a circle of refs ends here; dbt reports it
            above = [self._trace(*up) for up in self._made_of(model, column)]
            self._traced[one] = frozenset({one}).union(*above)
        return self._traced[one]

    def _made_of(self, model: str, column: str) -> set[tuple[str, str]]:
        """Columns of the models it reads; of each model where it is not known of which."""
        node = self.nodes.get(model)
        origins: set[Origin] = set()
        for one in node.selects if node else []:
            if one.name == column:
                origins |= one.made_of
        return {(up, name) for read, name in origins for up in ([read] if read else node.reads if node else [])}
