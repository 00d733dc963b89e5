"""Since when a verdict lasts: read back over recorded sets, or from what an earlier status remembers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.lake import Lake
from tests.support.lakes import lake
from warehouse.gate.record import latest, record, recorded_keys
from warehouse.status import verdicts
from warehouse.status.verdicts import Remembered, since
from warehouse.verdict import Verdict

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
Judge = Callable[..., None]


def at(number: int) -> datetime:
    """When set `number` was decided: several fall on one day."""
    return BEGIN + timedelta(hours=8 * number)


def judge(made: Lake, sets: Sequence[str], first: int = 0) -> None:
    """One recorded set for each word: a letter a product, capital where it is blocked, left out where it is absent."""
    for number, word in enumerate(sets, first):
        record(made, [_verdict(letter, number) for letter in word])


def _verdict(letter: str, number: int) -> Verdict:
    facts: dict[str, Any] = {"reasons": [], "checks": [], "as_of": date(2026, 3, 1), "build_id": f"b{number}"}
    decision = "blocked" if letter.isupper() else "passed"
    return Verdict(product=letter.lower(), decision=decision, decided_at=at(number), inputs=str(number), **facts)


def found(made: Lake, remembered: Remembered | None = None) -> dict[str, int]:
    """The number of the set since which each product has its verdict."""
    newest = latest(made.store)
    assert newest is not None
    key = next(recorded_keys(made.store))
    result = since(made, newest.verdicts, key, remembered)
    return {product: round((moment - BEGIN) / timedelta(hours=8)) for product, moment in result.items()}


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "_FIRST_CHUNK", 2)
    monkeypatch.setattr(verdicts, "_GROWTH", 2)


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        (["a"], {"a": 0}),
        (["A"] * 9, {"a": 0}),
        (["a", "A", "A", "a", "A", "A", "A", "A"], {"a": 4}),
        (["ab", "Ab", "Ab", "Ab", "Ab", "Ab", "AB"], {"a": 1, "b": 6}),
        (["ab", "a", "ab", "ab"], {"a": 0, "b": 2}),
    ],
)
def test_read_back(tmp_path: Path, sets: list[str], expected: dict[str, int]) -> None:
    made = lake(tmp_path)
    judge(made, sets)
    assert found(made) == expected


def test_what_is_remembered_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lake(tmp_path)
    judge(made, ["ab", "Ab", "Ab", "Ab", "Ab", "Ab"])
    key = next(recorded_keys(made.store))
    remembered = Remembered(key, {"a": ("blocked", at(1)), "b": ("passed", at(0))})
    read: list[str] = []
    decisions = verdicts._decisions
    monkeypatch.setattr(verdicts, "_decisions", lambda store, keys: read.extend(keys) or decisions(store, keys))
    assert found(made, remembered) == {"a": 1, "b": 0}
    assert read == []
    judge(made, ["AB", "AB", "AB"], first=6)
    assert found(made, remembered) == {"a": 1, "b": 6}
    assert len(read) == 2, "the sets between the newest and the one remembered; that one is not read"
    assert found(made, Remembered(key, {"a": ("passed", at(0))})) == {"a": 6, "b": 6}, "another decision is a break"


def test_a_status_from_after_the_newest_set_is_not_believed(tmp_path: Path) -> None:
    made = lake(tmp_path)
    judge(made, ["A", "a", "a"])
    assert found(made, Remembered("verdicts/decided=2099-01-01/x.json", {"a": ("passed", at(2))})) == {"a": 1}


def test_a_remembered_set_that_is_gone_ends_the_walk(tmp_path: Path) -> None:
    made = lake(tmp_path)
    judge(made, ["A", "A", "A", "A"])
    keys = list(recorded_keys(made.store))
    made.store.delete(keys[2])
    assert found(made, Remembered(keys[2], {"a": ("blocked", at(0))})) == {"a": 0}
