"""Vectors from GB 32100-2015 holders, GB 11643-1999 and ISO 7064; none of a real person."""

from __future__ import annotations

import pytest

from ingestion.contract.identifiers import USCC_WEIGHTS, is_citizen_id, is_food_licence_no, is_uscc


@pytest.mark.parametrize(
    "code",
    [
        "91110000600037341L",
        "9133022570482696XG",
        "91442000MA4W000110",
        "91442000MA51AB2C27",
        "92442000MA4X12347C",
        "114420000073370010",
        "12442000456074104Y",
        " 91110000600037341l ",
    ],
)
def test_valid_credit_codes(code: str) -> None:
    assert is_uscc(code)


@pytest.mark.parametrize(
    "code",
    ["91350100M0001TGQXM", "91350211M0000XUF46", "91350203M0001FUE2P", "91110000600037341M", "9111000060003734IL", ""],
)
def test_credit_codes_that_fail_the_check(code: str) -> None:
    assert not is_uscc(code)


def test_letters_in_the_first_two_places_are_allowed() -> None:
    prefix = "N2442000MA4W00011"
    matching = [c for c in "0123456789ABCDEFGHJKLMNPQRTUWXY" if is_uscc(prefix + c)]
    assert len(matching) == 1


def test_weights_are_powers_of_three() -> None:
    assert tuple(pow(3, i, 31) for i in range(17)) == USCC_WEIGHTS


@pytest.mark.parametrize(
    ("code", "valid"),
    [
        ("11010519491231002X", True),
        ("11010519491231002x", True),
        ("442000199001011233", True),
        ("442000198506153320", True),
        ("360426199101010071", True),
        ("442000198506153321", False),
        ("442000198513153320", False),
        ("442000****061533", False),
        ("４４２０００１９８５０６１５３３２０", False),
    ],
)
def test_citizen_ids(code: str, valid: bool) -> None:
    assert is_citizen_id(code) is valid


@pytest.mark.parametrize(
    ("code", "valid"),
    [
        ("JY14420000000017", True),
        ("JY24420000001232", True),
        ("jy34420000000079", True),
        ("JY14420000000018", False),
        ("XX14420000000017", False),
        ("JY1442000000001", False),
    ],
)
def test_food_licence_numbers(code: str, valid: bool) -> None:
    assert is_food_licence_no(code) is valid
