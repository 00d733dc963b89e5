"""What a release says about itself: `manifest.json`. Immutable; the ledger and the pointer carry its sha256.

`tables` lists everything a reader sees; `products` says which release each product came
from, on which inputs, under which verdict. A fact's rows are in `files`, shared between releases.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from warehouse.build.report import Document, Kind
from warehouse.gate.verdict import AcceptedUse


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


class TableEntry(Document):
    """One released table. `columns` maps name to DuckDB type, in order; `feeds` are what it is made from."""

    product: str
    kind: Kind | None
    rows: int
    content: str
    columns: dict[str, str]
    feeds: list[str]
    day_column: str | None = None
    files: list[FactFile] = Field(default=[])


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
