"""Staging models from contracts: one view a table, with the names analysts use (docs/adr/0025).

Owns their names, columns, SQL and yml entries. What a contract may say of them is `StagingSpec`
(ingestion.contract.extension). A hand-written one keeps its SQL and gets its columns' texts like any other model
(warehouse.modelling.inheritance).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ingestion.contract.extension import StagingSpec, TableSpec
from ingestion.contract.model import Contract, Table
from warehouse.build.sources import lake_columns, row_key, source_name
from warehouse.modelling.sources import LAKE_COLUMNS
from warehouse.modelling.texts import header

_EVENT_DATE = "_event_date"


@dataclass(frozen=True)
class Described:
    """What is said of one column: `title · text`, and its classification where one is known."""

    text: str
    classification: str | None = None


@dataclass(frozen=True)
class Staging:
    """One staging model. `columns` maps its column names, in order, to the bronze column and what is said of it."""

    contract: Contract
    table: Table
    columns: dict[str, tuple[str, Described]]

    @property
    def spec(self) -> StagingSpec:
        """What the contract says of the model."""
        return _spec(self.contract, self.table)

    @property
    def name(self) -> str:
        """`stg_<department>__<model>`."""
        return f"stg_{self.contract.department}__{self.spec.model or self.table.name}"

    @property
    def key(self) -> list[str]:
        """Columns that tell its rows apart, as the source view does: of events, within the event day."""
        if self.spec.key:
            return self.spec.key
        named = {bronze: name for name, (bronze, _) in self.columns.items()}
        dated = self.contract.citylake.delivery == "events" and self.table.event_time
        return [named[name] for name in [*row_key(self.table), *([_EVENT_DATE] if dated else [])]]

    @property
    def description(self) -> str:
        """Title, text and grain of the table."""
        table = self.table
        return f"{table.title} · {table.description}\nGrain: {table.grain[:1].lower()}{table.grain[1:]}\n"

    @property
    def day_column(self) -> str | None:
        """The local date of the event time, where the table has one."""
        return next((name for name, (bronze, _) in self.columns.items() if bronze == _EVENT_DATE), None)

    def sql(self) -> str:
        """The model: source, renamed, select."""
        source = f"source('{self.contract.department}', '{source_name(self.contract, self.table)}')"
        columns = [name if name == bronze else f"{bronze} as {name}" for name, (bronze, _) in self.columns.items()]
        said = header(f"contract {self.contract.name}", "the contract").replace("; ", ";\n-- ")
        selected = ",\n".join(f"        {column}" for column in columns)
        return (
            f"-- {said}\n"
            f"with\n\nsource as (\n    select * from {{{{ {source} }}}}\n),\n\n"
            f"final as (\n    select\n{selected}\n    from source\n)\n\nselect * from final\n"
        )


def staging_models(contracts: Iterable[Contract]) -> dict[str, Staging]:
    """Every staging model that the contracts ask for, by name."""
    found = [Staging(c, table, dict(_columns(c, table))) for c in contracts for table in c.tables]
    return {staging.name: staging for staging in found}


def bronze(name: str) -> str:
    """What a hand-written staging model reads: the columns of its table under their names in it."""
    return f"{name} (bronze)"


def _spec(contract: Contract, table: Table) -> StagingSpec:
    return contract.citylake.tables.get(table.name, TableSpec()).staging


def _columns(contract: Contract, table: Table) -> Iterator[tuple[str, tuple[str, Described]]]:
    """Bronze columns in the contract's order, the event date after its time, then the lake's own."""
    spec = _spec(contract, table)
    for column in table.bronze_columns:
        if column.name not in spec.leave_out:
            said = Described(f"{column.title} · {column.description}", column.classification)
            yield spec.columns.get(column.name, column.name), (column.name, said)
        if column.name == table.event_time:
            named = spec.columns.get(column.name, column.name)
            name = spec.columns.get(_EVENT_DATE) or f"{named.removesuffix('_at').removesuffix('_date')}_date"
            title = column.title.removesuffix("时间").removesuffix("时刻").removesuffix("日期")
            yield name, (_EVENT_DATE, Described(f"{title}日期 · Local date of {named}.", column.classification))
    for name in lake_columns(table):
        if name != _EVENT_DATE:
            yield name, (name, Described(LAKE_COLUMNS[name]))
