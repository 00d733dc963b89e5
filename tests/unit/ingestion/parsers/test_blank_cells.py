"""A column stripped at once is each of its values stripped."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.parsers.blank_cells import stripped
from ingestion.values.blanks import BLANKS, strip

LOOKALIKE = "\u200b\u1681\u2010\u201f\u2030\u3001\u3002\ufefe\uff01\xa1\x86é中ａ耀\x1c\x1f\x00"
"""Characters that share first or last bytes with a blank, or are one to somebody else."""
TEXT = st.one_of(st.none(), st.text(alphabet=BLANKS + LOOKALIKE + "a1", max_size=5), st.text(max_size=3))


@given(texts=st.lists(TEXT, max_size=30), start=st.integers(0, 3), large=st.booleans(), pieces=st.integers(1, 3))
def test_values_rows_and_slices(texts: list[str | None], start: int, large: bool, pieces: int) -> None:
    kind = pa.large_string() if large else pa.string()
    column = pa.chunked_array([pa.array(texts, kind)] * pieces, kind).slice(start)
    wanted = (texts * pieces)[start:]
    found = stripped(column)
    assert found.text.to_pylist() == [None if text is None else strip(text) for text in wanted]
    assert found.changed.tolist() == [
        n for n, text in enumerate(wanted) if text is not None and (strip(text) != text or not text)
    ]


@pytest.mark.parametrize("blank", [*BLANKS])
def test_every_blank_alone_before_after_and_inside(blank: str) -> None:
    column = pa.chunked_array([[blank, f"{blank}中", f"a{blank}", f"a{blank}中", "a", None]])
    assert stripped(column).text.to_pylist() == ["", "中", "a", f"a{blank}中", "a", None]
