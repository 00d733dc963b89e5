"""Check digits of Chinese identifiers: credit code, citizen id, food licence number.

Own validators, because python-stdnum demands digits in the first eight places of a credit code
(authority and class may be letters) and a division code that existed on the birth date of a
citizen id (442000 is younger than many of its holders). A failed check is a hint, not a proof:
some codes were really issued with a wrong check character.
"""

from __future__ import annotations

import re
from datetime import datetime

from ingestion.values.blanks import strip

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""GB 32100-2015: 31 characters, without I O S V Z; a character's value is its index."""

USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
"""Weights of places 1 to 17: 3^(i-1) mod 31."""

USCC_PATTERN = rf"^[{USCC_ALPHABET}]{{2}}[0-9]{{6}}[{USCC_ALPHABET}]{{10}}$"
"""Places 1-2 authority and class (letters allowed), 3-8 division (digits), 9-17 organisation, 18 check."""

FOOD_LICENCE_PATTERN = r"^(JY|SC)[0-9]{14}$"
"""食品经营许可证 JY, 食品生产许可证 SC; the 14th digit is the check digit."""

CITIZEN_ID_PATTERN = r"^[1-9][0-9]{16}[0-9X]$"
"""GB 11643-1999: 6 division, 8 birth date, 3 sequence, check."""

CITIZEN_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
"""Weights of places 1 to 17: 2^(18-i) mod 11."""

CITIZEN_ID_CHECKS = "10X98765432"
"""The check digit by the weighted sum mod 11."""


def is_uscc(text: str) -> bool:
    """Whether `text` is a unified social credit code with a right check character (GB 32100-2015, annex A)."""
    code = strip(text).upper()
    if not re.fullmatch(USCC_PATTERN, code):
        return False
    total = sum(USCC_ALPHABET.index(c) * weight for c, weight in zip(code, USCC_WEIGHTS, strict=False))
    return USCC_ALPHABET[(31 - total % 31) % 31] == code[17]


def is_citizen_id(text: str) -> bool:
    """Whether `text` is an 18-place citizen id with a real birth date and a right check digit (GB 11643-1999)."""
    code = strip(text).upper()
    if not re.fullmatch(CITIZEN_ID_PATTERN, code) or not _is_birth_date(code[6:14]):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(code, CITIZEN_ID_WEIGHTS, strict=False))
    return CITIZEN_ID_CHECKS[total % 11] == code[17]


def _is_birth_date(text: str) -> bool:
    try:
        born = datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007 - a calendar date
    except ValueError:
        return False
    return born.year >= 1850  # noqa: PLR2004 - earlier than any holder


def is_food_licence_no(text: str) -> bool:
    """Whether `text` is JY or SC and 14 digits with a right check digit (ISO 7064 MOD 11,10)."""
    code = strip(text).upper()
    if not re.fullmatch(FOOD_LICENCE_PATTERN, code):
        return False
    product = 10
    for digit in code[2:15]:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(code[15])
