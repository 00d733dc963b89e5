"""空气质量小时值: one CSV an hour, eight monitoring sites, the columns of the national publication; `—` is missing."""

from datetime import time, timedelta

from infra.simulator.columns import choice, fixed, moment, number
from infra.simulator.declared import accepted, conflicting, corrected, declared, late, refused, repeated
from infra.simulator.words import MARK

SITES = ("华柏园", "紫马岭", "张溪", "南区", "小榄", "三乡", "坦洲", "民众")

FEED = declared(
    "hbj",
    "air_quality_hourly",
    every="hour",
    filename="air_quality_{start:%Y%m%d%H}{suffix}.csv",
    arrives=timedelta(minutes=20),
    rows=len(SITES),
    columns={
        "TimePoint": moment("%Y-%m-%d %H:00:00"),
        "StationCode": fixed([f"ZS{number:02d}" for number in range(1, len(SITES) + 1)]),
        "PositionName": fixed([site + MARK for site in SITES]),
        "PM2_5": number(6, 120, peak_hour=8),
        "PM10": number(12, 200, peak_hour=8),
        "SO2": number(2, 30),
        "NO2": number(8, 110, peak_hour=19),
        "O3": number(10, 260, peak_hour=15),
        "CO": number(0.3, 2.0, digits=1),
        "AQI": number(20, 160, peak_hour=9),
        "PrimaryPollutant": choice({"臭氧8小时": 4, "细颗粒物(PM2.5)": 3, "颗粒物(PM10)": 2, "二氧化氮": 1}),
        "Quality": choice({"优": 5, "良": 4, "轻度污染": 1}),
    },
    dirt=[
        accepted(1, 2, "pm2_5.missing", {"PM2_5": "—"}, hour=3),
        accepted(2, 1, "o3.missing", {"O3": "—"}, hour=14),
        refused(1, 1, "pm10.range", {"PM10": "5000"}, hour=6),
        refused(2, 1, "so2.type", {"SO2": "<2"}, hour=9),
        refused(3, 1, "quality.allowed", {"Quality": "好"}, hour=11),
        refused(4, 1, "station_code.required", {"StationCode": ""}, hour=5),
        repeated(3, 1, hour=2),
        conflicting(4, 1, {"PM2_5": "99"}, hour=17),
        late(2, 3, time(9, 30), hour=20),
        corrected(1, 2, time(10, 0), hour=16),
    ],
)
