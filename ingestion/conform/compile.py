"""A table of a contract compiled to one SQL statement over a segment of text columns.

Layers, each a CTE: `cleaned` text → `found` and `typed` values → `derived` columns → result. The result has
the bronze columns (pseudonyms excepted: they are joined as Arrow dictionaries), `_event_date`, the
hashes `_key` and `_content`, and `_suspect`: whether any rule may be broken. A second statement gives
the suspects one bit per rule (set: broken), since most rows never need it. Rules are judged on typed
values before normalising and de-identification. How statements are run is left to `table`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from ingestion.conform import numbers
from ingestion.conform.bounds import outside
from ingestion.conform.checks import CHECKS
from ingestion.conform.direct import arrow_type, directly
from ingestion.conform.sent import SentText
from ingestion.conform.typing import checked, cleaned, derived, generalised, is_number, kind, normalised, read
from ingestion.contract.extension import RowRule
from ingestion.contract.model import Column, Contract, Table
from ingestion.contract.table_formats import FixedWidthFormat
from ingestion.sql import identifier, literal
from ingestion.values import row_identity
from ingestion.values.blanks import strip

BITS = 63
"""Rules per mask column."""


@dataclass(frozen=True)
class Rule:
    """One thing a row can break. `broken` is SQL over the `derived` layer, never NULL.

    `suspect` is true wherever `broken` is, and cheaper; it may be true elsewhere.
    """

    id: str
    broken: str
    column: str | None = None
    suspect: str = ""


class TablePlan:
    """What one table compiles to."""

    def __init__(self, contract: Contract, table: Table, content_date: date) -> None:
        spec = contract.citylake.format
        self.sent = SentText(spec, table.source_columns)
        self.table = table
        self._content_date = content_date
        self.zone = contract.calendar.timezone
        self.rules = tuple(self._rules())
        group = spec.repeat if isinstance(spec, FixedWidthFormat) else None
        self.group_index = tuple(c.name for c in table.source_columns if group and c.source == group.index)
        self.flags = tuple(_row_rule(rule) for rule in table.rules if rule.severity == "flag")
        self.pseudonyms = tuple(c for c in table.bronze_columns if _method(c) == "pseudonym")
        self.direct = dict(self._direct())
        """Columns that may come typed, by name, and as what."""
        self.plainly = frozenset(c.name for c in table.source_columns if kind(c) == "decimal" and _plainly(c))
        """Columns that SQL reads the short way where all their texts are plain digits (`direct.plain_digits`)."""

    @property
    def event_day(self) -> bool:
        """Whether bronze has `_event_date`."""
        return self.table.event_time in {c.name for c in self.table.bronze_columns}

    def statement(self, direct: frozenset[str] = frozenset(), plain: frozenset[str] = frozenset()) -> str:
        """The statement over relation `segment` (columns `_raw_<name>` and, for pseudonyms, `_p_<name>`); the
        columns named in `direct` come typed, the others as text, those of `plain` as plain digits."""
        passed = self.passed(direct)
        names = [c for c in self.table.bronze_columns if c not in self.pseudonyms and c.name not in passed]
        outputs = [f"{self._bronze(c)} as {identifier(c.name)}" for c in names]
        if self.event_day:
            outputs.append(f"{self._event_date()} as _event_date")
        outputs += [f"{self._key_hash()} as _key", f"{self._content_hash()} as _content"]
        suspects = dict.fromkeys(rule.suspect or rule.broken for rule in self.rules)
        outputs.append(f"({' or '.join(suspects) or 'false'}) as _suspect")
        outputs += [f"{sql} as _flag_{i}" for i, sql in enumerate(_masks(self.flags))]
        return f"with {self._layers(direct, plain)} select {', '.join(outputs)} from derived"

    def passed(self, direct: frozenset[str]) -> frozenset[str]:
        """Columns of `direct` that reach bronze as they come, so that the statement does not give them back.

        What ends a value that Arrow read (`direct.directly`) refuses its row.
        """
        as_is = {c.name for c in self.table.bronze_columns if self._bronze(c) == identifier(c.name)}
        return frozenset(direct & as_is)

    def mask_statement(self) -> str:
        """One row per row of `segment`: `_broken_<i>` (UBIGINT) with bit `j` for rule `63 i + j`."""
        outputs = [f"{sql} as _broken_{i}" for i, sql in enumerate(_masks(self.rules))]
        return f"with {self._layers()} select {', '.join(outputs) or 'null'} from derived"

    def pseudonym_input(self, column: Column) -> str:
        """SQL over relation `distinct_values(_raw_<name>)` that gives what the HMAC takes, in order."""
        value = normalised(column, f"cast({checked(column, _text(column), 'found', self.zone)} as varchar)")
        return (
            f"select nullif({value}, '') as value from "
            f"(select *, {read(column, _text(column), self.zone)} as found from "
            f"(select {self._cleaned(column)} as {_text(column)} from distinct_values))"
        )

    def _direct(self) -> Iterator[tuple[str, pa.DataType]]:
        for column in self.table.source_columns:
            to = arrow_type(column)
            if to is not None:
                yield column.name, to

    def _layers(self, direct: frozenset[str] = frozenset(), plain: frozenset[str] = frozenset()) -> str:
        sources = self.table.source_columns
        keep = [f"{identifier(f'_p_{c.name}')}" for c in self.pseudonyms]
        texts, found, values = [], [], []
        for column in sources:
            text, value = _text(column), _found(column)
            typed = column.name in direct
            sent = identifier(f"_raw_{column.name}") if typed else self._cleaned(column)
            texts.append(f"{sent} as {text}")
            short = numbers.plain(text, column.type) if column.name in plain else read(column, text, self.zone)
            found.append(f"{text if typed else short} as {value}")
            final = directly(column, value, self.zone) if typed else checked(column, text, value, self.zone)
            values.append(f"{final} as {identifier(column.name)}")
        layers = [
            f"cleaned as (select {', '.join([*keep, *texts])} from segment)",
            f"found as (select *, {', '.join(found)} from cleaned)",
            f"typed as (select *, {', '.join(values)} from found)",
        ]
        made = []
        for column in self.table.columns:
            if column.source is None:
                value, shown = derived(column, self.zone, {c.name: c.type for c in self.table.source_columns})
                made.append(f"{value} as {identifier(column.name)}")
                made.append(f"{shown} is null as {identifier(f'_failed_{column.name}')}")
        made.append(f"{literal(self._content_date)} as content_date")
        layers.append(f"derived as (select *{''.join(', ' + sql for sql in made)} from typed)")
        return ", ".join(layers)

    def _cleaned(self, column: Column) -> str:
        return cleaned(column, identifier(f"_raw_{column.name}"), kept=column.name in self.sent.kept)

    def _rules(self) -> Iterator[Rule]:
        for column in self.table.columns:
            yield from self._column_rules(column)
        yield from (_row_rule(rule) for rule in self.table.rules if rule.severity == "refuse")

    def _column_rules(self, column: Column) -> Iterator[Rule]:
        value = identifier(column.name)
        if column.source is None:
            failed = absent = identifier(f"_failed_{column.name}")
            absent = f"({value} is null and not {failed})"
        else:
            failed, absent = f"({value} is null and {_text(column)} is not null)", f"({_text(column)} is null)"
        required = column.required or column.primary_key is not None
        if column.source is None or kind(column) != "text":
            near = failed if column.source is None else f"({value} is null and {_text(column)} is not null)"
            yield Rule(f"{column.name}.type", failed, column.name, f"({value} is null)" if required else near)
        if required:
            yield Rule(f"{column.name}.required", absent, column.name, f"({value} is null)")
        if is_number(column) and (column.minimum is not None or column.maximum is not None):
            yield Rule(f"{column.name}.range", _broken(outside(column, value)), column.name)
        yield from _text_rules(column, value, kept=column.name in self.sent.kept)

    def _value(self, column: Column) -> str:
        return normalised(column, identifier(column.name))

    def _bronze(self, column: Column) -> str:
        return generalised(column, self._value(column))

    def _key_hash(self) -> str:
        """Of the key; without one, a second hash of the row beside `_content`."""
        if not self.table.key:
            return row_identity.other(self._pseudonym(c) or self._bronze(c) for c in self.table.bronze_columns)
        columns = [self.table.column(name) for name in self.table.key]
        return row_identity.row(self._pseudonym(c) or row_identity.value(self._value(c), c.type) for c in columns)

    def _content_hash(self) -> str:
        """Of what bronze holds; a generalised value is of its column's type, or short text."""
        columns = self.table.bronze_columns
        return row_identity.row(self._pseudonym(c) or row_identity.value(self._bronze(c), c.type) for c in columns)

    def _pseudonym(self, column: Column) -> str | None:
        """The first 64 bits of a pseudonym: a hash already."""
        return identifier(f"_p_{column.name}") if column in self.pseudonyms else None

    def _event_date(self) -> str:
        """The local date, from the bronze value: a generalised time must not show its day."""
        column = self.table.column(str(self.table.event_time))
        value = self._bronze(column)
        to = column.spec.deidentify.to if column.spec.deidentify else None
        if kind(column) == "timestamptz" and to not in ("date", "month", "year"):
            value = f"timezone({literal(self.zone)}, {value})"
        return f"cast({value} as date)"


