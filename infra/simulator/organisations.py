"""The market entities of the city, each in its first state; `organisation_changes` is about what happens to them.

All SYNTHETIC. The food businesses that have a credit code are among them, with the same code and name as in the food
register; some sole traders of that register, who have none there, too. Older entities have a registration number and
an organisation code, the oldest nothing else. A sole trader may be called by a person's name alone; like every
person's name here, it then bears no mark.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from infra.simulator import identifiers as ids
from infra.simulator import words
from infra.simulator.businesses import Businesses, person_names
from infra.simulator.rows import Texts, texts
from infra.simulator.towns import TOWNS

BASE = 3_300
FOOD_TRADERS, OTHER_TRADERS, COOPERATIVES, LEGACY = 400, 300, 40, 300
"""Entities there before any change, per unit of scale: all; of them sole traders in and outside the food register,
cooperatives, and companies that never got a credit code. The rest are companies, those of the food register first."""

COMPANY, TRADER, COOPERATIVE = "企业", "个体工商户", "农民专业合作社"
ACTIVE, CANCELLED, REVOKED, MERGED, MOVED = "存续", "注销", "吊销", "合并", "迁出"
_HEADS = {COMPANY: "91442000MA", TRADER: "92442000MA", COOPERATIVE: "93442000MA"}
ONE_CODE = {COMPANY: np.datetime64("2015-10-01", "D"), TRADER: np.datetime64("2016-12-01", "D")}
"""Since when a new entity gets a credit code and no other number (三证合一, 两证整合)."""

COLUMNS = (
    "entity_no", "uscc", "registration_no", "organisation_code", "tax_no", "entity_name", "former_name", "entity_kind",
    "industry_code", "town_code", "registered_date", "approved_date", "status", "status_date", "successor_uscc",
    "legal_rep", "legal_rep_id", "capital_wan",
)  # fmt: skip
"""Of a state; a text of no characters is a missing value."""

QUIET = 0.1
"""Share that no decision is about and no list names: dirt falls on them only."""
_SERIALS = 10_000_000
"""Of credit codes: above those of the food register."""
_INACTIVE = {ACTIVE: 0.86, CANCELLED: 0.07, REVOKED: 0.05, MOVED: 0.02}
_PERSONS_NAME, _RENAMED_BEFORE = 0.12, 0.05

Ints = NDArray[np.int64]
Days = NDArray[np.datetime64]
Cells = dict[str, Texts]


@dataclass(frozen=True)
class Entities:
    """Parallel arrays in order of entry. `food` is the index of the same business in the food register, or -1."""

    cells: Cells
    quiet: NDArray[np.bool_]
    food: Ints

    def __len__(self) -> int:
        """Entities."""
        return len(self.quiet)


def joined(parts: list[Entities]) -> Entities:
    """Several groups of entities as one, in order."""
    cells = {name: np.concatenate([part.cells[name] for part in parts]) for name in COLUMNS}
    quiet = np.concatenate([part.quiet for part in parts])
    return Entities(cells, quiet, np.concatenate([part.food for part in parts]))


def base_entities(rng: np.random.Generator, register: Businesses, before: date, scale: int) -> Entities:
    """Everything registered before the day `before`."""
    old = register.opened == 0
    coded = np.flatnonzero(old & (register.uscc != ""))
    traders = rng.permutation(np.flatnonzero(old & (register.uscc == "")))[: FOOD_TRADERS * scale]
    companies = (BASE - OTHER_TRADERS - COOPERATIVES - LEGACY) * scale - len(coded) - len(traders)
    none = np.full(BASE * scale, -1, np.int64)
    last = np.datetime64(before, "D") - 1
    parts: list[Entities] = []
    first = 0
    for kind, food, legacy in (
        (COMPANY, coded, False),
        (TRADER, traders, False),
        (TRADER, none[: OTHER_TRADERS * scale], False),
        (COOPERATIVE, none[: COOPERATIVES * scale], False),
        (COMPANY, none[: LEGACY * scale], True),
        (COMPANY, none[:companies], False),
    ):
        registered = _registered(rng, register, food, last, legacy=legacy)
        parts.append(_made(rng, kind, registered, first, register, food, legacy=legacy))
        _grown_old(rng, parts[-1], registered, last)
        first += len(food)
    return joined(parts)


def newcomers(
    rng: np.random.Generator, register: Businesses, day: date, food: Ints, count: int, first: int
) -> Entities:
    """`count` entities registered on a day, the food businesses of that day (indices `food`) first."""
    others = np.full(count - len(food), -1, np.int64)
    traders = len(others) // 3
    parts: list[Entities] = []
    for kind, which in ((COMPANY, food), (TRADER, others[:traders]), (COMPANY, others[traders:])):
        registered = np.full(len(which), day, "datetime64[D]")
        parts.append(_made(rng, kind, registered, first, register, which, legacy=False))
        first += len(which)
    return joined(parts)


def company_names(rng: np.random.Generator, count: int) -> Texts:
    """Made-up names of companies."""
    stems = (words.BRANDS, words.COMPANY_TAILS, words.COMPANY_TRADES)
    first, second, trade = (_pick(rng, stem, count) for stem in stems)
    return "中山市" + first + second + trade + "有限公司" + words.MARK


def capital(rng: np.random.Generator, count: int) -> Texts:
    """Registered capital in 10,000 yuan, four decimals."""
    amounts = np.array([3, 10, 50, 100, 200, 500, 1_000, 5_000])
    return texts(rng.choice(amounts, count, p=[0.08, 0.17, 0.2, 0.25, 0.12, 0.1, 0.05, 0.03]), "%d.0000")


def towns(rng: np.random.Generator, count: int) -> Texts:
    """Town codes by population."""
    weights = np.array([town.weight for town in TOWNS])
    codes = np.array([town.code for town in TOWNS], dtype=object)
    return codes[rng.choice(len(TOWNS), count, p=weights / weights.sum())]


def people(rng: np.random.Generator, count: int) -> tuple[Texts, Texts]:
    """Names of people and their citizen ids."""
    birth = np.datetime64("1955-01-01", "D") + rng.integers(0, 365 * 48, count).astype("timedelta64[D]")
    return person_names(rng, count), ids.citizen_id(birth, rng.integers(1, 1000, count))


def _pick(rng: np.random.Generator, values: tuple[str, ...], count: int) -> Texts:
    return np.array(values, dtype=object)[rng.integers(0, len(values), count)]


def _registered(rng: np.random.Generator, register: Businesses, food: Ints, last: Days, *, legacy: bool) -> Days:
    """Days of registration: of food businesses before their licence, of the oldest before 2013."""
    count = len(food)
    if count and food[0] >= 0:
        issued = np.minimum(register.issued[food], last)
        return issued - rng.integers(5, 700, count).astype("timedelta64[D]")
    end = np.datetime64("2012-12-31", "D") if legacy else last
    span = 365 * 18 if legacy else 365 * 14
    return end - rng.integers(1, span, count).astype("timedelta64[D]")


def _made(
    rng: np.random.Generator, kind: str, registered: Days, first: int, register: Businesses, food: Ints, *, legacy: bool
) -> Entities:
    """Entities in the state of their registration."""
    count = len(registered)
    serial = np.arange(first, first + count, dtype=np.int64)
    is_food = food >= 0
    name, legal_rep, legal_rep_id, town, code = _drawn(rng, kind, serial)
    # What the food register says stays: of a sole trader the name and the person, whose number it prints with gaps.
    name[is_food] = register.name[food[is_food]]
    legal_rep[is_food] = register.legal_rep[food[is_food]]
    town[is_food] = register.town_code[food[is_food]]
    if kind == COMPANY:
        legal_rep_id[is_food] = register.legal_rep_id[food[is_food]]
        code[is_food] = register.uscc[food[is_food]]
    numbers = _numbers(kind, serial, registered, code, legacy=legacy)
    day = registered.astype(str).astype(object)
    cells = {
        "entity_no": "ZT442000" + texts(serial + 1, "%09d"),
        **numbers,
        "entity_name": name,
        "former_name": _empty(count),
        "entity_kind": np.full(count, kind, dtype=object),
        "industry_code": _pick(rng, words.INDUSTRIES, count),
        "town_code": town,
        "registered_date": day,
        "approved_date": day.copy(),
        "status": np.full(count, ACTIVE, dtype=object),
        "status_date": _empty(count),
        "successor_uscc": _empty(count),
        "legal_rep": legal_rep,
        "legal_rep_id": legal_rep_id,
        "capital_wan": _empty(count) if kind == TRADER else capital(rng, count),
    }
    return Entities(cells, (rng.random(count) < QUIET) & ~is_food, food.copy())


def _drawn(rng: np.random.Generator, kind: str, serial: Ints) -> tuple[Texts, Texts, Texts, Texts, Texts]:
    """Name, legal representative, that one's citizen id, town and credit code of each."""
    count = len(serial)
    legal_rep, legal_rep_id = people(rng, count)
    if kind == TRADER:
        shop = "中山市" + _pick(rng, words.BRANDS, count) + _pick(rng, words.BRAND_TAILS, count)
        shop = shop + _pick(rng, words.SHOPS, count) + words.MARK
        name = np.where(rng.random(count) < _PERSONS_NAME, legal_rep, shop).astype(object)
    elif kind == COOPERATIVE:
        name = "中山市" + _pick(rng, words.BRANDS, count) + _pick(rng, words.COMPANY_TAILS, count)
        name = name + "种养专业合作社" + words.MARK
    else:
        name = company_names(rng, count)
    return name, legal_rep, legal_rep_id, towns(rng, count), ids.uscc((_SERIALS + serial) * 7_919, _HEADS[kind])


