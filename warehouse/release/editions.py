"""Which editions there are, and which of them a model is in: the one place that says it (docs/adr/0042).

A released model is in the internal edition, and where its name begins with `pub_` in the open one too. A model that is
declared `edition: restricted` is in `restricted/<its product>` and in no other. Keys are warehouse.release.layout's.
"""

from __future__ import annotations

from collections.abc import Iterable

from ingestion import keys
from ingestion.errors import ConfigurationError
from ingestion.store.base import Store
from warehouse.build.report import BuildReport, ModelBuilt
from warehouse.release import layout

INTERNAL = "internal"
OPEN = "open"


def restricted(product: str) -> str:
    """The restricted edition of a data product: `restricted/<product>`."""
    return f"{keys.RESTRICTED}/{product}"


def is_restricted(edition: str) -> bool:
    """Is it a restricted edition, the row-level tables of one product?"""
    return edition.startswith(f"{keys.RESTRICTED}/")


def is_open_model(name: str) -> bool:
    """Is a model of this name for everybody, unless it is restricted?"""
    return name.startswith("pub_")


def of_model(model: ModelBuilt) -> tuple[str, ...]:
    """The editions that a model is released in; none of a model that is not released."""
    if not model.public or model.product is None:
        return ()
    if model.restricted:
        return (restricted(model.product),)
    return (INTERNAL, OPEN) if is_open_model(model.name) else (INTERNAL,)


def of_lake(store: Store, report: BuildReport | None = None) -> list[str]:
    """Every edition: internal and open, then the restricted ones that the store has or that `report` would release."""
    built = {edition for model in report.models for edition in of_model(model)} if report else set()
    found = {restricted(name) for folder in (keys.PUBLISHED, keys.LEDGER) for name in _products(store, folder)}
    return [*layout.EDITIONS, *sorted(found | set(filter(is_restricted, built)))]


def require(store: Store, edition: str) -> str:
    """The edition itself. Raises ConfigurationError where the lake has none of that name.

    Nothing is listed for those that every lake has, since their readers may not list the others.
    """
    known = list(layout.EDITIONS) if edition in layout.EDITIONS else of_lake(store)
    if edition not in known:
        raise ConfigurationError(
            f"there is no edition {edition!r}", left="nothing was done", next_step=f"name one of: {', '.join(known)}"
        )
    return edition


def kept_by(models: Iterable[ModelBuilt], edition: str) -> set[str]:
    """Names of the models that are restricted now, and that no edition but their own may show."""
    return {model.name for model in models if model.restricted and edition not in of_model(model)}


def _products(store: Store, folder: str) -> Iterable[str]:
    return store.list_folders(f"{folder}/{keys.RESTRICTED}/")
