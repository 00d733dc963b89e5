"""The cutter of JSON documents against Python's own reader, at any chunk size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.parsers.json_cut import JsonCutter

TEXTS = st.text(alphabet='a"\\{}[],:/ \n中😀', max_size=8)
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def cutter(data: bytes, path: str, chunk: int, **facts: Any) -> JsonCutter:
    chunks: Iterator[bytes] = (data[at : at + chunk] for at in range(0, len(data), chunk))
    return JsonCutter(chunks, path, **{"offset": 0, "max_record_bytes": 2**20, "max_document_bytes": 2**20, **facts})


@given(
    before=st.dictionaries(TEXTS.filter(lambda key: key != "data"), VALUES, max_size=3),
    records=st.lists(VALUES, max_size=6),
    after=st.dictionaries(TEXTS.filter(lambda key: key != "data"), VALUES, max_size=2),
    chunk=st.integers(1, 40),
    spaced=st.booleans(),
    ascii_only=st.booleans(),
)
def test_records_are_those_of_the_document(
    before: Any, records: Any, after: Any, chunk: int, spaced: bool, ascii_only: bool
) -> None:
    text = json.dumps({**before, "data": records, **after}, indent=1 if spaced else None, ensure_ascii=ascii_only)
    data = text.encode()
    made = cutter(data, "$.data", chunk)
    found, number = [], 1
    for block in made.blocks():
        assert block.first == number
        number += len(block)
        for index in range(len(block)):
            record = block.text_of(index)
            assert block.base is not None
            place = block.base + int(block.starts[index])
            assert data[place : place + int(block.lengths[index])] == record
            found.append(json.loads(record))
    assert found == records
    assert made.envelope is not None
    assert json.loads(made.envelope) == {**before, "data": [], **after}


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("$", " [1, 2]\n", [1, 2]),
        ("$.a.b", '{"b": [9], "a": {"c": [8], "b": [1]}}', [1]),
        ('$."数 据"', '{"x": "]}[{", "数 据": ["\\\\", "\\"]"]}', ["\\", '"]']),
        ("$.a", '{"a": [], "a": [1]}', []),
    ],
)
def test_paths(path: str, text: str, found: list[Any]) -> None:
    made = cutter(text.encode(), path, 3)
    assert [json.loads(b.text_of(i)) for b in made.blocks() for i in range(len(b))] == found


@pytest.mark.parametrize("text", ['{"a": {"b": [1]}}', '{"a": 1}', "[[1]]", '"a"', '{"a": [1', "{"])
def test_what_has_no_list_there_is_left_whole(text: str) -> None:
    made = cutter(text.encode(), "$.b", 3)
    assert (list(made.blocks()), made.envelope, made.head) == ([], None, text.encode())
