"""Fields by position against slices of Python's own bytes and text, in every encoding."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.contract.table_formats import FixedField
from ingestion.parsers.positions import Positions
from ingestion.parsers.quoting import Dialect
from ingestion.parsers.records import RecordReader

LINES = st.lists(st.text(st.sampled_from("ab 7中山é㐀𝄞丂"), min_size=1, max_size=14), min_size=1, max_size=8)
FIELDS = st.lists(st.tuples(st.integers(1, 10), st.one_of(st.none(), st.integers(1, 6))), min_size=1, max_size=4)


def cut(lines: list[bytes], encoding: str, *, characters: bool) -> Positions:
    (block,) = RecordReader(io.BytesIO(b"\n".join([*lines, b""])), Dialect(encoding, None, 0, 1000))
    return Positions(block, np.arange(len(block)), characters=characters)


def encoded(lines: list[str], encoding: str) -> list[bytes]:
    return [line.encode(encoding, "replace") for line in lines]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "windows-1252"])
@given(lines=LINES, fields=FIELDS)
def test_by_characters(encoding: str, lines: list[str], fields: list[tuple[int, int | None]]) -> None:
    sent = encoded(lines, encoding)
    text = cut(sent, encoding, characters=True)
    whole = [line.decode(encoding) for line in sent]
    assert text.lengths.tolist() == [len(line) for line in whole]
    assert text.split({3, 5}).tolist() == []
    for start, width in fields:
        field = FixedField(start=start, width=width, blanks="keep")
        end = None if width is None else start - 1 + width
        assert text.field(field).to_pylist() == [line[start - 1 : end].ljust(width or 0) for line in whole]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "windows-1252"])
@given(lines=LINES, fields=FIELDS)
def test_by_bytes(encoding: str, lines: list[str], fields: list[tuple[int, int | None]]) -> None:
    """A line is split where a piece between two cuts is not text by itself; the others read as their slices."""
    sent = encoded(lines, encoding)
    text = cut(sent, encoding, characters=False)
    cuts = {edge for start, width in fields for edge in (start - 1, start - 1 + (width or 0))}
    places = sorted({0, *cuts})
    broken = []
    for index, line in enumerate(sent):
        try:
            for a, b in zip(places, [*places[1:], None], strict=True):
                line[a:b].decode(encoding)
        except UnicodeDecodeError:
            broken.append(index)
    assert text.split(cuts).tolist() == broken
    sound = [line for index, line in enumerate(sent) if index not in broken]
    if sound:
        text = cut(sound, encoding, characters=False)
        for start, width in fields:
            field = FixedField(start=start, width=width, blanks="keep")
            end = None if width is None else start - 1 + width
            pieces = [line[start - 1 : end].ljust(width or 0).decode(encoding) for line in sound]
            assert text.field(field).to_pylist() == pieces
            trimmed = text.field(field.model_copy(update={"blanks": "trim"}))
            assert trimmed.to_pylist() == [piece.strip(" ") for piece in pieces]
