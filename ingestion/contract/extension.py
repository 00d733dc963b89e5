"""Models of the `citylake` entry in a contract's `customProperties`, for everything ODCS has no field for.

An unknown key at any level is an error that names file, key and allowed values. The models only describe a feed;
connectors, parsers and conform act on them.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from ingestion.contract.health_formats import FhirFormat, Hl7Format
from ingestion.contract.sources import NAME, Source
from ingestion.contract.strict import Declared
from ingestion.contract.table_formats import FixedWidthFormat, ParquetFormat, XlsxFormat
from ingestion.values.blanks import strip
from ingestion.values.check_digits import Check

Code = str | int | Decimal
"""A code in a column, as a contract writes it; a number keeps its digits."""


HeaderName = Annotated[str, AfterValidator(strip)]
"""A name in a header, without blanks around it, as headers are read."""


class CalendarSpec(Declared):
    """How time is cut into intervals (ingestion.intervals.Calendar)."""

    every: Literal["hour", "day", "week", "month", "quarter", "year"]
    timezone: str = "Asia/Shanghai"
    start: date


class CsvFormat(Declared):
    """Delimited text, RFC 4180 with declared variations.

    `escape` (most often a backslash) takes the meaning from a quote, a delimiter or an escape after it; doubled quotes
    are read with it and without. A row with text beside a quoted field is refused (`malformed_quote`).
    """

    type: Literal["csv"] = "csv"
    encoding: Literal["utf-8", "gb18030", "windows-1252"] = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', max_length=1)
    escape: str = Field(default="", max_length=1)
    header: bool = True
    null_values: list[str] = Field(default=[""])
    trim: bool = True
    lenient_extra_columns: bool = False

    @model_validator(mode="after")
    def _marks(self) -> CsvFormat:
        for name, mark in (("delimiter", self.delimiter), ("quote", self.quote), ("escape", self.escape)):
            if mark and (not mark.isascii() or mark.isalnum() or mark in "\r\n\x00"):
                raise ValueError(f"{name} {mark!r} must be an ASCII character, no letter, digit, line end or NUL")
        if self.quote == self.delimiter:
            raise ValueError("quote and delimiter are the same character")
        if self.escape and self.escape in (self.quote, self.delimiter):
            raise ValueError("escape is the quote or the delimiter; a doubled quote is read without it")
        if self.encoding == "gb18030" and self.quote > "@":
            raise ValueError(f"quote {self.quote!r} may be half of a character in gb18030")
        return self


class JsonFormat(Declared):
    """NDJSON, or one JSON document whose records sit under `records` (`$`, `$.data.items`)."""

    type: Literal["ndjson", "json"]
    encoding: Literal["utf-8", "gb18030"] = "utf-8"
    records: str = "$"
    null_values: list[str] = Field(default=[""])
    trim: bool = True


class ZipFormat(Declared):
    """A ZIP of delimited files, one table per member (`physicalName` of the schema object).

    Members no table names are ignored and listed in the receipt.
    """

    type: Literal["zip"] = "zip"
    member: CsvFormat = CsvFormat()
    optional_members: list[str] = Field(default=[])


class XmlFormat(Declared):
    """One XML document whose records are the elements at `records` (`/Export/Records/Record`).

    `namespaces` gives the prefixes used in paths; a name without one is in no namespace. `encoding: declared` is
    what the document itself says. An element that no column reads refuses the delivery unless it is in `ignored`:
    a path inside a record, or one from the root for what stands beside the records.
    """

    type: Literal["xml"] = "xml"
    encoding: Literal["declared", "utf-8", "gb18030", "windows-1252"] = "declared"
    records: str
    namespaces: dict[str, str] = Field(default={})
    ignored: list[str] = Field(default=[])
    lenient_extra_elements: bool = False
    null_values: list[str] = Field(default=[""])
    trim: bool = True


Format = Annotated[
    CsvFormat
    | JsonFormat
    | ZipFormat
    | FixedWidthFormat
    | XlsxFormat
    | XmlFormat
    | ParquetFormat
    | FhirFormat
    | Hl7Format,
    Field(discriminator="type"),
]


class Condition(Declared):
    """Rows by the value of another column: `{column: party_kind, in: [自然人]}`.

    It holds where that column has one of these values, and wherever it has none of the other values of its `enum`:
    where it is NULL, cannot be read, or is a value that nobody has declared (docs/adr/0029).
    """

    column: str
    values: list[str | int] = Field(alias="in", min_length=1)


class Deidentify(Declared):
    """What happens to a personal column at conform (GB/T 37964-2019 techniques).

    `pseudonym`: HMAC-SHA256, key per purpose, of the normalised value. `drop`: not in bronze.
    `generalise`: `to` is one of birth_band_5y, hour, date, month, year, division_6.
    `mask`: keeps `keep_first`/`keep_last` characters. `when`: only on rows for which the condition holds; the value of
    the others is not personal (the name of a company) and stays as sent.
    """

    method: Literal["pseudonym", "drop", "generalise", "mask"]
    purpose: str | None = None
    to: Literal["birth_band_5y", "hour", "date", "month", "year", "division_6"] | None = None
    keep_first: int = 0
    keep_last: int = 0
    when: Condition | None = None

    @model_validator(mode="after")
    def _complete(self) -> Deidentify:
        if self.when and self.method not in ("pseudonym", "mask"):
            raise ValueError(f"`when` goes with the methods pseudonym and mask, not {self.method}")
        if self.method == "pseudonym" and not self.purpose:
            raise ValueError("method pseudonym needs a purpose (its key namespace)")
        if self.method == "generalise" and not self.to:
            raise ValueError("method generalise needs `to`")
        return self


class Choose(Declared):
    """Which element of a JSON list is read: the first whose `member` (a path inside it, `system`) equals a text.

    The column's `path` has one `[*]`, after the list: `$.identifier[*].value`.
    """

    member: str = Field(pattern=r"^[A-Za-z_][\w]*(\.[A-Za-z_][\w]*)*$")
    equals: str


class ColumnSpec(Declared):
    """How one source column is read.

    `choose` picks an element of a JSON list. `reference` is the resource type that a FHIR reference leads to: the value
    becomes `<server>/<type>/<id>`, from relative, absolute and `urn:` references, or
    `<server>/<type>?identifier=<system>|<value>` from conditional and logical ones; the value of a column `id` with it
    is such a reference to its own record.
    `path` is for JSON and FHIR (`$.inspector.badge`), HL7 (`OBR-4.1`) and XML (`Inspector/Badge`, `Inspector/@id`).
    `repeated` says what an XML element is that one record has several times: a refused row, its `first`, or a JSON
    `list` of all.
    """

    path: str | None = None
    choose: Choose | None = None
    reference: str | None = Field(default=None, pattern=r"^[A-Z][A-Za-z]+$")
    repeated: Literal["refuse", "first", "list"] = "refuse"
    format: str | None = Field(
        default=None,
        description="strptime format of dates and timestamps, `iso`, `era_jp`, `era_roc`, `excel_serial`, "
        "`excel_serial_1904`, or `gtfs_time` (seconds after noon minus 12 h)",
    )
    formats: list[str] | None = Field(
        default=None, min_length=2, description="Several formats of one column, tried in this order."
    )
    implied_decimals: int | None = Field(
        default=None, ge=1, le=9, description="The source writes whole numbers of 10^-n: 123 with 1 is 12.3."
    )
    timezone: str | None = Field(default=None, description="Zone of a naive source timestamp; default the calendar's.")
    blanks: Literal["trim", "keep"] | None = Field(
        default=None, description="Whether blanks around a VARCHAR's values belong to them; default the format's."
    )
    ambiguous_time: Literal["earlier", "later", "refuse"] = Field(
        default="refuse", description="A local time that came twice, where clocks were set back and no offset is sent."
    )
    missing: list[Code] = Field(default=[], description="Codes that mean no value, e.g. 999999.")
    trace: dict[str, Decimal] = Field(default={}, description="Codes that mean a value, e.g. {'999990': 0.0}.")
    normalise: list[Literal["upper", "nfkc", "digits"]] = Field(default=[])
    deidentify: Deidentify | None = None

    @property
    def readings(self) -> tuple[str | None, ...]:
        """Every declared format, in order; `(None,)` where none is."""
        return tuple(self.formats) if self.formats else (self.format,)

    @model_validator(mode="after")
    def _one_reading(self) -> ColumnSpec:
        if self.format is not None and self.formats:
            raise ValueError("a column has either `format` or `formats`")
        return self


class RowRule(Declared):
    """One row rule: `expression` is SQL over the bronze columns and must not be false.

    `refuse` sends the row to quarantine; `flag` only counts it in the receipt.
    `check` names a built-in instead of an expression (`ingestion.values.check_digits`); it judges the normalised value.
    `title` says in Chinese, `description` in English what must hold; stewards read one of them.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    expression: str | None = None
    check: Check | None = None
    column: str | None = None
    severity: Literal["refuse", "flag"] = "refuse"
    title: str | None = None
    description: str

    @model_validator(mode="after")
    def _one_of(self) -> RowRule:
        if (self.expression is None) == (self.check is None):
            raise ValueError("a rule has either an expression or a check")
        if self.check and not self.column:
            raise ValueError("a check rule names its column")
        return self


