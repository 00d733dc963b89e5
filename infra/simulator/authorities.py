"""Authorities that decide on permits and penalties and keep lists; their credit codes are made up. Pure data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Authority:
    """One authority: `prefix` begins the numbers of its decisions; `permits` and `penalties` are its shares of those.
    `by_workbook`: it reports in workbooks, not through the platform's interface."""

    name: str
    code: str
    prefix: str
    permits: float
    penalties: float
    by_workbook: bool = False


FOOD = Authority("中山市食品药品监督管理局", "11442000000000035J", "粤中食药监", 5, 4)
MARKET = Authority("中山市工商行政管理局", "114420000000000780", "粤中工商", 4, 3)
EQUIPMENT = Authority("中山市质量技术监督局", "11442000000000094M", "粤中质监特", 2, 1)
ENVIRONMENT = Authority("中山市环境保护局", "114420000000000518", "中环", 2, 2)
TRANSPORT = Authority("中山市交通运输局", "11442000000000027P", "粤中交", 3, 2)
SAFETY = Authority("中山市安全生产监督管理局", "11442000000000131U", "中安监", 1, 1)
TAX = Authority("中山市国家税务局", "11442000000000107B", "中国税", 3, 3, by_workbook=True)
FIRE = Authority("中山市公安消防局", "114420000000001156", "中公消", 3, 2, by_workbook=True)
STATISTICS = Authority("中山市统计局", "114420000000001231", "中统", 1, 1, by_workbook=True)
COURT = Authority("中山市中级人民法院", "1144200000000014XK", "粤20执", 0, 0)

DECIDING = (FOOD, MARKET, EQUIPMENT, ENVIRONMENT, TRANSPORT, SAFETY, TAX, FIRE, STATISTICS)
PLATFORM = ("中山市信用信息平台", "11442000000000086T")
"""Name and code of the unit that passes on what other units report."""
