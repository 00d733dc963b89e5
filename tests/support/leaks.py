"""Look for personal values in everything a lake keeps, whatever it is packed in.

`texts_of` decodes: Parquet, DuckDB files, gzip, ZIP (workbooks too), JSON escapes, XML entities, and base64 inside
text, each inside the other. `database_texts` reads every table of a PostgreSQL database. `Values` finds given values in
a text. Which values are personal is `tests.support.personal`'s. A container that cannot be decoded is an error: a
scan must not pass because it could not look.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import html
import io
import json
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

_BASE64 = re.compile(
    r"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{4}){6,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?(?![A-Za-z0-9+/=])"
)
_WRAPPED = re.compile(r"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{60,76}\r?\n)+[A-Za-z0-9+/]*={0,2}(?![A-Za-z0-9+/=])")
"""As in mails: lines of 76 characters, of which each may end within a character."""
_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}")
_DEPTH = 6
_CJK = r"\u3400-\u9fff"
_SHORT = 4
_KEY = 2
_LONGEST = 120


@dataclass(frozen=True)
class Text:
    """A piece of decoded text and where it was: file, then what was unpacked on the way."""

    where: str
    text: str


def files_below(folder: Path, left_out: Iterable[str] = ()) -> Iterator[Path]:
    """Every file, but those whose path has one of these names among its folders."""
    names = frozenset(left_out)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and not names & set(path.relative_to(folder).parts[:-1]):
            yield path


def texts_of(path: Path) -> Iterator[Text]:
    """All text of a file, and its name. Raises ValueError where a container cannot be decoded."""
    yield Text(str(path), path.name)
    yield from texts_in(path.read_bytes(), str(path))


def texts_in(data: bytes, where: str, depth: int = 0) -> Iterator[Text]:
    """All text of some bytes, whatever they are."""
    if depth > _DEPTH:
        raise ValueError(f"{where}: packed too deep to look into")
    if data[:4] == b"PAR1":
        yield from _table(pq.read_table(io.BytesIO(data)), f"{where} > parquet")
    elif data[8:12] == b"DUCK":
        yield from _duckdb(data, where)
    elif data[:2] == b"\x1f\x8b":
        yield from texts_in(_unpacked(data, where), f"{where} > gzip", depth + 1)
    elif data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield Text(f"{where} > zip", name)
                yield from texts_in(archive.read(name), f"{where} > zip:{name}", depth + 1)
    elif data[:15] == b"SQLite format 3":
        raise ValueError(f"{where}: no reader for SQLite here")
    else:
        yield from _plain(_decoded(data), where, depth)


def _unpacked(data: bytes, where: str) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{where}: {error}") from error


def _decoded(data: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _plain(text: str, where: str, depth: int) -> Iterator[Text]:
    if not text:
        return
    yield Text(where, text)
    if "&#" in text or "&lt;" in text or "&amp;" in text:
        yield Text(f"{where} > entities", html.unescape(text))
    if _ESCAPE.search(text):
        yield Text(f"{where} > escapes", _ESCAPE.sub(lambda found: _character(found[0]), text))
    for found in chain(_BASE64.finditer(text), _WRAPPED.finditer(text)):
        raw = _from_base64("".join(found[0].split()))
        if raw is not None:
            yield from texts_in(raw, f"{where} > base64", depth + 1)


def _character(escape: str) -> str:
    code = int(escape[2:], 16)
    return chr(code) if not 0xD800 <= code < 0xE000 else escape


def _from_base64(text: str) -> bytes | None:
    """The bytes, where they are text or a container; a hash or a key is neither."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    if raw[:4] in (b"PAR1", b"PK\x03\x04") or raw[:2] == b"\x1f\x8b":
        return raw
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return raw


def _table(table: pa.Table, where: str) -> Iterator[Text]:
    """Each different value of each column, nested ones as JSON."""
    metadata = table.schema.metadata or {}
    for value in metadata.values():
        yield from _plain(_decoded(value), f"{where} metadata", 1)
    for name in table.column_names:
        column = table[name]
        if pa.types.is_nested(column.type):
            values: Iterable[Any] = {json.dumps(one, ensure_ascii=False, default=str) for one in column.to_pylist()}
        else:
            values = column.unique().to_pylist()
        yield from _values(values, f"{where}.{name}")


