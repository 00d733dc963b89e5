"""The towns of Zhongshan (GB/T 2260 division 442000) as they are since 2021-07-19.

Codes follow the announcement of 2021-07-19: 007 and 008 became streets, 118 joins 小榄 and
东升; 100, 102, 104 and 113 are closed. Coordinates are rough town centres (WGS 84 degrees),
`weight` is a rough share of population, `altitude_m` a plausible height of a weather station.
"""

from __future__ import annotations

from dataclasses import dataclass

DIVISION = "442000"


@dataclass(frozen=True)
class Town:
    """One town or street; `code` has nine digits."""

    code: str
    name: str
    latitude: float
    longitude: float
    weight: float
    altitude_m: float


TOWNS: tuple[Town, ...] = (
    Town("442000001", "石岐街道", 22.525, 113.384, 6.0, 11.2),
    Town("442000002", "东区街道", 22.513, 113.402, 6.0, 33.7),
    Town("442000003", "中山港街道", 22.552, 113.481, 8.0, 14.5),
    Town("442000004", "西区街道", 22.548, 113.352, 5.0, 9.8),
    Town("442000005", "南区街道", 22.472, 113.361, 3.0, 18.3),
    Town("442000006", "五桂山街道", 22.421, 113.432, 1.0, 92.4),
    Town("442000007", "民众街道", 22.628, 113.489, 3.0, 4.1),
    Town("442000008", "南朗街道", 22.492, 113.541, 3.0, 12.6),
    Town("442000101", "黄圃镇", 22.713, 113.342, 4.0, 6.9),
    Town("442000103", "东凤镇", 22.691, 113.262, 4.0, 5.2),
    Town("442000105", "古镇镇", 22.612, 113.192, 4.0, 5.8),
    Town("442000106", "沙溪镇", 22.527, 113.331, 4.0, 8.7),
    Town("442000107", "坦洲镇", 22.263, 113.482, 6.0, 4.4),
    Town("442000108", "港口镇", 22.583, 113.381, 4.0, 5.1),
    Town("442000109", "三角镇", 22.677, 113.424, 3.0, 4.6),
    Town("442000110", "横栏镇", 22.538, 113.263, 4.0, 4.9),
    Town("442000111", "南头镇", 22.708, 113.293, 3.0, 5.5),
    Town("442000112", "阜沙镇", 22.663, 113.351, 2.0, 5.0),
    Town("442000114", "三乡镇", 22.352, 113.433, 5.0, 21.8),
    Town("442000115", "板芙镇", 22.418, 113.321, 2.0, 7.7),
    Town("442000116", "大涌镇", 22.468, 113.301, 2.0, 9.1),
    Town("442000117", "神湾镇", 22.312, 113.361, 1.0, 10.4),
    Town("442000118", "小榄镇", 22.668, 113.253, 9.0, 6.3),
)

NATIONAL_STATION_TOWN = DIVISION + "002"
"""The national weather station stands in 东区."""
