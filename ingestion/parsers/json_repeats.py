"""Find JSON records that repeat a member name within an object; the meaning of that is undefined (RFC 8259, 4).

DuckDB takes the first value, Python the last. So a record that repeats a declared member, or an object on the path to
one, is refused. The keys of all objects of a record are asked for at once, and the check runs once for each distinct
list of them in a block.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import duckdb
import numpy as np
import pyarrow as pa

from ingestion.parsers.blocks import Array
from ingestion.sql import literal

_STEP = re.compile(r"""\.([^\W\d]\w*|"(?:[^"\\]|\\.)*")|\[\d+\]""")
_BETWEEN, _AFTER = "chr(1)", "chr(2)"
"""Between the keys of an object, and between objects, in the text that all keys of a line are compared by."""


class RepeatedMembers:
    """Checks the objects on the given JSON paths of columns; steps after a `[*]` are not checked."""

    def __init__(self, paths: Iterable[str]) -> None:
        found: dict[str, list[str]] = {}
        for path in paths:
            for parent, name in _members(path):
                found.setdefault(parent, []).append(name)
        keys = f"json_keys(line, {literal(list(found))})"  # of all objects at once: a line is parsed once
        wanted = [literal(sorted(set(names))) for names in found.values()]
        shape = f"array_to_string(list_transform({keys}, lambda k: coalesce({_joined('k')}, '')), {_AFTER})"
        some = [
            _repeated(f"string_split(parts[{place}], {_BETWEEN})", names) for place, names in enumerate(wanted, start=1)
        ]
        # A key that has such a character itself gives more parts: then each line is looked at.
        self._any = (
            f"select bool_or({' or '.join([f'len(parts) <> {len(wanted)}', *some])}) from (select string_split(shape, "
            f"{_AFTER}) as parts from (select distinct {shape} as shape from lines))"
        )
        each = [f"coalesce({_repeated(f'keys[{place}]', names)}, false)" for place, names in enumerate(wanted, start=1)]
        self._each = f"select {' or '.join(each)} as repeated from (select {keys} as keys from lines)"

    def rows(self, lines: pa.Table, connection: duckdb.DuckDBPyConnection) -> Array:
        """Indices of the rows of `lines` (column `line`, valid JSON objects) that repeat a member."""
        (found,) = connection.from_arrow(lines).query("lines", self._any).fetchone() or (False,)
        if not found:
            return np.empty(0, np.int64)
        each = connection.from_arrow(lines).query("lines", self._each).fetchnumpy()["repeated"]
        return np.flatnonzero(np.asarray(each, dtype=bool))


def _joined(keys: str) -> str:
    return f"array_to_string({keys}, {_BETWEEN})"


def _repeated(keys: str, names: str) -> str:
    wanted = f"list_filter({keys}, lambda k: list_contains({names}, k))"
    return f"len({wanted}) > len(list_distinct({wanted}))"


def _members(path: str) -> Iterator[tuple[str, str]]:
    """For each object on a path: the object's own path, and the name of the member the path takes there."""
    at = 1
    while step := _STEP.match(path, at):
        if step[1]:
            quoted = step[1].startswith('"')
            yield path[:at], step[1][1:-1].replace('\\"', '"') if quoted else step[1]
        at = step.end()
