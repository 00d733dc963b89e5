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


def _town(last: str, name: str, latitude: float, longitude: float, weight: float, altitude_m: float) -> Town:
    return Town(DIVISION + last, name, latitude, longitude, weight, altitude_m)


TOWNS: tuple[Town, ...] = (
    _town("001", "石岐街道", 22.525, 113.384, 6.0, 11.2),
    _town("002", "东区街道", 22.513, 113.402, 6.0, 33.7),
    _town("003", "中山港街道", 22.552, 113.481, 8.0, 14.5),
    _town("004", "西区街道", 22.548, 113.352, 5.0, 9.8),
    _town("005", "南区街道", 22.472, 113.361, 3.0, 18.3),
    _town("006", "五桂山街道", 22.421, 113.432, 1.0, 92.4),
    _town("007", "民众街道", 22.628, 113.489, 3.0, 4.1),
    _town("008", "南朗街道", 22.492, 113.541, 3.0, 12.6),
    _town("101", "黄圃镇", 22.713, 113.342, 4.0, 6.9),
    _town("103", "东凤镇", 22.691, 113.262, 4.0, 5.2),
    _town("105", "古镇镇", 22.612, 113.192, 4.0, 5.8),
    _town("106", "沙溪镇", 22.527, 113.331, 4.0, 8.7),
    _town("107", "坦洲镇", 22.263, 113.482, 6.0, 4.4),
    _town("108", "港口镇", 22.583, 113.381, 4.0, 5.1),
    _town("109", "三角镇", 22.677, 113.424, 3.0, 4.6),
    _town("110", "横栏镇", 22.538, 113.263, 4.0, 4.9),
    _town("111", "南头镇", 22.708, 113.293, 3.0, 5.5),
    _town("112", "阜沙镇", 22.663, 113.351, 2.0, 5.0),
    _town("114", "三乡镇", 22.352, 113.433, 5.0, 21.8),
    _town("115", "板芙镇", 22.418, 113.321, 2.0, 7.7),
    _town("116", "大涌镇", 22.468, 113.301, 2.0, 9.1),
    _town("117", "神湾镇", 22.312, 113.361, 1.0, 10.4),
    _town("118", "小榄镇", 22.668, 113.253, 9.0, 6.3),
)

NATIONAL_STATION_TOWN = DIVISION + "002"
"""The national weather station stands in 东区."""
