"""Decode the text of cells: rich text without phonetic hints, `_xHHHH_` escapes, XML character references.

Source of the rules: ECMA-376 part 1, 18.4 (CT_Rst: `t`, or runs `r` each with a `t`; the phonetic hint `rPh` is no part
of the text) and 22.9.2.19 (ST_Xstring: `_xHHHH_` is one UTF-16 unit).
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.parsers.blocks import Array

_ESCAPE = re.compile(r"(?:_x[0-9A-Fa-f]{4}_)+")
_ENTITY = re.compile(r"&(amp|lt|gt|quot|apos|#(?:9|10|13|x9|xA|xD|xa|xd));")
_ENTITIES = {
    "amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "#9": "\t", "#10": "\n", "#13": "\r", "#x9": "\t",
    "#xA": "\n", "#xD": "\r", "#xa": "\n", "#xd": "\r",
}  # fmt: skip
PLAIN_ENTITY = rb"&(?!(?:amp|lt|gt|quot|apos|#(?:9|10|13|x9|xA|xD|xa|xd));)"
"""An ampersand that does not begin one of the references `without_entities` decodes."""


class RichText:
    """Collects the text of one `si` or `is` element from parser events."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._path: list[str] = []
        self._plain = 0
        self._open = False

    def start(self, name: str) -> None:
        """A child element begins; `name` is its local name where it is in the SpreadsheetML namespace."""
        self._path.append(name)
        self._plain += self._path == ["t"]
        self._open = self._path in (["t"], ["r", "t"])

    def end(self) -> None:
        """The innermost element ends."""
        self._path.pop()
        self._open = False

    def data(self, text: str) -> None:
        """Characters within the innermost element."""
        if self._open:
            self._parts.append(text)

    @property
    def text(self) -> str | None:
        """The text, escapes not yet decoded; None where there are two plain texts, which is invalid."""
        return None if self._plain > 1 else "".join(self._parts)


def without_escapes(text: str) -> str:
    """Decode `_xHHHH_` escapes; one that is no character (half of a surrogate pair, NUL) stays as written."""
    return _ESCAPE.sub(_characters, text)


def _characters(found: re.Match[str]) -> str:
    units = b"".join(bytes.fromhex(unit)[::-1] for unit in found[0][2:-1].split("__x"))
    try:
        made = units.decode("utf-16-le")
    except UnicodeDecodeError:
        return found[0]
    return found[0] if "\x00" in made else made


def all_without_escapes(texts: pa.Array) -> pa.Array:
    """`without_escapes` for an Arrow array; texts without an escape are not processed."""
    return _changed(texts, "_x", without_escapes)


def without_entities(texts: pa.Array) -> pa.Array:
    """Decode the XML references that programs usually write (`&amp;`, `&#10;` and so on), for an Arrow array."""
    return _changed(texts, "&", lambda text: _ENTITY.sub(lambda found: _ENTITIES[found[1]], text))


def _changed(texts: pa.Array, mark: str, change: Callable[[str], str]) -> pa.Array:
    data = texts.buffers()[2]
    if data is None or mark.encode() not in memoryview(data).tobytes():
        return texts
    at = pc.fill_null(pc.match_substring(texts, mark), False)
    new = [change(text) for text in texts.filter(at).to_pylist()]
    return pc.replace_with_mask(texts, at, pa.array(new, texts.type))


def spans(data: Array, starts: Array, ends: Array) -> pa.LargeBinaryArray:
    """The byte ranges `[start, end)` of a buffer, ascending and not overlapping, as a binary array."""
    if not len(starts):
        return pa.array([], pa.large_binary())
    offsets = np.empty(2 * len(starts), np.int64)
    offsets[0::2], offsets[1::2] = starts, ends
    cut = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    return cut.take(pa.array(np.arange(0, len(offsets) - 1, 2)))
