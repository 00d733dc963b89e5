"""Administrative penalties (双公示-行政处罚): what they say, the layouts they come in, and what is planted in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time, timedelta

import numpy as np

from infra.simulator import words
from infra.simulator.authorities import MARKET
from infra.simulator.city import City
from infra.simulator.decisions import STORY, Form, Story
from infra.simulator.organisations import COMPANY, Cells
from infra.simulator.parties import active, parties_of
from infra.simulator.permits import NOBODY, NUMBER_IN_WRONG_PLACE, named
from infra.simulator.planted import Planted
from infra.simulator.rows import texts

OLD, ENDING = "old", "ending"
"""Decisions reported years too late: those repaired later in the run, and those whose three years end in it."""
ENDING_YEARS, OLD_DAYS = 3, 400
ENDING_SINCE = -30
RUN_DAYS = 5
"""A decision reported on each day since `ENDING_SINCE`, and five on the first day of the run, end in its first days."""

_CLASSES = {
    "警告": 0.2, "罚款": 0.35, "警告;罚款": 0.12, "罚款;没收违法所得、没收非法财物": 0.1, "罚款;责令停产停业": 0.06,
    "通报批评": 0.05, "暂扣许可证件": 0.04, "罚款;吊销许可证件": 0.04, "限制从业": 0.02, "责令关闭": 0.02,
}  # fmt: skip
_VIOLATIONS = (
    "未按规定明示许可",
    "经营过期食品",
    "超标排放污染物",
    "无证经营",
    "未定期检验特种设备",
    "消防设施未保持完好有效",
    "未按期申报",
)
_BASES = (
    "《中华人民共和国食品安全法》第一百二十六条",
    "《中华人民共和国环境保护法》第六十条",
    "《中华人民共和国消防法》第六十条",
    "《中华人民共和国税收征收管理法》第六十二条",
)
_DECLARES_END = 0.4

JSON = {
    "cf_wsh": "doc_no", "cf_xdr_mc": "party_name", "cf_xdr_lb": "party_kind", "cf_xdr_shxym": "uscc",
    "cf_xdr_gszc": "registration_no", "cf_xdr_zzjg": "organisation_code", "cf_xdr_swdj": "tax_no",
    "cf_frdb": "legal_rep", "cf_fr_sfzh": "legal_rep_id", "cf_xdr_zjhm": "party_id_no", "cf_wfxw": "violation_kind",
    "cf_sy": "violation_fact", "cf_yj": "basis", "cf_cflb": "penalty_class", "cf_nr": "penalty_content",
    "cf_nr_fk": "fine_wan", "cf_nr_wfff": "confiscated_wan", "cf_nr_zkdx": "licence_revoked",
    "cf_jdrq": "decision_date", "cf_yxq": "valid_until", "cf_gsjzq": "declared_publicity_end",
    "cf_cfjg": "authority", "cf_cfjgdm": "authority_code",
    "cf_zt": "status", "cf_sjly": "source_unit", "cf_sjlydm": "source_unit_code", "cf_sjc": "reported_at",
    "cf_bz": "remark",
}  # fmt: skip
AMOUNTS = ("fine_wan", "confiscated_wan")
"""Columns that are numbers in JSON and in workbooks."""
LAYOUT_2018 = {
    "行政相对人名称": "party_name", "行政相对人类别": "party_kind", "行政相对人代码_1": "uscc",
    "行政相对人代码_2": "registration_no", "行政相对人代码_3": "organisation_code", "行政相对人代码_4": "tax_no",
    "法定代表人": "legal_rep", "法定代表人证件号码": "legal_rep_id", "证件号码": "party_id_no",
    "行政处罚决定书文号": "doc_no", "违法行为类型": "violation_kind", "违法事实": "violation_fact", "处罚依据": "basis",
    "处罚类别": "penalty_class", "处罚内容": "penalty_content", "罚款金额(万元)": "fine_wan",
    "没收违法所得、没收非法财物的金额(万元)": "confiscated_wan", "暂扣或吊销证照名称及编号": "licence_revoked",
    "处罚决定日期": "decision_date", "处罚有效期": "valid_until", "公示截止期": "declared_publicity_end",
    "处罚机关": "authority", "处罚机关统一社会信用代码": "authority_code", "当前状态": "status",
    "数据来源单位": "source_unit", "数据来源单位统一社会信用代码": "source_unit_code", "报送时间": "reported_at",
    "备注": "remark",
}  # fmt: skip
LAYOUT_2016 = {
    "行政处罚决定书文号": "doc_no", "处罚名称": "violation_kind", "处罚类别1": "penalty_class",
    "处罚事由": "violation_fact", "处罚依据": "basis", "行政相对人名称": "party_name", "行政相对人代码_1": "uscc",
    "行政相对人代码_2": "organisation_code", "行政相对人代码_3": "registration_no", "行政相对人代码_4": "tax_no",
    "居民身份证号": "party_id_no", "法定代表人姓名": "legal_rep", "处罚结果": "penalty_content",
    "处罚决定日期": "decision_date", "处罚机关": "authority", "当前状态": "status", "地方编码": "division",
    "数据更新时间戳": "reported_at", "备注": "remark",
}  # fmt: skip
"""Identifiers _2 and _3 changed places between the layouts."""

_PERSON = {"party_kind": "自然人", "uscc": "", "legal_rep": "", "legal_rep_id": ""}
_DIRT = (
    Planted("", 1, "cell", 1, "decision_not_future", {"decision_date": "2099-01-01", "valid_until": ""}),
    Planted("", 1, "cell", 1, "party_id_no.lower_case", {**_PERSON, "party_id_no": "11010519491231002x"}, "accept"),
    Planted("", 2, "cell", 1, "party_present", NOBODY),
    Planted("", 2, "cell", 1, "fine_wan.range", {"fine_wan": "-0.5"}),
    Planted("", 3, "duplicate", 1),
    Planted("", 3, "check", 1, "uscc_check_digit", {"uscc": ""}, "flag"),
    Planted("", 3, "check", 1, "organisation_code_check_digit", {"organisation_code": ""}, "flag"),
    Planted("", 4, "cell", 1, "registration_no.pattern", NUMBER_IN_WRONG_PLACE),
    Planted("", 4, "cell", 1, "effect_after_decision", {"valid_until": "2015-01-01"}),
    Planted("", 4, "correction", revision=2, arrives_day=5, arrives=time(9, 50)),
    Planted("", 5, "cell", 1, "penalty_class.required", {"penalty_class": ""}),
    Planted("", 5, "check", 1, "party_id_check_digit", {"party_id_no": ""}, "flag"),
)  # fmt: skip
_WORKBOOK_DIRT = (
    Planted("", 1, "cell", 1, "fine_wan.type", {"fine_wan": "壹万"}),
    Planted("", 2, "cell", 1, "registration_no.pattern", NUMBER_IN_WRONG_PLACE),
    Planted("", 3, "duplicate", 1),
    Planted("", 4, "cell", 1, "status.allowed", {"status": "正常"}),
    Planted("", 5, "cell", 1, "decision_date.required", {"decision_date": ""}),
)


def _details(rng: np.random.Generator, cells: Cells) -> Cells:
    count = len(cells["doc_no"])
    planted = cells[STORY] != ""
    classes = rng.choice(list(_CLASSES), count, p=list(_CLASSES.values())).astype(object)
    classes[planted] = "罚款"
    contains = np.char.find
    fined, seized = (contains(classes.astype(str), word) >= 0 for word in ("罚款", "没收"))
    fine = np.where(planted, rng.integers(20, 90, count), np.round(rng.lognormal(0, 1.2, count), 2) + 0.05)
    licence = (contains(classes.astype(str), "吊销") >= 0) | (contains(classes.astype(str), "暂扣") >= 0)
    decided = cells["decision_date"].astype("datetime64[D]")
    month = decided.astype("datetime64[M]") + rng.choice([3, 12, 36], count).astype("timedelta64[M]")
    end = (month.astype("datetime64[D]") + (decided - decided.astype("datetime64[M]"))).astype(str)
    violation = np.array(_VIOLATIONS, dtype=object)[rng.integers(0, len(_VIOLATIONS), count)]
    return {
        "violation_kind": violation,
        "violation_fact": "经查，" + named(rng, cells, count) + violation + "。" + words.MARK,
        "basis": np.array(_BASES, dtype=object)[rng.integers(0, len(_BASES), count)],
        "penalty_class": classes,
        "penalty_content": "责令" + named(rng, cells, count) + "改正，并作出" + classes + "处罚" + words.MARK,
        "fine_wan": np.where(fined, texts(fine, "%.2f"), "").astype(object),
        "confiscated_wan": np.where(seized, texts(rng.lognormal(-1, 1, count), "%.6f"), "").astype(object),
        "licence_revoked": np.where(licence, "食品经营许可证" + words.MARK, "").astype(object),
        "valid_until": np.where(rng.random(count) < _DECLARES_END / 2, end, "").astype(object),
        "declared_publicity_end": np.where(rng.random(count) < _DECLARES_END, end, "").astype(object),
        "remark": "经办人" + named(rng, cells, count) + words.MARK,
        "division": np.full(count, "442000", dtype=object),
    }


def _stories(city: City, day_no: int) -> Sequence[Story]:
    """Old decisions that are reported at last: their publicity ends in the run's days."""
    if not ENDING_SINCE <= day_no <= 1:
        return ()
    per_day = RUN_DAYS if day_no == 1 else 1
    ending = _years_before(city.start, ENDING_YEARS)
    chosen = [ending + timedelta(days=(number if day_no == 1 else day_no) % RUN_DAYS) for number in range(per_day)]
    stories = [_story(city, day_no, ENDING, chosen)]
    if day_no == 1:
        old = city.start - timedelta(days=OLD_DAYS)
        stories.append(_story(city, day_no, OLD, [old - timedelta(days=number) for number in range(RUN_DAYS - 1)]))
    return stories


