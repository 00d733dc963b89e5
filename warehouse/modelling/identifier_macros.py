"""What the dbt project has of the lake's checks of identifiers: a macro for each, and the list of exceptions as a seed.

Both are written from `ingestion.values`, so that a model, a contract's rule and Python judge a code alike.
"""

from __future__ import annotations

import re
from pathlib import Path

from ingestion.values import uscc_exceptions
from ingestion.values.check_digit_sql import is_valid
from ingestion.values.check_digits import CHECKS, Check
from warehouse.modelling.texts import header, is_generated

SEED = "ref_uscc_exception"
"""The seed's columns are those of `ingestion/values/uscc_exceptions.csv`."""

_PLACE = "__column__"


def identifier_files(project: Path) -> dict[Path, str]:
    """Path to text of `macros/is_<check>.sql` for each check, and of the seed."""
    files = {project / "macros" / f"is_{check}.sql": _macro(check) for check in CHECKS}
    return files | {project / "seeds" / f"{SEED}.csv": uscc_exceptions.LIST.read_text(encoding="utf-8")}


def identifier_paths(project: Path) -> set[Path]:
    """The macros of a project that say they are written from the checks."""
    found = (project / "macros").glob("is_*.sql")
    return {path for path in found if is_generated(path.read_text(encoding="utf-8").removeprefix("{"))}


def _macro(check: Check) -> str:
    name, standard = f"is_{check}", re.split(r"[:;]", str(CHECKS[check].__doc__))[0]
    body = "\n".join(f"    {line}" for line in is_valid(check, _PLACE).replace(_PLACE, "{{ column }}").splitlines())
    return (
        f"{{# {header('checks of identifiers', 'ingestion/values/check_digit_sql.py')}\n"
        f"    Whether a column of text holds a valid code: {standard}. NULL for NULL. #}}\n"
        f"{{% macro {name}(column) -%}}\n"
        f"    {{{{ return(adapter.dispatch('{name}')(column)) }}}}\n"
        "{%- endmacro %}\n\n"
        f"{{% macro default__{name}(column) -%}}\n{body}\n{{%- endmacro %}}\n"
    )
