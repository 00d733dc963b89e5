"""Make the selected models with dbt: seeds, then models for their affected days, then models from everything.

What is made from everything may read what is made for affected days, never the reverse (warehouse.build.selection), so
at most two runs of dbt are needed.
"""

from __future__ import annotations

from collections.abc import Collection

from warehouse.build.collect import status_of
from warehouse.build.dbt_runner import Dbt
from warehouse.build.lineage import Lineage
from warehouse.build.report import NodeResult
from warehouse.build.selection import Selection


def make_nodes(dbt: Dbt, lineage: Lineage, selection: Selection, *, full_refresh: bool) -> list[NodeResult]:
    """dbt's results, one a node it reached. A model below one that failed has none, or the status `skipped`."""
    models = set(lineage.models())
    results: list[NodeResult] = []
    seeds = selection.whole - models
    if seeds:
        results += dbt.seed(_names(lineage, seeds))
    whole, updated = selection.whole & models, selection.updated
    is_one_run = full_refresh or not (_grows(lineage, whole) and _grows(lineage, updated))
    if is_one_run:
        return results + _run(dbt, lineage, whole | updated, full_refresh=full_refresh or _grows(lineage, whole))
    results += _run(dbt, lineage, updated, full_refresh=False)
    failed = updated - {result.unique_id for result in results if status_of(result) == "passed"}
    reached = {name for name in whole if lineage.ancestors(name).isdisjoint(failed)}
    return results + _run(dbt, lineage, reached, full_refresh=True)


def _run(dbt: Dbt, lineage: Lineage, models: Collection[str], *, full_refresh: bool) -> list[NodeResult]:
    if not models:
        return []
    return dbt.run(_names(lineage, models), full_refresh=full_refresh)


def _grows(lineage: Lineage, models: Collection[str]) -> bool:
    return any(lineage.is_incremental(name) for name in models)


def _names(lineage: Lineage, nodes: Collection[str]) -> list[str]:
    return [lineage.node(name)["name"] for name in nodes]
