"""Checks of identifiers with a check digit (`ingestion.values.check_digit_sql`) as macros of conform's sessions.

Each macro takes text and gives true, false, or NULL for NULL. It checks the form of an identifier, not whether it was
issued; credit codes that were really issued with a wrong check character are in a list.
"""

from __future__ import annotations

import duckdb

from ingestion.values import uscc_exceptions
from ingestion.values.check_digit_sql import is_valid
from ingestion.values.check_digits import CHECKS as RULES
from ingestion.values.check_digits import Check

CHECKS: dict[Check, str] = {check: f"citylake_{check}" for check in RULES}
"""Macro name by the check's name in a contract's rule."""


def is_broken(check: Check, value: str, day: str) -> str:
    """SQL (boolean or NULL): whether a value, which is a column, fails a check on the DATE expression `day`."""
    failed = f"not {is_valid(check, value)}"
    return f"{failed} and not {uscc_exceptions.is_listed(value, day)}" if needs_day(check) else failed


def needs_day(check: Check | None) -> bool:
    """Whether `is_broken` depends on the day."""
    return check == "uscc"


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Define the macros on a connection."""
    for check, macro in CHECKS.items():
        # A lambda, so that an expression given to the macro is computed once.
        body = f"list_transform([code], lambda c: {is_valid(check, 'c')})[1]"
        connection.execute(f"create or replace macro {macro}(code) as {body}")
