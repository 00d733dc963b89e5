"""The interactive session, with typed lines given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from warehouse.cli.shell import MORE, PROMPT, Shell
from warehouse.release.manifest import Manifest, StoredFile, TableEntry

Typed = Callable[..., str]


def _manifest() -> Manifest:
    return Manifest(
        id="r1",
        edition="internal",
        parent=None,
        created_at=datetime(2026, 3, 2, tzinfo=UTC),
        approver=None,
        synthetic=True,
        engine="1",
        privacy_rules="1",
        tools={},
        root="",
        warehouse=StoredFile(key="k", bytes=1, sha256="0"),
        products={},
        tables={
            "reading": TableEntry(
                product="weather", kind="fact", rows=2, content="c", columns={"value": "INTEGER"}, feeds=[]
            )
        },
        never_released={},
    )


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Typed]:
    """Runs a session over typed lines; what it printed, both streams."""
    connection = duckdb.connect()
    connection.execute("attach ':memory:' as internal")
    connection.execute("use internal")
    connection.execute("create table reading as select unnest([41, 42]) as value")
    connection.execute("comment on column reading.value is '读数 · The reading.'")

    def run(*lines: str | BaseException) -> str:
        prompts: list[str] = []
        waiting = iter(lines)

        def read(prompt: str) -> str:
            prompts.append(prompt)
            line = next(waiting, None)
            if line is None:
                raise EOFError
            if isinstance(line, BaseException):
                raise line
            return line

        Shell(connection, _manifest(), tmp_path / "history", read).run()
        output = capsys.readouterr()
        return "\n".join([output.out, output.err, *prompts])

    yield run
    connection.close()


def test_a_statement_goes_on_until_its_semicolon(typed: Typed) -> None:
    message = typed("select max(value) as top", "from reading;")
    assert "42" in message
    assert message.count(MORE) == 1


def test_a_wrong_query_is_shown_and_the_session_goes_on(typed: Typed) -> None:
    message = typed("select nope from reading;", "select 7 as seven;")
    assert "nope" in message
    assert "seven" in message


def test_nothing_but_queries_runs(typed: Typed) -> None:
    message = typed("drop table reading;", "select count(*) as left_over from reading;")
    assert "only queries" in message
    assert "left_over" in message


def test_dot_commands(typed: Typed) -> None:
    message = typed(".tables", ".describe reading", ".describe nothing", ".release", ".whatever")
    assert "weather" in message
    assert "读数 · The reading." in message
    assert "no table 'nothing'" in message
    assert "SYNTHETIC" in message
    assert ".describe TABLE" in message


def test_quit_leaves_and_ctrl_c_drops_what_was_typed(typed: Typed) -> None:
    message = typed("select 1 as dropped", KeyboardInterrupt(), "select 2 as kept;", ".quit", "select 3 as after;")
    assert "kept" in message
    assert "dropped" not in message
    assert "after" not in message
    assert message.count(PROMPT) == 3
