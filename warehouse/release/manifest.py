"""The manifest of a release: its tables, products and files. The ledger and the pointer carry its sha256.

`tables` lists everything a reader sees; `products` says which release each product came
from, on which inputs, under which verdict. A fact's rows are in `files`, shared between releases, or in the
release file itself. A public edition's `manifest.json` is a `PublicManifest`: what its readers may know, and the
sha256 of the whole manifest, which is kept private (ADR 0022).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from ingestion.values.document import Document
from ingestion.values.hashes import sha256_of_bytes
from warehouse.build.report import Expires, Kind
from warehouse.verdict import AcceptedUse


class StoredFile(Document):
    """An object of the release."""

    key: str
    bytes: int
    sha256: str


class FactFile(Document):
    """One day of a fact. `content` is the order-free hash of its rows."""

    day: str
    key: str
    rows: int
    bytes: int
    sha256: str
    content: str


class FactDay(Document):
    """One day of a fact whose rows are in the release file. `content` is the order-free hash of its rows."""

    day: str
    rows: int
    content: str


class Expiry(Document):
    """When rows of an open table leave, and what the table was before any left.

    `next_end` is the earliest date of the rows in it (the day that row leaves), None where none has a date.
    `built_rows` and `built_content` are count and hash of the rows as they were built.
    """

    rule: Expires
    next_end: date | None
    built_rows: int
    built_content: str


class TableEntry(Document):
    """One released table. `columns` maps name to DuckDB type, in order; `feeds` are the feeds it is made from.

    The rows of a fact lie in `files`, of which the release file has a view; or, where it is `materialised`, in a table
    of the release file, and `days` holds their counts and hashes. `identity` is that of the code that made it
    (warehouse.build.identity); empty in releases that did not know it. `expiry` is set in public editions, for tables
    whose rows leave on a day.
    """

    product: str
    kind: Kind | None
    rows: int
    content: str
    columns: dict[str, str]
    feeds: list[str]
    day_column: str | None = None
    files: list[FactFile] = Field(default=[])
    materialised: bool = False
    days: list[FactDay] = Field(default=[])
    identity: str = ""
    expiry: Expiry | None = None

    @property
    def built_rows(self) -> int:
        """How many rows the table had as it was built."""
        return self.expiry.built_rows if self.expiry else self.rows

    @property
    def built_content(self) -> str:
        """The hash of the rows as they were built."""
        return self.expiry.built_content if self.expiry else self.content

    def is_due(self, today: date) -> bool:
        """Does it hold a row whose last day is over, by its own date?"""
        return self.expiry is not None and self.expiry.next_end is not None and self.expiry.next_end <= today

    @property
    def is_view(self) -> bool:
        """Are its rows in fact files, with a view in the release file?"""
        return self.day_column is not None and not self.materialised

    def by_day(self) -> list[FactFile] | list[FactDay]:
        """The days of a fact, in order."""
        return self.days if self.materialised else self.files

    def as_table(self) -> TableEntry:
        """The entry of the same rows as a table of the release file."""
        if not self.is_view:
            return self
        days = [FactDay(day=file.day, rows=file.rows, content=file.content) for file in self.files]
        return self.model_copy(update={"files": [], "materialised": True, "days": days})


class SourceBatch(Document):
    """One delivery behind a product: raw object and the bronze objects made from it."""

    batch: str
    receipt: str
    raw_key: str | None
    raw_sha256: str | None
    bronze: list[str]


class ProductEntry(Document):
    """A product as it is in this release.

    `release` is the release its tables were made for. `decision` is the verdict of the build
    this release was composed from: `passed`, `blocked` (older tables stay) or `held_back` (its newer
    tables contradicted the rest). `inputs`, `checks` and `accepted` belong to the tables shown.
    """

    release: str
    decision: Literal["passed", "blocked", "held_back"]
    reasons: list[str]
    build_id: str
    project_digest: str
    as_of: date
    tables: list[str]
    checks: list[str]
    accepted: list[AcceptedUse]
    inputs: dict[str, list[SourceBatch]]

    def bronze(self, feed: str) -> set[str]:
        """Effective bronze keys of one feed."""
        return {key for batch in self.inputs.get(feed, []) for key in batch.bronze}


class Manifest(Document):
    """One release of one edition."""

    schema_version: Literal[1] = 1
    id: str
    edition: str
    parent: str | None
    created_at: datetime
    approver: str | None
    synthetic: bool
    engine: str
    privacy_rules: str
    tools: dict[str, str]
    root: str
    warehouse: StoredFile
    products: dict[str, ProductEntry]
    tables: dict[str, TableEntry]
    never_released: dict[str, list[str]]

    def entry(self, product: str) -> ProductEntry | None:
        """The product's entry; None when the release does not hold it."""
        return self.products.get(product)

    def due(self, today: date) -> list[str]:
        """Tables with rows that are not to be shown on this local day, by their own dates."""
        return [name for name, entry in sorted(self.tables.items()) if entry.is_due(today)]


class PublicTable(Document):
    """A released table as its readers see it; `columns` maps name to DuckDB type, in order.

    Rows are not to be shown from the date in `end_column` on; `next_end` is the first such date.
    """

    product: str
    rows: int
    columns: dict[str, str]
    end_column: str | None = None
    next_end: date | None = None

    @classmethod
    def of(cls, entry: TableEntry) -> PublicTable:
        """The public part of an entry."""
        ends = (entry.expiry.rule.column, entry.expiry.next_end) if entry.expiry else (None, None)
        return cls(product=entry.product, rows=entry.rows, columns=entry.columns, end_column=ends[0], next_end=ends[1])


class PublicManifest(Document):
    """What readers of a public edition may know of a release: which data, of which day, in which file.

    `as_of` is the local day each product's tables were made for. `record_sha256` binds the private manifest.
    """

    schema_version: Literal[2] = 2
    id: str
    edition: str
    created_at: datetime
    synthetic: bool
    duckdb: str
    warehouse: StoredFile
    as_of: dict[str, date]
    tables: dict[str, PublicTable]
    record_sha256: str

    @classmethod
    def of(cls, manifest: Manifest, record: bytes) -> PublicManifest:
        """The public part of a manifest, written as `record`. A field is named here or it is not published."""
        return cls(
            id=manifest.id,
            edition=manifest.edition,
            created_at=manifest.created_at,
            synthetic=manifest.synthetic,
            duckdb=manifest.tools["duckdb"],
            warehouse=manifest.warehouse,
            as_of={name: entry.as_of for name, entry in manifest.products.items()},
            tables={name: PublicTable.of(entry) for name, entry in manifest.tables.items()},
            record_sha256=sha256_of_bytes(record),
        )


class _Version(BaseModel):
    """The one field every version of a manifest has."""

    schema_version: int


def is_whole_manifest(data: bytes) -> bool:
    """Is this a whole manifest, as the internal edition has and every edition of an earlier version had?"""
    return _Version.model_validate_json(data).schema_version == 1
