"""A reader that never stops: opens every edition through its pointer, checks all it names, and queries it.

Usage: chaos_reader.py, with the lake's settings in the environment; ends when its input is closed. Tells one JSON
line a loop: when it began and ended (monotonic seconds) and the release it verified by edition. A release that
is not whole, or older than the one before it, ends it with a traceback.
"""

from __future__ import annotations

import json
import select
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from ingestion.sql import identifier
from ingestion.values.hashes import sha256_of_file
from warehouse import sql
from warehouse.release import pointer
from warehouse.release.layout import EDITIONS
from warehouse.release.manifest import Manifest

PAUSE_SECONDS = 0.02
"""Short against the shortest step, which has a loop of the reader within it then."""

# Each fact's rows with the dimension's row they refer to: as many as the fact has, and none without.
JOINS = {"fct_call": [("dim_office", "office_id")]}
ACROSS = {
    "internal": """
        select sum(readings) = (select count(*) from fct_reading) as whole
        from mart_office_daily inner join dim_office on mart_office_daily.office_code = dim_office.office_code""",
    "open": "select count(*) = count(distinct reading_id) as whole from pub_reading",
}


class Reader:
    """What was seen of each edition."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.last: dict[str, str] = {}

    def loop(self) -> dict[str, str]:
        """Verify every edition that is released; release by edition."""
        found = {}
        for edition in EDITIONS:
            manifest = pointer.current(self.lake, edition)
            if manifest is not None:
                self.verify(manifest)
                found[edition] = manifest.id
        return found

    def verify(self, manifest: Manifest) -> None:
        before = self.last.get(manifest.edition, "")
        assert manifest.id >= before, f"{manifest.edition} went back from {before} to {manifest.id}"
        self.files(manifest, is_new=manifest.id > before)
        self.rows(manifest)
        self.last[manifest.edition] = manifest.id

    def files(self, manifest: Manifest, *, is_new: bool) -> None:
        """Sizes always; hashes of all files once a release, since hashing costs a read of each."""
        named = [manifest.warehouse, *(file for table in manifest.tables.values() for file in table.files)]
        for file in named:
            info = self.lake.store.head(file.key)
            assert info is not None, f"{file.key} of {manifest.id} is gone"
            assert info.size == file.bytes, f"{file.key} of {manifest.id}: {info.size} bytes, not {file.bytes}"
        with self.lake.scratch() as scratch:
            for number, file in enumerate(named if is_new else []):
                found = sha256_of_file(self.lake.store.fetch(file.key, scratch / str(number)))
                assert found == file.sha256, f"{file.key} of {manifest.id} has other bytes"

    def rows(self, manifest: Manifest) -> None:
        counts = ", ".join(
            f"(select count(*) from {identifier(name)}) as {identifier(name)}" for name in manifest.tables
        )
        with sql.connect(self.lake, manifest.edition, manifest.id) as connection:
            counted = sql.query(connection, f"select {counts}").to_pylist()[0]
            assert counted == {name: entry.rows for name, entry in manifest.tables.items()}, manifest.id
            for fact, joined in JOINS.items():
                if fact in manifest.tables:
                    joins = " ".join(f"inner join {table} on {fact}.{key} = {table}.{key}" for table, key in joined)
                    (row,) = sql.query(connection, f"select count(*) as n from {fact} {joins}").to_pylist()
                    assert row["n"] == manifest.tables[fact].rows, f"{fact} of {manifest.id} refers to nothing"
            (row,) = sql.query(connection, ACROSS[manifest.edition]).to_pylist()
            assert row["whole"], manifest.id


def main() -> None:
    reader = Reader(open_lake(Settings()))
    while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
        began = time.monotonic()
        found = reader.loop()
        sys.stdout.write(json.dumps({"began": began, "ended": time.monotonic(), "found": found}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
