"""Compile a table of a contract to one SQL statement over a segment of text columns.

Its CTEs are `cleaned` (text), `found` and `typed` (values), `derived` (columns made by expressions). The result has the
bronze columns (except pseudonyms, which are added as Arrow arrays), `_event_date`, the hashes `_key` and
`_content`, and `_suspect`: whether any rule may be broken. A second statement, run for the suspects only, gives one bit
per rule (set: broken). Rules are judged on typed values, before normalising (but for check digits) and
de-identification. `table` runs the statements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from functools import cached_property

import pyarrow as pa

from ingestion.conform import numbers
from ingestion.conform.checks import is_broken, needs_day
from ingestion.conform.direct import arrow_type, check_arrow_value
from ingestion.conform.pseudonym import PSEUDONYM
from ingestion.conform.references import is_contained, is_reference, read_reference
from ingestion.conform.sent_text import SentText
from ingestion.conform.typing import checked, cleaned, derived, generalised, is_number, kind, normalised, read
from ingestion.contract.conditions import condition_column, kept_words
from ingestion.contract.extension import RowRule
from ingestion.contract.health_formats import FhirFormat
from ingestion.contract.json_columns import form
from ingestion.contract.model import Column, Contract, Table
from ingestion.contract.rules import sent_columns
from ingestion.contract.table_formats import FixedWidthFormat
from ingestion.sql import identifier, literal
from ingestion.values import row_identity
from ingestion.values.blanks import strip

BITS = 63
"""Rules per mask column."""
CONTENT_DATE = "_content_date"
"""Column of `segment` with each row's content date, where an expression of the table uses it."""
_EXACT = Context(prec=2000)


@dataclass(frozen=True)
class Rule:
    """A rule that a row can break. `broken` is an SQL condition over the `derived` CTE, never NULL.

    `suspect` is a cheaper condition that is true wherever `broken` is, and possibly elsewhere. `sent` are the columns
    of the delivery that it judges.
    """

    id: str
    broken: str
    column: str | None = None
    suspect: str = ""
    sent: tuple[str, ...] = ()


