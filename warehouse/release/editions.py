"""Which editions there are, and which of them a model is in: the one place that says it (docs/adr/0042).

A released model is in the internal edition, and where its name begins with `pub_` in the open one too. A model that is
declared `edition: restricted` is in `restricted/<its product>` and in no other. Keys are warehouse.release.layout's.
"""

from __future__ import annotations

from warehouse.build.report import ModelBuilt

INTERNAL = "internal"
OPEN = "open"
RESTRICTED = "restricted"


def restricted(product: str) -> str:
    """The restricted edition of a data product: `restricted/<product>`."""
    return f"{RESTRICTED}/{product}"


def is_restricted(edition: str) -> bool:
    """Is it a restricted edition, the row-level tables of one product?"""
    return edition.startswith(f"{RESTRICTED}/")


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
