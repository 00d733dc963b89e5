"""Keep products out of a public edition whose tables would publish internal facts of the lake (ADR 0022).

Internal are the lake's own columns, the location of the store and of the home folder, batch ids (and with them the keys
of raw and bronze objects), ids of Airflow runs, and stewards' mail addresses. They are looked for in column names,
comments and rows; a product with any is kept out until its model leaves them out.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ingestion.isolation import raise_unless_unexpected
from ingestion.keys import PUBLISHED
from ingestion.sql import identifier, literal
from ingestion.store import LocalStore
from ingestion.store.reading import store_errors
from warehouse.build.sources import SYSTEM_COLUMNS
from warehouse.gate.privacy import text_columns
from warehouse.publish.comments import Comment, Descriptions
from warehouse.publish.compose import Composer
from warehouse.publish.plan import ProductPlan
from warehouse.release import layout

if TYPE_CHECKING:
    from ingestion.lake import Lake

BATCH = r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}"
RUN = r"(manual|scheduled|backfill|asset_triggered|dataset_triggered)__[0-9]{4}-[0-9]{2}-[0-9]{2}"
PATTERNS = {"a batch id or an object key": ("Z-", BATCH), "the id of an Airflow run": ("__", RUN)}
"""Description to (a text every match contains, a regular expression); the text is looked for first, being cheap."""


class InternalFacts:
    """The internal facts of one lake, and where they are looked for."""

    def __init__(self, lake: Lake) -> None:
        """Collect the locations of the lake and the mail addresses of its stewards."""
        settings = lake.settings
        places = {lake.store.url(PUBLISHED).removesuffix(f"/{PUBLISHED}"), f"{settings.root}/", f"{Path.home()}/"}
        if not isinstance(lake.store, LocalStore) and settings.s3_endpoint:
            places.add(settings.s3_endpoint.split("://", 1)[-1])
        self.places = sorted(place for place in places if place.strip("/"))
        self.mail = sorted({contract.citylake.steward.email for contract in lake.contracts.values()})

    def in_columns(self, columns: Iterable[str]) -> str | None:
        """Which of these column names are the lake's own, as a message; None where none is."""
        own = sorted(set(columns) & SYSTEM_COLUMNS.keys())
        return f"{', '.join(own)}: columns of the lake's own" if own else None

    def in_comment(self, connection: duckdb.DuckDBPyConnection, comment: Comment) -> str | None:
        """Which internal fact the comments of a table hold, as a message; None where they hold none."""
        texts = [text for text in (comment.table, *comment.columns.values()) if text]
        if any(mail in text for mail in self.mail for text in texts):
            return "its description holds a steward's mail address"
        match = self._first_match(connection, f"(select unnest({literal(texts)}::varchar[]) as text)", ["text"])
        return f"its description holds {match[1]}" if match else None

    def in_rows(self, connection: duckdb.DuckDBPyConnection, query: str, columns: dict[str, str]) -> str | None:
        """Which internal fact the rows of `query` hold, as a message; only columns that can hold text are read."""
        match = self._first_match(connection, f"({query})", text_columns(columns))
        return f"column {match[0]} holds {match[1]}" if match else None

    def _first_match(
        self, connection: duckdb.DuckDBPyConnection, relation: str, columns: list[str]
    ) -> tuple[str, str] | None:
        """The first column that holds an internal fact, and a description of the fact; None without a match."""
        if not columns:
            return None
        searches = [(column, what, test) for column in columns for what, test in self._tests(column).items()]
        tests = ", ".join(f"coalesce(bool_or({test}), false)" for _, _, test in searches)
        row = connection.execute(f"select {tests} from {relation} as searched").fetchone() or ()
        return next(
            ((column, what) for (column, what, _), is_match in zip(searches, row, strict=True) if is_match), None
        )

    def _tests(self, column: str) -> dict[str, str]:
        """Description of each internal fact to an SQL condition on the column."""
        text = f"cast({identifier(column)} as varchar)"
        places = " or ".join(f"contains({text}, {literal(place)})" for place in self.places)
        patterns = {
            what: f"contains({text}, {literal(part)}) and regexp_matches({text}, {literal(pattern)})"
            for what, (part, pattern) in PATTERNS.items()
        }
        return {"a place of the lake": places, **patterns}


def keep_out(lake: Lake, composer: Composer, descriptions: Descriptions, *, is_parent_legacy: bool) -> None:
    """Run the composer's checks, then keep every product out of a public edition whose tables hold internal facts.

    Rows that the parent released are not searched again, unless the parent is a legacy release
    (warehouse.publish.legacy).
    """
    composer.hold_back()
    if not layout.is_public(composer.plan.edition):
        return
    facts = InternalFacts(lake)
    while (refused := _first_refused(facts, composer, descriptions, is_parent_legacy)) is not None:
        product, reason = refused
        if product.choice == "kept":
            product.parent = None
        product.hold_back(reason)
        composer.hold_back()


def _first_refused(
    facts: InternalFacts, composer: Composer, descriptions: Descriptions, is_parent_legacy: bool
) -> tuple[ProductPlan, str] | None:
    """The first product with an internal fact, and the reason to keep it out."""
    searched = composer.plan.chosen("fresh") + (composer.plan.chosen("kept") if is_parent_legacy else [])
    for product in searched:
        for name, columns in _tables(product, composer).items():
            if (name, product.choice) in composer.clean:
                continue
            query = composer.changed(name) if not is_parent_legacy else composer.select(name)
            try:
                with store_errors(composer.lake.store, f"look at table {name}"):
                    reason = (
                        facts.in_columns(columns)
                        or facts.in_comment(composer.connection, descriptions.of(name))
                        or facts.in_rows(composer.connection, query or "", columns)
                    )
            except Exception as error:  # a table that could not be searched is not published
                reason = raise_unless_unexpected(error, composer.lake.settings, f"looking at table {name}").message
            if reason:
                return product, f"table {name} is not for readers of the {composer.plan.edition} edition: {reason}"
            composer.clean.add((name, product.choice))
    return None


def _tables(product: ProductPlan, composer: Composer) -> dict[str, dict[str, str]]:
    """Columns of the product's tables as they would be released."""
    if product.choice == "fresh":
        return {table.name: table.columns for table in product.tables}
    parent = composer.plan.parent
    return {name: parent.tables[name].columns for name in product.parent.tables} if parent and product.parent else {}
