"""The verdicts of a gate run as one object in the store, written only when a decision or its inputs changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ingestion.values.document import Document
from warehouse.release import layout
from warehouse.verdict import Verdict, decisions_digest

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from ingestion.store.base import Store


class VerdictSet(Document):
    """All verdicts of one gate run. `digest` covers decisions and inputs, not times."""

    build_id: str
    digest: str
    verdicts: list[Verdict]


def latest(store: Store) -> VerdictSet | None:
    """The newest recorded set; None when the gate never decided."""
    key = next(recorded_keys(store), None)
    return None if key is None else load(store, key)


def load(store: Store, key: str) -> VerdictSet:
    """A recorded set. Raises ObjectNotFound."""
    return VerdictSet.model_validate_json(store.get_bytes(key))


def recorded_keys(store: Store, *, before: str | None = None) -> Iterator[str]:
    """Keys of the recorded sets, newest first, or of those before one; a day is listed when it is reached."""
    for folder in reversed(list(store.list_folders(layout.VERDICTS))):
        # A gate that was killed may have left its folder empty.
        if before is None or folder <= before.split("/")[1]:
            recorded = [info.key for info in store.list(f"{layout.VERDICTS}/{folder}")]
            yield from reversed([key for key in recorded if before is None or key < before])


def decision_time(lake: Lake) -> datetime:
    """Now, or a microsecond after the newest recorded set where the clock was set back, so that these become the
    newest.
    """
    now, before = lake.clock(), latest(lake.store)
    return now if before is None else max(now, before.verdicts[0].decided_at + timedelta(microseconds=1))


def record(lake: Lake, verdicts: list[Verdict]) -> bool:
    """Write the set unless the newest one has the same digest; whether it was written."""
    digest = decisions_digest(verdicts)
    before = latest(lake.store)
    if not verdicts or (before is not None and before.digest == digest):
        return False
    recorded = VerdictSet(build_id=verdicts[0].build_id, digest=digest, verdicts=verdicts)
    key = layout.verdicts(verdicts[0].decided_at, verdicts[0].build_id)
    lake.store.put_bytes(key, recorded.model_dump_json(indent=1).encode())
    return True
