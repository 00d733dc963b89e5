"""The contract as the rest of the system uses it: resolved, typed, immutable.

`ingestion.contract.load` builds it from the ODCS document and its citylake extension; no other package reads YAML or
ODCS models. One `Contract` describes one feed with one or more tables.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from ingestion.contract.extension import Citylake, ColumnSpec, HeaderVariant, RowRule
from ingestion.intervals import Calendar
from ingestion.values.check_digits import RULES_VERSION
from ingestion.values.uscc_exceptions import exceptions

READINGS = 3
"""How parsers and conform read what is sent: raised whenever some text could become another value, or be refused where
it was not. Then `citylake reconform` makes all bronze again from raw (docs/adr/0002)."""


ACTIVE = "active"
"""The one ODCS status under which a feed is taken in, built and published (docs/adr/0021)."""


def not_active(status: str) -> str:
    """What is wrong with a contract of another status, and what to do."""
    return f"`{status}`: only a feed of status `{ACTIVE}` is taken in and published; finish the contract, then set it"


@dataclass(frozen=True)
class Column:
    """One bronze column.

    `source` is the physical name in the delivery (None: derived by `transform`, a SQL
    expression over the other bronze columns). `type` is a DuckDB type.
    """

    name: str
    type: str
    source: str | None
    title: str
    description: str
    required: bool = False
    primary_key: int | None = None
    classification: str | None = None
    transform: str | None = None
    minimum: Decimal | float | None = None
    maximum: Decimal | float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    allowed: tuple[str, ...] = ()
    spec: ColumnSpec = field(default_factory=ColumnSpec)

    @property
    def bronze_type(self) -> str:
        """The DuckDB type in bronze: what is generalised to a band is text, to a day, month or year a date."""
        rule = self.spec.deidentify
        if rule is None or rule.method != "generalise":
            return self.type
        return {"birth_band_5y": "VARCHAR", "date": "DATE", "month": "DATE", "year": "DATE"}.get(
            str(rule.to), self.type
        )

    @property
    def in_bronze(self) -> bool:
        """Whether the column leaves conform at all."""
        return self.spec.deidentify is None or self.spec.deidentify.method != "drop"


@dataclass(frozen=True)
class Table:
    """One table of a feed. `source` names the ZIP member; `key` is the natural key, in order.

    `variant`, of a table as one payload has it: the header variant whose names and formats its columns have.
    """

    name: str
    title: str
    description: str
    grain: str
    source: str | None
    columns: tuple[Column, ...]
    event_time: str | None
    rules: tuple[RowRule, ...]
    header_variants: tuple[HeaderVariant, ...] = ()
    repeated_headers: tuple[dict[str, str], ...] = ()
    repeats: Literal["drop", "keep"] = "drop"
    variant: str | None = None

    @property
    def keeps_repeats(self) -> bool:
        """Whether every row sent is a row: bronze then has `_record_number`, unique within a batch (docs/adr/0020)."""
        return self.repeats == "keep"

    @property
    def key(self) -> tuple[str, ...]:
        """Names of the natural key, in order; empty where the source has none."""
        keyed = [c for c in self.columns if c.primary_key is not None]
        return tuple(c.name for c in sorted(keyed, key=lambda c: c.primary_key or 0))

    @property
    def source_columns(self) -> tuple[Column, ...]:
        """Columns the delivery carries."""
        return tuple(c for c in self.columns if c.source is not None)

    @property
    def bronze_columns(self) -> tuple[Column, ...]:
        """Columns bronze carries, in contract order."""
        return tuple(c for c in self.columns if c.in_bronze)

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(c for c in self.columns if c.name == name)


@dataclass(frozen=True)
class Contract:
    """One feed: identity, semantics, tables, catalogue entry."""

    id: str
    version: str
    name: str
    title: str
    description: str
    domain: str
    product: str
    tags: tuple[str, ...]
    citylake: Citylake
    tables: tuple[Table, ...]
    path: Path
    status: str = ACTIVE

    @property
    def is_active(self) -> bool:
        """Whether the feed may be used; any other may only be tried on a file."""
        return self.status == ACTIVE

    @property
    def department(self) -> str:
        """Short code of the department that sends it."""
        return self.citylake.department

    @property
    def feed(self) -> str:
        """Name of the feed within its department."""
        return self.citylake.feed

    @cached_property
    def calendar(self) -> Calendar:
        """How the feed's time is cut into intervals."""
        spec = self.citylake.calendar
        return Calendar(spec.every, spec.timezone, spec.start)

    @cached_property
    def revision(self) -> str:
        """`v<version>-<digest>`: changes when, and only when, conforming could change.

        The digest covers format, tables, refusal limits and how values are read; titles, steward and schedule
        are left out, so editing prose does not re-make bronze.
        """
        meaning: dict[str, Any] = {
            "readings": READINGS,
            "format": self.citylake.format.model_dump(mode="json"),
            "delivery": self.citylake.delivery,
            "empty": self.citylake.empty,
            "timezone": self.citylake.calendar.timezone,
            "max_refused_share": self.citylake.max_refused_share,
            "tables": [_meaning(t) for t in self.tables],
        }
        text = json.dumps(meaning, sort_keys=True, ensure_ascii=False, default=str)
        return f"v{self.version}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def table(self, name: str) -> Table:
        """The table of that name."""
        return next(t for t in self.tables if t.name == name)


def _spelled(spec: ColumnSpec) -> dict[str, Any]:
    """Keys that came later are left out while unset, so that adding one re-makes nobody's bronze."""
    came_later = ("formats", "implied_decimals", "blanks", "choose", "reference")
    later = {key for key in came_later if getattr(spec, key) is None}
    later |= {"ambiguous_time"} if spec.ambiguous_time == "refuse" else set()
    spelled = spec.model_dump(mode="json", exclude=later)
    if spec.deidentify is not None and spec.deidentify.when is None:
        del spelled["deidentify"]["when"]
    return spelled


def _judged(rule: RowRule) -> dict[str, Any]:
    """A rule, and for a check that refuses rows how it judges; a flag is counted, and changes no bronze."""
    spelled = rule.model_dump(mode="json", exclude={"title", "description"})
    if rule.check and rule.severity == "refuse":
        spelled["judged"] = RULES_VERSION
        if rule.check == "uscc":
            spelled["excepted"] = sorted(asdict(one).items() for one in exceptions())
    return spelled


def _meaning(table: Table) -> dict[str, Any]:
    columns = []
    for column in table.columns:
        facts = asdict(column)
        facts["spec"] = _spelled(column.spec)
        columns.append({k: v for k, v in facts.items() if k not in ("title", "description", "classification")})
    rules = [_judged(rule) for rule in table.rules]
    headers = {
        "header_variants": [v.model_dump(mode="json") for v in table.header_variants],
        "repeated_headers": table.repeated_headers,
    }
    return {
        "name": table.name,
        "source": table.source,
        "event_time": table.event_time,
        "columns": columns,
        "rules": rules,
        **{key: found for key, found in headers.items() if found},
        **({"repeats": table.repeats} if table.keeps_repeats else {}),
    }
