"""What readers have now, over all editions: what a build is measured and judged against.

A table is compared with the edition that it is released in, so that one edition that stands still does not make the
tables of another look new, or unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingestion.errors import CitylakeError
from warehouse.build.report import ModelBuilt
from warehouse.release import editions, pointer
from warehouse.release.manifest import Manifest, ProductEntry, TableEntry

if TYPE_CHECKING:
    from ingestion.lake import Lake


@dataclass(frozen=True)
class Baseline:
    """The current releases by edition; open is left out, since all that it shows is in the internal one too."""

    releases: Mapping[str, Manifest] = field(default_factory=dict)

    @property
    def id(self) -> str | None:
        """Names what is compared with; None before the first release."""
        return " ".join(f"{edition}:{one.id}" for edition, one in sorted(self.releases.items())) or None

    @property
    def products(self) -> set[str]:
        """Products that any of them shows."""
        return {name for one in self.releases.values() for name in one.products}

    def made_by(self, engine: str) -> Baseline:
        """Those whose hashes that engine made."""
        return Baseline({edition: one for edition, one in self.releases.items() if one.engine == engine})

    def table(self, model: ModelBuilt) -> TableEntry | None:
        """The released table of a model; None where it was never released in its edition."""
        manifest = self._of(model)
        return manifest.tables.get(model.name) if manifest else None

    def entry(self, model: ModelBuilt) -> ProductEntry | None:
        """The product of a model as the edition of that model shows it."""
        manifest = self._of(model)
        return manifest.entry(model.product) if manifest and model.product else None

    def product(self, name: str) -> ProductEntry | None:
        """A product as it is in the internal edition, else in the restricted one."""
        shown = (self.releases.get(edition) for edition in (editions.INTERNAL, editions.restricted(name)))
        return next((entry for one in shown if one and (entry := one.entry(name))), None)

    def _of(self, model: ModelBuilt) -> Manifest | None:
        return next((self.releases[edition] for edition in editions.of_model(model) if edition in self.releases), None)


def read_baseline(lake: Lake) -> Baseline:
    """The current releases. Raises IntegrityError where the internal manifest is not the published one.

    A restricted edition that cannot be read counts as never released: its publication says why, and stops no other.
    """
    found = {editions.INTERNAL: pointer.current(lake, editions.INTERNAL)}
    for edition in filter(editions.is_restricted, editions.of_lake(lake.store)):
        try:
            found[edition] = pointer.current(lake, edition)
        except (CitylakeError, ValueError):
            continue
    return Baseline({edition: manifest for edition, manifest in found.items() if manifest is not None})
