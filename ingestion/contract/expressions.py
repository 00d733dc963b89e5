"""Which columns a rule or transform names, without a SQL engine.

Contracts are read at every DAG parse, where DuckDB must not be imported; so the text is only
cut into words here. Exact binding of the expression is checked by ingestion.authoring.check.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import pairwise

from ingestion.contract.problem import choices

_TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")+")|(?P<word>[^\W\d]\w*)|(?P<number>\d[\w.]*)|(?P<other>\S)"""
)
_WORDS = frozenset(
    re.findall(
        r"\w+",
        """and or not is null in like ilike similar to between case when then else end true false distinct from escape
        cast try_cast as at time zone interval year years month months day days hour hours minute minutes second
        seconds week weeks quarter quarters epoch dow isodow doy collate glob any all some varchar
        boolean integer bigint smallint tinyint double decimal date timestamp timestamptz hugeint""",
    )
)
CONTEXT = ("content_date",)
"""Names a rule may use beside columns: `content_date`, the local date of the delivery's content as-of."""

_CLOCK = frozenset(
    re.findall(
        r"\w+",
        """current_date current_time current_timestamp localtime localtimestamp now today get_current_time
        get_current_timestamp transaction_timestamp""",
    )
)
"""What a value is must not depend on when it is read."""
_STATEMENTS = frozenset(
    ("select", "with", "values", "insert", "update", "delete", "copy", "attach", "install", "load", "pragma", "set")
)


def problems(expression: str, columns: Collection[str], dropped: Collection[str] = ()) -> list[str]:
    """What is wrong in a scalar SQL expression over `columns`; empty when nothing is found.

    A column of `dropped` exists in the source but is not in bronze, so no expression may read it.
    """
    found: list[str] = []
    known = {column.casefold() for column in columns}
    gone = {column.casefold() for column in dropped}
    names = _names(expression, found)
    for word in [] if found else names:
        folded = word.casefold()
        if folded in gone:
            found.append(f"reads `{word}`, which is dropped and so not in bronze")
        elif folded not in known:
            found.append(f"names `{word}`, which is not a column; {choices(word, columns)}")
    return list(dict.fromkeys(found))


def _names(expression: str, found: list[str]) -> list[str]:
    """Words that must be columns. Functions, types and SQL words are left out."""
    names = []
    tokens = list(_TOKEN.finditer(expression))
    for index, token in enumerate(tokens):
        following = tokens[index + 1].group() if index + 1 < len(tokens) else ""
        if token.lastgroup == "quoted":
            names.append(token.group()[1:-1].replace('""', '"'))
        elif token.lastgroup == "word":
            word = token.group().casefold()
            if word in _STATEMENTS and following != "(":
                found.append(f"`{token.group()}` is not allowed: one scalar expression over the columns of a row")
            elif _asks_the_time(word, following):
                found.append(
                    f"`{token.group()}` differs at each reading; a rule has `content_date`, the delivery's day"
                )
            elif following != "(" and word not in _WORDS:
                names.append(token.group())
        elif token.group() == ";":
            found.append("`;` is not allowed: one scalar expression over the columns of a row")
    if _comment(tokens):
        found.append("SQL comments are not allowed; the rule's description says why")
    return names


def _asks_the_time(word: str, following: str) -> bool:
    return word in _CLOCK and (following == "(" or word not in ("now", "today"))


def _comment(tokens: list[re.Match[str]]) -> bool:
    pairs = pairwise(tokens)
    return any(a.group() + b.group() in ("--", "/*") and a.end() == b.start() for a, b in pairs)
