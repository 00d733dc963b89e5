"""Numbers as strings, told apart from what only looks like one."""

from __future__ import annotations

import json

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ingestion.parsers.json_numbers import quote_numbers

LEAF = st.one_of(
    st.text(alphabet='a1-."\\ 中{e', max_size=6), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(), st.none(),
)  # fmt: skip
VALUE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("k1-", max_size=2), inner)
)


@given(record=st.dictionaries(st.text('k1-"', max_size=3), VALUE, max_size=4))
def test_every_number_and_nothing_else_becomes_a_string(record: dict[str, object]) -> None:
    line = json.dumps(record, ensure_ascii=False)
    (found,) = quote_numbers(pa.chunked_array([[line]])).to_pylist()
    assert json.loads(found) == json.loads(line, parse_int=str, parse_float=str)
