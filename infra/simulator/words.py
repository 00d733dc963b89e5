"""Word lists names and texts are drawn from. Pure data; every list is ordered, so draws are stable."""

# ruff: noqa: RUF001  full-width punctuation is what Chinese text is written with

from __future__ import annotations

MARK = "（模拟）"
"""Put wherever a person could take a made-up name for a real one."""

SURNAMES = tuple("陈李黄梁林张吴何刘郑冯罗卢杨周欧麦萧余邓")
GIVEN_FIRST = ("", "志", "伟", "嘉", "丽", "国", "秀", "文", "永", "淑", "俊", "小")
GIVEN_LAST = (*"强芳明华娟辉玲军燕平婷杰敏涛霞", "𬭎", "㙍")
"""The last two need four bytes in GB18030 and do not exist in GBK: names that break naive readers."""

BRANDS = (
    "岐江",
    "香山",
    "凤鸣",
    "兴中",
    "孙文",
    "悦来",
    "龙舟",
    "菊城",
    "逸仙",
    "金钟",
    "紫马",
    "长江",
    "南下",
    "泰和",
    "福盈",
)
BRAND_TAILS = ("记", "轩", "园", "阁", "坊", "里", "鲜", "味", "居", "楼")
TRADES = {
    "销售": ("便利店", "超市", "食品商行", "水果店", "粮油店", "烘焙屋"),
    "餐饮": ("茶餐厅", "酒家", "面馆", "肠粉店", "大排档", "奶茶店", "烧腊店"),
    "单位食堂": ("学校食堂", "幼儿园食堂", "工厂食堂", "养老院食堂"),
}
ITEMS = {
    "销售": (
        "预包装食品销售",
        "预包装食品销售、散装食品销售",
        "散装食品销售",
        "预包装食品(含冷藏冷冻食品)销售,散装食品销售",
    ),
    "餐饮": ("热食类食品制售", "热食类食品制售、冷食类食品制售", "自制饮品制售", "糕点类食品制售,自制饮品制售"),
    "单位食堂": ("热食类食品制售", "热食类食品制售、冷食类食品制售"),
}
ROADS = ("中山", "孙文", "兴中", "岐关", "博爱", "康华", "富华", "民生", "新村", "沙岗", "永安", "育才", "工业", "沿江")
ROAD_TAILS = ("路", "大道", "一路", "二路", "街", "东路", "西路")

STOP_WORDS = (
    "市场",
    "医院",
    "广场",
    "公园",
    "学校",
    "路口",
    "新村",
    "工业园",
    "文化站",
    "车站",
    "花园",
    "体育馆",
    "社区",
    "桥头",
)
STOP_SIDES = ("", "东", "西", "南", "北", "中", "新", "老")

REMARKS = (
    "现场检查，未发现问题。",
    "从业人员健康证明齐全，台账完整。",
    '已当场责令改正，要求"限期整改"。',
    "加工间地面有积水；已整改。",
    "原料存放离地离墙，标签清楚。",
    "抽查索证索票，缺一份供货单据。",
)
TOPICS = ("食品变质", "异物", "无证经营", "环境卫生", "价格争议", "腹泻呕吐", "过期食品", "虚假宣传")
ILLNESS = "腹泻呕吐"
NOTES = "本文件为模拟数据，不是真实线网。\nSynthetic data, not a real timetable.\n"
"""Text of the member GTFS does not know."""
COMPLAINT_TEXTS = (
    "顾客反映食物有异味，要求退款。",
    "反映店内卫生差，希望部门检查。",
    "购买的商品已过保质期，保留小票。",
    "多人就餐后身体不适，请尽快处理。",
    "反映无照经营，夜间出摊。",
)
