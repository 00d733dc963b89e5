"""Find the column names in a rule or transform, and forbidden SQL, without a SQL engine.

Contracts are read at every DAG parse, where DuckDB must not be imported. So the text is only split into tokens here;
`ingestion.conform.bind` tests the expression with DuckDB.
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
"""SQL's clock functions, which are refused: a value must not depend on when it is read."""
_STATEMENTS = frozenset(
    ("select", "with", "values", "insert", "update", "delete", "copy", "attach", "install", "load", "pragma", "set")
)


def problems(expression: str, columns: Collection[str], dropped: Collection[str] = ()) -> list[str]:
    """The problems of a scalar SQL expression over `columns`; empty where none is found.

    `dropped` are columns that are in the source but not in bronze; an expression must not use them.
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


def columns_of(expression: str, columns: Collection[str]) -> tuple[str, ...]:
    """The names among `columns` that an expression uses, as they are spelled there, in the expression's order.

    A column may be named like a keyword (`day`, `at`): it is found except where the keyword is plain.
    """
    known = {column.casefold(): column for column in columns}
    tokens = ["", *(token.group() for token in _TOKEN.finditer(expression)), ""]
    used = [
        known[word.strip('"').casefold()]
        for before, word, after in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if word.strip('"').casefold() in known and after != "(" and not _is_plain_keyword(before, word, after)
    ]
    return tuple(dict.fromkeys(used))


def _is_plain_keyword(before: str, word: str, after: str) -> bool:
    """Whether a word is a type after AS, or the AT of AT TIME ZONE."""
    return before.casefold() == "as" or (word.casefold() == "at" and after.casefold() == "time")


def _names(expression: str, found: list[str]) -> list[str]:
    """The words that must be column names: all but functions, types and SQL keywords. Adds problems to `found`."""
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
            elif _uses_the_clock(word, following):
                found.append(
                    f"`{token.group()}` differs at each reading; a rule has `content_date`, the delivery's day"
                )
            elif following != "(" and word not in _WORDS:
                names.append(token.group())
        elif token.group() == ";":
            found.append("`;` is not allowed: one scalar expression over the columns of a row")
    if _has_comment(tokens):
        found.append("SQL comments are not allowed; the rule's description says why")
    return names


def _uses_the_clock(word: str, following: str) -> bool:
    return word in _CLOCK and (following == "(" or word not in ("now", "today"))


def _has_comment(tokens: list[re.Match[str]]) -> bool:
    pairs = pairwise(tokens)
    return any(a.group() + b.group() in ("--", "/*") and a.end() == b.start() for a, b in pairs)
