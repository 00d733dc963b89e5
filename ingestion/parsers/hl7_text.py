"""What the text of HL7 v2 messages consists of: delimiters, segments, fields, escapes.

Values are read in SQL, all messages of a block with the same delimiters together. Only values with an escape sequence
are read one by one, each different one once. The library `hl7` is the tests' second opinion and not used here: it drops
what it cannot decode, reads `\\X…\\` byte by byte and writes values into its log (docs/adr/0040).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract.hl7_paths import HEADER, Hl7Path
from ingestion.parsers.blocks import Array
from ingestion.parsers.hl7_cut import Lines
from ingestion.sql import identifier, literal

_MARKS = 7
"""Bytes after `MSH` that hold the field separator, up to five encoding characters and the separator again."""
_MOST = 5
_SEPARATOR, _ENCODING = 1, 2
"""Fields of MSH that are the delimiters themselves."""
_NULL = '""'
_LF = 10
_MARK = re.compile(rb"[!-/:-@\[-`{-~]+")
"""Printable ASCII, no letters, digits and blanks."""
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_BREAKS = re.compile(r"\.(br|sp)(\d{0,2})")
_LONGEST_ESCAPE = 60
"""Characters between two escape marks that are a sequence, but for hexadecimal bytes, which may be any number."""


class Delimiters(NamedTuple):
    """The characters of MSH-1 and MSH-2 (HL7 v2.5, 2.5.4); empty where a message does without."""

    field: str
    component: str = ""
    repetition: str = ""
    escape: str = ""
    subcomponent: str = ""


def delimiters_of(head: bytes) -> Delimiters | None:
    r"""The delimiters that follow `MSH`; None where it has none that can be told apart.

    An escape character written twice (`^~\\&`, by software that escaped it) counts once; a fifth encoding character,
    for truncated values (v2.7), is not needed to read.
    """
    mark, found = head[:1], head[1:].split(head[:1], 1)
    if len(found) == 1:
        return None
    encoding = found[0]
    if len(encoding) == _MOST and encoding[2] == encoding[3]:
        encoding = encoding[:3] + encoding[4:]
    used = mark + encoding[: _MOST - 1]
    is_good = encoding and len(set(used)) == len(used) and _MARK.fullmatch(used)
    return Delimiters(*used.decode("ascii")) if is_good else None


class Segments:
    """The segments of messages. `texts`: one text per message, which begins with `MSH`.

    `code`, `message` and `texts` have one entry per segment, in order; a line that begins with no segment's name
    continues the segment before, and so do three letters alone that are no name of `known` (codes). `delimiters` lists
    the different ones, `of_message` says which each message has, -1 where they cannot be told.
    """

    def __init__(self, texts: pa.Array, known: Array) -> None:
        text, end = pa.large_string(), pa.scalar("\n", pa.large_string())
        joined = pc.binary_join_element_wise(texts.cast(text), pa.scalar("", text), end)
        offsets = np.frombuffer(joined.buffers()[1], np.int64)[: len(joined) + 1]
        data = joined.buffers()[2] if len(joined) else pa.py_buffer(b"")
        self._bytes = np.frombuffer(data, np.uint8)[: int(offsets[-1])] if len(joined) else np.empty(0, np.uint8)
        self._find_delimiters(offsets)
        lines = Lines.of(self._bytes.tobytes())
        message = np.searchsorted(offsets, lines.starts, side="right") - 1
        mark = self._bytes[np.minimum(offsets[:-1] + len(HEADER), max(len(self._bytes) - 1, 0))]
        first, second, third = (lines.code >> 16), (lines.code >> 8) & 0xFF, lines.code & 0xFF
        is_name = _is_upper(first) & (_is_upper(second) | _is_digit(second)) & (_is_upper(third) | _is_digit(third))
        is_alone = (lines.ends - lines.starts == len(HEADER)) & np.isin(lines.code, known)
        begins = is_name & ((lines.mark == mark[message]) | is_alone) if len(lines) else np.empty(0, bool)
        starts = lines.starts[begins]
        self.code, self.message = lines.code[begins], message[begins]
        limits = np.append(starts, len(self._bytes)).astype(np.int64)
        self.texts = pa.LargeStringArray.from_buffers(len(starts), pa.py_buffer(limits), data)

    def _find_delimiters(self, offsets: Array) -> None:
        places = offsets[:-1, None] + len(HEADER) + np.arange(_MARKS)
        heads = self._bytes[np.minimum(places, max(len(self._bytes) - 1, 0))]
        heads[places >= offsets[1:, None]] = _LF
        found, which = np.unique(heads, axis=0, return_inverse=True)
        parsed = [delimiters_of(head.tobytes()) for head in found]
        self.delimiters = sorted({one for one in parsed if one is not None})
        index = np.array([-1 if one is None else self.delimiters.index(one) for one in parsed], np.int64)
        self.of_message = index[which.reshape(-1)] if len(found) else np.empty(0, np.int64)


def _is_upper(byte: Array) -> Array:
    return (byte >= ord("A")) & (byte <= ord("Z"))


def _is_digit(byte: Array) -> Array:
    return (byte >= ord("0")) & (byte <= ord("9"))


class Values(NamedTuple):
    """What paths lead to, by name, and for the paths that may not repeat, whether their field does."""

    columns: dict[str, pa.Array]
    repeats: Array


class FieldReader:
    """Reads fields of segments. `encoding` is that of hexadecimal escapes."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, segments: Segments, encoding: str) -> None:
        self._connection = connection
        self._segments = segments
        self._encoding = encoding

    def read(self, rows: Array, paths: Mapping[str, Hl7Path], single: Iterable[str] = ()) -> Values:
        """The values of segments (`rows`, all of one name). Fields of `single` paths are asked whether they repeat."""
        one = frozenset(single)
        texts = self._segments.texts.take(pa.array(rows))
        kind = self._segments.of_message[self._segments.message[rows]]
        kinds = np.unique(kind)
        if len(kinds) == 1:
            return self._values(texts, paths, one, self._segments.delimiters[int(kinds[0])])
        parts = [np.flatnonzero(kind == number) for number in kinds.tolist()]
        found = [
            self._values(texts.take(pa.array(part)), paths, one, self._segments.delimiters[int(number)])
            for part, number in zip(parts, kinds, strict=True)
        ]
        if not found:
            return Values({name: pa.array([], pa.string()) for name in paths}, np.empty(0, bool))
        back = pa.array(np.argsort(np.concatenate(parts), kind="stable"))
        columns = {name: pa.concat_arrays([one.columns[name] for one in found]).take(back) for name in paths}
        return Values(columns, np.concatenate([one.repeats for one in found])[np.asarray(back)])

    def _values(
        self, texts: pa.Array, paths: Mapping[str, Hl7Path], single: frozenset[str], marks: Delimiters
    ) -> Values:
        exprs = [f"{_value_sql(path, marks)} as {identifier(name)}" for name, path in paths.items()]
        repeats = [_repeats_sql(paths[name], marks) for name in sorted(single & set(paths))]
        exprs.append(f"coalesce({' or '.join(filter(None, repeats)) or 'false'}, false) as _repeats")
        source = f"select string_split(rtrim(text, chr(10) || chr(13)), {literal(marks.field)}) as p from segments"
        relation = self._connection.from_arrow(pa.table({"text": texts}))
        found = relation.query("segments", f"select {', '.join(exprs)} from ({source})").to_arrow_table()
        columns = {name: self._unescaped(found[name].combine_chunks().cast(pa.string()), marks) for name in paths}
        return Values(columns, np.asarray(found["_repeats"].combine_chunks(), dtype=bool))

    def _unescaped(self, values: pa.Array, marks: Delimiters) -> pa.Array:
        """The values without escape sequences; each different one that has some is read once."""
        if not marks.escape or not len(values):
            return values
        has = pc.fill_null(pc.match_substring(values, marks.escape), False)
        if not pc.any(has).as_py():
            return values
        coded = values.filter(has).dictionary_encode()
        texts = pa.array([unescaped(one, marks, self._encoding) for one in coded.dictionary.to_pylist()], pa.string())
        return pc.replace_with_mask(values, has, texts.take(coded.indices))


