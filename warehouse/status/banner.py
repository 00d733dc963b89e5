"""The status of an edition for people: a fragment of HTML in Chinese and English, for pages that show the edition.

It says which products stand still, since when, and which day their content is of, and that data are synthetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2

from ingestion.clocks import shown
from warehouse.title import Language, Title

_SYNTHETIC = Title(zh="模拟城市：所有数据均为合成数据。", en="A simulated city: every value is synthetic.")
_NO_RELEASE = Title(zh="目前没有可供使用的发布版本。", en="No release is available at present.")
_LANGUAGES: tuple[Language, ...] = ("zh", "en")


@dataclass(frozen=True)
class Still:
    """A product that stands still: its name, the day its content is of, and since when."""

    title: Title
    content_as_of: date | None
    since: datetime


def banner(
    edition: str, at: datetime, zone: ZoneInfo, *, still: Sequence[Still], is_synthetic: bool, is_released: bool
) -> bytes:
    """The fragment, UTF-8. `still` are the products that stand still."""
    said = [note for note, holds in ((_SYNTHETIC, is_synthetic), (_NO_RELEASE, not is_released)) if holds]
    text = _template().render(
        edition=edition,
        at=at.astimezone(zone).isoformat(timespec="seconds"),
        notes={language: [note.of(language) for note in said] for language in _LANGUAGES},
        still=[_line(product, shown(product.since, zone)) for product in still],
    )
    return text.encode()


def _line(product: Still, since: str) -> dict[Language, str]:
    day = product.content_as_of
    zh, en = (f"，内容截至 {day}", f"; content as of {day}") if day else ("", "")
    return {
        "zh": f"{product.title.zh}：自 {since} 起未更新{zh}",
        "en": f"{product.title.en}: not updated since {since}{en}",
    }


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("banner.html.j2")
