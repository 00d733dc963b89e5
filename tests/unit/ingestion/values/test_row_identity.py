"""The one hash of rows: no two rows of a structured family meet, and sums of it do not cancel."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from ingestion.values import row_identity

ROWS = 300_000

_HALVES = "lpad(to_hex(i % 600), 16, '0') || lpad(to_hex(i // 600), 16, '0')"
_LENGTHS = (8, 9, 11, 12, 13, 15, 16, 17, 20, 24, 32, 33, 48, 63, 64)

SELECTED = {
    **{f"text of {n}": f"lpad(cast(i as varchar), {n}, '0') as a" for n in _LENGTHS},
    **{
        f"text of {n}, digits moved": f"(i % 10) || lpad(cast(i // 100 as varchar), {n - 2}, '0') || i // 10 % 10 as a"
        for n in _LENGTHS
    },
    "licence numbers": "'JY14420' || i % 10 || lpad(cast(i // 100 as varchar), 7, '0') || i // 10 % 10 || '0' as a",
    "Chinese": "'中山市第' || lpad(cast(i as varchar), 9, '0') || '号' as a",
    "uuid text": f"cast(cast({_HALVES} as uuid) as varchar) as a",
    "uuid": f"cast({_HALVES} as uuid) as a",
    "number pairs": "i // 600 as a, i % 600 as b",
    "number pairs, high bits": "(i // 600) << 40 as a, (i % 600) << 20 as b",
    "swapped pairs": "i // 2 + i % 2 as a, i // 2 + 1 - i % 2 as b",
    "dates and ids": "date '2000-01-01' + cast(i % 1000 as integer) as a, 'S' || i // 1000 as b",
    "moments and long ids": "timestamptz '2026-01-01 00:00:00+00' + to_hours(i % 1000) as a, "
    "'station-number-' || lpad(cast(i // 1000 as varchar), 8, '0') as b",
    "doubles": "cast(i % 600 as double) / 10 as a, cast(i // 600 as double) / 10 as b",
    "decimal(18,2)": "cast(i as decimal(18,2)) as a, i % 2 = 0 as b",
    "decimal(38), equal halves": "cast(i as decimal(38,0)) * 18446744073709551617 as a",
    "decimal(38), swapped halves": "cast(i % 600 as decimal(38,0)) * 18446744073709551616 + i // 600 as a",
    "decimal(38,20)": "cast(i as decimal(38,20)) as a",
    "hugeint": "cast(i % 600 as hugeint) * 18446744073709551616 + i // 600 as a",
    "interval": "to_days(cast(i % 600 as integer)) + to_months(cast(i // 600 as integer)) as a",
    "places of null": "case when i % 3 <> 0 then i // 3 end as a, case when i % 3 <> 1 then i // 3 end as b, "
    "case when i % 3 <> 2 then i // 3 end as c",
    "lists": "[i % 600, i // 600] as a",
    "blobs": "encode(lpad(cast(i as varchar), 24, '0')) as a",
}
FAMILIES = {
    **{name: f"select {columns} from range({ROWS}) as t(i)" for name, columns in SELECTED.items()},
    "where one text ends": "select left(t, k) as a, substr(t, k + 1) as b from "
    f"(select 'the-number-' || lpad(cast(i as varchar), 9, '0') as t from range({ROWS // 20}) as s(i)), "
    "range(20) as c(k)",
}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as opened:
        yield opened


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    return {str(name): str(kind) for name, kind, *_ in connection.execute(f"describe {relation}").fetchall()}


@pytest.mark.parametrize("family", FAMILIES)
def test_no_two_rows_of_a_family_meet(connection: duckdb.DuckDBPyConnection, family: str) -> None:
    source = FAMILIES[family]
    hashed = row_identity.of_columns(_columns(connection, source))
    found = connection.execute(f"select count(*), count(distinct {hashed}) from ({source})").fetchone()
    assert found is not None
    assert found[0] >= ROWS
    assert found[1] == found[0]


def test_duckdb_alone_is_still_weak(connection: duckdb.DuckDBPyConnection) -> None:
    """Where this fails the hash has become sound, and the module may go."""
    for family in ("licence numbers", "decimal(38), equal halves", "interval"):
        source = FAMILIES[family]
        met = connection.execute(f"select count(distinct hash(a)) from ({source})").fetchone()
        assert met is not None
        assert met[0] < ROWS, family


def test_rows_that_exchange_their_last_values_do_not_cancel(connection: duckdb.DuckDBPyConnection) -> None:
    """DuckDB only XORs the last value: its hashes of a row with true and with false differ by the same bits always."""
    columns = {"a": "BIGINT", "b": "BOOLEAN"}
    swapped = "select i // 2 as a, i % 2 = 0 as b from range(2000) as t(i)"
    query = "select count(distinct d) from (select bit_xor({hash}) as d from ({source}) group by a)"
    plain = connection.execute(query.format(hash="hash(a, b)", source=swapped)).fetchone()
    ours = connection.execute(query.format(hash=row_identity.of_columns(columns), source=swapped)).fetchone()
    assert (plain, ours) == ((1,), (1000,))


def test_rows_tell_multisets_apart_in_any_order(connection: duckdb.DuckDBPyConnection) -> None:
    weak = connection.execute(
        f"select list(a) from ({FAMILIES['licence numbers']}) group by hash(a) having count(*) > 1 limit 1"
    ).fetchone()
    assert weak is not None
    one, two = weak[0][:2]

    def fingerprint(values: list[str | None]) -> object:
        query = f"select {row_identity.rows({'a': 'VARCHAR'})} from (select unnest($1::varchar[]) as a)"
        return connection.execute(query, [values]).fetchone()

    assert fingerprint([one, "x", None]) == fingerprint([None, one, "x"])
    message = [
        fingerprint(v) for v in ([one], [two], [one, one], [two, two], [one, two], [one, None], [None], [""], [])
    ]
    assert len(set(map(str, message))) == len(message)
    assert fingerprint([]) == (0, 0, 0)


def test_the_other_hash_shares_no_meeting(connection: duckdb.DuckDBPyConnection) -> None:
    """Rows that meet in one of the two do not in the other."""
    for family in ("licence numbers", "decimal(38), equal halves", "uuid text"):
        source = FAMILIES[family]
        both = f"{row_identity.of_columns(_columns(connection, source))}, {row_identity.other(['a'])}"
        found = connection.execute(f"select count(distinct ({both})) from ({source})").fetchone()
        assert found == (ROWS,)
