"""Codes with check digits, known to be right or wrong, and random ones."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

from hypothesis import strategies as st

from ingestion.values.check_digits import (
    CHECKS,
    CITIZEN_ID_CHECKS,
    DIGITS,
    LETTERS_AND_DIGITS,
    ORGANISATION_CHECKS,
    USCC_ALPHABET,
    Check,
)

VECTORS = Path(__file__).with_name("check_digit_vectors.csv")
"""Published codes are of companies and standards; others are made up, and no citizen id is a person's."""


@dataclass(frozen=True)
class Vector:
    """A code, whether it passes the check, and whether python-stdnum judges it as the standard does."""

    check: Check
    code: str
    is_valid: bool
    stdnum_is_right: bool
    note: str


@cache
def vectors() -> tuple[Vector, ...]:
    """All vectors, of every check some of each kind."""
    with VECTORS.open(encoding="utf-8", newline="") as file:
        return tuple(
            Vector(
                cast("Check", row["check"]),
                row["code"],
                row["is_valid"] == "yes",
                row["stdnum_is_right"] == "yes",
                row["note"],
            )
            for row in csv.DictReader(file)
        )


_DAY = st.one_of(st.dates().map(lambda day: f"{day:%Y%m%d}"), st.text(DIGITS, min_size=8, max_size=8))
_BODIES: dict[Check, st.SearchStrategy[str]] = {
    "organisation_code": st.text(LETTERS_AND_DIGITS, min_size=8, max_size=8),
    "registration_no": st.text(DIGITS, min_size=14, max_size=14),
    "citizen_id": st.builds(
        "{}{}{}".format, st.text(DIGITS, min_size=6, max_size=6), _DAY, st.text(DIGITS, min_size=3, max_size=3)
    ),
    "food_licence_no": st.builds(
        "{}{}".format, st.sampled_from(["JY", "SC", "XX"]), st.text(DIGITS, min_size=13, max_size=13)
    ),
}
_LAST: dict[Check, str] = {"organisation_code": ORGANISATION_CHECKS, "citizen_id": CITIZEN_ID_CHECKS}


def _completed(check: Check, body: str, last: str) -> str:
    """The body with its right check character, where one of `last` is."""
    return next((body + each for each in last if CHECKS[check](body + each)), body + last[0])


@st.composite
def _right(draw: st.DrawFn, check: Check) -> str:
    """A code with right check characters, unless its form has none."""
    if check != "uscc":
        return _completed(check, draw(_BODIES[check]), _LAST.get(check, DIGITS))
    head = draw(st.text(USCC_ALPHABET, min_size=2, max_size=2)) + draw(st.text(DIGITS, min_size=6, max_size=6))
    body = draw(st.text(USCC_ALPHABET, min_size=8, max_size=8))
    return _completed(check, head + _completed("organisation_code", body, ORGANISATION_CHECKS), USCC_ALPHABET)


@st.composite
def codes(draw: st.DrawFn, check: Check) -> str:
    """A right code, one with a character changed, taken out or put in, one in another spelling, or anything."""
    code = draw(_right(check))
    place = draw(st.integers(0, max(len(code) - 1, 0)))
    character = draw(st.sampled_from([*LETTERS_AND_DIGITS, *"x-aIOSVZ９Ｘ 　"]))
    shapes = [
        code, code, code[:place] + character + code[place + 1 :], code[:place] + code[place + 1 :],
        code[:place] + character + code[place:], code.lower(), f"{code[:8]}-{code[8:]}", "0" * len(code),
        draw(st.text(max_size=20)),
    ]  # fmt: skip
    return draw(st.sampled_from(shapes)).replace("\x00", "")
