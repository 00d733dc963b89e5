"""Numbers of a contract: what is one, and one spelling for each."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ingestion.values.numbers import canonical, exact


@pytest.mark.parametrize(
    "text", ["3_12", "1,000", "0x1F", "inf", "nan", "１２", "١٢", ".", "+", "e5", "1e", "", " 1", "1 "]
)
def test_no_number(text: str) -> None:
    assert exact(text) is None


@pytest.mark.parametrize(
    ("spellings", "one"),
    [
        (["0", "-0", "+0.000", "0e99", ".0"], "0"),
        (["-999", "-999.0", "-9.99e2", "-0999", "-99900e-2"], "-999e3"),
        (["0.10000000000000000555"], "10000000000000000555e0"),
        (["5.", "+5", "05", ".5e1"], "5e1"),
        (["0.0012", "12e-4"], "12e-2"),
    ],
)
def test_one_spelling(spellings: list[str], one: str) -> None:
    assert {canonical(number) for text in spellings if (number := exact(text)) is not None} == {one}


def test_numbers_of_a_contract_are_taken_as_they_are_written() -> None:
    assert exact(-999) == exact(Decimal("-999.0")) == exact(-999.0) == Decimal(-999)
    assert exact(True) is None
