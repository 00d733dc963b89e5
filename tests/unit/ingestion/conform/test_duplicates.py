"""First of its key, repeat or conflict: exact, also when slots collide."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingestion.conform.duplicates import KeyIndex


@given(
    rows=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2)), max_size=80),
    size=st.integers(1, 30),
    spread=st.sampled_from([1, 1 << 20, 1 << 44, (1 << 58) + 1]),
)
def test_as_a_dictionary(rows: list[tuple[int, int]], size: int, spread: int) -> None:
    index, passed, held, repeated = KeyIndex(1), [], [], []
    for base in range(0, len(rows), size):
        part = rows[base : base + size]
        key = np.array([k * spread for k, _ in part], np.uint64)
        content = np.array([v for _, v in part], np.uint64)
        fresh, repeat = index.add_segment(key, content, base, np.arange(len(part)))
        for i, (is_fresh, is_repeat) in enumerate(zip(fresh.tolist(), repeat.tolist(), strict=True)):
            (passed if is_fresh else repeated if is_repeat else held).append(base + i)
    verdicts = index.judge()
    seen: dict[int, int] = {}
    expected = []
    for i, (key, _) in enumerate(rows):
        first = seen.setdefault(key, i)
        expected.append("first" if first == i else "repeat" if rows[first][1] == rows[i][1] else "conflict")
    assert all(expected[i] == "first" for i in passed)
    assert all(expected[i] == "repeat" for i in repeated)
    found = [
        "first"
        if verdicts.first[j]
        else "repeat"
        if verdicts.repeat[j]
        else "conflict"
        if verdicts.conflict[j]
        else "none"
        for j in range(len(held))
    ]
    assert found == [expected[i] for i in held]
    assert verdicts.first_record.tolist() == [seen[rows[i][0]] for i in held]
