"""Which files of a folder were taken in already, by the manifests of an interval's receipts.

A file is known by its source, size and time. One that was refused under another revision of the contract is fetched
again, and so is one changed less than two seconds before it was fetched: its time counts whole seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ingestion.connectors.fetch_errors import http_date
from ingestion.contract.model import Contract
from ingestion.errors import ObjectNotFound
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.receipts.manifests import read_manifest

_TAKEN_IN = """
select interval_start, batch from receipt
where department = $department and feed = $feed and interval_start is not null
group by interval_start, batch
having arg_max(outcome <> 'refused' or revision = $revision, (committed_at, key))
order by interval_start, max(committed_at)
"""
_RESOLUTION = timedelta(seconds=2)


class EarlierFiles:
    """The files of each interval of one feed. The receipt log is read once, at the first look-up."""

    def __init__(self, lake: Lake, contract: Contract) -> None:
        self._lake = lake
        self._contract = contract
        self._batches: dict[datetime, list[str]] | None = None
        self._files: dict[datetime, dict[tuple[str, ...], str]] = {}

    def batch(self, interval: Interval, source: str, facts: Mapping[str, str]) -> str | None:
        """The batch of the file with this source, `content-length` and `last-modified`; None where it is new."""
        if interval.start not in self._files:
            self._files[interval.start] = self._read(interval)
        return self._files[interval.start].get(_key(source, facts))

    def _read(self, interval: Interval) -> dict[tuple[str, ...], str]:
        found: dict[tuple[str, ...], str] = {}
        for batch in self._of_log().get(interval.start, []):
            try:
                manifest = read_manifest(self._lake.store, self._contract, interval, batch)
            except ObjectNotFound:
                continue
            modified = manifest.headers.get("last-modified")
            if modified and manifest.fetched_at - http_date(modified) >= _RESOLUTION:
                found[_key(manifest.source, manifest.headers)] = batch
        return found

    def _of_log(self) -> dict[datetime, list[str]]:
        if self._batches is None:
            self._batches = {}
            contract = self._contract
            values = {"department": contract.department, "feed": contract.feed, "revision": contract.revision}
            self._lake.log.refresh()
            with self._lake.log.reading() as connection:
                for start, batch in connection.execute(_TAKEN_IN, values).fetchall():
                    self._batches.setdefault(start.astimezone(UTC), []).append(str(batch))
        return self._batches


def _key(source: str, facts: Mapping[str, str]) -> tuple[str, ...]:
    return source, facts.get("content-length", ""), facts.get("last-modified", "")