class TablePlan:
    """The SQL statements and rules that one table of a contract compiles to."""

    def __init__(self, contract: Contract, table: Table, *, with_moment: bool = False) -> None:
        """`with_moment`: the statement also gives each row's event time as `_moment`."""
        spec = contract.citylake.format
        self.sent = SentText(spec, table.source_columns)
        self.table = table
        self.with_moment = with_moment
        self.zone = contract.calendar.timezone
        self.server = spec.server if isinstance(spec, FhirFormat) else ""
        self.pseudonyms = tuple(c for c in table.bronze_columns if _method(c) == "pseudonym")
        self.conditional = tuple(c for c in table.bronze_columns if c.spec.deidentify and c.spec.deidentify.when)
        """Columns de-identified on some rows only: `kept_statement` tells which rows keep the value."""
        self.rules = tuple(replace(rule, sent=sent_columns(table, rule.id)) for rule in self._rules())
        group = spec.repeat if isinstance(spec, FixedWidthFormat) else None
        self.group_index = tuple(c.name for c in table.source_columns if group and c.source == group.index)
        self.flags = tuple(self._row_rule(rule) for rule in table.rules if rule.severity == "flag")
        self.direct = dict(self._direct())
        """Columns that Arrow may read (`direct`): name to Arrow type."""
        self.plain_decimals = frozenset(
            c.name for c in table.source_columns if kind(c) == "decimal" and _is_plain_decimal(c)
        )
        """DECIMAL columns for which a plain cast is enough where all texts are digits (`direct.plain_digits`)."""

    @cached_property
    def uses_content_date(self) -> bool:
        """Whether a rule may use the delivery's `content_date`."""
        return any(
            "content_date" in (rule.expression or "").lower() or needs_day(rule.check) for rule in self.table.rules
        )

    @property
    def has_event_date(self) -> bool:
        """Whether the bronze table has the column `_event_date`."""
        return self.table.event_time in {c.name for c in self.table.bronze_columns}

    def statement(self, direct: frozenset[str] = frozenset(), plain: frozenset[str] = frozenset()) -> str:
        """The statement over the relation `segment`: columns `_raw_<name>`, for pseudonyms `_p_<name>`, for columns
        de-identified on some rows `_kept_<name>`.

        The columns named in `direct` are typed already, the others text; those in `plain` contain digits only. A column
        of pseudonyms on some rows is given without them.
        """
        left_out = self.passed_through(direct) | {c.name for c in self.pseudonyms if c not in self.conditional}
        names = [c for c in self.table.bronze_columns if c.name not in left_out]
        outputs = [f"{self._bronze(c)} as {identifier(c.name)}" for c in names]
        if self.has_event_date:
            outputs.append(f"{self._event_date()} as _event_date")
        if self.with_moment:
            outputs.append(f"{self._moment()} as _moment")
        outputs += [f"{self._key_hash()} as _key", f"{self._content_hash()} as _content"]
        suspects = dict.fromkeys(rule.suspect or rule.broken for rule in self.rules)
        outputs.append(f"({' or '.join(suspects) or 'false'}) as _suspect")
        outputs += [f"{sql} as _flag_{i}" for i, sql in enumerate(_masks(self.flags))]
        return f"with {self._layers(direct, plain)} select {', '.join(outputs)} from derived"

    def passed_through(self, direct: frozenset[str]) -> frozenset[str]:
        """Columns of `direct` that go to bronze unchanged, so that the statement need not return them."""
        as_is = {c.name for c in self.table.bronze_columns if self._bronze(c) == identifier(c.name)}
        return frozenset(direct & as_is)

    def mask_statement(self) -> str:
        """One row per row of `segment`: `_broken_<i>` (UBIGINT) with bit `j` for rule `63 i + j`."""
        outputs = [f"{sql} as _broken_{i}" for i, sql in enumerate(_masks(self.rules))]
        return f"with {self._layers()} select {', '.join(outputs) or 'null'} from derived"

    def pseudonym_input(self, column: Column) -> str:
        """SQL over the relation `distinct_values(_raw_<name>)` that gives the text to be pseudonymised, in order."""
        value = normalised(column, f"cast({checked(column, _text(column), 'found', self.zone)} as varchar)")
        return (
            f"select nullif({value}, '') as value from "
            f"(select *, {self._read(column, _text(column))} as found from "
            f"(select {self._cleaned(column)} as {_text(column)} from distinct_values))"
        )

    def value_statement(self, name: str) -> str:
        """SQL over the relation `odd_values(_raw_<name>)` that gives the `value` of each text, in order."""
        column = self.table.column(name)
        value = checked(column, _text(column), "found", self.zone)
        return (
            f"select {value} as value from (select *, {self._read(column, _text(column))} as found from "
            f"(select {self._cleaned(column)} as {_text(column)} from odd_values))"
        )

    def kept_statement(self, column: Column) -> str:
        """SQL over the relation `odd_values` (of `condition_column`): whether rows with each text keep the value.

        A row keeps it where the condition's column has a declared value that is not among those of the condition.
        """
        decides = self.table.column(condition_column(column))
        words = self._words(decides, kept_words(self.table, column))
        return f"select coalesce(value in ({words}), false) as kept from ({self.value_statement(decides.name)})"

    def _words(self, column: Column, words: Iterable[str]) -> str:
        """SQL for a list of values of the column, from how a contract spells them."""
        if kind(column) != "text":
            return ", ".join(f"try_cast({literal(word)} as {column.type})" for word in words)
        return ", ".join(literal(word if column.name in self.sent.kept else strip(word)) for word in words)

    def _direct(self) -> Iterator[tuple[str, pa.DataType]]:
        for column in self.table.source_columns:
            to = arrow_type(column)
            if to is not None:
                yield column.name, to

    def _layers(self, direct: frozenset[str] = frozenset(), plain: frozenset[str] = frozenset()) -> str:
        sources = self.table.source_columns
        keep = [f"{identifier(f'_p_{c.name}')}" for c in self.pseudonyms]
        keep += [_kept(c) for c in self.conditional]
        keep += [CONTENT_DATE] if self.uses_content_date else []
        texts, found, values = [], [], []
        for column in sources:
            text, value = _text(column), _found(column)
            typed = column.name in direct
            sent = identifier(f"_raw_{column.name}") if typed else self._cleaned(column)
            texts.append(f"{sent} as {text}")
            short = numbers.plain(text, column.type) if column.name in plain else self._read(column, text)
            found.append(f"{text if typed else short} as {value}")
            final = check_arrow_value(column, value, self.zone) if typed else checked(column, text, value, self.zone)
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
        made.append(f"{CONTENT_DATE if self.uses_content_date else 'cast(null as date)'} as content_date")
        layers.append(f"made as (select *{''.join(', ' + sql for sql in made)} from typed)")
        # Once: the session keeps equal expressions apart, and bronze, hashes and checks all need the value.
        normal = [
            f", {normalised(c, identifier(c.name))} as {_normal(c)}" for c in self.table.columns if c.spec.normalise
        ]
        layers.append(f"derived as (select *{''.join(normal)} from made)")
        return ", ".join(layers)

    def _read(self, column: Column, text: str) -> str:
        if column.spec.reference is not None:
            return read_reference(column, text, self.server)
        return read(column, text, self.zone)

    def _cleaned(self, column: Column) -> str:
        return cleaned(column, identifier(f"_raw_{column.name}"), kept=column.name in self.sent.kept)

    def _rules(self) -> Iterator[Rule]:
        for column in self.table.columns:
            yield from self._column_rules(column)
        yield from (self._row_rule(rule) for rule in self.table.rules if rule.severity == "refuse")

    def _column_rules(self, column: Column) -> Iterator[Rule]:
        value = identifier(column.name)
        if column.source is None:
            failed = absent = identifier(f"_failed_{column.name}")
            absent = f"({value} is null and not {failed})"
        else:
            failed, absent = f"({value} is null and {_text(column)} is not null)", f"({_text(column)} is null)"
        required = column.required or column.primary_key is not None
        if column.spec.reference is not None:
            yield from _reference_rules(column)
        if column.source is None or kind(column) != "text":
            near = failed if column.source is None else f"({value} is null and {_text(column)} is not null)"
            yield Rule(f"{column.name}.type", failed, column.name, f"({value} is null)" if required else near)
        if required:
            # The value of a reference costs more than to ask whether its text is there.
            suspect = "" if column.spec.reference is not None else f"({value} is null)"
            yield Rule(f"{column.name}.required", absent, column.name, suspect)
        if is_number(column) and (column.minimum is not None or column.maximum is not None):
            yield Rule(f"{column.name}.range", _broken(_out_of_range(column, value)), column.name)
        yield from _text_rules(column, value)
        if column.allowed:
            yield Rule(
                f"{column.name}.allowed",
                _broken(f"{value} not in ({self._words(column, column.allowed)})"),
                column.name,
            )
        if column in self.conditional and column in self.pseudonyms:
            alike = f"{_kept(column)} and regexp_full_match({self._value(column)}, {literal(PSEUDONYM)})"
            yield Rule(f"{column.name}.like_pseudonym", _broken(alike), column.name)

    def _row_rule(self, rule: RowRule) -> Rule:
        """A rule of the contract. Check digits are judged after `normalise`, which says what spellings are one code."""
        if rule.check:
            column = self.table.column(str(rule.column))
            return Rule(rule.id, _broken(is_broken(rule.check, self._value(column), "content_date")), rule.column)
        # NULL does not break a rule; an expression that fails on a row does.
        return Rule(rule.id, f"(try(coalesce(({rule.expression}), true)) is distinct from true)", rule.column)

    def _value(self, column: Column) -> str:
        """SQL for the normalised value. In parentheses it is an expression, so that row hashes in receipts hold."""
        return f"({_normal(column)})" if column.spec.normalise else identifier(column.name)

    def _bronze(self, column: Column) -> str:
        """SQL for the column's value in bronze; of a column of pseudonyms on some rows, for the others only."""
        value = self._value(column)
        if column not in self.conditional:
            return generalised(column, value)
        instead = "null" if column in self.pseudonyms else generalised(column, value)
        return f"case when {_kept(column)} then {value} else {instead} end"

    def _key_hash(self) -> str:
        """SQL for the hash of the key; for a table without key, a second hash of the whole row."""
        if not self.table.key:
            return row_identity.other(self._pseudonym(c) or self._bronze(c) for c in self.table.bronze_columns)
        columns = [self.table.column(name) for name in self.table.key]
        return row_identity.row(self._pseudonym(c) or row_identity.value(self._value(c), c.type) for c in columns)

    def _content_hash(self) -> str:
        """SQL for the hash of all bronze columns of a row."""
        columns = self.table.bronze_columns
        return row_identity.row(self._pseudonym(c) or row_identity.value(self._bronze(c), c.type) for c in columns)

    def _pseudonym(self, column: Column) -> str | None:
        """SQL for the first 64 bits of the pseudonym, which need no further hash, or for the hash of a value that is
        kept; None for columns without pseudonyms.
        """
        if column not in self.pseudonyms:
            return None
        short = identifier(f"_p_{column.name}")
        if column not in self.conditional:
            return short
        value = row_identity.value(self._value(column), column.type)
        return f"case when {_kept(column)} then {value} else {short} end"

    def _event_date(self) -> str:
        """SQL for the local event date, from the bronze value: a generalised time must not reveal its day."""
        column = self.table.column(str(self.table.event_time))
        value = self._bronze(column)
        to = column.spec.deidentify.to if column.spec.deidentify else None
        if kind(column) == "timestamptz" and to not in ("date", "month", "year"):
            value = f"timezone({literal(self.zone)}, {value})"
        return f"cast({value} as date)"

    def _moment(self) -> str:
        """SQL for the event time as sent, in microseconds since 1970; a date is its local midnight."""
        column = self.table.column(str(self.table.event_time))
        value = identifier(column.name)
        if kind(column) != "timestamptz":
            value = f"timezone({literal(self.zone)}, cast({value} as timestamp))"
        return f"epoch_us({value})"


