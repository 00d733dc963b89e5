"""Administrative permits (双公示-行政许可): what they say, the layouts they come in, and what is planted in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time

import numpy as np

from infra.simulator import words
from infra.simulator.authorities import FOOD
from infra.simulator.city import City
from infra.simulator.decisions import Form, Story
from infra.simulator.organisations import Cells
from infra.simulator.parties import parties_of, sanctioned
from infra.simulator.planted import Planted
from infra.simulator.rows import Texts, texts
from infra.simulator.workdays import before

SANCTIONED, SANCTIONED_DAYS, SANCTIONED_A_DAY, SANCTIONED_SINCE = "sanctioned", (1, 2, 4), 2, 15
"""Permits granted to who has been on a list of sanctions for so many days: on which days of the plan week, how many."""
_KINDS = {"普通": 0.55, "核准": 0.2, "登记": 0.12, "认可": 0.08, "特许": 0.03, "其他": 0.02}
_YEARS = (1, 3, 5, 10)
_NO_END, _FOR_EVER = 0.12, 0.08
"""Shares: a permit without an end, and one whose end is written as 2099-12-31."""
_SUBJECTS = (
    "食品经营许可",
    "道路运输经营许可",
    "排污许可",
    "特种设备使用登记",
    "消防安全检查",
    "户外广告登记",
    "危险化学品经营许可",
)

JSON = {
    "xk_wsh": "doc_no", "xk_xdr_mc": "party_name", "xk_xdr_lb": "party_kind", "xk_xdr_shxym": "uscc",
    "xk_xdr_gszc": "registration_no", "xk_xdr_zzjg": "organisation_code", "xk_xdr_swdj": "tax_no",
    "xk_frdb": "legal_rep", "xk_fr_sfzh": "legal_rep_id", "xk_xdr_zjhm": "party_id_no", "xk_xkws": "document_name",
    "xk_xklb": "permit_kind", "xk_xkzs": "certificate_name", "xk_xkbh": "permit_no", "xk_nr": "permit_content",
    "xk_jdrq": "decision_date", "xk_yxqz": "valid_from", "xk_yxqzi": "valid_to", "xk_xkjg": "authority",
    "xk_xkjgdm": "authority_code", "xk_zt": "status", "xk_sjly": "source_unit", "xk_sjlydm": "source_unit_code",
    "xk_sjc": "reported_at", "xk_bz": "remark",
}  # fmt: skip
LAYOUT_2018 = {
    "行政相对人名称": "party_name", "行政相对人类别": "party_kind", "行政相对人代码_1": "uscc",
    "行政相对人代码_2": "registration_no", "行政相对人代码_3": "organisation_code", "行政相对人代码_4": "tax_no",
    "法定代表人": "legal_rep", "法定代表人证件号码": "legal_rep_id", "证件号码": "party_id_no",
    "行政许可决定文书名称": "document_name", "行政许可决定文书号": "doc_no", "许可类别": "permit_kind",
    "许可证书名称": "certificate_name", "许可编号": "permit_no", "许可内容": "permit_content",
    "许可决定日期": "decision_date", "有效期自": "valid_from", "有效期至": "valid_to", "许可机关": "authority",
    "许可机关统一社会信用代码": "authority_code", "当前状态": "status", "数据来源单位": "source_unit",
    "数据来源单位统一社会信用代码": "source_unit_code", "报送时间": "reported_at", "备注": "remark",
}  # fmt: skip
LAYOUT_2016 = {
    "行政许可决定文书号": "doc_no", "项目名称": "document_name", "审批类别": "permit_kind",
    "许可内容": "permit_content", "行政相对人名称": "party_name", "行政相对人代码_1": "uscc",
    "行政相对人代码_2": "organisation_code", "行政相对人代码_3": "registration_no",
    "行政相对人代码_4": "tax_no", "居民身份证号": "party_id_no", "法定代表人姓名": "legal_rep",
    "许可决定日期": "decision_date", "许可截止期": "valid_to", "许可机关": "authority",
    "当前状态": "status", "地方编码": "division", "数据更新时间戳": "reported_at", "备注": "remark",
}  # fmt: skip
"""Identifiers _2 and _3 changed places between the layouts."""

NOBODY = dict.fromkeys(("party_name", "uscc", "registration_no", "organisation_code", "tax_no", "party_id_no"), "")
_COMPANY = {"party_kind": "法人及非法人组织", "party_id_no": ""}
_FULL_WIDTH = {**_COMPANY, "uscc": "９１４４２０００ＭＡ４Ｗ０００１１０"}
NUMBER_IN_WRONG_PLACE = {"registration_no": "MA4W00011", "organisation_code": ""}
"""The organisation code where the registration number belongs, as under the other layout's header."""

