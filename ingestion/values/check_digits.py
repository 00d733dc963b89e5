"""Identifiers whose standards define a check digit, judged in Python; `check_digit_sql` says the same in SQL.

Each function takes text in the standard's spelling: half-width, upper case, without blanks. Other spellings are for
`normalise` in a contract. A code that fails was mistyped or, rarely, issued with a wrong check character; one that
passes need not have been issued. Codes of zeros only, which stand for "none" in many systems, fail although their sums
are right.

python-stdnum is not used: it demands digits in the first eight places of a credit code (authority and class may be
letters), leaves out the check inside it, and wants a citizen id's division to have existed on the day of birth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

Check = Literal["uscc", "organisation_code", "registration_no", "citizen_id", "food_licence_no"]
"""Names of the checks, as a contract's rule gives them."""

RULES_VERSION = 2
"""Raised whenever a check judges some text otherwise; then bronze of feeds that refuse by a check is made again."""

DIGITS = "0123456789"
LETTERS_AND_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""GB 11714: a character's value is its index."""

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""GB 32100-2015: 31 characters, without I O S V Z; a character's value is its index."""

USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
"""Weights of places 1 to 17: 3^(i-1) mod 31."""

ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
"""GB 11714: weights of places 1 to 8."""

ORGANISATION_CHECKS = "0123456789X"
"""The check character by (11 - weighted sum mod 11) mod 11."""

CITIZEN_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
"""GB 11643-1999: weights of places 1 to 17, 2^(18-i) mod 11."""

CITIZEN_ID_CHECKS = "10X98765432"
"""The check digit by the weighted sum mod 11."""

OLDEST_BIRTH = "1850"
"""A year before any holder was born."""

FOOD_LICENCE_KINDS = ("JY", "SC")
"""食品经营许可证 JY, 食品生产许可证 SC."""

_USCC = re.compile(rf"[{USCC_ALPHABET}]{{2}}[0-9]{{6}}[{USCC_ALPHABET}]{{10}}")
_ORGANISATION_CODE = re.compile(r"([0-9A-Z]{8})-?([0-9X])")
_CITIZEN_ID = re.compile(r"[1-9][0-9]{16}[0-9X]")


def is_uscc(code: str) -> bool:
    """统一社会信用代码, GB 32100-2015: 1-2 authority and class, 3-8 division, 9-17 organisation code, 18 check."""
    if not _USCC.fullmatch(code) or not is_organisation_code(code[8:17]):
        return False
    return USCC_ALPHABET[-_weighted(code, USCC_ALPHABET, USCC_WEIGHTS) % 31] == code[17]


def is_organisation_code(code: str) -> bool:
    """组织机构代码, GB 11714: eight characters and a check character, `123456788` or `12345678-8`."""
    found = _ORGANISATION_CODE.fullmatch(code)
    if found is None or not code.strip("0-"):
        return False
    return ORGANISATION_CHECKS[-_weighted(found[1], LETTERS_AND_DIGITS, ORGANISATION_WEIGHTS) % 11] == found[2]


def is_registration_no(code: str) -> bool:
    """工商注册号, GS 15-2006: 6 digits registering authority, 8 sequence, 1 check after ISO 7064 MOD 11,10."""
    return re.fullmatch("[0-9]{15}", code) is not None and bool(code.strip("0")) and _is_mod_11_10(code)


def is_citizen_id(code: str) -> bool:
    """公民身份号码, GB 11643-1999: 6 division, 8 birth date, 3 sequence, 1 check; the birth date must exist."""
    if not _CITIZEN_ID.fullmatch(code) or not _is_birth_date(code[6:14]):
        return False
    return CITIZEN_ID_CHECKS[_weighted(code, DIGITS, CITIZEN_ID_WEIGHTS) % 11] == code[17]


def is_food_licence_no(code: str) -> bool:
    """食品经营许可证 JY and 食品生产许可证 SC with 14 digits, the last one after ISO 7064 MOD 11,10 (GB/T 17710)."""
    kind, digits = code[:2], code[2:]
    return kind in FOOD_LICENCE_KINDS and re.fullmatch("[0-9]{14}", digits) is not None and _is_mod_11_10(digits)


CHECKS: Mapping[Check, Callable[[str], bool]] = {
    "uscc": is_uscc,
    "organisation_code": is_organisation_code,
    "registration_no": is_registration_no,
    "citizen_id": is_citizen_id,
    "food_licence_no": is_food_licence_no,
}
"""The function of each check."""


def _weighted(code: str, alphabet: str, weights: tuple[int, ...]) -> int:
    return sum(alphabet.index(character) * weight for character, weight in zip(code, weights, strict=False))


def _is_mod_11_10(digits: str) -> bool:
    product = 10
    for digit in digits[:-1]:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return (product + int(digits[-1])) % 10 == 1


def _is_birth_date(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007 - a calendar date
    except ValueError:
        return False
    return text >= OLDEST_BIRTH
