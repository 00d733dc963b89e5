"""Rules for counts of people in open tables: no reader may tell a number below k (docs/adr/0041).

Owns the rules, as SQL over one table and its earlier versions; which tables are judged, and reading the versions, is
warehouse.gate.open_cells. A *whole* is the rows of one total: its cells and the row of the total. A reader knows that
a number left out is at least 1, since zeros are shown, and that the cells of a whole add up to its total.
Findings name the rule, how many wholes break it and a few of them by their `by` columns, never a number of people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from ingestion.sql import identifier, literal
from warehouse.build.report import SmallCells

RULES_VERSION = "2026-12-1"
"""Part of what is remembered as judged: raise it when a rule changes."""

RULES = {
    "incomplete": "have not exactly one row for the total and one for each cell",
    "shown": "show a number of people below {k}",
    "derivable": "show a total from which a number left out can be told, or does not add up",
    "ratio": "show a ratio whose number or total is left out",
    "stranger": "are none of those that earlier releases show",
    "cells": "have other cells than in an earlier release",
    "difference": "differ from an earlier release by fewer than {k} people",
    "pattern": "leave out other numbers than an earlier release in which other numbers are shown",
    "together": "let a number be told together with what an earlier release leaves out",
}
"""What is wrong with a whole, as it is said of those that break the rule."""

_NAMED = 5
"""Wholes that a finding names at most."""


@dataclass(frozen=True)
class Broken:
    """How many wholes break a rule, and the `by` values of the first of them."""

    wholes: int
    names: tuple[str, ...]


_SHOWN, _EARLIER = "small_cells_shown", "small_cells_version"


def broken(
    connection: duckdb.DuckDBPyConnection, table: str, declared: SmallCells, earlier: Sequence[str] = ()
) -> dict[str, Broken]:
    """Rule (a key of `RULES`) to the wholes that break it; empty where all is well.

    `table` and `earlier`, the same table in earlier releases, are quoted names that the connection can read; an earlier
    one has the columns that are declared. Wholes that are in one of them only are not compared; where that is all of
    them, they are another table's, or their columns mean something else.
    """
    by = ", ".join(identifier(column) for column in declared.by)
    read = f"{by}, {identifier(declared.cell)} as cell, {identifier(declared.count)} as people"
    ratios = " or ".join(f"{identifier(column)} is not null" for column in declared.ratios) or "false"
    connection.execute(
        f"create or replace temp table {_SHOWN} as"
        f" select {read}, cell = {literal(declared.total)} as is_total, ({ratios}) as has_ratio from {table}"
    )
    name = f"concat_ws(' ', {by})"
    found = _found(connection, _ALONE.format(by=by, name=name, k=declared.k))
    if earlier:
        versions = " union all ".join(
            f"select {number} as version, {read} from {relation}" for number, relation in enumerate([table, *earlier])
        )
        connection.execute(f"create or replace temp table {_EARLIER} as {versions}")
        match = " and ".join(f"a.{name} is not distinct from b.{name}" for name in map(identifier, declared.by))
        total = literal(declared.total)
        found |= _found(connection, _TOGETHER.format(by=by, name=name, k=declared.k, match=match, total=total))
        connection.execute(f"drop table {_EARLIER}")
    connection.execute(f"drop table {_SHOWN}")
    return found


def sentence(found: Mapping[str, Broken], declared: SmallCells) -> str:
    """What is wrong, in words."""
    return "; ".join(
        f"{one.wholes} totals with their cells {RULES[rule].format(k=declared.k)}"
        f" ({', '.join(one.names)}{', …' if one.wholes > len(one.names) else ''})"
        for rule, one in found.items()
    )


def _found(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, Broken]:
    rows = connection.execute(
        f"select rule, count(distinct name), (list(distinct name order by name))[:{_NAMED}]"
        f" from ({query}) group by rule order by rule"
    ).fetchall()
    return {rule: Broken(int(wholes), tuple(names)) for rule, wholes, names in rows}


_ALONE = f"""
with whole as (
    select
        {{name}} as name,
        count(*) filter (is_total) as totals,
        count(*) as rows,
        count(distinct cell) as cells,
        max(people) filter (is_total) as total,
        coalesce(sum(people) filter (not is_total), 0) as shown,
        count(*) filter (not is_total and people is null) as hidden,
        count(*) filter (people < {{k}} and people <> 0) as small,
        count(*) filter (has_ratio and people is null) as bare,
        count(*) filter (has_ratio) as ratios
    from {_SHOWN} group by {{by}}
)
select name, 'incomplete' as rule from whole where totals <> 1 or cells <> rows
union all
select name, 'shown' from whole where small > 0
union all
select name, 'derivable' from whole
where case when hidden > 0 then total - shown < hidden + {{k}} - 1 else total <> shown end
union all
select name, 'ratio' from whole where bare > 0 or (ratios > 0 and total is null)
"""

# Most wholes are as they were in every earlier release: those are told by one hash and left out. It is of cell and
# number as one text: DuckDB's of two arguments joins one of each, and numbers that changed places look alike. Of the
# others: where no number that is shown differs, what is left out is what every version leaves out, and must be as many
# people as the rule for one table asks. Where one differs, the cases may be others, and every difference counts people.
_TOGETHER = f"""
with held as (
    select
        version, {{by}},
        bit_xor(hash(concat(cell, '|', coalesce(people::varchar, '-')))) as content
    from {_EARLIER} group by version, {{by}}
),
changed as (
    select {{by}} from held group by {{by}}
    having count(distinct content) > 1 and count(*) filter (version = 0) > 0
),
row_of as (
    select b.* from {_EARLIER} as b where exists (select 1 from changed as a where {{match}})
),
cell_of as (
    select
        {{by}}, cell,
        max(people) as known,
        count(distinct people) as numbers,
        count(distinct version) as versions,
        count(*) filter (version = 0) as now
    from row_of group by {{by}}, cell
),
versions_of as (
    select {{by}}, count(distinct version) as versions from row_of group by {{by}}
),
whole as (
    select
        {{by}},
        max(numbers) > 1 as differs,
        min(now) = 0 or min(versions) < max(versions) as other_cells,
        max(known) filter (cell = {{total}}) as total,
        coalesce(sum(known) filter (cell <> {{total}}), 0) as shown,
        count(*) filter (cell <> {{total}} and known is null) as hidden
    from cell_of group by {{by}}
),
hidden_sum as (
    select
        version, {{by}},
        max(people) filter (cell = {{total}}) - coalesce(sum(people) filter (cell <> {{total}}), 0) as people
    from row_of group by version, {{by}}
),
pair as (
    select
        a.*, b.version as earlier, b.people as people_before, false as is_sum
    from row_of as a inner join row_of as b on {{match}} and a.cell = b.cell and a.version = 0 and b.version > 0
    union all by name
    select a.*, b.version as earlier, b.people as people_before, true as is_sum
    from hidden_sum as a inner join hidden_sum as b on {{match}} and a.version = 0 and b.version > 0
),
compared as (
    select
        {{by}}, earlier,
        count(*) filter (not is_sum and abs(people - people_before) between 1 and {{k}} - 1) as small,
        count(*) filter (is_sum and abs(people - people_before) between 1 and {{k}} - 1) as small_sum,
        count(*) filter (not is_sum and people <> people_before) as different,
        count(*) filter (not is_sum and (people is null) <> (people_before is null)) as pattern
    from pair group by {{by}}, earlier
)
select {{name}} as name, 'cells' as rule from whole where other_cells
union all
select {{name}}, 'difference' from compared where small > 0 or (small_sum > 0 and pattern = 0)
union all
select {{name}}, 'pattern' from compared where different > 0 and pattern > 0
union all
select {{name}}, 'together' from whole where not differs and hidden > 0 and total - shown < hidden + {{k}} - 1
union all
select {{name}}, 'stranger' from held
where
    (select count(*) from held where version > 0) > 0
    and not exists (select 1 from held as a inner join held as b on {{match}} and a.version = 0 and b.version > 0)
    and version = 0
"""
