"""What a cell's text is: rich text without its reading aids, and the escapes of workbooks.

Source of the rules: ECMA-376 part 1, 18.4 (CT_Rst: `t`, or runs `r` each with a `t`; `rPh` is how to read the text and
no part of it) and 22.9.2.19 (ST_Xstring: `_xHHHH_` is one UTF-16 unit). Which cell holds what is left to the readers.
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
"""What is an ampersand of none of the references `without_entities` knows."""


class RichText:
    """Collects the text of one `si` or `is` from its elements."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._path: list[str] = []
        self._plain = 0
        self._open = False

    def start(self, name: str) -> None:
        """An element within begins; `name` is local for those of the namespace, and anything else for others."""
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
        """The whole text with its escapes; None where there are two texts, of which neither is the one."""
        return None if self._plain > 1 else "".join(self._parts)


def without_escapes(text: str) -> str:
    """`_xHHHH_` as the character it stands for; what stands for none (half a pair, NUL) stays as written."""
    return _ESCAPE.sub(_characters, text)


def _characters(found: re.Match[str]) -> str:
    units = b"".join(bytes.fromhex(unit)[::-1] for unit in found[0][2:-1].split("__x"))
    try:
        made = units.decode("utf-16-le")
    except UnicodeDecodeError:
        return found[0]
    return found[0] if "\x00" in made else made


def all_without_escapes(texts: pa.Array) -> pa.Array:
    """`without_escapes` of every text; only those with an escape are touched."""
    return _changed(texts, "_x", without_escapes)


def without_entities(texts: pa.Array) -> pa.Array:
    """XML references as characters, of the few that programs write."""
    return _changed(texts, "&", lambda text: _ENTITY.sub(lambda found: _ENTITIES[found[1]], text))


def _changed(texts: pa.Array, mark: str, change: Callable[[str], str]) -> pa.Array:
    data = texts.buffers()[2]
    if data is None or mark.encode() not in memoryview(data).tobytes():
        return texts
    at = pc.fill_null(pc.match_substring(texts, mark), False)
    new = [change(text) for text in texts.filter(at).to_pylist()]
    return pc.replace_with_mask(texts, at, pa.array(new, texts.type))


def spans(data: Array, starts: Array, ends: Array) -> pa.LargeBinaryArray:
    """Pieces of a buffer (ascending, not overlapping) as an array."""
    if not len(starts):
        return pa.array([], pa.large_binary())
    offsets = np.empty(2 * len(starts), np.int64)
    offsets[0::2], offsets[1::2] = starts, ends
    cut = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    return cut.take(pa.array(np.arange(0, len(offsets) - 1, 2)))
