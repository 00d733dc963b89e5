"""The definition of blank characters: Unicode White_Space, and U+FEFF (the byte order mark, often within joined files).

All code uses this definition (docs/adr/0017); `parsers.blank_cells` applies it to columns. `str.strip` differs: it
strips U+001C to U+001F, which are not White_Space, and keeps U+FEFF. DuckDB's `trim` strips the ASCII space only, RE2's
`\\s` matches five ASCII characters. Zero-width characters such as U+200B are not blank.
"""

from __future__ import annotations

from ingestion.sql import literal

BLANKS = (
    "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""Unicode Character Database, PropList.txt, White_Space; then U+FEFF."""


def strip(text: str) -> str:
    """`text` without the blanks around it; those inside stay."""
    return text.strip(BLANKS)


def is_blank(text: str) -> bool:
    """Whether `text` is empty or has blanks only."""
    return not text.strip(BLANKS)


def stripped_sql(text: str) -> str:
    """SQL that strips the blanks around a VARCHAR expression."""
    return f"trim({text}, {literal(BLANKS)})"
