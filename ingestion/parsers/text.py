"""The original text of selected records of a block, as Arrow strings, and a block of such texts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa

from ingestion.parsers.blocks import Array, Block
from ingestion.parsers.encoding import to_utf8
from ingestion.parsers.records import KEPT_TEXT


def block_of_texts(texts: pa.ChunkedArray, first: int, lengths: Array | None = None) -> Block:
    """A block of records whose text was made here, as they were no bytes of the payload; its offsets mean nothing.

    `lengths`: true lengths in bytes, where the texts are cut.
    """
    text = texts.combine_chunks().cast(pa.large_string())
    offsets = np.frombuffer(text.buffers()[1], np.int64)[text.offset : text.offset + len(text) + 1]
    starts, ends = offsets[:-1], offsets[1:]
    made = ends - starts if lengths is None else lengths
    return Block(text.buffers()[2].to_pybytes(), None, first, starts, ends, made, "utf-8")


def strings(block: Block, rows: Array) -> pa.Array:
    """The complete text of records (block indices) as UTF-8. They must be valid in the block's encoding."""
    data, offsets = _gather(block, rows, None)
    if to_utf8(data, block.encoding) is data:
        return _array(data, offsets)
    return pa.array([data[a:b].decode(block.encoding) for a, b in pairwise(offsets.tolist())], pa.string())


def lines(block: Block, rows: Array) -> pa.Array:
    """As `strings`, but each text may include the separator up to the next record, so that no byte is copied.

    For readers that ignore blanks and line ends after a record.
    """
    if not len(block) or to_utf8(block.data, block.encoding) is not block.data:
        return strings(block, rows)
    offsets = np.append(block.starts, len(block.data)).astype(np.int64)
    found = pa.LargeStringArray.from_buffers(len(block), pa.py_buffer(offsets), pa.py_buffer(block.data))
    return found if len(rows) == len(block) else found.take(pa.array(rows))


def readable_texts(block: Block, rows: Array) -> pa.Array:
    r"""Text of records for people to read: at most 16 KB each, undecodable bytes and NUL as `\x..`."""
    data, offsets = _gather(block, rows, KEPT_TEXT)
    if block.encodings is None:
        whole = b"\x00" not in data and int(np.diff(offsets).max(initial=0)) < KEPT_TEXT
        if whole and to_utf8(data, block.encoding) is data:
            return _array(data, offsets)
        encodings = [block.encoding] * len(rows)
    else:
        encodings = block.encodings[rows].tolist()
    pieces = zip(pairwise(offsets.tolist()), encodings, strict=True)  # refused records only
    text = (data[a:b].decode(of, "backslashreplace").replace("\x00", "\\x00") for (a, b), of in pieces)
    return pa.array(list(text), pa.string())


def _gather(block: Block, rows: Array, limit: int | None) -> tuple[bytes, Array]:
    """The bytes of the records concatenated, and the n + 1 offsets between them."""
    starts = block.starts[rows]
    lengths = block.ends[rows] - starts
    if limit is not None:
        lengths = np.minimum(lengths, limit)
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
    places = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
    return np.frombuffer(block.data, np.uint8)[places].tobytes(), offsets


def _array(data: bytes, offsets: Array) -> pa.Array:
    large = pa.LargeStringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets.astype(np.int64)), pa.py_buffer(data)
    )
    return large.cast(pa.string())
