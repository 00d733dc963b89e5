"""Connector for the export of a FHIR server: the resources changed since an interval began, as one delivery.

`fhir_bulk_export` follows an export, `fhir_bulk_manifest` reads what it consists of; here it is kicked off, again where
it expires, and its files are stored in one archive (`ingestion.parsers.fhir`) with the manifest, whose URLs are cut.
Resources that came since the interval's end are in it, too, and again in later ones: an export has no end but its
transactionTime (docs/adr/0039).
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import httpx

from ingestion.clocks import shown
from ingestion.connectors.allowed_hosts import redacted
from ingestion.connectors.base import Fetched, content_as_of
from ingestion.connectors.fetch_errors import FetchError, RetryableFetchError
from ingestion.connectors.fhir_bulk_export import FHIR_JSON, FHIR_NDJSON, Expired, Export, short_body
from ingestion.connectors.fhir_bulk_manifest import ExportFile, ExportManifest
from ingestion.connectors.read_intervals import ReadIntervals
from ingestion.connectors.scratch import scratch_folder, source_name
from ingestion.connectors.web import Session
from ingestion.contract.health_formats import FhirFormat
from ingestion.contract.model import Contract
from ingestion.contract.sources import FhirBulk
from ingestion.errors import ConfigurationError
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.parsers.fhir import MANIFEST
from ingestion.parsers.fhir_outcomes import doubt, failures

NAME = "fhir_bulk/1"
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
_MAX_STATEMENT_BYTES = 16 * 2**20
"""Of a CapabilityStatement; a longer one is not read."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FhirBulkConnector:
    """See ingestion.connectors.base.Connector."""

    lake: Lake
    contract: Contract
    source: FhirBulk

    @cached_property
    def _session(self) -> Session:
        connection = self.lake.connection(self.source.connection)
        if connection.auth == "query":
            # A server repeats the request in its manifest, and in the addresses of its files.
            raise ConfigurationError(
                f"connection {self.source.connection!r} sends its token in the query, where a FHIR server repeats it",
                feed=f"{self.contract.department}.{self.contract.feed}",
                next_step="give the connection `auth` bearer, basic, header or oauth2",
            )
        return Session(self.source, connection)

    @cached_property
    def _read(self) -> ReadIntervals:
        return ReadIntervals(self.lake, self.contract)

    @property
    def _types(self) -> list[str]:
        return self.source.types or [str(table.source) for table in self.contract.tables]

    def fetch(self, contract: Contract, interval: Interval, now: datetime) -> list[Fetched]:
        """The interval's export; empty where the interval has not ended, or the export has no file.

        The latter is no delivery unless the contract says `empty: no_data`: nothing has arrived yet. What was taken in
        is not exported again: `known` names it. A snapshot older than one that was is over.
        """
        is_snapshot = contract.citylake.delivery == "snapshot"
        if not is_snapshot and interval.end > now:
            return []
        asked = self._kick_off(interval)
        if not is_snapshot or self._read.is_over(interval):
            known = self._read.batch(interval)
            if known is not None:
                return [self._fetched(Path(os.devnull), asked, interval, now, now, known=known)]
            if is_snapshot:
                return []
        with scratch_folder(self.lake, contract, interval) as scratch:
            deadline = self._session.deadline()
            self._check_version(deadline)
            path = scratch.folder / "export.zip"
            ends = None if is_snapshot else interval.end
            manifest, doubt = self._exported(asked, path, deadline, ends)
            if not manifest.files and contract.citylake.empty == "refuse":
                log.info("%s has nothing for %s", redacted(asked), interval.id)
                return []
            headers = {"request": _shown(asked), "transaction-time": manifest.taken_at.isoformat()}
            fetched = self._fetched(
                path, asked, interval, now, manifest.taken_at, headers=headers, replaces=is_snapshot, doubt=doubt
            )
            return [scratch.remove_with(fetched)]

    def _kick_off(self, interval: Interval) -> httpx.URL:
        """The request of the export. The calendar's first interval asks for all that is older, too."""
        params = {"_outputFormat": FHIR_NDJSON, "_type": ",".join(self._types)}
        calendar = self.contract.calendar
        first = calendar.at(datetime.combine(calendar.start, datetime.min.time()))
        if self.source.since and interval != first:
            params["_since"] = interval.start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._session.url(self.source.export).copy_merge_params(params)

    def _fetched(
        self, path: Path, asked: httpx.URL, interval: Interval, now: datetime, taken_at: datetime, *,
        known: str | None = None, headers: dict[str, str] | None = None, replaces: bool = False,
        doubt: str | None = None,
    ) -> Fetched:  # fmt: skip
        return Fetched(
            path=path,
            filename=f"{self.contract.feed}_{interval.id}.zip",
            source=source_name("fhir_bulk", asked),
            connector=NAME,
            fetched_at=now.astimezone(UTC),
            content_as_of=content_as_of(self.contract, interval, modified=taken_at, fetched=now),
            headers=headers or {},
            known=known,
            replaces=replaces,
            doubt=doubt,
        )

    def _exported(
        self, asked: httpx.URL, path: Path, deadline: float, ends: datetime | None
    ) -> tuple[ExportManifest, str | None]:
        """The archive at `path`, from the first export that could be downloaded whole. Raises FetchError.

        `ends`: when the interval ends, whose whole state it must be of.
        """
        for left in range(self.source.attempts - 1, -1, -1):
            export = Export.begin(self._session, self.source, asked, deadline)
            try:
                manifest = export.manifest()
                self._check_taken_at(manifest, ends, export.status)
                return manifest, self._stored(export, manifest, path)
            except Expired as error:
                if not left:
                    raise FetchError(
                        f"{error.what}; exported {self.source.attempts} times and never downloaded whole",
                        redacted(export.status),
                        advice="ask the department how long its server keeps an export",
                    ) from None
                log.warning("%s; kicked off again, %d attempts left", error, left)
            finally:
                export.end()
        raise FetchError("was not asked: the contract allows no attempt", redacted(asked))

    def _check_taken_at(self, manifest: ExportManifest, ends: datetime | None, status: httpx.URL) -> None:
        """Raise FetchError where the files are of a moment before the interval's end: what came later would be lost."""
        if ends is None or not manifest.files or manifest.taken_at >= ends:
            return
        zone = self.contract.calendar.zone
        raise RetryableFetchError(
            f"exported its state of {shown(manifest.taken_at, zone)}, before the interval ended "
            f"({shown(ends, zone)}): its clock is behind, or it exports an older copy",
            redacted(status),
        )

    def _stored(self, export: Export, manifest: ExportManifest, path: Path) -> str | None:
        """Write the archive; returns why the export may be incomplete, by what the server reports."""
        chosen = manifest.of_types(self._types)
        if len(chosen) < len(manifest.files):
            log.warning("%s exports types that were not asked for: left there", redacted(export.status))
        size, failed, codes = 0, 0, dict[str, int]()
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_entry(MANIFEST), manifest.body)
            for file in sorted(chosen, key=lambda file: file.member):
                part = export.download(file, manifest, path.with_name("part"), self.source.max_bytes, size)
                size += part.stat().st_size
                _add(archive, file, part)
                if file.section == "error":
                    with part.open("rb") as stream:
                        count, found = failures(stream)
                    failed += count
                    codes |= {code: codes.get(code, 0) + number for code, number in found.items()}
                part.unlink()
        return doubt(failed, codes)

    def _check_version(self, deadline: float) -> None:
        """Raise FetchError where the server says (CapabilityStatement) that it serves another FHIR version.

        A server that does not answer that request is judged by its resources (`ingestion.parsers.fhir`).
        """
        spec = self.contract.citylake.format
        version = self._served_version(deadline)
        if version is None or not isinstance(spec, FhirFormat) or f"{version}.".startswith(f"{spec.version}."):
            return
        raise FetchError(
            f"serves FHIR {version[:20]}, where the contract declares {spec.version}",
            redacted(self._session.url("metadata")),
            advice="ask the department for its R4 endpoint, or write a contract for the version it serves",
        )

    def _served_version(self, deadline: float) -> str | None:
        url = self._session.url("metadata")
        try:
            with self._session.request("GET", url, deadline, {"accept": FHIR_JSON}) as response:
                body = short_body(response, _MAX_STATEMENT_BYTES, deadline)
            version = json.loads(body)["fhirVersion"]
        except FetchError as error:
            log.info("the server's CapabilityStatement was not had: %s", error)
            return None
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        return version if isinstance(version, str) else None


def _shown(url: httpx.URL) -> str:
    """The request without a login; its parameters are those of the contract, and hold no credential."""
    return f"{redacted(url)}?{url.query.decode()}"


def _entry(name: str) -> zipfile.ZipInfo:
    """A member with fixed time and attributes: equal content is packed into equal bytes."""
    info = zipfile.ZipInfo(name, _FIXED_TIME)
    info.create_system, info.external_attr, info.compress_type = 3, 0o644 << 16, zipfile.ZIP_DEFLATED
    return info


def _add(archive: zipfile.ZipFile, file: ExportFile, part: Path) -> None:
    entry = _entry(file.member)
    entry.file_size = part.stat().st_size
    with part.open("rb") as source, archive.open(entry, "w") as target:
        shutil.copyfileobj(source, target, 2**20)