def _story(city: City, day_no: int, name: str, days: list[date]) -> Story:
    """`scale` decisions for each of the days, about companies that nothing happened to yet."""
    state, rng = city.organisations.state(day_no), city.rng("penalties", day_no, name)
    cells = state.cells
    may = active(state) & ~state.quiet & (cells["entity_kind"] == COMPANY) & (cells["uscc"] != "")
    decided = np.repeat(np.array(days, dtype="datetime64[D]"), city.scale)
    may &= cells["registered_date"] <= str(decided.min())
    entity = rng.permutation(np.flatnonzero(may))[: len(decided)]
    return Story(name, parties_of(state, rng, entity, with_code=True), decided[: len(entity)], MARKET)


def _years_before(day: date, years: int) -> date:
    """The same day of an earlier year; 28 February for a leap day."""
    leap = (day.month, day.day) == (2, 29)
    return date(day.year - years, day.month, day.day - leap)


BY_INTERFACE = Form(
    feed="fgj.admin_penalty",
    letter="罚",
    by_workbook=False,
    workday=12,
    other=6,
    late=1,
    weight=lambda authority: authority.penalties,
    details=_details,
    stories=_stories,
    dirt=_DIRT,
)
BY_WORKBOOK = Form(
    feed="fgj.admin_penalty_workbook",
    letter="罚",
    by_workbook=True,
    workday=6,
    other=4,
    late=1,
    weight=lambda authority: authority.penalties,
    details=_details,
    dirt=_WORKBOOK_DIRT,
)