def _numbers(kind: str, serial: Ints, registered: Days, code: Texts, *, legacy: bool) -> Cells:
    """The four identifiers that an entity of its age has."""
    count = len(serial)
    is_old = registered < ONE_CODE.get(kind, ONE_CODE[COMPANY])
    registration = ids.registration_no(np.full(count, 6 if kind == TRADER else 0, np.int64), serial + 1)
    own = ids.organisation_code(70_000_000 + serial) if legacy else texts([text[8:17] for text in code])
    organisation = _empty(count) if kind == TRADER else own
    old_tax = np.where(organisation == "", "", "442000" + organisation).astype(object)
    return {
        "uscc": _empty(count) if legacy else code,
        "registration_no": np.where(is_old, registration, "").astype(object),
        "organisation_code": organisation,
        "tax_no": old_tax if legacy else np.where(is_old, old_tax, code).astype(object),
    }


def _grown_old(rng: np.random.Generator, made: Entities, registered: Days, last: Days) -> None:
    """What happened to entities between their registration and the day `last`: the food register's stay active."""
    cells, count = made.cells, len(made)
    age = np.maximum((last - registered).astype(np.int64), 0)
    approved = (registered + (rng.random(count) * age).astype(np.int64).astype("timedelta64[D]")).astype(str)
    cells["approved_date"] = approved.astype(object)
    status = rng.choice(list(_INACTIVE), count, p=list(_INACTIVE.values())).astype(object)
    status[made.food >= 0] = ACTIVE
    cells["status"] = status
    cells["status_date"] = np.where(status == ACTIVE, "", approved).astype(object)
    renamed = (rng.random(count) < _RENAMED_BEFORE) & (made.food < 0) & (cells["entity_kind"] == COMPANY)
    cells["former_name"] = np.where(renamed, company_names(rng, count), "").astype(object)


def _empty(count: int) -> Texts:
    return np.full(count, "", dtype=object)
