"""Applications for credit repair and their answers: drawn from the penalties reported before. All SYNTHETIC.

Every day some organisations apply and some applications are answered. On the days after the first one those old
penalties are repaired that were reported on it (`penalties.OLD`): their publicity ends with the answer.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from infra.simulator.city import City
from infra.simulator.decisions import STORY, first_reports, moments
from infra.simulator.organisations import Cells, Ints
from infra.simulator.parties import ORGANISATION
from infra.simulator.penalties import BY_INTERFACE, OLD, RUN_DAYS
from infra.simulator.rows import CLEAN, Rows, Texts

GRANTED, REFUSED, PENDING = "准予", "不予", "受理中"
A_DAY, AFTER, ANSWERED_AFTER = 3, 14, 7
"""Applications a day and unit of scale, days after the penalty's report; days from application to answer."""
_GRANTED_SHARE = 0.7
_APPLIED_BEFORE = 20
"""Days before its answer that the application about an old penalty was made."""
COLUMNS = {
    "xfbh": "repair_id", "cf_wsh": "penalty_doc_no", "shxym": "uscc", "xdr_mc": "party_name", "xdr_lb": "party_kind",
    "sqrq": "applied_date", "jdrq": "decided_date", "xfjg": "result", "rdjg": "authority",
    "rdjgdm": "authority_code", "sjc": "reported_at",
}  # fmt: skip
_OF_PENALTY = ("uscc", "party_name", "party_kind", "authority", "authority_code")


def repairs(city: City, day_no: int) -> Rows:
    """What is reported on a day: new applications, answers to those of a week before, answers about old penalties."""
    rng = city.rng("repairs", day_no)
    applied, answered = _applicants(city, day_no), _applicants(city, day_no - ANSWERED_AFTER)
    granted = rng.random(len(answered)) < _GRANTED_SHARE
    result = np.where(granted, GRANTED, REFUSED).astype(object)
    parts = [
        _reported(city, applied, day_no, day_no, np.full(len(applied), PENDING, dtype=object)),
        _reported(city, answered, day_no - ANSWERED_AFTER, day_no, result),
    ]
    old = _old(city, day_no)
    if old is not None:
        parts.append(_reported(city, old, day_no - _APPLIED_BEFORE, day_no, np.full(len(old), GRANTED, dtype=object)))
    day = city.date_of(day_no)
    cells = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    cells["reported_at"] = moments(rng, day, len(cells["repair_id"]))
    cells[STORY] = np.repeat(
        np.array(["applied", "answered", OLD], dtype=object)[: len(parts)], [len(part["repair_id"]) for part in parts]
    )
    return Rows(cells, event_day=np.full(len(cells["repair_id"]), day.isoformat(), dtype=object))


def _applicants(city: City, day_no: int) -> Rows:
    """Penalties of organisations about which repair is asked for on a day."""
    reported = first_reports(city, BY_INTERFACE, day_no - AFTER)
    organisation = (reported.cells["party_kind"] == ORGANISATION) & (reported.cells["uscc"] != "")
    may = np.flatnonzero((reported.fate == CLEAN) & (reported.cells[STORY] == "") & organisation)
    return reported.take(_some(city.rng("repairs", day_no, "applicants"), may, A_DAY * city.scale))


def _old(city: City, day_no: int) -> Rows | None:
    """The old penalties, reported on the first day, that are repaired on a later one."""
    if not 1 < day_no <= RUN_DAYS:
        return None
    reported = first_reports(city, BY_INTERFACE, 1)
    planted = np.flatnonzero(reported.cells[STORY] == OLD)
    return reported.take(planted[(day_no - 2) * city.scale : (day_no - 1) * city.scale])


def _some(rng: np.random.Generator, index: Ints, count: int) -> Ints:
    return np.sort(rng.permutation(index)[:count])


def _reported(city: City, penalties: Rows, applied: int, day_no: int, result: Texts) -> Cells:
    """The cells of applications made on the day `applied` as they stand on another day."""
    date, count = city.date_of(day_no).isoformat(), len(penalties)
    doc_no = penalties.cells["doc_no"]
    return {
        "repair_id": "XF" + doc_no,
        "penalty_doc_no": doc_no,
        **{name: penalties.cells[name] for name in _OF_PENALTY},
        "applied_date": np.full(count, (city.date_of(day_no) - timedelta(days=day_no - applied)).isoformat(), object),
        "decided_date": np.where(result == PENDING, "", date).astype(object),
        "result": result,
    }
