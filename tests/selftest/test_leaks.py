"""The scan for personal values finds one that was put into each kind of container, and in containers in containers."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from tests.support.exchange_database import exchange_database
from tests.support.leaks import Text, Values, database_texts, files_below, leaks, texts_in, texts_of

ID, NAME, LONG = "440106198307142238", "欧阳若兰", "自述胸闷三天，住石岐街道民生路十八号"
VALUES = Values({ID: "id", NAME: "name", LONG: "note", "1983-07-14": "birth"})


def _parquet(value: str) -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table({"a": [None, f"x {value} y"], "n": [[{"b": value}], []]}), target)
    return target.getvalue()


def _duckdb(value: str, folder: Path) -> bytes:
    path = folder / "made.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("create schema s")
        connection.execute("create table s.t as select {'m': [$1]} as deep, 1 as n", [value])
        connection.execute("create view v as select * from s.t")
    return path.read_bytes()


def _zip(data: bytes, name: str = "member") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return target.getvalue()


def _workbook(value: str) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target) as book:
        book.add_worksheet().write_string(1, 1, value)
    return target.getvalue()


CONTAINERS: dict[str, Callable[[str, Path], bytes]] = {
    "text": lambda value, _: f"a,{value},b\n".encode(),
    "gb18030": lambda value, _: f"姓名,{value}\n".encode("gb18030"),
    "json": lambda value, _: json.dumps({"a": value}).encode(),
    "html": lambda value, _: "".join(f"&#{ord(one)};" for one in value).encode(),
    "gzip": lambda value, _: gzip.compress(f"<{value}>".encode()),
    "zip": lambda value, _: _zip(value.encode()),
    "zip name": lambda value, _: _zip(b"", f"{value}.csv"),
    "parquet": lambda value, _: _parquet(value),
    "duckdb": _duckdb,
    "xlsx": lambda value, _: _workbook(value),
    "base64": lambda value, _: b'{"data": "' + base64.b64encode(f"Patient: {value}, more of it".encode()) + b'"}',
    "base64 in lines": lambda value, _: base64.encodebytes(f"病历 {'一二三四五六七八九十' * 9} {value} 完".encode()),
    "base64 of gzip": lambda value, _: b"x " + base64.b64encode(gzip.compress(f"{value} ".encode() * 9)) + b" y",
    "parquet with base64": lambda value, _: _parquet(base64.b64encode(f"of {value} and more".encode()).decode()),
    "zip of gzip of duckdb": lambda value, folder: _zip(gzip.compress(_duckdb(value, folder))),
}


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize("value", [ID, NAME, LONG])
def test_a_planted_value_is_found(kind: str, value: str, tmp_path: Path) -> None:
    path = tmp_path / "planted"
    path.write_bytes(CONTAINERS[kind](value, tmp_path))
    assert {hit.value for hit in leaks(texts_of(path), VALUES)} == {value}
    (tmp_path / "other").mkdir()
    path.write_bytes(CONTAINERS[kind]("nobody, 无名氏", tmp_path / "other"))
    assert leaks(texts_of(path), VALUES) == []


def test_a_name_of_a_file_is_text_of_it(tmp_path: Path) -> None:
    (tmp_path / f"{ID}.txt").touch()
    assert [hit.kind for path in files_below(tmp_path) for hit in leaks(texts_of(path), VALUES)] == ["id"]


def test_a_table_of_postgresql_is_read(tmp_path: Path) -> None:
    with exchange_database(tmp_path) as database, database.postgres._server.administer("exchange") as cursor:
        cursor.execute("create table note (a text, b jsonb, c bytea)")
        row = (ID, json.dumps({"x": NAME}), gzip.compress(LONG.encode()))
        cursor.execute("insert into note values (%s, %s, %s)", row)
        assert {hit.value for hit in leaks(database_texts(cursor), VALUES)} == {ID, NAME, LONG}


@pytest.mark.parametrize(
    "text",
    [f"1{ID}", f"{ID}9", f"a{ID}", "21983-07-14", "1983-07-141", "欧阳若男", "id 44010619830714223"],
)
def test_part_of_another_value_is_none(text: str) -> None:
    assert list(VALUES.in_text(Text("here", text))) == []


def test_a_short_name_stands_alone() -> None:
    found = Values({"王芳": "name"})
    assert [len(list(found.in_text(Text("", text)))) for text in ("王芳", "姓名:王芳,女", "王芳菲餐饮店")] == [1, 1, 0]


def test_what_cannot_be_decoded_is_an_error() -> None:
    with pytest.raises(ValueError, match="here"):
        list(texts_in(gzip.compress(b"x" * 1000)[:-9], "here"))
    with pytest.raises(ValueError, match="no reader"):
        list(texts_in(b"SQLite format 3\x00", "here"))
    with pytest.raises(ValueError, match="too deep"):
        data = b"x"
        for _ in range(9):
            data = gzip.compress(data)
        list(texts_in(data, "here"))
