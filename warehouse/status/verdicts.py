"""Since when a product has its verdict without a break, from the verdicts recorded by the gate.

A set is recorded whenever a decision or its inputs change, so years of them lie in the store. What was found is
kept in `status.json` with the key of the newest set it rests on; from there only newer sets are read. Where nothing was
kept, sets are read backwards until every product's break is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

import duckdb
import pyarrow as pa

from ingestion.lake import Lake
from ingestion.store.base import Store
from ingestion.store.reading import reading
from warehouse.gate.record import recorded_keys
from warehouse.verdict import Decision, Verdict

_FIRST_CHUNK, _GROWTH, _LARGEST = 20, 5, 2_000

_READ = """
select files.position, verdict.product, verdict.decision, verdict.decided_at::timestamptz
from read_json(
    getvariable('urls'), format = 'unstructured', filename = true, maximum_object_size = 268435456,
    columns = {verdicts: 'struct(product varchar, decision varchar, decided_at varchar)[]'}
) as sets
inner join files on sets.filename = files.url, unnest(sets.verdicts) as rows (verdict)
order by files.position
"""


@dataclass(frozen=True)
class Remembered:
    """What an earlier status says: the newest set it rests on, and by product its decision and since when."""

    judged: str
    since: Mapping[str, tuple[Decision, datetime]]


def since(lake: Lake, verdicts: list[Verdict], newest: str, remembered: Remembered | None) -> dict[str, datetime]:
    """When each of these verdicts, of the set `newest`, was first reached without a break (UTC)."""
    search = _Search({verdict.product: verdict.decision for verdict in verdicts})
    search.found = {verdict.product: verdict.decided_at.astimezone(UTC) for verdict in verdicts}
    usable = remembered if remembered is not None and remembered.judged <= newest else None
    if usable is not None and usable.judged == newest:
        search.end(usable)
        return search.found
    older = recorded_keys(lake.store, before=newest)
    size = _FIRST_CHUNK
    while search.open:
        keys = list(islice(older, size))
        new = [key for key in keys if usable is None or key > usable.judged]
        for position in _decisions(lake.store, new):
            search.add(position)
        if usable is not None and len(new) < len(keys):
            search.end(usable)
        if len(keys) < size:
            break
        size = min(size * _GROWTH, _LARGEST)
    return search.found


class _Search:
    """Walks back over recorded sets; `open` are the products whose break was not met yet."""

    def __init__(self, decisions: dict[str, Decision]) -> None:
        self._decisions = decisions
        self.open = set(decisions)
        self.found: dict[str, datetime] = {}

    def add(self, earlier: Mapping[str, tuple[str, datetime]]) -> None:
        """The next older set."""
        for product in list(self.open):
            decision, at = earlier.get(product, (None, None))
            if decision == self._decisions[product] and at is not None:
                self.found[product] = at
            else:
                self.open.discard(product)

    def end(self, remembered: Remembered) -> None:
        """Arrived at the set the earlier status rests on, of which it says since when."""
        for product in list(self.open):
            decision, at = remembered.since.get(product, (None, None))
            if decision == self._decisions[product] and at is not None:
                self.found[product] = at
        self.open.clear()


def _decisions(store: Store, keys: list[str]) -> Iterator[dict[str, tuple[str, datetime]]]:
    """Decision and its time by product, for each of these sets in the order given."""
    if not keys:
        return
    with closing(duckdb.connect()) as connection, reading(store, connection, "read verdicts"):
        connection.execute("set timezone = 'UTC'")
        files = pa.table({"position": range(len(keys)), "url": [store.url(key) for key in keys]})
        connection.register("files", files)
        connection.execute("set variable urls = (select list(url) from files)")
        rows = connection.execute(_READ).fetchall()
    found: list[dict[str, tuple[str, datetime]]] = [{} for _ in keys]
    for position, product, decision, at in rows:
        found[position][product] = (decision, at.astimezone(UTC))
    yield from found
