"""List merged objects and read their records.

A merged object is live if both the object and its record are in the store, which one listing shows. Records never
change; a copy of each is cached in the state folder, because reading from S3 takes a request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from ingestion import keys
from ingestion.lake import Lake
from ingestion.upkeep.compaction.model import Compaction

SCHEMA = pa.schema([("merged", pa.string()), ("key", pa.string()), ("batch", pa.string())])

_MEMBERS = """
with record as (select json from read_json_objects($paths, format = 'unstructured', maximum_object_size = 67108864)),
entry as (select json->>'key' as merged, unnest(from_json(json->'members', '["JSON"]')) as member from record)
select merged, member->>'key' as key, member->>'batch' as batch from entry order by all
"""


@dataclass(frozen=True)
class Listed:
    """Objects of the merged zone, each with its time: live ones, and objects or records without their counterpart."""

    live: dict[str, datetime]
    lone: dict[str, datetime]

    @property
    def digests(self) -> set[str]:
        """Digests of the sets of members that are merged already."""
        return {digest_of(key) for key in self.live}


def listed(lake: Lake, department: str | None = None, feed: str | None = None) -> Listed:
    """List the merged objects of the lake, or of one feed."""
    found = {info.key: info.modified for info in lake.store.list(f"{keys.merged_folder(department, feed)}/")}
    live = {key: at for key, at in found.items() if key.endswith(".parquet") and keys.merged_record(key) in found}
    whole = live.keys() | {keys.merged_record(key) for key in live}
    return Listed(live, {key: at for key, at in found.items() if key not in whole})


def members(lake: Lake, live: Listed) -> pa.Table:
    """One row per member of a live object, with columns `merged`, `key`, `batch`."""
    paths = [str(_local(lake, keys.merged_record(key))) for key in sorted(live.live)]
    if not paths:
        return SCHEMA.empty_table()
    with duckdb.connect() as connection:
        return connection.execute(_MEMBERS, {"paths": paths}).to_arrow_table().cast(SCHEMA)


def read(lake: Lake, merged: str) -> Compaction:
    """The record of a live object. Raises ObjectNotFound."""
    return Compaction.model_validate_json(lake.store.get_bytes(keys.merged_record(merged)))


def digest_of(merged: str) -> str:
    """The digest of the members, from the object's name."""
    return merged.rsplit("/", 1)[1].split("-", 1)[0]


def _local(lake: Lake, record: str) -> Path:
    copy = lake.settings.state_root / "merged" / record.removeprefix(f"{keys.MERGED}/")
    if copy.is_file():
        return copy
    copy.parent.mkdir(parents=True, exist_ok=True)
    # It appears whole or not at all, also where a build and a compaction ask at once.
    return lake.store.fetch(record, copy)
