"""The macro of durable ids: every key its own id, and ids of plain keys as they always were."""

from __future__ import annotations

import hashlib

import duckdb
from dbt_common.clients.jinja import get_environment

from ingestion.settings import Settings


def ids(rows: list[tuple[str | None, ...]]) -> list[str]:
    """The ids the macro gives, as dbt renders it."""
    source = (Settings().dbt_project / "macros" / "natural_key.sql").read_text(encoding="utf-8")
    names = [f"c{n}" for n in range(len(rows[0]))]
    sql = get_environment(None).from_string(source).make_module({}).dbt_macro__natural_key(names)
    values = ", ".join(f"({', '.join('?' * len(names))})" for _ in rows)
    with duckdb.connect() as connection:
        flat = [value for row in rows for value in row]
        query = f"select {sql} from (values {values}) as t({', '.join(names)})"
        return [found for (found,) in connection.execute(query, flat).fetchall()]


def test_keys_of_odd_parts_have_ids_of_their_own() -> None:
    parts = [None, "", "|", "^", "^0", "^|", "a", "a|", "|a", "^a", "a^", "0"]
    rows = [(one, two) for one in parts for two in parts]
    assert len(set(ids(rows))) == len(rows)
    assert len(set(ids([(one,) for one in parts]))) == len(parts)


def test_plain_keys_keep_their_ids() -> None:
    """Ids are durable: joined parts under MD5, as releases before have them."""
    expected = [hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in ("JY1|2026-03-02", "中山|1")]
    assert ids([("JY1", "2026-03-02"), ("中山", "1")]) == expected
