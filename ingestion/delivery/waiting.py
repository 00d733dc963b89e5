"""Batches that lie in raw and have no receipt yet: the work of a conform task.

They are found from the store and the receipts alone. So nothing is lost where a run died between landing and
conforming, or where the source does not have the file any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from ingestion import keys
from ingestion.contract.model import Contract
from ingestion.delivery.ingest import Waiting
from ingestion.intervals import Interval
from ingestion.isolation import Isolated
from ingestion.lake import Lake
from ingestion.receipts.manifests import load_manifest

_NEW = """
select unnest($landed) as batch
except
select batch from receipt where department = $department and feed = $feed
order by batch
"""


def waiting(lake: Lake, contract: Contract, first: date, last: date, isolated: Isolated) -> list[Waiting]:
    """Landed batches without a receipt whose `dt` lies within the local days `first` to `last`, oldest first.

    Costs one listing a day, one query, and one small read for each batch found. One whose manifest cannot be read
    is left out and kept in `isolated`, which says so at the end.
    """
    prefixes: dict[str, str] = {}
    for offset in range((last - first).days + 1):
        for key in _manifests(lake, contract, first + timedelta(days=offset)):
            prefix = key.rsplit("/", 1)[0]
            prefixes[prefix.rsplit("/", 1)[-1]] = prefix
    if not prefixes:
        return []
    lake.log.refresh()
    names = {"department": contract.department, "feed": contract.feed}
    with lake.log.reading() as connection:
        new = connection.execute(_NEW, {"landed": list(prefixes), **names}).fetchall()
    found = []
    for (batch,) in new:
        with isolated.each():
            found.append(_read(lake, prefixes[batch]))
    return found


def _manifests(lake: Lake, contract: Contract, dt: date) -> Iterator[str]:
    folder = keys.raw_day(contract.department, contract.feed, dt)
    for found in lake.store.list(f"{folder}/"):
        # The bytes before their manifest are a landing that died: the next one of the same bytes completes it.
        batch = found.key.removeprefix(f"{folder}/").split("/", 1)[0]
        # Not by the name alone: a department may call its own file manifest.json.
        if found.key == keys.raw_manifest(f"{folder}/{batch}"):
            yield found.key


def _read(lake: Lake, prefix: str) -> Waiting:
    manifest = load_manifest(lake.store, keys.raw_manifest(prefix))
    return Waiting(Interval(manifest.interval.start, manifest.interval.end), manifest.batch, manifest.content_as_of)
