"""Report cards of notifiable diseases: what is first reported on a day, and what is revised. All SYNTHETIC.

A day's first reports are drawn from the day alone; which of them are revised, how and after how many days, follows from
the same day (`REVISED`). Planted: the outbreak, late reports, withdrawn cards, corrected diseases.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from infra.simulator.health import outbreak, places
from infra.simulator.health.lines import day_of, iso, seconds, where
from infra.simulator.health.residents import Residents, Run, residents
from infra.simulator.rows import Rows, Texts, texts
from infra.simulator.towns import TOWNS
from infra.simulator.words import MARK

CARD = (
    "card_no", "revision", "report_type", "patient_name", "guardian_name", "id_no", "sex", "birth_date", "employer",
    "phone", "belongs_to", "address", "town_code", "occupation", "case_class", "onset_date", "diagnosed_at",
    "death_date", "disease_code", "corrected_from_code", "is_withdrawn", "reporting_facility", "reporting_doctor",
    "filled_date", "reported_at", "remark",
)  # fmt: skip
"""Members of a card, in order."""
RESIDENT, STORY, HOUR = "_resident", "_story", "_hour"
"""Columns that no card has: the number of the resident, what it is planted for, the hour in which it is reported."""

LIMIT_HOURS = {"CHOL": 2, "PLAGUE": 2, "SARS": 2, "POLIO": 2, "HFPAI": 2}
"""Hours from diagnosis within which a case must be reported, where it is not `OTHERS_HOURS`."""
OTHERS_HOURS = 24
CLASSES = {
    "CHOL": "甲", "DENG": "乙", "TB": "乙", "COVID19": "乙",
    "FLU": "丙", "HFMD": "丙", "IDIA": "丙", "MUMPS": "丙",
}  # fmt: skip
_SHARES = {"FLU": 0.42, "HFMD": 0.2, "IDIA": 0.2, "COVID19": 0.07, "TB": 0.054, "MUMPS": 0.05, "DENG": 0.006}
CHOLERA_EVERY, CHOLERA_LATE = 7, 14
"""A case of cholera on every seventh day of the run from the second on, every other one reported late."""
LATE = 4
"""First reports a day and unit of scale that come after the limit, cholera aside."""
PER_HOUR = (1, 1, 1, 1, 1, 1, 1, 1, 3, 4, 6, 3, 1, 1, 3, 4, 4, 3, 2, 1, 1, 1, 1, 1)
"""First reports by local hour, per unit of scale; on workdays of a busy clinic one more."""
_MORE_FROM, _MORE_UNTIL, _SATURDAY = 9, 17, 5
_CHILD_YEARS = {"HFMD": 6, "MUMPS": 15}
CONFIRMED, CORRECTED, WITHDRAWN, AGAIN = "confirmed", "corrected", "withdrawn", "again"
REVISED = ((CONFIRMED, 3, 1, 1), (CORRECTED, 1, 2, 1), (WITHDRAWN, 1, 2, 1), (AGAIN, 1, 4, 2))
"""What happens to cards: how many a day and unit of scale, after how many days, which revision it is. The cards of the
last are among those that were confirmed."""
_INSTEAD = {"FLU": "COVID19"}
"""What a corrected card says in place of its disease, FLU where nothing is said here."""
_OF = {"本县区": 0.86, "本市其他县区": 0.09, "本省其他地市": 0.035, "外省": 0.015}
_CHILD = "散居儿童"
_WORK = ("学生", "教师", "餐饮食品业", "工人", "农民", "干部职员", "离退人员", "家务及待业", "不详")
_HOUR = np.timedelta64(3600, "s")


def cards(run: Run, day_no: int) -> Rows:
    """Everything reported on a day, first reports before revisions; a copy."""
    rows = _cards(run, day_no)
    return rows.take(np.arange(len(rows)))


@lru_cache(maxsize=128)
def _cards(run: Run, day_no: int) -> Rows:
    first = first_reports(run, day_no)
    rows = first.take(np.arange(len(first)))
    for place in range(len(REVISED)):
        rows.append(_revised(run, day_no, place))
    return rows


@lru_cache(maxsize=128)
def first_reports(run: Run, day_no: int) -> Rows:
    """What is reported for the first time on a day."""
    rng, people = run.rng("cards", day_no), residents(run)
    hour = _hours(run, rng, day_no)
    count = len(hour)
    disease = np.array(list(_SHARES), dtype=object)[rng.choice(len(_SHARES), count, p=_normal(_SHARES))]
    has_cholera = day_no % CHOLERA_EVERY == 2  # noqa: PLR2004  the second day, and every seventh from it
    if has_cholera:
        disease[rng.integers(0, count)] = "CHOL"
    who = _patients(rng, run, people, disease)
    reported = run.midnight(day_no) + hour * _HOUR + seconds(rng.integers(0, 3540, count))
    limit = np.array([LIMIT_HOURS.get(code, OTHERS_HOURS) for code in disease]) * 3600
    is_late = np.zeros(count, bool)
    is_late[rng.permutation(np.flatnonzero(disease != "CHOL"))[: LATE * run.scale]] = True
    is_late |= (disease == "CHOL") & (day_no % CHOLERA_LATE == 2)  # noqa: PLR2004  every other one
    share = np.where(is_late, rng.uniform(1.1, 3.0, count), rng.uniform(0.1, 0.85, count))
    diagnosed = reported - seconds(limit * share)
    ill = outbreak.ill_on(run, day_no)
    diagnosed_ill = run.midnight(day_no) + seconds(rng.integers(8 * 3600, 13 * 3600, len(ill)))
    who = np.concatenate([who, ill])
    disease = np.concatenate([disease, np.full(len(ill), outbreak.DISEASE, object)])
    diagnosed = np.concatenate([diagnosed, diagnosed_ill])
    reported = np.concatenate([reported, diagnosed_ill + seconds(rng.integers(1800, 5 * 3600, len(ill)))])
    story = np.full(len(who), "", object)
    story[count:] = "outbreak"
    for name, index in _chosen(run, day_no, count).items():
        story[index] = name
    order = np.argsort(reported, kind="stable")
    rows = _rows(run, rng, day_no, who[order], disease[order], diagnosed[order], reported[order])
    rows.cells[STORY] = story[order]
    return rows


def _hours(run: Run, rng: np.random.Generator, day_no: int) -> np.ndarray:
    usual = np.array(PER_HOUR)
    busy = np.arange(_MORE_FROM, _MORE_UNTIL)
    if run.date_of(day_no).weekday() < _SATURDAY:
        usual[busy] += rng.integers(0, 2, len(busy))
    return np.repeat(np.arange(len(usual)), usual * run.scale)


def _normal(shares: dict[str, float]) -> np.ndarray:
    weights = np.array(list(shares.values()))
    made: np.ndarray = weights / weights.sum()
    return made


def _patients(rng: np.random.Generator, run: Run, people: Residents, disease: Texts) -> np.ndarray:
    """Residents for the cases: children for children's diseases, for dengue nobody of the outbreak's town."""
    years = (np.datetime64(run.start, "D") - people.birth).astype(np.int64) // 365
    who = rng.integers(0, len(people), len(disease))
    for code, oldest in _CHILD_YEARS.items():
        pool, here = np.flatnonzero(years <= oldest), np.flatnonzero(disease == code)
        who[here] = pool[rng.integers(0, len(pool), len(here))]
    pool, here = np.flatnonzero(people.town_code != outbreak.TOWN), np.flatnonzero(disease == outbreak.DISEASE)
    who[here] = pool[rng.integers(0, len(pool), len(here))]
    return who


def _chosen(run: Run, day_no: int, count: int) -> dict[str, np.ndarray]:
    """Which first reports of a day are revised, by what happens to them; places in the order of drawing."""
    order, found, first = run.rng("cards", day_no, "revised").permutation(count), {}, 0
    for name, wanted, _, revision in REVISED:
        if revision == 1:
            found[name] = order[first : first + wanted * run.scale]
            first += wanted * run.scale
    return found


def _rows(
    run: Run, rng: np.random.Generator, day_no: int, who: np.ndarray, disease: Texts, diagnosed: np.ndarray,
    reported: np.ndarray,
) -> Rows:  # fmt: skip
    people, count, none = residents(run), len(who), np.full(len(who), "", object)
    day = run.date_of(day_no)
    onset = diagnosed - seconds(rng.integers(0, 5 * 86_400, count))
    centres = np.array([one.code for one in places.CENTRES], dtype=object)[people.town[who]]
    hospitals = np.array((places.HOSPITAL_A, places.HOSPITAL_B), dtype=object)[rng.integers(0, 2, count)]
    years = (np.datetime64(day, "D") - people.birth[who]).astype(np.int64) // 365
    suspected = np.array(("疑似病例", "临床诊断病例", "确诊病例"), dtype=object)
    cells = {
        "card_no": f"BK{day:%Y%m%d}-" + texts(np.arange(1, count + 1), "%04d"),
        "revision": np.full(count, "0", object),
        "report_type": np.full(count, "初次报告", object),
        "patient_name": people.name[who],
        "guardian_name": where(years < 14, people.surname[who] + "家长", none),  # noqa: PLR2004  age in years
        "id_no": people.citizen_id[who],
        "sex": where(people.is_male[who], "男", "女"),
        "birth_date": people.birth[who].astype(str).astype(object),
        "employer": where(years < 18, "中山市第" + texts(who % 30 + 1, "%d") + "小学", none),  # noqa: PLR2004  as above
        "phone": people.phone[who],
        "belongs_to": np.array(list(_OF), dtype=object)[rng.choice(len(_OF), count, p=_normal(_OF))],
        "address": people.address[who],
        "town_code": np.array([one.code for one in TOWNS], dtype=object)[people.town[who]],
        "occupation": where(years < 6, _CHILD, np.array(_WORK, dtype=object)[rng.integers(0, len(_WORK), count)]),  # noqa: PLR2004  as above
        "case_class": suspected[rng.choice(3, count, p=(0.15, 0.45, 0.4))],
        "onset_date": day_of(onset),
        "diagnosed_at": iso(diagnosed),
        "death_date": none.copy(),
        "disease_code": disease.copy(),
        "corrected_from_code": none.copy(),
        "is_withdrawn": np.full(count, "false", object),
        "reporting_facility": where(rng.random(count) < 0.5, centres, hospitals),  # noqa: PLR2004  half of them
        "reporting_doctor": "赵医生" + texts(who % 50, "%02d"),
        "filled_date": day_of(reported),
        "reported_at": iso(reported),
        "remark": people.name[who] + "，电话" + people.phone[who] + "，已隔离" + MARK,
        RESIDENT: texts(who, "%d"),
        STORY: none.copy(),
        HOUR: _hour_of(reported),
    }  # fmt: skip
    return Rows(cells, event_day=day_of(reported))


def _hour_of(moments: np.ndarray) -> Texts:
    hours = (moments - moments.astype("datetime64[D]")) // _HOUR
    return texts(hours.astype(np.int64), "%d")


def _revised(run: Run, day_no: int, place: int) -> Rows:
    """The cards that an entry of `REVISED` has reported again on a day, as they then stand."""
    name, wanted, days, revision = REVISED[place]
    before = first_reports(run, day_no - days)
    story = CONFIRMED if name == AGAIN else name
    rows = before.take(np.flatnonzero(before.cells[STORY] == story)[: wanted * run.scale])
    rng, count = run.rng("cards", day_no, name), len(rows)
    reported = run.midnight(day_no) + seconds(np.sort(rng.integers(9 * 3600, 18 * 3600, count)))
    cells = rows.cells
    cells["revision"] = np.full(count, str(revision), object)
    cells["report_type"] = np.full(count, "订正报告", object)
    cells["reported_at"], cells[HOUR], rows.event_day = iso(reported), _hour_of(reported), day_of(reported)
    cells["filled_date"] = day_of(reported)
    if name in (CONFIRMED, AGAIN):
        cells["case_class"] = np.full(count, "确诊病例", object)
    if name == AGAIN:
        cells["occupation"] = np.full(count, "其他", object)
    if name == CORRECTED:
        cells["corrected_from_code"] = cells["disease_code"]
        cells["disease_code"] = np.array([_INSTEAD.get(code, "FLU") for code in cells["disease_code"]], dtype=object)
        cells["diagnosed_at"] = iso(reported - 2 * _HOUR)
    if name == WITHDRAWN:
        cells["is_withdrawn"] = np.full(count, "true", object)
    return rows
