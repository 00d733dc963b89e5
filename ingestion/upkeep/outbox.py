"""Delete what was handed to stewards together with the refused rows it was made from.

The outbox (warehouse.stewards) holds workbooks of refused rows and the mails about them. They go when quarantine goes:
past the contract's retention, and with an erased delivery. Here they are only found; `collect` deletes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime

import duckdb

from ingestion import keys
from ingestion.contract.model import Contract
from ingestion.errors import ObjectNotFound
from ingestion.lake import Lake

_LOADED = """
select batch, min(loaded_at) from receipt where department = $department and feed = $feed group by batch
"""


def of_batch(lake: Lake, contract: Contract, dt: date, batch: str) -> set[str]:
    """Keys in the outbox about one delivery: workbook, item, mark, and the newest mail that names it."""
    folder = keys.outbox_folder(contract.department, contract.feed, dt, batch)
    found = {info.key for info in lake.store.list(f"{folder}/")}
    mark = keys.outbox_open(contract.department, contract.feed, batch)
    found |= {mark} if lake.store.head(mark) else set()
    return found | set(_mails(lake, found))


def expired(lake: Lake, contract: Contract, connection: duckdb.DuckDBPyConnection, before: datetime) -> list[str]:
    """Keys about deliveries of a feed that were loaded before a moment, or that no receipt names any more."""
    values = {"department": contract.department, "feed": contract.feed}
    loaded = dict(connection.execute(_LOADED, values).fetchall())
    folder = keys.outbox_folder(contract.department, contract.feed)
    past = {
        info.key
        for info in lake.store.list(f"{folder}/")
        if (at := loaded.get(info.key.split("/")[-2])) is None or at < before
    }
    return sorted(past | set(_mails(lake, past)))


def expired_mails(lake: Lake, today: date) -> list[str]:
    """Mails whose last day is over, of all feeds."""
    folder = keys.outbox_mails()
    past = [name for name in lake.store.list_folders(f"{folder}/") if name < f"until={today.isoformat()}"]
    return [info.key for name in past for info in lake.store.list(f"{folder}/{name}/")]


def _mails(lake: Lake, found: Iterable[str]) -> Iterator[str]:
    """The mails that the items among the keys name, where they are there."""
    for key in found:
        if key.endswith("/item.json"):
            try:
                mail = json.loads(lake.store.get_bytes(key)).get("mail")
            except (ObjectNotFound, ValueError, AttributeError):
                continue
            if isinstance(mail, str) and mail.startswith(f"{keys.outbox_mails()}/") and lake.store.head(mail):
                yield mail