class VariantColumn(Declared):
    """How a column is found under another header: `source` and `format` where they differ, or `absent`: NULL there."""

    source: HeaderName | None = None
    format: str | None = None
    absent: bool = False


class HeaderVariant(Declared):
    """Another header the same data has come or may come with, told by its names.

    `columns` says by contract column what differs; `ignored` are names it may have besides, that no column reads.
    `valid_until` is the last content date it is accepted for.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    valid_until: date | None = None
    columns: dict[str, VariantColumn]
    ignored: list[HeaderName] = Field(default=[])


class StagingSpec(Declared):
    """The staging model made of a table: a view of it with the names analysts use (docs/adr/0025).

    `model` is what follows `stg_<department>__`, default the table's name. `columns` renames bronze columns;
    `leave_out` lists columns that only make a derived one. `key` is, by its names in the model, what tells rows apart
    where the contract's key does not: it has none, or a row comes again in later intervals with its later state.
    `hand_written`: a person writes the SQL, so that `make generate` leaves it alone.
    """

    model: str | None = Field(default=None, pattern=NAME)
    columns: dict[str, Annotated[str, Field(pattern=NAME)]] = Field(default={})
    leave_out: list[str] = Field(default=[])
    key: list[str] = Field(default=[])
    hand_written: bool = False


class FactSpec(Declared):
    """The fact made of a table with an event time: its staging model with a durable id, growing by affected days.

    `model` is what follows `fct_`, default the table's name; the id is `<model>_id`. Personal and sensitive columns
    stay in staging. The newest event day is at most `fresh_within_days` before the day judged; default 1 for an hourly
    feed, else 3.
    """

    model: str | None = Field(default=None, pattern=NAME)
    fresh_within_days: int | None = Field(default=None, ge=0)


class TableSpec(Declared):
    """Settings of one table of the feed.

    `repeated_headers` are headers inside the data (files put together from several): each maps columns to the words
    in those cells; an empty one is the file's own header. Such a record goes to quarantine, rule `repeated_header`.
    `repeats` says what equal rows of a table without a key are: one row sent again, of which the first is kept
    (`drop`), or as many facts (`keep`, docs/adr/0020).
    """

    event_time: str | None = Field(default=None, description="DATE or timestamp column that gives the event day.")
    columns: dict[str, ColumnSpec] = Field(default={})
    rules: list[RowRule] = Field(default=[])
    header_variants: list[HeaderVariant] = Field(default=[])
    repeated_headers: list[dict[str, str]] = Field(default=[])
    repeats: Literal["drop", "keep"] = "drop"
    staging: StagingSpec = StagingSpec()
    fact: FactSpec | None = None


class Catalogue(Declared):
    """Core metadata of 政务信息资源目录编制指南 (2017) that ODCS has no field for.

    `resource_code` 信息资源代码 · `category` 信息资源分类 · `provider`/`provider_code` 提供方 ·
    `share_type` 共享类型 · `open_attribute` 开放属性 · `update_cycle` 更新周期.
    """

    resource_code: str
    category: str
    provider: str
    provider_code: str | None = None
    share_type: Literal["无条件共享", "有条件共享", "不予共享"]
    share_condition: str | None = None
    share_method: str = "共享平台"
    legal_basis: str | None = None
    open_attribute: Literal["无条件开放", "有条件开放", "不予开放"]
    open_condition: str | None = None
    update_cycle: Literal["实时", "每小时", "每日", "每周", "每月", "每季度", "每半年", "每年", "不定期", "不更新"]
    published: date
    related_codes: list[str] = Field(default=[])

    @model_validator(mode="after")
    def _basis(self) -> Catalogue:
        if self.share_type == "不予共享" and not self.legal_basis:
            raise ValueError("不予共享 needs a legal_basis")
        if self.share_type == "有条件共享" and not self.share_condition:
            raise ValueError("有条件共享 needs a share_condition")
        return self


class Retention(Declared):
    """How long each zone is kept, and why."""

    raw: timedelta
    quarantine: timedelta
    basis: str


class Steward(Declared):
    """Who hears of a refused or late delivery, and in which language: Chinese or English."""

    name: str
    email: str
    language: Literal["zh", "en"] = "zh"


class Citylake(Declared):
    """The `citylake` extension of one contract."""

    department: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    feed: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    delivery: Literal["snapshot", "interval", "events"]
    correction: Literal["full", "delta"] | None = None
    max_key_loss: float = Field(default=0.2, ge=0, le=1)
    max_refused_share: float = Field(default=0.05, ge=0, le=1)
    empty: Literal["refuse", "no_data"] = "refuse"
    content_as_of: Literal["modified", "interval_end", "fetched"] = "modified"
    calendar: CalendarSpec
    on_change: bool = Field(
        default=False, description="The source sends when something changes: no interval is owed, none is late."
    )
    schedule: str = Field(description="Cron expression in the calendar's time zone.")
    retries: int = Field(default=3, ge=0)
    deadline: timedelta = Field(description="After the interval's end; later is late.")
    recapture: timedelta = Field(default=timedelta(0), description="How far back each run looks again for late files.")
    impact: Literal["high", "medium", "low"] = "medium"
    steward: Steward
    source: Source
    format: Format
    tables: dict[str, TableSpec] = Field(default={})
    catalogue: Catalogue
    licence: str
    retention: Retention
    synthetic: bool = Field(default=False, description="The shipped source is simulated; shown wherever data is.")

    @model_validator(mode="after")
    def _semantics(self) -> Citylake:
        if (self.delivery == "interval") != (self.correction is not None):
            raise ValueError("`correction` (full or delta) belongs to delivery interval, and is required there")
        return self
