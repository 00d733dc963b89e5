"""The stub of a simulated feed: what `feed new` writes below `infra/simulator/feeds`, for a person to make plausible.

Owns the text only; what the words in it do is infra.simulator's (`columns`, `declared`). Generators follow from types
and keys, never from values of a sample.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.contract.extension import CsvFormat, JsonFormat
from ingestion.contract.model import Column, Contract, Table
from ingestion.contract.sources import FileDrop

_ROWS = {"hour": 10, "day": 100}


def stub(contract: Contract) -> str:
    """The module's text: runs as it is for delimited text and NDJSON of one table, else says what is missing."""
    table = contract.tables[0]
    every = contract.citylake.calendar.every if contract.citylake.calendar.every in _ROWS else "day"
    columns = dict(_columns(table, every))
    names = sorted({made.partition("(")[0] for made in columns.values()})
    lines = [
        f'"""{contract.title}: made up. Say what values are plausible, and what is planted; then `make generate`."""',
        "",
        "from datetime import timedelta",
        "",
        f"from infra.simulator.columns import {', '.join(names)}",
        "from infra.simulator.declared import declared, refused, repeated",
        "",
        "FEED = declared(",
        f'    "{contract.department}",',
        f'    "{contract.feed}",',
        f'    every="{every}",',
        f'    filename="{_filename(contract)}",',
        f"    arrives=timedelta({'minutes=10' if every == 'hour' else 'hours=20'}),",
        f"    rows={_ROWS[every]},",
        "    columns={",
        *(f'        "{source}": {made},' for source, made in columns.items()),
        "    },",
        "    dirt=[",
        *_dirt(table),
        "        repeated(2, 2),",
        "    ],",
        ")",
    ]
    return "\n".join(lines) + "\n"


def _filename(contract: Contract) -> str:
    """The contract's path with the simulator's placeholders."""
    source, form = contract.citylake.source, contract.citylake.format
    ending = {JsonFormat: "ndjson", CsvFormat: "csv"}.get(type(form), "csv")
    path = source.path if isinstance(source, FileDrop) else f"{contract.feed}_{{interval:%Y%m%d}}*.{ending}"
    stem, _, _ = path.rsplit("/", 1)[-1].rpartition(".")
    return f"{stem.replace('{interval:', '{start:').replace('*', '')}{{suffix}}.{ending}"


def _columns(table: Table, every: str) -> Iterator[tuple[str, str]]:
    for column in table.source_columns:
        yield str(column.source), _generator(column, every)


def _generator(column: Column, every: str) -> str:
    kind = column.type.split("(")[0]
    if kind in ("DATE", "TIMESTAMP", "TIMESTAMPTZ"):
        form = {None: "%Y-%m-%d", "iso": "%Y-%m-%d"}.get(column.spec.format, str(column.spec.format))
        clock = " %H:%M:%S" if kind != "DATE" and form == "%Y-%m-%d" else ""
        return f'moment("{form}{clock}"{", until_hour=19" if every == "day" and kind != "DATE" else ""})'
    if kind == "BOOLEAN":
        return 'choice({"true": 1, "false": 1})'
    if kind == "VARCHAR":
        return 'serial("%Y%m%d%H#")' if column.primary_key else 'choice({"甲（模拟）": 1, "乙（模拟）": 1})'
    return "number(0, 100)" if kind in ("INTEGER", "BIGINT") else "number(0, 100, digits=2)"


def _dirt(table: Table) -> Iterator[str]:
    """A key without a value is refused in every feed."""
    for name in table.key[:1]:
        source = table.column(name).source
        if source:
            yield f'        refused(1, 1, "{name}.required", {{"{source}": ""}}),'