def _plainly(column: Column) -> bool:
    return not column.spec.trace and column.spec.implied_decimals is None


def _text(column: Column) -> str:
    return identifier(f"_text_{column.name}")


def _found(column: Column) -> str:
    return identifier(f"_found_{column.name}")


def _method(column: Column) -> str | None:
    return column.spec.deidentify.method if column.spec.deidentify else None


def _broken(condition: str) -> str:
    return f"coalesce({condition}, false)"


def _text_rules(column: Column, value: str, *, kept: bool) -> Iterator[Rule]:
    text = value if kind(column) == "text" else f"cast({value} as varchar)"
    if column.min_length is not None or column.max_length is not None:
        low = [f"length({text}) < {column.min_length}"] if column.min_length is not None else []
        high = [f"length({text}) > {column.max_length}"] if column.max_length is not None else []
        yield Rule(f"{column.name}.length", _broken(" or ".join(low + high)), column.name)
    if column.pattern is not None:
        yield Rule(
            f"{column.name}.pattern", _broken(f"not regexp_matches({text}, {literal(column.pattern)})"), column.name
        )
    if column.allowed:
        allowed = ", ".join(literal(word if kept else strip(word)) for word in column.allowed)
        if kind(column) != "text":
            allowed = ", ".join(f"try_cast({literal(word)} as {column.type})" for word in column.allowed)
        yield Rule(f"{column.name}.allowed", _broken(f"{value} not in ({allowed})"), column.name)


def _row_rule(rule: RowRule) -> Rule:
    if rule.check:
        return Rule(rule.id, _broken(f"not {CHECKS[rule.check]}({identifier(str(rule.column))})"), rule.column)
    # NULL is not false; an expression that fails on a row cannot vouch for it.
    return Rule(rule.id, f"(try(coalesce(({rule.expression}), true)) is distinct from true)", rule.column)


def _masks(rules: tuple[Rule, ...]) -> Iterator[str]:
    for start in range(0, len(rules), BITS):
        bits = [f"(cast({rule.broken} as ubigint) << {i})" for i, rule in enumerate(rules[start : start + BITS])]
        yield " | ".join(bits)
