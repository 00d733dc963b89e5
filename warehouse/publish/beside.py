"""The other editions that a composed one is read together with: restricted rows, and the tables that they refer to.

A release of one edition is composed by itself. Where a relationship leads from a restricted table to one of another
edition, and the other side is not of this build (its product is blocked or held back), it is checked against what
readers of that other edition have. Releases are opened only for such a relationship.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ingestion.sql import identifier, literal
from warehouse.build.report import ModelBuilt
from warehouse.release import editions, layout, pointer
from warehouse.release.manifest import Manifest, TableEntry
from warehouse.verdict import Verdict

if TYPE_CHECKING:
    from ingestion.lake import Lake


@dataclass(frozen=True)
class Beside:
    """What the other editions show: `held_back` are products that the internal one held back in this publication."""

    lake: Lake
    connection: duckdb.DuckDBPyConnection
    scratch: Path
    verdicts: Mapping[str, Verdict]
    held_back: Collection[str]
    _releases: dict[str, Manifest | None] = field(default_factory=dict)

    def is_current(self, model: ModelBuilt) -> bool:
        """Do readers of the model's edition get the rows of this build, with this publication?"""
        verdict = self.verdicts.get(model.product or "")
        return verdict is not None and verdict.decision == "passed" and model.product not in self.held_back

    def table(self, model: ModelBuilt) -> TableEntry | None:
        """The released table of a model in its own edition; None where there is none."""
        release = self._release(editions.of_model(model)[0])
        return release.tables.get(model.name) if release else None

    def file_table(self, model: ModelBuilt) -> str:
        """The quoted SQL name of the table in the release file."""
        return identifier(_alias(editions.of_model(model)[0]), "main", model.name)

    def _release(self, edition: str) -> Manifest | None:
        if edition not in self._releases:
            release = pointer.current(self.lake, edition)
            if release is not None:
                path = self.lake.store.fetch(release.warehouse.key, self.scratch / f"{_alias(edition)}.duckdb")
                self.connection.execute(f"attach {literal(path)} as {identifier(_alias(edition))} (read_only)")
            self._releases[edition] = release
        return self._releases[edition]


def _alias(edition: str) -> str:
    return f"beside_{layout.file_name(edition)}"
