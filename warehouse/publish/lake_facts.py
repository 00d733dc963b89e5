"""Facts of the lake itself in what a public edition would hold (ADR 0022): columns, comments, values.

An edition holds what its readers may know. Not theirs: the lake's own columns, where the store and the home folder
lie, batch ids (and so the keys of raw and bronze objects), ids of Airflow runs, stewards' mail addresses. It owns
recognising them; a product whose tables hold any is kept out of the edition until its model leaves them out.
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
"""What it is, to a text that must be in it (looked for first: it is cheap) and the pattern."""


class LakeFacts:
    """What is looked for in one lake."""

    def __init__(self, lake: Lake) -> None:
        """Places of the lake, and who answers for its feeds."""
        settings = lake.settings
        places = {lake.store.url(PUBLISHED).removesuffix(f"/{PUBLISHED}"), f"{settings.root}/", f"{Path.home()}/"}
        if not isinstance(lake.store, LocalStore) and settings.s3_endpoint:
            places.add(settings.s3_endpoint.split("://", 1)[-1])
        self.places = sorted(place for place in places if place.strip("/"))
        self.mail = sorted({contract.citylake.steward.email for contract in lake.contracts.values()})

    def in_columns(self, columns: Iterable[str]) -> str | None:
        """What is wrong with the names of a table's columns; None when nothing is."""
        own = sorted(set(columns) & SYSTEM_COLUMNS.keys())
        return f"{', '.join(own)}: columns of the lake's own" if own else None

    def in_comment(self, connection: duckdb.DuckDBPyConnection, comment: Comment) -> str | None:
        """What a table's comments tell of the lake."""
        texts = [text for text in (comment.table, *comment.columns.values()) if text]
        if any(mail in text for mail in self.mail for text in texts):
            return "its description holds a steward's mail address"
        found = self._in(connection, f"(select unnest({literal(texts)}::varchar[]) as text)", ["text"])
        return f"its description holds {found[1]}" if found else None

    def in_rows(self, connection: duckdb.DuckDBPyConnection, query: str, columns: dict[str, str]) -> str | None:
        """What the rows of `query` tell of the lake; only columns that can hold text are read."""
        found = self._in(connection, f"({query})", text_columns(columns))
        return f"column {found[0]} holds {found[1]}" if found else None

    def _in(self, connection: duckdb.DuckDBPyConnection, relation: str, columns: list[str]) -> tuple[str, str] | None:
        """Column and what it holds, the first of any."""
        if not columns:
            return None
        asked = [(column, what, test) for column in columns for what, test in self._tests(column).items()]
        tests = ", ".join(f"coalesce(bool_or({test}), false)" for _, _, test in asked)
        row = connection.execute(f"select {tests} from {relation} as looked_at").fetchone() or ()
        return next(((column, what) for (column, what, _), is_found in zip(asked, row, strict=True) if is_found), None)

    def _tests(self, column: str) -> dict[str, str]:
        """What is looked for, to a condition on the column."""
        text = f"cast({identifier(column)} as varchar)"
        places = " or ".join(f"contains({text}, {literal(place)})" for place in self.places)
        patterns = {
            what: f"contains({text}, {literal(part)}) and regexp_matches({text}, {literal(pattern)})"
            for what, (part, pattern) in PATTERNS.items()
        }
        return {"a place of the lake": places, **patterns}


def keep_out(lake: Lake, composer: Composer, described: Descriptions, *, is_parent_stale: bool) -> None:
    """Settle the composition with every product kept out of a public edition whose tables hold facts of the lake.

    Rows that were released clean are not read again; of a stale parent (warehouse.publish.leaky) all are.
    """
    composer.hold_back()
    if not layout.is_public(composer.plan.edition):
        return
    facts = LakeFacts(lake)
    while (wrong := _first_wrong(facts, composer, described, is_parent_stale)) is not None:
        product, reason = wrong
        if product.choice == "kept":
            product.parent = None
        product.hold_back(reason)
        composer.hold_back()


def _first_wrong(
    facts: LakeFacts, composer: Composer, described: Descriptions, is_parent_stale: bool
) -> tuple[ProductPlan, str] | None:
    looked_at = composer.plan.chosen("fresh") + (composer.plan.chosen("kept") if is_parent_stale else [])
    for product in looked_at:
        for name, columns in _tables(product, composer).items():
            if (name, product.choice) in composer.clean:
                continue
            query = composer.changed(name) if not is_parent_stale else composer.select(name)
            try:
                with store_errors(composer.lake.store, f"look at table {name}"):
                    reason = (
                        facts.in_columns(columns)
                        or facts.in_comment(composer.connection, described.of(name))
                        or facts.in_rows(composer.connection, query or "", columns)
                    )
            except Exception as error:  # what was not looked at is not for everybody
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