_DIRT = (
    Planted("", 1, "cell", 1, "decision_not_future", {"decision_date": "2099-01-01"}),
    Planted("", 1, "cell", 1, "valid_period", {"valid_from": "2026-05-01", "valid_to": "2025-05-01"}),
    Planted("", 1, "check", 2, "uscc_check_digit", {"uscc": ""}, "flag"),
    Planted("", 2, "cell", 1, "party_present", NOBODY),
    Planted("", 2, "cell", 1, "permit_kind.allowed", {"permit_kind": "一般"}),
    Planted("", 2, "duplicate", 1),
    Planted("", 2, "correction", revision=2, arrives_day=3, arrives=time(10, 15)),
    Planted("", 3, "cell", 1, "party_kind.allowed", {"party_kind": "企业"}),
    Planted("", 3, "cell", 1, "decision_date.type", {"decision_date": "2026-02-30"}),
    Planted("", 3, "cell", 1, "uscc.full_width", _FULL_WIDTH, "accept"),
    Planted("", 4, "cell", 1, "registration_no.pattern", NUMBER_IN_WRONG_PLACE),
    Planted("", 4, "check", 1, "party_id_check_digit", {"party_id_no": ""}, "flag"),
    Planted("", 5, "cell", 1, "person_without_uscc", {"party_kind": "自然人", "uscc": "91442000MA4W000110"}, "flag"),
    Planted("", 5, "cell", 1, "registration_no_check_digit", {"registration_no": "442000000000120"}, "flag"),
    Planted("", 5, "cell", 1, "status.allowed", {"status": "9"}),
)  # fmt: skip
_WORKBOOK_DIRT = (
    Planted("", 1, "cell", 1, "registration_no.pattern", NUMBER_IN_WRONG_PLACE),
    Planted("", 2, "cell", 1, "decision_date.type", {"decision_date": "2026.2.30"}),
    Planted("", 3, "check", 1, "uscc_check_digit", {"uscc": ""}, "flag"),
    Planted("", 4, "duplicate", 1),
    Planted("", 5, "cell", 1, "doc_no.required", {"doc_no": ""}),
)


def _details(rng: np.random.Generator, cells: Cells) -> Cells:
    decided = cells["decision_date"].astype("datetime64[D]")
    count = len(decided)
    years = rng.choice(_YEARS, count)
    end = (decided.astype("datetime64[M]") + (12 * years).astype("timedelta64[M]")).astype("datetime64[D]")
    valid_to = end.astype(str).astype(object)
    chance = rng.random(count)
    valid_to = np.where(chance < _NO_END, "", np.where(chance < _NO_END + _FOR_EVER, "2099-12-31", valid_to))
    subject = np.array(_SUBJECTS, dtype=object)[rng.integers(0, len(_SUBJECTS), count)]
    return {
        "document_name": subject + "决定书" + words.MARK,
        "permit_kind": rng.choice(list(_KINDS), count, p=list(_KINDS.values())).astype(object),
        "certificate_name": subject + "证",
        "permit_no": "XK" + texts(rng.integers(10**7, 10**8, count), "%d"),
        "permit_content": "准予从事" + subject + "，联系人" + named(rng, cells, count) + words.MARK,
        "valid_from": cells["decision_date"].copy(),
        "valid_to": valid_to.astype(object),
        "remark": named(rng, cells, count) + "代办" + words.MARK,
        "division": np.full(count, "442000", dtype=object),
    }


def named(rng: np.random.Generator, cells: Cells, count: int) -> Texts:
    """Free texts name people."""
    return np.where(cells["legal_rep"] == "", cells["party_name"], cells["legal_rep"])[rng.permutation(count)]


def _stories(city: City, day_no: int) -> Sequence[Story]:
    """Permits granted while sanctioned."""
    if city.plan_day(day_no) not in SANCTIONED_DAYS:
        return ()
    rng = city.rng("permits", day_no, SANCTIONED)
    entity = sanctioned(city, rng, day_no, SANCTIONED_A_DAY * city.scale, SANCTIONED_SINCE)
    decided = np.array(before(city.date_of(day_no), 1), dtype="datetime64[D]")[rng.integers(0, 2, len(entity))]
    parties = parties_of(city.organisations.state(day_no), rng, entity, with_code=True)
    return (Story(SANCTIONED, parties, decided, FOOD),)


BY_INTERFACE = Form(
    feed="fgj.admin_permit",
    letter="许",
    by_workbook=False,
    workday=20,
    other=8,
    late=1,
    weight=lambda authority: authority.permits,
    details=_details,
    stories=_stories,
    dirt=_DIRT,
)
BY_WORKBOOK = Form(
    feed="fgj.admin_permit_workbook",
    letter="许",
    by_workbook=True,
    workday=8,
    other=4,
    late=1,
    weight=lambda authority: authority.permits,
    details=_details,
    dirt=_WORKBOOK_DIRT,
)
