"""The feeds of the city. A new feed is a module with a `FEED`, added to `FEEDS`."""

from infra.simulator.feed import Feed
from infra.simulator.feeds.jtj import gtfs_static
from infra.simulator.feeds.qxj import wx_station_hourly
from infra.simulator.feeds.syj import complaint, food_inspection, food_licence

FEEDS: tuple[Feed, ...] = (
    wx_station_hourly.FEED,
    gtfs_static.FEED,
    food_licence.FEED,
    food_inspection.FEED,
    complaint.FEED,
)
