"""Which columns a rule judges: those of its expression, however they are named, and what derived ones are made of."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.contract.expressions import columns_of
from ingestion.contract.rules import sent_columns
from tests.support.conforming import make

__all__ = ["make"]

COLUMNS = ("at", "day", "date", "Score", "note", "timezone")


@pytest.mark.parametrize(
    ("expression", "used"),
    [
        ("score >= 0 and \"NOTE\" <> 'day'", ("Score", "note")),
        ("at >= day", ("at", "day")),
        ("cast(at as date) = date", ("at", "date")),
        ("at at time zone 'UTC' > day", ("at", "day")),
        ("timezone('UTC', at) is not null", ("at",)),
        ("day(at) = 1", ("at",)),
        ("1 = 1", ()),
    ],
)
def test_the_columns_of_an_expression(expression: str, used: tuple[str, ...]) -> None:
    assert columns_of(expression, COLUMNS) == used


def test_derived_columns_are_those_they_are_made_of(make: Any) -> None:
    table = make.table(
        make.column("a", "INTEGER"),
        make.column("b", "INTEGER"),
        make.column("c", "INTEGER", None, transform="a + b"),
        make.column("d", "INTEGER", None, transform="c + a"),
        rules=[make.rule("low", expression="d < 5"), make.rule("code", check="uscc", column="b")],
    )
    assert sent_columns(table, "d.type") == ("a", "b")
    assert sent_columns(table, "low") == ("a", "b")
    assert sent_columns(table, "code") == ("b",)
    assert sent_columns(table, "a.type") == ("a",)
    assert sent_columns(table, "ragged") == sent_columns(table, "gone.type") == ()
