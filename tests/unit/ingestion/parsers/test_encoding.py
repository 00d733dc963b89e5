"""Undecodable bytes are found where Python's strict codecs find them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.parsers.encoding import to_utf8, undecodable

ENCODINGS = ["utf-8", "gb18030", "windows-1252"]
PIECES = st.one_of(st.binary(min_size=1, max_size=4), st.sampled_from("aé中𝄞㐀\n").map(str.encode))


@settings(max_examples=400, deadline=None)
@given(data=st.lists(PIECES, max_size=12).map(b"".join), encoding=st.sampled_from(ENCODINGS))
def test_agrees_with_the_strict_codec(data: bytes, encoding: str) -> None:
    places = undecodable(data, encoding)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        assert to_utf8(data, encoding) is None
        assert places[0] == error.start
    else:
        assert to_utf8(data, encoding) == text.encode()
        assert len(places) == 0


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=24))
def test_every_bad_byte_of_utf8_is_found(data: bytes) -> None:
    kept = np.delete(np.frombuffer(data, np.uint8), undecodable(data, "utf-8")).tobytes()
    assert kept.decode("utf-8", "ignore") == data.decode("utf-8", "ignore")


@pytest.mark.parametrize(
    "data", [b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe0\x80\x80", b"\xf8\x88\x80\x80\x80"]
)
def test_forms_utf8_forbids(data: bytes) -> None:
    assert undecodable(data, "utf-8").tolist() == list(range(len(data)))
