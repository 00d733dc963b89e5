"""The refused rows of one delivery: how many by rule, in words, and each row with the values at fault.

`rule_counts` gives names and numbers only, for anybody who may know of the delivery. `refused_rows` gives personal
data; callers check who asks and record the look. Words are those of the contract as it is now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ingestion.contract.model import Contract
from ingestion.contract.rules import sent_columns
from ingestion.lake import Lake
from warehouse.refused.model import Fault, RefusedRow, RuleCount
from warehouse.refused.quarantine import QuarantinedRow, read_quarantine
from warehouse.refused.words import RuleWords, words_of

_NEWEST = """
with newest as (
    select key from receipt where department = $department and feed = $feed and batch = $batch
    order by committed_at desc, key desc limit 1
)
select table_name, quarantined, rules, quarantine
from table_receipt semi join newest on table_receipt.receipt_key = newest.key
where quarantined > 0
"""


@dataclass(frozen=True)
class RefusedTable:
    """What the newest receipt of a delivery says of one table: refused rows, rows by rule, quarantine objects."""

    name: str
    rows: int
    rules: Mapping[str, int]
    keys: tuple[str, ...]


def refused_tables(lake: Lake, feed: str, batch: str) -> list[RefusedTable]:
    """The tables of a delivery that have refused rows, in contract order; none for an unknown batch.

    Raises ContractError where the feed has no contract, IntegrityError, LakeBusy.
    """
    contract = lake.contract(feed)
    values = {"department": contract.department, "feed": contract.feed, "batch": batch}
    with lake.log.refreshed() as log:
        found = log.execute(_NEWEST, values).fetchall()
    order = {table.name: place for place, table in enumerate(contract.tables)}
    tables = [RefusedTable(name, rows, rules or {}, tuple(keys or ())) for name, rows, rules, keys in found]
    return sorted(tables, key=lambda table: (order.get(table.name, len(order)), table.name))


def rule_counts(lake: Lake, feed: str, batch: str) -> list[RuleCount]:
    """Rows of a delivery by broken rule, most first within each table. Holds no row values. Raises as above."""
    contract = lake.contract(feed)
    return counts_of(contract, {table.name: table.rules for table in refused_tables(lake, feed, batch)})


def counts_of(contract: Contract, tables: Mapping[str, Mapping[str, int]]) -> list[RuleCount]:
    """The rules that rows of each table broke, in words, most rows first within each table."""
    return [
        _count(table, rule, rows, words_of(contract, table, rule))
        for table, rules in tables.items()
        for rule, rows in sorted(rules.items(), key=lambda item: (-item[1], item[0]))
    ]


def refused_rows(lake: Lake, feed: str, batch: str, *, limit: int, offset: int = 0) -> list[RefusedRow]:
    """`limit` refused rows of a delivery after the first `offset`, unmasked, by table and record.

    Past the retention of quarantine there are none. Raises as `refused_tables`, and StoreError.
    """
    contract, store = lake.contract(feed), lake.store
    tables = refused_tables(lake, feed, batch)
    urls = {table.name: [store.url(key) for key in table.keys if store.head(key)] for table in tables}
    found = read_quarantine(urls, limit=limit, offset=offset, show=True, store=store)
    reader = _Reader(contract)
    return [reader.row(row) for row in found]


class _Reader:
    """Makes rows with words of the contract; each rule is looked up once."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._known: dict[tuple[str, str], tuple[RuleWords, tuple[str, ...]]] = {}

    def row(self, row: QuarantinedRow) -> RefusedRow:
        """One refused row. A rule about several columns is one fault for each of them."""
        faults = [fault for rule in row.rules for fault in self._faults(row, rule)]
        return RefusedRow(table=row.table, record=row.record, text=row.text, faults=faults)

    def _faults(self, row: QuarantinedRow, rule: str) -> list[Fault]:
        words, columns = self._of(row.table, rule)
        said = {"rule": rule, "words": words.words, "mend": words.mend}
        found = [Fault(column=name, value=row.sent[name], **said) for name in columns if name in row.sent]
        return found or [Fault(column=words.column, value=None, **said)]

    def _of(self, table: str, rule: str) -> tuple[RuleWords, tuple[str, ...]]:
        if (table, rule) not in self._known:
            declared = next((one for one in self._contract.tables if one.name == table), None)
            columns = sent_columns(declared, rule) if declared else ()
            self._known[table, rule] = words_of(self._contract, table, rule), columns
        return self._known[table, rule]


def _count(table: str, rule: str, rows: int, words: RuleWords) -> RuleCount:
    return RuleCount(
        table=table,
        rule=rule,
        column=words.column,
        column_title=words.column_title,
        rows=rows,
        words=words.words,
        mend=words.mend,
    )
