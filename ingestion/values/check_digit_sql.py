"""SQL for the checks of `check_digits`, from the same weights and alphabets.

The text runs on DuckDB and on Spark alike: no regular expression, no lambda. It is the body of conform's macros, of the
macros that analysts find in a release, and of the dbt project's (`warehouse.modelling.identifier_macros`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce

from ingestion.sql import literal
from ingestion.values import check_digits as rules
from ingestion.values.check_digits import Check


def is_valid(check: Check, code: str) -> str:
    """SQL (boolean, NULL for NULL) for a VARCHAR expression, which it repeats some dozens of times."""
    form, right = _PARTS[check](code)
    return f"case when {code} is null then null\nwhen not ({form}) then false\nelse {right}\nend"


def _uscc(code: str) -> tuple[str, str]:
    form = _all(
        f"length({code}) = 18",
        _only(f"concat(substr({code}, 1, 2), substr({code}, 9, 10))", rules.USCC_ALPHABET),
        _only(f"substr({code}, 3, 6)", rules.DIGITS),
        _not_zeros(f"substr({code}, 9, 9)"),
    )
    check = f"(31 - ({_weighted(code, rules.USCC_ALPHABET, rules.USCC_WEIGHTS)}) % 31) % 31"
    right = f"{check} = {_value(code, 18, rules.USCC_ALPHABET)}"
    return form, f"{_organisation_check(code, 9)} = substr({code}, 17, 1)\nand {right}"


def _organisation_code(code: str) -> tuple[str, str]:
    form = _all(
        f"(length({code}) = 9 or (length({code}) = 10 and substr({code}, 9, 1) = '-'))",
        _only(f"substr({code}, 1, 8)", rules.LETTERS_AND_DIGITS),
        _not_zeros(f"replace({code}, '-', '')"),
    )
    return form, f"{_organisation_check(code, 1)} = substr({code}, length({code}), 1)"


def _registration_no(code: str) -> tuple[str, str]:
    form = _all(f"length({code}) = 15", _only(code, rules.DIGITS), _not_zeros(code))
    return form, _mod_11_10(code, 1, 15)


def _citizen_id(code: str) -> tuple[str, str]:
    day = f"concat(substr({code}, 7, 4), '-', substr({code}, 11, 2), '-', substr({code}, 13, 2))"
    form = _all(
        f"length({code}) = 18",
        _only(f"substr({code}, 1, 17)", rules.DIGITS),
        f"substr({code}, 1, 1) <> '0'",
        f"substr({code}, 7, 4) >= {literal(rules.OLDEST_BIRTH)}",
        f"try_cast({day} as date) is not null",
    )
    place = f"1 + ({_weighted(code, rules.DIGITS, rules.CITIZEN_ID_WEIGHTS)}) % 11"
    return form, f"substr({literal(rules.CITIZEN_ID_CHECKS)}, {place}, 1) = substr({code}, 18, 1)"


def _food_licence_no(code: str) -> tuple[str, str]:
    kinds = ", ".join(literal(kind) for kind in rules.FOOD_LICENCE_KINDS)
    form = _all(
        f"length({code}) = 16", f"substr({code}, 1, 2) in ({kinds})", _only(f"substr({code}, 3, 14)", rules.DIGITS)
    )
    return form, _mod_11_10(code, 3, 14)


_PARTS: Mapping[Check, Callable[[str], tuple[str, str]]] = {
    "uscc": _uscc,
    "organisation_code": _organisation_code,
    "registration_no": _registration_no,
    "citizen_id": _citizen_id,
    "food_licence_no": _food_licence_no,
}
"""Of each check the condition on a code's form, and the one on its check digits, which is for codes of that form."""


def _all(*conditions: str) -> str:
    return "\nand ".join(conditions)


def _only(text: str, alphabet: str) -> str:
    return f"translate({text}, {literal(alphabet)}, '') = ''"


def _not_zeros(text: str) -> str:
    return f"replace({text}, '0', '') <> ''"


def _value(code: str, place: int, alphabet: str) -> str:
    return f"(instr({literal(alphabet)}, substr({code}, {place}, 1)) - 1)"


def _weighted(code: str, alphabet: str, weights: Iterable[int], first: int = 1) -> str:
    return "\n+ ".join(f"{weight} * {_value(code, first + i, alphabet)}" for i, weight in enumerate(weights))


def _organisation_check(code: str, first: int) -> str:
    total = _weighted(code, rules.LETTERS_AND_DIGITS, rules.ORGANISATION_WEIGHTS, first)
    return f"substr({literal(rules.ORGANISATION_CHECKS)}, 1 + (11 - ({total}) % 11) % 11, 1)"


def _mod_11_10(code: str, first: int, count: int) -> str:
    """SQL: whether digits end in their check digit. The product is never 0, so a remainder of 0 counts as 10 by
    taking 1 before and adding it after.
    """
    digits = [_value(code, first + i, rules.DIGITS) for i in range(count)]
    product = reduce(lambda p, digit: f"(({p} + {digit} - 1) % 10 + 1) * 2 % 11", digits[:-1], "10")
    return f"({product} + {digits[-1]}) % 10 = 1"