def _is_plain_decimal(column: Column) -> bool:
    return not column.spec.trace and column.spec.implied_decimals is None


def _text(column: Column) -> str:
    return identifier(f"_text_{column.name}")


def _found(column: Column) -> str:
    return identifier(f"_found_{column.name}")


def _normal(column: Column) -> str:
    return identifier(f"_normal_{column.name}")


def _kept(column: Column) -> str:
    return identifier(f"_kept_{column.name}")


def _method(column: Column) -> str | None:
    return column.spec.deidentify.method if column.spec.deidentify else None


def _broken(condition: str) -> str:
    return f"coalesce({condition}, false)"


def _out_of_range(column: Column, value: str) -> str:
    """SQL: whether a number is outside the contract's `minimum` and `maximum`, compared exactly.

    A bound that is no value of an exact type is moved to the nearest value inside, so that both sides have one type:
    DuckDB would compare a DECIMAL with a number of more digits as doubles, or not at all.
    """
    tests = []
    if column.minimum is not None:
        tests.append(_beyond(column, value, "<", column.minimum, ROUND_CEILING))
    if column.maximum is not None:
        tests.append(_beyond(column, value, ">", column.maximum, ROUND_FLOOR))
    return " or ".join(tests)


def _beyond(column: Column, value: str, sign: str, bound: Decimal | float, inward: str) -> str:
    if kind(column) == "float":
        return f"{value} {sign} cast({literal(str(bound))} as double)"
    precision, scale = 38, 0
    if kind(column) == "decimal":
        precision, scale = (int(part) for part in re.findall(r"\d+", column.type))
    number = Decimal(str(bound)).quantize(Decimal(1).scaleb(-scale), inward, _EXACT)
    if number.copy_abs() >= Decimal(10) ** (precision - scale):  # no value reaches it, or every one is beyond
        return "false" if (number < 0) == (sign == "<") else f"{value} is not null"
    return f"{value} {sign} cast({literal(f'{number:f}')} as decimal({precision},{scale}))"