def _values(values: Iterable[Any], where: str) -> Iterator[Text]:
    """Values joined by line feeds, so that no two of them touch."""
    parts = [one for one in values if one is not None]
    for one in parts:
        if isinstance(one, bytes):
            yield from texts_in(one, where, 1)
    text = "\n".join(str(one) for one in parts if not isinstance(one, bytes))
    yield from _plain(text, where, 1)


def _duckdb(data: bytes, where: str) -> Iterator[Text]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "copy.duckdb"
        path.write_bytes(data)
        with duckdb.connect(path, read_only=True) as connection:
            tables = connection.execute(
                "select schema_name, table_name, sql from duckdb_tables() where not internal"
            ).fetchall()
            views = connection.execute("select view_name, sql from duckdb_views() where not internal").fetchall()
            yield from _plain("\n".join(str(part) for view in views for part in view), f"{where} > views", 1)
            for schema, name, sql in tables:
                yield Text(f"{where} > {schema}.{name}", sql or "")
                columns = connection.execute(f'describe "{schema}"."{name}"').fetchall()
                for column, *_ in columns:
                    found = connection.execute(f'select distinct "{column}" from "{schema}"."{name}"').fetchall()
                    yield from _values((one for (one,) in found), f"{where} > {schema}.{name}.{column}")


def database_texts(cursor: Any, where: str = "postgresql") -> Iterator[Text]:
    """Every value of every table of a PostgreSQL database, by a DB-API cursor that may read them."""
    cursor.execute(
        "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE' "
        "and table_schema not in ('pg_catalog', 'information_schema')"
    )
    for schema, name in cursor.fetchall():
        cursor.execute(f'select * from "{schema}"."{name}"')
        names, rows = [one[0] for one in cursor.description], cursor.fetchall()
        for index, column in enumerate(names):
            yield from _values((_from_postgres(row[index]) for row in rows), f"{where} > {schema}.{name}.{column}")


def _from_postgres(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return bytes(value) if isinstance(value, memoryview) else value


@dataclass(frozen=True)
class Hit:
    """A value that was found; `kind` says what it is, so that a message need not show it."""

    where: str
    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind} ({self.value[:2]}…, {len(self.value)} characters) in {self.where}"


class Values:
    """Personal values (value → kind) to look for.

    A value of letters and digits stands alone: no letter or digit touches it, so that a hash is none. A Chinese name of
    up to three characters stands alone as well. Of long texts a piece is looked for.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self.kinds = {value[:_LONGEST]: kind for value, kind in values.items() if len(value) >= _KEY}
        self._lengths: dict[str, tuple[int, ...]] = {}
        lengths: dict[str, set[int]] = {}
        for value in self.kinds:
            lengths.setdefault(value[:_KEY], set()).add(len(value))
        self._lengths = {key: tuple(sorted(found)) for key, found in lengths.items()}
        firsts = "".join(sorted({re.escape(key[0]) for key in self._lengths}))
        self._starts = re.compile(f"[{firsts}]" if firsts else r"(?!)")

    def __len__(self) -> int:
        return len(self.kinds)

    def in_text(self, text: Text) -> Iterator[Hit]:
        """Each value in a text."""
        body = text.text
        for found in self._starts.finditer(body):
            start = found.start()
            for length in self._lengths.get(body[start : start + _KEY], ()):
                value = body[start : start + length]
                if len(value) == length and value in self.kinds and _stands_alone(body, start, start + length):
                    yield Hit(text.where, self.kinds[value], value)


def _stands_alone(body: str, start: int, end: int) -> bool:
    before, after = body[start - 1 : start], body[end : end + 1]
    if _is_word(body[start]) and before and _is_word(before):
        return False
    if _is_word(body[end - 1]) and after and _is_word(after):
        return False
    short = end - start < _SHORT
    return not (short and (_is_cjk(before) or _is_cjk(after)))


def _is_word(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _is_cjk(character: str) -> bool:
    return bool(character) and re.match(f"[{_CJK}]", character) is not None


def leaks(texts: Iterable[Text], values: Values, most: int = 20) -> list[Hit]:
    """The first hits, at most one a place and value."""
    found: dict[tuple[str, str], Hit] = {}
    for text in texts:
        for hit in values.in_text(text):
            found.setdefault((hit.where, hit.value), hit)
            if len(found) >= most:
                return list(found.values())
    return list(found.values())
