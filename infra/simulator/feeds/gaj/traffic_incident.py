"""交通事故警情: the day's traffic incidents late in the evening, as NDJSON and by the paged API; plates are made up."""

from datetime import time, timedelta

from infra.simulator.columns import choice, later, moment, number, plate, road, serial, town
from infra.simulator.declared import conflicting, corrected, declared, refused, repeated

FEED = declared(
    "gaj",
    "traffic_incident",
    every="day",
    filename="traffic_incident_{start:%Y%m%d}{suffix}.ndjson",
    arrives=timedelta(hours=23, minutes=20),
    rows=90,
    columns={
        "incident_id": serial("JJ%Y%m%d-#"),
        "occurred_at": moment(until_hour=22),
        "cleared_at": later("occurred_at", (8, 55)),
        "kind": choice({"追尾": 5, "刮擦": 6, "碰撞固定物": 2, "碰撞行人": 1, "其他": 1}),
        "severity": choice({"轻微": 8, "一般": 3, "较大": 0.2}),
        "town_code": town(),
        "road": road(),
        "longitude": town("longitude"),
        "latitude": town("latitude"),
        "vehicles": number(1, 5),
        "injured": number(0, 3),
        "plate_no": plate(),
    },
    dirt=[
        refused(1, 1, "severity.allowed", {"severity": "严重"}),
        refused(1, 1, "cleared_later", {"cleared_at": "2020-01-01 00:00:00"}),
        refused(2, 2, "longitude.range", {"longitude": "22.5"}),
        refused(2, 1, "occurred_at.required", {"occurred_at": ""}),
        refused(3, 1, "injured.range", {"injured": "-1"}),
        refused(4, 1, "plate_no.pattern", {"plate_no": "无牌"}),
        repeated(1, 2),
        conflicting(4, 1, {"kind": "其他", "injured": "2"}),
        corrected(2, 3, time(10, 30)),
    ],
)
