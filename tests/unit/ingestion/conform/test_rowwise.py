"""Which functions an expression may call: read again when DuckDB is raised."""

from __future__ import annotations

import re

from ingestion.conform import rowwise
from ingestion.conform.engine import conform_session

SUSPECT = re.compile(
    r"current|now|today|random|uuid|env|setting|variable|version|secret|file|(^|_)read|glob|session|user|nextval|clock|"
    r"time$|localtime|sleep|log_|query|connection|database|schema|path|stat|sequence|pragma|load|attach|serialize|block"
)
REVIEWED = {
    # Of their argument alone.
    "json_extract_path", "json_extract_path_text", "json_serialize_sql", "make_time", "parse_dirpath",
    "parse_filename", "parse_path", "strftime", "strptime", "try_strptime", "uuid_extract_timestamp",
    "uuid_extract_version",
    # Constants in DuckDB.
    "current_role", "current_user", "session_user", "pg_conversion_is_visible", "pg_is_other_temp_schema",
    "pg_my_temp_schema",
}  # fmt: skip


def test_no_function_that_asks_the_clock_the_machine_or_the_session() -> None:
    with conform_session("UTC") as connection:
        allowed = {
            name
            for name in rowwise._functions()
            if re.fullmatch(r"\w+", name) and not rowwise.problems(connection, f'"{name}"(a)', frozenset("a"))
        }
    suspects = {name for name in allowed if SUSPECT.search(name) and not name.startswith(("has_", "icu_"))}
    assert suspects == REVIEWED
    assert {"length", "regexp_matches", "list_sum", "nullif", "citylake_uscc"} <= allowed


def test_a_deep_expression_is_told_and_no_crash() -> None:
    with conform_session("UTC") as connection:
        for depth in (100, 900, 5000):
            assert len(rowwise.problems(connection, "a" + " + a" * depth, frozenset("a"))) <= 1


def test_a_lambda_names_its_own_values() -> None:
    with conform_session("UTC") as connection:
        assert rowwise.problems(connection, "list_transform([a], lambda x, i: x + i)[1] > 0", frozenset("a")) == []
        assert rowwise.problems(connection, "list_transform([a], lambda x: y)[1] > 0", frozenset("a"))
        assert rowwise.problems(connection, "x > list_transform([a], lambda x: x)[1]", frozenset("a"))
