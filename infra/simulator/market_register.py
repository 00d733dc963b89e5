"""The department's exchange table of market entities: what it holds at the end of a day, and what a day changed.

All SYNTHETIC. The department writes its whole register into the table once, at the beginning of what it hands over and
again on the first day of the run, and from then on every change in place. `updated_at` says when a row was last
written.
"""

from __future__ import annotations

import numpy as np

from infra.simulator.city import City
from infra.simulator.organisations import COLUMNS, Cells, Ints
from infra.simulator.rows import Rows

PHYSICAL = {
    "ztsfdm": "entity_no", "tyshxydm": "uscc", "zch": "registration_no", "zzjgdm": "organisation_code",
    "swdjh": "tax_no", "qymc": "entity_name", "cymc": "former_name", "ztlx": "entity_kind", "hydm": "industry_code",
    "zjdm": "town_code", "clrq": "registered_date", "hzrq": "approved_date", "djzt": "status", "ztrq": "status_date",
    "cjztdm": "successor_uscc", "fddbr": "legal_rep", "frzjhm": "legal_rep_id", "zczb": "capital_wan",
    "gxsj": "updated_at",
}  # fmt: skip
"""Columns of the table, abbreviated as the department does, and what they hold."""
_WRITTEN = 90 * 60
"""Local second of the day at which the whole register is written."""
_UTC_OFFSET = 8 * 3600


def written_whole(city: City) -> tuple[int, ...]:
    """Days of the run on which the whole register is written, the first of what is handed over among them."""
    return (min(city.organisations.first, 1 - city.history), *((1 - city.history,) if city.history else ()), 1)


def table(city: City, day_no: int) -> Rows:
    """The table at the end of a day, by entity."""
    return _rows(city, day_no, city.organisations.state(day_no).index)


def changed(city: City, day_no: int) -> Rows:
    """The rows written on a day, as they stand at its end."""
    organisations = city.organisations
    if day_no in written_whole(city):
        return table(city, day_no)
    change = organisations.changes.get(day_no)
    return _rows(city, day_no, np.empty(0, np.int64) if change is None else np.sort(change.index))


def quiet(city: City, day_no: int, rows: Rows) -> np.ndarray:
    """Which rows are of entities that no decision and no list names."""
    state = city.organisations.state(day_no)
    return np.isin(rows.cells["ztsfdm"].astype(str), state.cells["entity_no"][state.quiet].astype(str))


def _rows(city: City, day_no: int, index: Ints) -> Rows:
    """Rows of entities, with the texts that PostgreSQL gives: days in ISO form, moments in UTC."""
    state = city.organisations.state(day_no)
    written = [_second(city, day) for day in written_whole(city) if day <= day_no]
    moment = np.maximum(state.changed[index], max(written, default=_second(city, day_no)))
    local = np.datetime64(0, "s") + moment.astype("timedelta64[s]")
    cells: Cells = {name: state.cells[name][index] for name in COLUMNS}
    utc = (local - np.timedelta64(_UTC_OFFSET, "s")).astype(str).astype(object)
    cells["updated_at"] = np.array([text.replace("T", " ") for text in utc], dtype=object) + "+00"
    return Rows({name: cells[column] for name, column in PHYSICAL.items()}, local.astype("datetime64[D]").astype(str))


def _second(city: City, day_no: int) -> int:
    midnight = np.datetime64(city.date_of(day_no), "s")
    return int(midnight.astype(np.int64)) + _WRITTEN
