"""Facilities and code lists of the health department: two hospitals with their centres, two laboratories, clinics,
diagnoses, examinations, drugs. Pure data, all SYNTHETIC; names carry the mark."""

from __future__ import annotations

from dataclasses import dataclass

from infra.simulator.towns import TOWNS
from infra.simulator.words import MARK

HOSPITAL_A, HOSPITAL_B = "H442000A01", "H442000B01"
LABORATORIES = ("L44200001", "L44200002")
SERVER = "https://fhir.zs-h1.example/r4"
"""Base address of hospital A's FHIR server, as its absolute references are written."""

CITIZEN, MRN, FACILITY = "urn:oid:2.16.156.10011.1.3", "urn:zs-h1:mrn", "urn:zs:facility"
"""Systems of identifiers: the citizen id, hospital A's patient number, the facility code."""


@dataclass(frozen=True)
class Facility:
    """One facility; `system` is A, B or empty, `town` an index of `TOWNS`."""

    code: str
    name: str
    level: str
    kind: str
    system: str
    town: int
    opened: str
    is_public: str = "是"


def _centres() -> tuple[Facility, ...]:
    """One centre a town, by turns of B's group and of A's."""
    found = []
    for number, town in enumerate(TOWNS):
        system, serial = ("B", "A")[number % 2], number // 2 + 1
        name = f"{town.name}社区卫生服务中心{MARK}"
        opened = f"20{number % 15 + 5:02d}-0{number % 9 + 1}-01"
        code = f"C442000{system}{serial:02d}"
        found.append(Facility(code, name, "一级", "社区卫生服务中心", system, number, opened))
    return tuple(found)


CENTRES = _centres()
FACILITIES: tuple[Facility, ...] = (
    Facility(HOSPITAL_A, f"中山市第一医院{MARK}", "三级", "医院", "A", 1, "1958-10-01"),
    Facility(HOSPITAL_B, f"中山市第二医院{MARK}", "三级", "医院", "B", 3, "1971-05-01"),
    *CENTRES,
    Facility(LABORATORIES[0], f"岐江医学检验实验室{MARK}", "未定级", "检验机构", "", 2, "2016-07-15", "否"),
    Facility(LABORATORIES[1], f"香山医学检验实验室{MARK}", "未定级", "检验机构", "", 22, "2019-11-20", "否"),
)
BY_CODE = {one.code: one for one in FACILITIES}

CLINICS = {
    "0301": "呼吸内科", "0302": "消化内科", "0303": "心血管内科", "0304": "内分泌科", "0401": "普通外科",
    "0501": "妇科", "0601": "儿科", "0701": "全科医疗科", "0801": "急诊科",
    "0901": "发热门诊", "1001": "感染科", "1101": "中医科",
}  # fmt: skip
"""Hospital A's codes; hospital B writes 03.01 for 0301."""
GENERAL, EMERGENCY, FEVER, INFECTIOUS = "0701", "0801", "0901", "1001"

DIAGNOSES = {
    "J00": (6.0, "急性鼻咽炎", "0301"), "J06.9": (14.0, "急性上呼吸道感染", "0301"),
    "J10.1": (4.0, "流行性感冒", FEVER), "J11.1": (5.0, "流行性感冒，病毒未标明", FEVER),
    "J18.9": (3.0, "肺炎", "0301"), "J20.9": (6.0, "急性支气管炎", "0301"),
    "J45.9": (2.0, "支气管哮喘", "0301"), "A09.0": (2.0, "感染性腹泻", "0302"), "A09.9": (4.0, "胃肠炎", "0302"),
    "K29.7": (5.0, "胃炎", "0302"), "K52.9": (3.0, "非感染性胃肠炎", "0302"), "I10": (12.0, "原发性高血压", "0303"),
    "I25.1": (4.0, "冠状动脉粥样硬化性心脏病", "0303"), "E11.9": (7.0, "2型糖尿病", "0304"),
    "E78.5": (4.0, "高脂血症", "0304"), "N39.0": (3.0, "泌尿道感染", "0501"), "M54.5": (5.0, "下背痛", "1101"),
    "R50.9": (4.0, "发热", FEVER), "T67.0": (0.1, "中暑", EMERGENCY), "B08.4": (2.5, "手足口病", "0601"),
    "A97.9": (0.0, "登革热", INFECTIOUS), "Z00.0": (4.0, "健康查体", GENERAL),
}  # fmt: skip
"""ICD-10 code to its share of visits, name and clinic in a hospital."""
DENGUE, HAND_FOOT_MOUTH, COLD = "A97.9", "B08.4", "J06.9"

EXAMS = {
    "LAB-CBC": "血常规", "LAB-CRP": "C反应蛋白", "LAB-GLU": "血糖", "LAB-LFT": "肝功能", "LAB-LIP": "血脂",
    "IMG-CXR": "胸片", "IMG-CT": "CT", "IMG-US": "超声",
}  # fmt: skip

DRUGS = (
    ("YP0001", "阿莫西林胶囊", "盒"), ("YP0002", "布洛芬缓释胶囊", "盒"), ("YP0003", "奥司他韦胶囊", "盒"),
    ("YP0004", "苯磺酸氨氯地平片", "盒"), ("YP0005", "二甲双胍片", "盒"), ("YP0006", "阿托伐他汀钙片", "盒"),
    ("YP0007", "奥美拉唑肠溶胶囊", "盒"), ("YP0008", "蒙脱石散", "袋"), ("YP0009", "连花清瘟胶囊", "盒"),
    ("YP0010", "沙丁胺醇气雾剂", "支"), ("YP0011", "口服补液盐散", "袋"), ("YP0012", "对乙酰氨基酚片", "片"),
)  # fmt: skip
"""Code, name and unit of dispensing."""
