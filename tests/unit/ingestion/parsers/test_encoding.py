"""Undecodable bytes are found where Python's strict codecs find them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import DeliveryRefused
from ingestion.parsers.encoding import Utf8Detector, to_utf8, undecodable

ENCODINGS = ["utf-8", "gb18030", "windows-1252"]
PIECES = st.one_of(
    st.binary(min_size=1, max_size=4),
    st.sampled_from("aé中𝄞㐀\n").map(str.encode),
    st.sampled_from([b"\n", b"\xff", b"\x810", b"\x810\n", b"\x841\xa47", "\ufffd中".encode("gb18030")]),
)


@given(data=st.lists(PIECES, max_size=12).map(b"".join), encoding=st.sampled_from(ENCODINGS))
def test_agrees_with_the_strict_codec(data: bytes, encoding: str) -> None:
    places = undecodable(data, encoding)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        assert to_utf8(data, encoding) is None
        if encoding == "gb18030":  # placed by line, and a line feed is no part of a character
            lines = data.split(b"\n")
            starts = np.cumsum([0, *(len(line) + 1 for line in lines)]).tolist()
            assert places.tolist() == [starts[i] for i, line in enumerate(lines) if to_utf8(line, encoding) is None]
        else:
            assert places[0] == error.start
    else:
        assert to_utf8(data, encoding) == text.encode()
        assert len(places) == 0


@given(data=st.binary(max_size=24))
def test_every_bad_byte_of_utf8_is_found(data: bytes) -> None:
    kept = np.delete(np.frombuffer(data, np.uint8), undecodable(data, "utf-8")).tobytes()
    assert kept.decode("utf-8", "ignore") == data.decode("utf-8", "ignore")


@pytest.mark.parametrize(
    "data", [b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe0\x80\x80", b"\xf8\x88\x80\x80\x80"]
)
def test_forms_utf8_forbids(data: bytes) -> None:
    assert undecodable(data, "utf-8").tolist() == list(range(len(data)))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_line_is_placed_however_many_are_bad(encoding: str) -> None:
    data = b"\x81\n" * 1_200_000
    assert undecodable(data, encoding).tolist() == list(range(0, len(data), 2))


@given(data=st.lists(PIECES, max_size=12).map(b"".join), cut=st.integers(1, 5))
def test_utf8_is_noticed_wherever_it_is_cut(data: bytes, cut: int) -> None:
    watch = Utf8Detector("windows-1252")
    for at in range(0, len(data), cut):
        watch.add(data[at : at + cut])
    if to_utf8(data, "utf-8") is None or data.isascii():
        watch.check()
    else:
        with pytest.raises(DeliveryRefused, match="is valid UTF-8"):
            watch.check()
