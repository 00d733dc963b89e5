"""Who decisions are about: organisations, sole traders and natural persons with the identifiers that units write down.

All SYNTHETIC. No random party is quiet or was ever on a list of sanctions, so that who is sanctioned is planted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infra.simulator.city import City
from infra.simulator.organisation_changes import State
from infra.simulator.organisations import ACTIVE, TRADER, Cells, Ints, people
from infra.simulator.rows import Texts

ORGANISATION, PERSON, SOLE_TRADER = "法人及非法人组织", "自然人", "个体工商户"
SHARES = {PERSON: 0.1, SOLE_TRADER: 0.2}
"""Of parties; the rest are organisations."""
NO_CODE, NO_NUMBER, SAYS_TAX, SAYS_ORGANISATION = 0.08, 0.4, 0.1, 0.35
"""Shares: the credit code is left out where there is another number; the registration number is left out where there is
a code; the tax number, and the organisation code, is written down."""

_OF_ENTITY = ("uscc", "registration_no", "organisation_code", "tax_no", "legal_rep", "legal_rep_id")


@dataclass(frozen=True)
class Parties:
    """Parallel arrays: cells by column, and the entity, -1 for a natural person."""

    cells: Cells
    entity: Ints


def draw_parties(city: City, rng: np.random.Generator, day_no: int, count: int) -> Parties:
    """Parties of `count` decisions reported on a day; of each kind as many as its share says."""
    state = city.organisations.state(day_no)
    free = _free(city, state, day_no)
    is_trader = state.cells["entity_kind"] == TRADER
    people_count, traders = (round(share * count) for share in SHARES.values())
    entity = np.concatenate(
        [
            np.full(people_count, -1, np.int64),
            rng.permutation(np.flatnonzero(free & is_trader))[:traders],
            rng.permutation(np.flatnonzero(free & ~is_trader))[: count - people_count - traders],
        ]
    )
    return parties_of(state, rng, rng.permutation(entity))


def parties_of(state: State, rng: np.random.Generator, entity: Ints, *, with_code: bool = False) -> Parties:
    """The parties that entities (-1: a person) are; `with_code` all are written down by their credit code."""
    person = entity < 0
    count = len(entity)
    name, id_no = people(rng, count)
    cells = {column: np.where(person, "", state.cells[column][entity]).astype(object) for column in _OF_ENTITY}
    trader = state.cells["entity_kind"][entity] == TRADER
    other = (cells["registration_no"] != "") | (cells["organisation_code"] != "")
    code = cells["uscc"] if with_code else _left_out(cells["uscc"], (rng.random(count) < NO_CODE) & other)
    has_code = code != ""
    return Parties(
        {
            "party_name": np.where(person, name, state.cells["entity_name"][entity]).astype(object),
            "party_kind": np.where(person, PERSON, np.where(trader, SOLE_TRADER, ORGANISATION)).astype(object),
            "uscc": code,
            "registration_no": _left_out(cells["registration_no"], (rng.random(count) < NO_NUMBER) & has_code),
            "organisation_code": _left_out(
                cells["organisation_code"], (rng.random(count) >= SAYS_ORGANISATION) & has_code
            ),
            "tax_no": _left_out(cells["tax_no"], rng.random(count) >= SAYS_TAX),
            "legal_rep": cells["legal_rep"],
            "legal_rep_id": cells["legal_rep_id"],
            "party_id_no": np.where(person, id_no, "").astype(object),
        },
        entity,
    )


def sanctioned(city: City, rng: np.random.Generator, day_no: int, count: int, days: int) -> Ints:
    """Active companies that were on a list of sanctions for all of the `days` up to a day, each once."""
    lists, state = city.lists, city.organisations.state(day_no)
    here = active(state)
    held = lists.sanctions & (lists.first <= day_no - days) & (lists.last > day_no)
    pool = np.unique(lists.entity[held])
    return rng.permutation(pool[here[pool]])[:count]


def active(state: State) -> np.ndarray:
    """Which entities are in the register and active."""
    here = np.zeros(len(state.quiet), bool)
    here[state.index] = True
    return here & (state.cells["status"] == ACTIVE)


def _free(city: City, state: State, day_no: int) -> np.ndarray:
    free = active(state) & ~state.quiet
    lists = city.lists
    free[lists.entity[lists.sanctions & (lists.first <= day_no)]] = False
    return free


def _left_out(values: Texts, where: np.ndarray) -> Texts:
    return np.where(where, "", values).astype(object)
