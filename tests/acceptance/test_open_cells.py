"""Nobody tells a number below five from the open weekly counts: attacked by linear programmes, and weakened on purpose.

Cards are made by hand so that towns have few cases; the models make the open table of them, for several releases. Each
weakening of the suppression must be found by the attack and by the gate, which knows the rules and solves nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from ingestion.settings import Settings
from tests.acceptance.card_tables import CARDS, card_tables
from tests.support.cell_attack import Attack, Row
from warehouse.build.report import SmallCells
from warehouse.gate.small_cells import broken
from warehouse.modelling.declaration import read_declaration

TABLE = "pub_notifiable_weekly"
FIRST, SECOND = "2026-03-02", "2026-03-30"
"""Days of two releases. The second has four weeks more, and reports that came after weeks of the first were closed."""

MADE = """
    select
        card_no: 'C' || i, revision: 0, report_type: '初次报告', case_class: '确诊病例', is_withdrawn: false,
        disease_code: ['FLU', 'HFMD', 'TB', 'DENG'][1 + least(3, (hash(i) % 20 // 6)::integer)],
        town_code: '4420001' || lpad(((hash(i * 7) % 20 * (hash(i * 11) % 20) // 20))::varchar, 2, '0'),
        diagnosed_at: timestamptz '2026-01-01 00:00:00+08' + interval (hash(i * 13) % (75 * 24)) hour,
        reported_at: diagnosed_at + interval (if(i % 9 = 0, 600, 5)) hour,
        reported_date: cast(timezone('Asia/Shanghai', reported_at) as date),
        onset_date: cast(timezone('Asia/Shanghai', diagnosed_at) as date),
        facility_code: 'H442000A01', _batch_id: 'b'
    from range(900) as r (i)
"""
"""Every ninth card is reported 25 days late: after its week was closed."""

CORRECTED = f"""
    select * exclude (n) replace (
        1 as revision, '订正报告' as report_type, reported_at + interval 24 day as reported_at,
        reported_date + 24 as reported_date, '442000101' as town_code, n % 3 = 0 as is_withdrawn, 'c' as _batch_id
    ) from (select *, n: row_number() over (order by card_no) from ({MADE})) where n % 7 = 0
"""

Weaken = Callable[[Path], None]


def in_file(path: str, old: str, new: str) -> Weaken:
    def edit(project: Path) -> None:
        text = (project / path).read_text(encoding="utf-8")
        assert old in text, path
        (project / path).write_text(text.replace(old, new), encoding="utf-8")

    return edit


def ratio_of_all(expression: str) -> Weaken:
    """A ratio that is made before numbers are left out."""

    def edit(project: Path) -> None:
        in_file(
            MACRO, "is_total_suppressed\n    from chosen", "is_total_suppressed, {{ count }} as whole_count from chosen"
        )(project)
        in_file(
            MODEL, "case\n            when cases is not null and total > 0", f"case when total > 0 then {expression}"
        )(project)
        in_file(MODEL, "then cast(round(cases * 100.0 / total) as integer)", "")(project)

    return edit


MACRO = "macros/suppress_small_cells.sql"
MODEL = f"models/marts/disease_open/{TABLE}.sql"
CLOSED = "models/marts/disease_open/mart_notifiable_week_closed.sql"
WEAKENED: dict[str, tuple[Weaken, str]] = {
    "no complementary cell": (in_file(MACRO, "is_small or (is_derivable and", "is_small or (false and"), "derivable"),
    "total shown": (in_file(MACRO, "case when not is_total_suppressed then total end", "total"), "derivable"),
    "small cells shown": (in_file(MACRO, "case when not is_suppressed then", "case when true then"), "shown"),
    "rounded ratio of a number left out": (ratio_of_all("round(whole_count * 100.0 / total)"), "ratio"),
    "exact ratio of a number left out": (ratio_of_all("whole_count * 100.0 / total"), "ratio"),
    "later reports published": (
        in_file(CLOSED, "and card_weeks.closing_date > report_weeks.reported_date", ""), "difference",
    ),
}  # fmt: skip


def declared() -> SmallCells:
    said, _ = read_declaration(Settings().dbt_project / MODEL.replace(".sql", ".yml"))
    assert said is not None and said.small_cells is not None
    return SmallCells.model_validate(said.small_cells.model_dump())


def releases(connection: duckdb.DuckDBPyConnection, project: Path) -> Iterator[str]:
    """Tables of the open edition, of the first release and of the second."""
    for number, day in enumerate((FIRST, SECOND)):
        connection.execute(f"create schema release_{number}")
        connection.execute(f"use release_{number}")
        tables = card_tables(connection, day, project)
        for rows in (MADE, CORRECTED):
            tables.insert(CARDS, f"select * from ({rows}) where reported_date < '{day}'")
        tables.rows(TABLE)
        yield f"release_{number}.{TABLE}"


def read(connection: duckdb.DuckDBPyConnection, table: str) -> list[Row]:
    query = f"select disease_code, week_start_date, town_code, cases, share_pct from {table}"
    return [Row((disease, week), town, n, r) for disease, week, town, n, r in connection.sql(query).fetchall()]


def attacked(connection: duckdb.DuckDBPyConnection, tables: list[str], rounded_to: float = 1) -> Attack:
    attack = Attack()
    attack.add(TABLE, declared(), [read(connection, table) for table in tables], rounded_to)
    return attack


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("set timezone = 'UTC'")
        yield opened


def test_the_attack_tells_no_number_below_five(connection: duckdb.DuckDBPyConnection) -> None:
    tables = list(releases(connection, Settings().dbt_project))
    attack = attacked(connection, tables)
    assert len(attack.hidden) > 100
    assert list(attack.leaks()) == []
    assert attack.differences == [], "no number that was shown is another one later"
    assert broken(connection, tables[1], declared(), tables[:1]) == {}
    weeks, later, kept = connection.sql(
        f"""select
                (select count(distinct week_start_date) from {tables[0]}),
                (select count(distinct week_start_date) from {tables[1]}),
                (select count(*) from {tables[0]} where cases > 0)"""
    ).fetchall()[0]
    assert (weeks, later) == (5, 9)
    assert kept > 20, "what is shown is of use"


@pytest.mark.parametrize("name", WEAKENED)
def test_a_weakened_suppression_is_found_by_the_attack_and_by_the_gate(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, name: str
) -> None:
    weaken, rule = WEAKENED[name]
    step = 1e-6 if "exact" in name else 1
    project = tmp_path / "project"
    shutil.copytree(Settings().dbt_project, project, ignore=shutil.ignore_patterns("target", "logs"))
    weaken(project)
    tables = list(releases(connection, project))
    assert rule in broken(connection, tables[1], declared(), tables[:1])
    if rule != "shown":  # nothing is left to tell where it is written
        assert next(attacked(connection, tables, step).leaks(), None)
