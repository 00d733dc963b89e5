"""The lists of incentives (守信激励) and sanctions (失信惩戒): who is on which from when to when. All SYNTHETIC.

On each list are companies that had a credit code when the register's history begins; some are put on and as many are
taken off every day, so that a list of any day is as long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np

from infra.simulator.authorities import COURT, ENVIRONMENT, FOOD, MARKET, TAX, Authority
from infra.simulator.organisation_changes import Organisations
from infra.simulator.organisations import ACTIVE, COMPANY, Ints

INCENTIVE, SANCTION = "守信激励", "失信惩戒"
NEVER = 10**6


@dataclass(frozen=True)
class CreditList:
    """One list: entries at first and those put on and taken off a day, per unit of scale."""

    code: str
    name: str
    kind: str
    basis: str
    authority: Authority
    entries: int
    a_day: int


LISTS = (
    CreditList("S01", "失信被执行人", SANCTION, "民事诉讼法执行裁定", COURT, 70, 1),
    CreditList("S02", "重大税收违法失信主体", SANCTION, "重大税收违法失信主体信息公布管理办法", TAX, 30, 1),
    CreditList("S03", "食品药品严重失信者", SANCTION, "食品药品严重失信者信息公示办法", FOOD, 25, 1),
    CreditList("S04", "环境违法失信企业", SANCTION, "企业环境信用评价办法", ENVIRONMENT, 25, 0),
    CreditList("I01", "A级纳税人", INCENTIVE, "纳税信用管理办法", TAX, 100, 1),
    CreditList("I02", "守合同重信用企业", INCENTIVE, "守合同重信用企业公示办法", MARKET, 50, 0),
)


@dataclass(frozen=True)
class Lists:
    """Parallel arrays, one entry a stay: the list (index of `LISTS`), the entity, the day it was listed, and the days
    of the run whose lists hold it, `[first, last)`."""

    number: Ints
    entity: Ints
    listed: np.ndarray
    first: Ints
    last: Ints

    def on(self, day_no: int) -> Ints:
        """Index of the entries of a day's lists, in the order of list and entry."""
        held = np.flatnonzero((self.first <= day_no) & (self.last > day_no))
        return held[np.lexsort((self.first[held], self.number[held]))]

    @property
    def sanctions(self) -> np.ndarray:
        """Whether the stay is on a list of sanctions."""
        return np.array([one.kind == SANCTION for one in LISTS])[self.number]


def make_lists(
    rng: Callable[..., np.random.Generator], organisations: Organisations, start: date, days: int, scale: int
) -> Lists:
    """The stays on all lists up to the last of `days`."""
    base = organisations.base
    cells = base.cells
    may = (cells["uscc"] != "") & (cells["entity_kind"] == COMPANY) & (cells["status"] == ACTIVE) & ~base.quiet
    pool = np.flatnonzero(may)
    parts: list[tuple[Ints, ...]] = []
    for number, one in enumerate(LISTS):
        draw = rng("list", one.code)
        entity = draw.permutation(pool)[: one.entries * scale]
        listed = organisations.first - draw.integers(1, 700, len(entity))
        stays = [list(column) for column in (entity, listed, np.full(len(entity), NEVER))]
        for day_no in range(organisations.first, days + 1) if one.a_day else ():
            _turn(rng("list", one.code, day_no), stays, pool, day_no, one.a_day * scale)
        entity, listed, last = (np.array(column, dtype=np.int64) for column in stays)
        parts.append((np.full(len(entity), number), entity, listed, last))
    number, entity, listed, last = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    dates = np.datetime64(start, "D") + (listed - 1)
    return Lists(number, entity, dates, listed, last)


def _turn(rng: np.random.Generator, stays: list[list[int]], pool: Ints, day_no: int, count: int) -> None:
    """Take `count` off a list on a day and put as many others on."""
    entity, listed, last = stays
    held = np.flatnonzero(np.array(last) == NEVER)
    leaving = rng.permutation(held[np.array(listed)[held] < day_no - 20])[:count]
    others = rng.permutation(pool[~np.isin(pool, entity)])[: len(leaving)]
    for at in leaving:
        last[at] = day_no
    entity.extend(others)
    listed.extend([day_no] * len(others))
    last.extend([NEVER] * len(others))