def _value_sql(path: Hl7Path, marks: Delimiters) -> str:
    """SQL for the text at a path, over `p`, the list of a segment's parts."""
    if path.segment == HEADER and path.field == _SEPARATOR:
        return literal(marks.field)
    field = _field(path)
    if path.segment == HEADER and path.field == _ENCODING:
        return field
    value = _part(field, marks.repetition, path.repetition or 1)
    if path.component is not None:
        value = _part(value, marks.component, path.component)
    if path.subcomponent is not None:
        value = _part(value, marks.subcomponent, path.subcomponent)
    return f"nullif({value}, {literal(_NULL)})"


def _field(path: Hl7Path) -> str:
    return f"p[{path.field if path.segment == HEADER else path.field + 1}]"


def _part(value: str, mark: str, number: int) -> str:
    """One part of a text; where the message has no such delimiter, the text is the first part and the only one."""
    if mark:
        return f"split_part({value}, {literal(mark)}, {number})"
    return value if number == 1 else "null"


def _repeats_sql(path: Hl7Path, marks: Delimiters) -> str | None:
    """SQL for whether a field has a second repetition with something in it."""
    if not marks.repetition or (path.segment == HEADER and path.field in (_SEPARATOR, _ENCODING)):
        return None
    return f"contains(rtrim({_field(path)}, {literal(marks.repetition)}), {literal(marks.repetition)})"


def unescaped(text: str, marks: Delimiters, encoding: str) -> str:
    r"""The text without its escape sequences (HL7 v2.5, 2.7).

    `\F\`, `\S\`, `\T\`, `\R\` and `\E\` are the delimiters, `\Xhh…\` bytes of the message's encoding, `\.br\` and
    `\.sp\` line breaks; `\H\` and `\N\` begin and end what is printed bold. What is no sequence of these stays as sent.
    """
    mark = re.escape(marks.escape)
    plain = {
        "F": marks.field, "S": marks.component, "T": marks.subcomponent, "R": marks.repetition, "E": marks.escape,
        "H": "", "N": "",
    }  # fmt: skip

    def replaced(found: re.Match[str]) -> str:
        sequence = found[1]
        if sequence in plain:
            return plain[sequence]
        breaks = _BREAKS.fullmatch(sequence)
        if breaks:
            return "\n" * int(breaks[2] or 1)
        if sequence[0] == "X" and _HEX.fullmatch(sequence, 1):
            try:
                return bytes.fromhex(sequence[1:]).decode(encoding)
            except UnicodeDecodeError:
                return found[0]
        return found[0]

    return re.sub(f"{mark}(X[0-9A-Fa-f]+|[^{mark}\n]{{1,{_LONGEST_ESCAPE}}}){mark}", replaced, text)
