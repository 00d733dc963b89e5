"""Write the status of each edition beside its releases: `status.json` for programs, `banner.html` for pages.

Both lie outside releases and are replaced by every gate and every sweep (ADR 0034). Each edition's readers find what
they may know: the open one says nothing of reasons, feeds, persons, accounts, runs and other editions' releases.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from ingestion.lake import Lake
from ingestion.values.document import Document
from warehouse.release import layout
from warehouse.release.editions import is_restricted
from warehouse.status.banner import Still, banner
from warehouse.status.model import EditionLine, ProductLine, Status
from warehouse.status.published import (
    InternalFeed,
    InternalProduct,
    InternalStatus,
    OpenProduct,
    OpenStatus,
    RestrictedEdition,
    RestrictedStatus,
)

_D = TypeVar("_D", bound=Document)


def write_status(lake: Lake, status: Status) -> None:
    """Replace both objects of every edition. Raises StoreError; an object that was not replaced is as before."""
    for line in status.editions:
        document = _document(status, line)
        lake.store.replace(layout.status(line.edition), document.model_dump_json(indent=1).encode())
        lake.store.replace(layout.banner(line.edition), edition_banner(status, line))


def _document(status: Status, line: EditionLine) -> Document:
    if is_restricted(line.edition):
        return restricted_status(status, line)
    return open_status(status, line) if layout.is_public(line.edition) else internal_status(status, line)


def internal_status(status: Status, line: EditionLine) -> InternalStatus:
    """What readers of the internal edition may know."""
    zone = ZoneInfo(status.timezone)
    return InternalStatus(
        at=status.at.astimezone(zone),
        timezone=status.timezone,
        synthetic=status.synthetic,
        release=line.release,
        released_at=_local(line.released_at, zone),
        on_hold_since=_local(line.hold_since, zone),
        judged=status.judged,
        products=[_inside(product, zone) for product in status.products],
        feeds=[_published(feed, InternalFeed, zone) for feed in status.feeds],
        restricted=[_published(one, RestrictedEdition, zone) for one in status.editions if is_restricted(one.edition)],
    )


def restricted_status(status: Status, line: EditionLine) -> RestrictedStatus:
    """What readers of a restricted edition may know: of its product what readers inside do, and how its rows stand."""
    zone = ZoneInfo(status.timezone)
    shown = next(iter(_shown(status, line)), None)
    return RestrictedStatus(
        edition=line.edition,
        at=status.at.astimezone(zone),
        timezone=status.timezone,
        synthetic=_is_synthetic(status, line),
        release=line.release,
        released_at=_local(line.released_at, zone),
        on_hold_since=_local(line.hold_since, zone),
        product=_inside(shown, zone) if shown else None,
        content_as_of=shown.content[line.edition] if shown else None,
        stands_still_since=_local(shown.stands_still.get(line.edition), zone) if shown else None,
    )


def open_status(status: Status, line: EditionLine) -> OpenStatus:
    """What everybody may know: the products of a public edition and the days it shows, not what was newer inside."""
    zone = ZoneInfo(status.timezone)
    return OpenStatus(
        edition=line.edition,
        at=status.at.astimezone(zone),
        timezone=status.timezone,
        synthetic=_is_synthetic(status, line),
        release=line.release,
        released_at=_local(line.released_at, zone),
        products=[_open_product(product, line.edition, zone) for product in _shown(status, line)],
    )


def edition_banner(status: Status, line: EditionLine) -> bytes:
    """The banner of an edition: what its readers see stand still."""
    still = [(product, at) for product in _shown(status, line) if (at := product.stands_still.get(line.edition))]
    return banner(
        line.edition,
        status.at,
        ZoneInfo(status.timezone),
        still=[Still(product.title, product.content.get(line.edition), at) for product, at in still],
        is_synthetic=_is_synthetic(status, line),
        is_released=line.release is not None,
    )


def _shown(status: Status, line: EditionLine) -> list[ProductLine]:
    return [product for product in status.products if line.edition in product.editions]


def _is_synthetic(status: Status, line: EditionLine) -> bool:
    return line.synthetic if line.release else status.synthetic


def _open_product(product: ProductLine, edition: str, zone: ZoneInfo) -> OpenProduct:
    since = product.stands_still.get(edition)
    return OpenProduct(
        product=product.product,
        title=product.title,
        synthetic=product.synthetic,
        content_as_of=product.content[edition],
        next_expected=_local(product.next_expected, zone),
        stands_still=since is not None,
        stands_still_since=_local(since, zone),
    )


def _inside(product: ProductLine, zone: ZoneInfo) -> InternalProduct:
    """A product for readers inside the administration, without what its restricted edition shows."""
    found = _published(product, InternalProduct, zone)
    stands_still = {edition: at for edition, at in found.stands_still.items() if not is_restricted(edition)}
    return found.model_copy(update={"stands_still": stands_still})


def _published(line: Document, kind: type[_D], zone: ZoneInfo) -> _D:
    """The fields of a line that `kind` names, its times in the city's zone."""
    return kind.model_validate({name: _in_zone(getattr(line, name), zone) for name in kind.model_fields})


def _in_zone(value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, dict):
        return {key: _in_zone(item, zone) for key, item in value.items()}
    return value.astimezone(zone) if isinstance(value, datetime) else value


def _local(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    return moment.astimezone(zone) if moment else None
