"""Records are cut where the csv module cuts them, whatever the size of a read."""

from __future__ import annotations

import csv
import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import DeliveryRefused
from ingestion.parsers.quoting import Dialect, State, find_quoted
from ingestion.parsers.records import RecordReader

DIALECT = Dialect("utf-8", ord('"'), ord(","), 1000)


def cut(data: bytes, chunk: int, dialect: Dialect = DIALECT) -> list[tuple[int, int | None, bytes]]:
    """Number, offset and text of every record."""
    found = []
    for block in RecordReader(io.BytesIO(data), dialect, chunk=chunk):
        for i in range(len(block)):
            found.append((block.first + i, (block.base or 0) + int(block.starts[i]), block.text_of(i)))
    return found


@given(
    text=st.lists(st.sampled_from(["a", ",", '"', '""', "\n", "\r\n", " "]), max_size=40).map("".join),
    chunk=st.integers(1, 50),
)
def test_as_the_csv_module(text: str, chunk: int) -> None:
    try:
        found = cut(text.encode(), chunk)
    except DeliveryRefused as refusal:
        assert refusal.rule == "unterminated_quote"
        swallowed = list(csv.reader(io.StringIO(text + "\nEND", newline="")))[-1]
        assert swallowed != ["END"]
        return
    lines = [line.decode() for _, _, line in found]
    read = [next(csv.reader(io.StringIO(line, newline=""))) for line in lines]
    assert read == [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    assert [number for number, _, _ in found] == list(range(1, len(found) + 1))
    for _, offset, line in found:
        assert text.encode()[offset or 0 :].startswith(line)


def test_without_quoting_a_quote_is_a_character() -> None:
    found = cut(b'{"a":"\n"x\n', 4, Dialect("utf-8", None, 0, 1000))
    assert [text for _, _, text in found] == [b'{"a":"', b'"x']


def test_regular_and_stray_quotes() -> None:
    text = np.frombuffer(b'"a""b",5" x,"c"', np.uint8)
    marks = find_quoted(text, DIALECT)
    assert (marks.opens.tolist(), marks.closes.tolist(), marks.open_at_end) == ([0, 12], [5, 14], False)
    inside = find_quoted(np.frombuffer(b'x",y', np.uint8), DIALECT, State(inside=True))
    assert (inside.opens.tolist(), inside.closes.tolist()) == ([-1], [1])


def test_a_long_record_leaves_the_others_whole() -> None:
    data = b"a\n" + b"b" * 5000 + b"\nc\n"
    blocks = list(RecordReader(io.BytesIO(data), DIALECT, chunk=700))
    assert [(b.first, b.base, int(b.lengths[0])) for b in blocks] == [(1, 0, 1), (2, 2, 5000), (3, 5003, 1)]
    assert [rule for rule, _ in blocks[1].refused] == ["record_too_long"]
