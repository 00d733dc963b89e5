"""A table's header against its contract: the exact difference, or where each column is."""

from __future__ import annotations

import re

from ingestion.errors import DeliveryRefused

_LISTED = 20
_SHOWN = 60
_VALUE = re.compile(r".*[0-9]{5}.*|[+-]?[0-9]+([.:/-][0-9]+)*")
"""What no name is like and many a value: five digits in a row, or nothing but numbers (dates and times with them)."""


def check_header(
    names: list[str], wanted: list[str], *, what: str, fits: str = "the contract", lenient: bool
) -> dict[str, int]:
    """Index per wanted name. Raises DeliveryRefused (rule `header`); `lenient` lets undeclared columns be.

    `what` and `fits` are how the message calls the file and what it was held against. A first line that looks like data
    is not quoted: what it holds may be somebody's.
    """
    if names and not set(names) & set(wanted) and any(_is_value(name) for name in names):
        raise DeliveryRefused(
            f"the header of {what} does not fit {fits}: it holds none of its names and looks like data "
            f"({len(names)} values)",
            rule="header",
            next_step="ask the department for the file with its header, or declare `header: false` in the contract",
        )
    missing = [name for name in wanted if name not in names]
    extra = [name for name in names if name not in wanted]
    twice = sorted({name for name in names if names.count(name) > 1 and name in wanted})
    faults = []
    if missing:
        faults.append(f"missing {_listed(missing)}")
    if extra and not lenient:
        faults.append(f"not in the contract {_listed(extra)}")
    if twice:
        faults.append(f"more than once {_listed(twice)}")
    if faults:
        raise DeliveryRefused(
            f"the header of {what} does not fit {fits}: {'; '.join(faults)}",
            rule="header",
            next_step="agree the new columns with the department and revise the contract, or ask for a new file",
        )
    return {name: names.index(name) for name in wanted}


def _is_value(name: str) -> bool:
    return _VALUE.fullmatch(name) is not None


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name if len(name) <= _SHOWN else name[:_SHOWN] + "…") for name in names[:_LISTED])
    return shown + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
