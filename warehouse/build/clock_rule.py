"""The rule that SQL asks no clock but `as_of()`: with another one a table would depend on when it is made.

Expressions of contracts have the same rule (ingestion.contract.expressions). Found by words, before dbt renders
anything; comments and quoted text do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from warehouse.build.errors import BuildFailed
from warehouse.build.lineage import Lineage

_WORDS = "current_date current_time current_timestamp localtime localtimestamp current_localtime current_localtimestamp"
_CALLS = (
    "now today get_current_time get_current_timestamp transaction_timestamp statement_timestamp clock_timestamp "
    "getdate sysdate curdate unix_timestamp current_timestamp_in_utc env_var"
)
_JINJA = ("run_started_at", "modules.datetime", "modules.pytz", "invocation_id")
_CLOCK = re.compile(
    rf"(?<![\w.])(?:(?:{'|'.join(_WORDS.split())})\b|(?:{'|'.join(_CALLS.split())})\s*\(|age\s*\([^,()]*\))"
    rf"|\bdbt\.(?:current_timestamp|now)\w*|\b(?:{'|'.join(re.escape(word) for word in _JINJA)})\b",
    re.IGNORECASE,
)
_RUN = re.compile(r"\bcitylake_run\b")
_IGNORED = re.compile(r"\{#.*?#\}|/\*.*?\*/|--[^\n]*", re.DOTALL)
_QUOTED = re.compile(r"'(?:[^']|'')*'")

OWN = ("as_of", "citylake_run", "affected_days")
"""Macros that may read the run: the clock itself, and the days that are made again."""


def clocks(sql: str, *, may_read_run: bool = False) -> list[str]:
    """The clocks that SQL, with or without Jinja, asks for the time, in order; none in good SQL."""
    text = _IGNORED.sub(" ", sql)
    # Jinja has its names within quotes of its own; only quoted text of SQL is left out.
    plain = "".join(
        part if part.startswith("{") else _QUOTED.sub("''", part)
        for part in re.split(r"(\{[{%].*?[%}]\})", text, flags=re.DOTALL)
    )
    found = [match[0].strip() for match in _CLOCK.finditer(plain)]
    if not may_read_run:
        found += [match[0] for match in _RUN.finditer(plain)]
    return list(dict.fromkeys(found))


def require_one_clock(lineage: Lineage) -> None:
    """Raises BuildFailed naming every model, test and macro of the project that asks another clock than `as_of()`."""
    wrong = {name: found for name, sql, own in _sql(lineage) if (found := clocks(sql, may_read_run=own))}
    if wrong:
        listed = "; ".join(f"{name} uses {', '.join(found)}" for name, found in sorted(wrong.items()))
        raise BuildFailed(
            f"SQL that depends on when it is run: {listed}",
            left="no model was made; the last release stays",
            next_step="use {{ as_of() }}, the day the build is judged for",
        )


def _sql(lineage: Lineage) -> Iterable[tuple[str, str, bool]]:
    """Name and SQL of every model, test and macro of the project, and whether it may read the run."""
    for node in lineage.manifest["nodes"].values():
        if node["resource_type"] in ("model", "test"):
            yield node["name"], node["raw_code"], False
            yield node["name"], str(node["config"].get("where") or ""), False
    for macro in lineage.manifest["macros"].values():
        if macro["package_name"] not in ("dbt", "dbt_duckdb"):
            yield macro["name"], macro["macro_sql"], macro["name"] in OWN
