"""Column and table names from a department's headers: snake case, Chinese terms by a small glossary."""

from __future__ import annotations

import re

from ingestion.values.blanks import strip

GLOSSARY = {
    "统一社会信用代码": "uscc",
    "许可证编号": "licence_no",
    "许可编号": "licence_no",
    "经营者名称": "operator_name",
    "企业名称": "company_name",
    "单位名称": "organisation_name",
    "法定代表人": "legal_rep",
    "负责人": "person_in_charge",
    "身份证号码": "id_card_no",
    "身份证号": "id_card_no",
    "证件号码": "identity_no",
    "姓名": "person_name",
    "性别": "sex",
    "年龄": "age",
    "出生日期": "birth_date",
    "联系人": "contact_name",
    "联系电话": "phone",
    "手机号码": "mobile",
    "电话": "phone",
    "邮箱": "email",
    "地址": "address",
    "住址": "home_address",
    "经营场所": "address",
    "主体业态": "business_kind",
    "经营项目": "items",
    "镇街代码": "town_code",
    "镇街": "town",
    "发证日期": "issued_date",
    "发证机关": "issuer",
    "有效期至": "valid_to",
    "许可状态": "status",
    "状态": "status",
    "编号": "id",
    "名称": "name",
    "代码": "code",
    "日期": "date",
    "时间": "time",
    "类型": "kind",
    "类别": "category",
    "金额": "amount",
    "数量": "quantity",
    "经度": "longitude",
    "纬度": "latitude",
    "站号": "station_id",
    "站名": "station_name",
    "备注": "remark",
    "年": "year",
    "月": "month",
    "日": "day",
    "时": "hour",
}
"""Header → column name, for headers that are exactly these words."""

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_MAX_LENGTH = 60


def snake(header: str) -> str:
    """`province_confirmedCount` → `province_confirmed_count`; empty where no Latin letter is left."""
    known = GLOSSARY.get(strip(header))
    if known:
        return known
    words = [word.lower() for word in _WORD.findall(header)]
    name = "_".join(word for word, before in zip(words, ["", *words], strict=False) if word != before)
    name = re.sub(r"(?<=[a-z])_(?=\d)", "", name) if re.fullmatch(r"[A-Z]+\d+([._]\d+)?", header) else name
    if not re.search(r"[a-z]", name):
        return ""
    return (name if name[0].isalpha() else f"c_{name}")[:_MAX_LENGTH].rstrip("_")


def column_names(headers: list[str]) -> list[tuple[str, bool]]:
    """A unique name per header, and whether it came from the header (else `column_<n>`)."""
    taken: set[str] = set()
    names = []
    for position, header in enumerate(headers, start=1):
        wanted = snake(header)
        base, name, count = wanted or f"column_{position}", "", 1
        while not name or name in taken:
            name = base if count == 1 else f"{base}_{count}"
            count += 1
        taken.add(name)
        names.append((name, bool(wanted)))
    return names
