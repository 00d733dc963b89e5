"""What is blank, held against Unicode's own data and against every form the definition takes."""

from __future__ import annotations

import sys
import unicodedata

import duckdb

from ingestion.values.blanks import BLANKS, is_blank, strip, stripped_sql

SEPARATORS = "\x1c\x1d\x1e\x1f"
"""Python calls these space by their bidirectional class; Unicode's White_Space does not have them."""
NEAR = ["\u200b", "\u200c", "\u2060", "\u180e", "\u00ad", *SEPARATORS, "\x00", "\x08"]


def test_blanks_are_white_space_and_the_byte_order_mark() -> None:
    space = {chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()}
    assert space - set(SEPARATORS) | {"\ufeff"} == set(BLANKS)
    assert {c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) in ("Zs", "Zl", "Zp")} < set(
        BLANKS
    )
    assert len(BLANKS) == len(set(BLANKS))


def test_every_form_of_the_definition_is_the_same() -> None:
    texts = [f"{c}a{c} b{c}" for c in (*BLANKS, *NEAR) if c != "\x00"]
    for text in texts:
        (by_sql,) = duckdb.execute(f"select {stripped_sql('$1')}", [text]).fetchone() or ("",)
        assert strip(text) == by_sql
        assert (strip(text)[0] == "a") == (text[0] in set(BLANKS))
    assert is_blank(BLANKS) and is_blank("") and not any(is_blank(c) for c in NEAR)
