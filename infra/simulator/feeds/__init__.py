"""The feeds of the city: every module `<department>/<feed>.py` here that has a `FEED`, first those that are code."""

from importlib import import_module
from pathlib import Path

from infra.simulator.feed import Feed
from infra.simulator.feeds.jtj import gtfs_static
from infra.simulator.feeds.qxj import wx_station_hourly
from infra.simulator.feeds.syj import complaint, food_inspection, food_licence

_CODE: tuple[Feed, ...] = (
    wx_station_hourly.FEED,
    gtfs_static.FEED,
    food_licence.FEED,
    food_inspection.FEED,
    complaint.FEED,
)


def _found() -> list[Feed]:
    """The `FEED` of every module of a department, by path."""
    paths = sorted(path for path in Path(__file__).parent.glob("*/*.py") if path.stem != "__init__")
    return [import_module(f"{__name__}.{path.parent.name}.{path.stem}").FEED for path in paths]


FEEDS: tuple[Feed, ...] = (*_CODE, *(feed for feed in _found() if feed not in _CODE))