def _reference_rules(column: Column) -> Iterator[Rule]:
    text = _text(column)
    if form(str(column.spec.path), column.spec) != "reference":
        yield Rule(f"{column.name}.reference", _broken(f"not {is_reference(column, text)}"), column.name)
        return
    contained = is_contained(text)
    yield Rule(
        f"{column.name}.reference", _broken(f"not {is_reference(column, text)} and not {contained}"), column.name
    )
    yield Rule(f"{column.name}.contained", _broken(contained), column.name)


def _text_rules(column: Column, value: str) -> Iterator[Rule]:
    text = value if kind(column) == "text" else f"cast({value} as varchar)"
    if column.min_length is not None or column.max_length is not None:
        low = [f"length({text}) < {column.min_length}"] if column.min_length is not None else []
        high = [f"length({text}) > {column.max_length}"] if column.max_length is not None else []
        yield Rule(f"{column.name}.length", _broken(" or ".join(low + high)), column.name)
    if column.pattern is not None:
        yield Rule(
            f"{column.name}.pattern", _broken(f"not regexp_matches({text}, {literal(column.pattern)})"), column.name
        )


def _masks(rules: tuple[Rule, ...]) -> Iterator[str]:
    for start in range(0, len(rules), BITS):
        bits = [f"(cast({rule.broken} as ubigint) << {i})" for i, rule in enumerate(rules[start : start + BITS])]
        yield " | ".join(bits)
