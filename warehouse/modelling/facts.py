"""Facts from contracts: a staging model with a durable id (docs/adr/0025), where a contract asks for one.

Owns their SQL and what is declared of them. A fact that joins, computes or leaves more out is written by hand.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.contract.extension import FactSpec, TableSpec
from warehouse.modelling.declaration import Declaration
from warehouse.modelling.staging import Staging
from warehouse.modelling.texts import header

CALENDAR, CALENDAR_KEY = "dim_date", "calendar_date"
"""The model of calendar days and its key: where a project has it, the days of a fact are days of it."""
_PRIVATE = ("personal", "sensitive")
_ZONED = "TIMESTAMPTZ"


@dataclass(frozen=True)
class Fact:
    """The fact of one staging model."""

    staging: Staging
    spec: FactSpec

    @property
    def name(self) -> str:
        """`fct_<model>`."""
        return f"fct_{self._model}"

    @property
    def _model(self) -> str:
        return self.spec.model or self.staging.table.name

    @property
    def id(self) -> str:
        """Its key."""
        return f"{self._model}_id"

    def sql(self) -> str:
        """The model: rows, id, select."""
        kept = [name for name, (_, said) in self.staging.columns.items() if said.classification not in _PRIVATE]
        columns = ",\n".join(f"        {name}" for name in [self._key(), *kept])
        said = header(f"contract {self.staging.contract.name}", "the contract").replace("; ", ";\n-- ")
        return (
            f"-- {said}\nwith\n\n{_ROWS} as (\n    select * from {{{{ ref('{self.staging.name}') }}}}\n),\n\n"
            f"final as (\n    select\n{columns}\n    from {_ROWS}\n)\n\nselect * from final\n"
        )

    def _key(self) -> str:
        """The durable id. A moment enters as wall clock, so that it is the same text on every engine."""
        kinds = {name: kind for name, (kind, _) in self._kinds().items()}
        parts = [f"local_timestamp('{name}')" if kinds[name] == _ZONED else f"'{name}'" for name in self.staging.key]
        lines = "".join(f"\n            {part}," for part in parts)
        return f"{{{{ natural_key([{lines}\n        ]) }}}} as {self.id}"

    def _kinds(self) -> dict[str, tuple[str | None, str]]:
        types = {column.name: column.bronze_type for column in self.staging.table.columns}
        return {name: (types.get(bronze), bronze) for name, (bronze, _) in self.staging.columns.items()}

    def declared(self, *, calendar: bool) -> Declaration:
        """What is said of it; with a `calendar` its days are days of that."""
        table, day = self.staging.table, self.staging.day_column
        title, _, text = self.staging.description.partition(" · ")
        of = " and ".join(self.staging.key)
        usual = 1 if self.staging.contract.citylake.calendar.every == "hour" else 3
        within = usual if self.spec.fresh_within_days is None else self.spec.fresh_within_days
        columns = {self.id: f"{title}标识 · Durable id: hash of {of}."}
        dates = {str(day): {"references": f"{CALENDAR}.{CALENDAR_KEY}"}} if calendar else {}
        tables = self.staging.contract.tables
        receipts = self.staging.contract.name + (f".{table.name}" if len(tables) > 1 else "")
        return Declaration.model_validate(
            {
                "description": f"{title} · {text.splitlines()[0]}",
                "grain": f"{table.grain[:1].lower()}{table.grain[1:]}",
                "key": self.id,
                "day_column": day,
                "fresh": {"within_days": within},
                "reconciled": [{"receipts": receipts}],
                "columns": {**columns, **dates},
            }
        )


_ROWS = "delivered"


def facts(staging: dict[str, Staging]) -> dict[str, Fact]:
    """Every fact that the contracts ask for, by name."""
    asked = [(one, _spec(one)) for one in staging.values()]
    found = [Fact(one, spec) for one, spec in asked if spec is not None]
    return {fact.name: fact for fact in found}


def _spec(one: Staging) -> FactSpec | None:
    return one.contract.citylake.tables.get(one.table.name, TableSpec()).fact
