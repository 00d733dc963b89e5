"""Which merged objects there are, told to several processes of one machine at once."""

from __future__ import annotations

import shutil
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from ingestion import keys
from ingestion.store import LocalStore
from ingestion.upkeep.compaction.catalogue import listed, members
from ingestion.upkeep.compaction.model import Compaction, Member
from tests.support.lakes import START, lake

KEY = keys.merged_object("office", "readings", "reading", "month=2026-03", "0123456789abcdef", "a")


class Distant(LocalStore):
    """A store that must be copied from, as one on S3 is; both readers have their copy before either goes on."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.together = threading.Barrier(2, timeout=20)

    def fetch(self, key: str, target: Path) -> Path:
        partial = target.with_name(f".{uuid.uuid4().hex}")
        shutil.copyfile(self._existing(key), partial)
        self.together.wait()
        partial.replace(target)
        self.together.wait()
        return target


def test_a_build_and_a_compaction_read_a_new_record_at_once(tmp_path: Path) -> None:
    made = lake(tmp_path)
    member = Member(key="bronze/x.parquet", batch="b", rows=1, sha256="0", row_hash="0")
    record = Compaction(
        department="office", feed="readings", table="reading", period="month=2026-03", revision="v1", key_version=1,
        key=KEY, bytes=1, sha256="0", rows=1, members=[member], made_at=START,
    )  # fmt: skip
    made.store.put_bytes(KEY, b"x")
    made.store.put_bytes(keys.merged_record(KEY), record.model_dump_json().encode())
    distant = replace(made, store=Distant(made.store.root))
    live = listed(made)
    with ThreadPoolExecutor(2) as pool:
        message = list(pool.map(lambda _: members(distant, live).to_pylist(), range(2)))
    assert message == [[{"merged": KEY, "key": "bronze/x.parquet", "batch": "b"}]] * 2
    assert members(distant, live).num_rows == 1
