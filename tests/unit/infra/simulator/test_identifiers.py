"""Check digits against python-stdnum and published vectors."""

from __future__ import annotations

import numpy as np
from stdnum.cn import ric, uscc
from stdnum.iso7064 import mod_11_10

from infra.simulator import identifiers
from infra.simulator.city import City

ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def _org_check(code: str) -> str:
    total = sum(int(c, 36) * w for c, w in zip(code[8:16], ORG_WEIGHTS, strict=True))
    return {10: "X", 11: "0"}.get(11 - total % 11, str(11 - total % 11))


def test_licence_numbers_of_the_reference() -> None:
    numbers = identifiers.food_licence_no(np.array([1, 2, 3]), np.array([1, 123, 7]))
    assert numbers.tolist() == ["JY14420000000017", "JY24420000001232", "JY34420000000079"]


def test_every_identifier_of_the_register_is_right(city: City) -> None:
    register = city.businesses
    assert all(mod_11_10.is_valid(number[2:]) for number in register.licence_no)
    assert len(set(register.licence_no)) == len(register)
    codes = [code for code in register.uscc if code]
    assert len(set(codes)) == len(codes) > 1000
    assert all(uscc.is_valid(code) and code[16] == _org_check(code) for code in codes)
    whole = [number for number in register.legal_rep_id if "*" not in number]
    assert len(whole) > 1000
    # Not is_valid: stdnum knows the division of birth by years, and 442000 only since the 1980s.
    assert all(ric.calc_check_digit(number) == number[17] and ric.get_birth_date(number) for number in whole)


def test_both_org_check_specials_occur() -> None:
    codes = identifiers.uscc(np.arange(1000, dtype=np.int64))
    assert {"X", "0"} <= {code[16] for code in codes}
    assert all(code[16] == _org_check(code) and uscc.is_valid(code) for code in codes)


def test_printed_ids_hide_digits_eleven_to_fourteen() -> None:
    numbers = identifiers.citizen_id(np.array(["1990-01-01", "1985-06-15"], "datetime64[D]"), np.array([123, 332]))
    assert numbers.tolist() == ["442000199001011233", "442000198506153320"]
    assert identifiers.printed_id(numbers).tolist() == ["4420001990****1233", "4420001985****3320"]


def test_mobiles_have_eleven_digits() -> None:
    numbers = identifiers.mobile(np.random.default_rng(1), 500)
    assert all(len(n) == 11 and n[0] == "1" and n[1] in "3456789" and n.isdigit() for n in numbers)
