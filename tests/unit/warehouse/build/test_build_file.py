"""A build file that cannot be read is made anew."""

from __future__ import annotations

from pathlib import Path

import duckdb

from warehouse.build.build_file import open_build_file


def test_a_missing_file_is_made_and_an_orphaned_log_removed(tmp_path: Path) -> None:
    path = tmp_path / "state" / "build.duckdb"
    path.parent.mkdir()
    path.with_name("build.duckdb.wal").write_bytes(b"left over")
    opened = open_build_file(path)
    opened.connection.close()
    assert opened.recovered == "there is no build file"
    again = open_build_file(path)
    again.connection.close()
    assert again.recovered is None


def test_a_damaged_block_is_not_taken_for_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "build.duckdb"
    connection = duckdb.connect(path)
    connection.execute("create table t as from range(100000)")
    connection.close()
    data = bytearray(path.read_bytes())
    data[4096 * 3 :] = bytes(byte ^ 0xFF for byte in data[4096 * 3 :])
    path.write_bytes(data)
    opened = open_build_file(path)
    opened.connection.close()
    assert "damaged" in str(opened.recovered)


def test_a_truncated_file_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "build.duckdb"
    connection = duckdb.connect(path)
    connection.execute("create table t as from range(100000)")
    connection.close()
    path.write_bytes(path.read_bytes()[:5000])
    opened = open_build_file(path)
    tables = opened.connection.execute("from duckdb_tables()").fetchall()
    opened.connection.close()
    assert tables == []
    assert "damaged" in str(opened.recovered)
