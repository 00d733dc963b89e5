"""All object keys of the lake. No other module composes keys.

raw/<department>/<feed>/dt=<date>/<batch>/{manifest.json, payload/<filename>}
bronze/<department>/<feed>/<table>/dt=<date>/<batch>/<revision>-<attempt>.parquet
quarantine/<department>/<feed>/<table>/dt=<date>/<batch>/<revision>-<attempt>.parquet
merged/<department>/<feed>/<table>/<day or month>/<members>-<attempt>.{parquet,json}
receipts/committed=<date>/<time>-<department>.<feed>-<batch>-<attempt>.json
decisions/<time>-<batch>-<verb>.json
actions/at=<date>/<time>-<action>-<event>.json     append-only: what people do
published/<edition>/…                       (see warehouse.release)
editions/<edition>/…                        what an edition's readers may not know (see warehouse.release)
ledger/<edition>/<sequence>-<event>.json
incidents/active/<kind>/<subject>/<id>.json        replaced while the incident lasts, then gone
incidents/history/<id>/<sequence>-<event>.json     append-only
outbox/<department>/<feed>/dt=<date>/<batch>/{workbook.xlsx, item.json}    of a refused delivery, for its steward
outbox/@open/<department>.<feed>-<batch>.json      replaced until its steward was told of the correction, then gone
outbox/@mail/until=<date>/<time>-<id>.json         a mail as sent; deleted on that day
outbox/@cursor.json                                replaced: up to which receipt the outbox is complete
reconciliation/last.json                    the result of the last one, replaced
pseudonym-keys/v<version>.txt               by which hosts know that they have the same key; not the key
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime

from ingestion.errors import StoreError
from ingestion.intervals import Interval

_PART = re.compile(r"[^\w.\-+=@ ()（）]", re.UNICODE)

RAW = "raw"
BRONZE = "bronze"
QUARANTINE = "quarantine"
MERGED = "merged"
RECEIPTS = "receipts"
DECISIONS = "decisions"
ACTIONS = "actions"
PUBLISHED = "published"
PUBLISHED_INTERNAL = f"{PUBLISHED}/internal"
PUBLISHED_OPEN = f"{PUBLISHED}/open"
RESTRICTED = "restricted"
"""Restricted editions lie below it, one for each product: `published/restricted/<product>/…`."""
PUBLISHED_RESTRICTED = f"{PUBLISHED}/{RESTRICTED}"
EDITIONS = "editions"
LEDGER = "ledger"
INCIDENTS = "incidents"
OUTBOX = "outbox"
VERDICTS = "verdicts"
RECONCILIATION = "reconciliation"
KEY_CHECKS = "pseudonym-keys"
PRIVATE = (
    RAW,
    BRONZE,
    QUARANTINE,
    MERGED,
    RECEIPTS,
    DECISIONS,
    ACTIONS,
    EDITIONS,
    LEDGER,
    INCIDENTS,
    OUTBOX,
    VERDICTS,
    RECONCILIATION,
    KEY_CHECKS,
)
"""Every zone but what is published."""


def key_check(version: int) -> str:
    """The object that tells one pseudonym key of that version from another."""
    return f"{KEY_CHECKS}/v{version}.txt"


def batch_id(interval: Interval, sha256: str) -> str:
    """Interval start plus the first 12 hex digits of the content hash: retries share it."""
    return f"{interval.id}-{sha256[:12]}"


def bulk_digest(span: Interval, sha256: str) -> str:
    """In place of the content hash, for a file of many intervals: what the same bytes hold depends on the span too."""
    return hashlib.sha256(f"{sha256} {span.start.isoformat()} {span.end.isoformat()}".encode()).hexdigest()


def safe_name(filename: str) -> str:
    """One path part from a department's file name: no separators, no control characters."""
    name = _PART.sub("_", filename.replace("\\", "/").rsplit("/", 1)[-1]).strip(". ")
    # File systems count bytes, and a Chinese character is three of them.
    return name.encode()[-180:].decode(errors="ignore").strip(". ") or "payload"


def check_key(key: str) -> str:
    """The key itself, or `StoreError` when it could leave the store."""
    parts = key.split("/")
    if not key or key.startswith("/") or any(part in ("", ".", "..") for part in parts) or "\x00" in key:
        raise StoreError(f"unsafe object key {key!r}", left="nothing was written")
    return key


def raw_day(department: str, feed: str, dt: date) -> str:
    """Folder of one day's batches in the raw zone."""
    return f"{RAW}/{department}/{feed}/dt={dt.isoformat()}"


def raw_prefix(department: str, feed: str, dt: date, batch: str) -> str:
    """Folder of one batch in the raw zone."""
    return f"{raw_day(department, feed, dt)}/{batch}"


def raw_payload(prefix: str, filename: str) -> str:
    """The bytes as sent, below a raw prefix."""
    return f"{prefix}/payload/{safe_name(filename)}"


def raw_prefix_of(payload: str) -> str:
    """The folder of the batch whose bytes lie under the key `payload`."""
    return payload.split("/payload/", 1)[0]


def raw_manifest(prefix: str) -> str:
    """The manifest beside the bytes."""
    return f"{prefix}/manifest.json"


def raw_tombstone(prefix: str) -> str:
    """What stays where bytes were removed."""
    return f"{prefix}/tombstone.json"


def table_folder(zone: str, department: str, feed: str, table: str, dt: date, batch: str) -> str:
    """Folder of one batch's bronze or quarantine objects of a table, of every attempt."""
    return f"{zone}/{department}/{feed}/{table}/dt={dt.isoformat()}/{batch}"


def table_object(
    zone: str, department: str, feed: str, table: str, dt: date, batch: str, revision: str, attempt: str
) -> str:
    """A bronze or quarantine Parquet object; unique per attempt, named by the receipt that commits it."""
    return f"{table_folder(zone, department, feed, table, dt, batch)}/{revision}-{attempt}.parquet"


def merged_folder(department: str | None = None, feed: str | None = None) -> str:
    """Folder of merged bronze: all, or that of one feed."""
    return "/".join([MERGED, *(part for part in (department, feed) if part)])


def merged_object(department: str, feed: str, table: str, period: str, members: str, attempt: str) -> str:
    """Several bronze objects as one; `members` is the digest of which. Its record lies beside it."""
    return f"{merged_folder(department, feed)}/{table}/{period}/{members}-{attempt}.parquet"


def merged_record(merged: str) -> str:
    """The record that commits a merged object."""
    return f"{merged.removesuffix('.parquet')}.json"


def receipt(committed_at: datetime, department: str, feed: str, batch: str, attempt: str) -> str:
    """The commit of one attempt; sorts by commit time within its date."""
    moment = committed_at.astimezone(UTC)
    name = f"{moment:%Y%m%dT%H%M%S%fZ}-{department}.{feed}-{batch}-{attempt}.json"
    return f"{RECEIPTS}/committed={moment:%Y-%m-%d}/{name}"


def decision(decided_at: datetime, batch: str, verb: str) -> str:
    """A person's word on one batch."""
    return f"{DECISIONS}/{decided_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{batch}-{verb}.json"


def action_folder(day: str) -> str:
    """One day's entries in the ledger of actions; `day` is `at=<date>` (UTC)."""
    return f"{ACTIONS}/{day}"


def action_entry(at: datetime, action: str, event: str) -> str:
    """One entry of the ledger of actions; sorts by time."""
    moment = at.astimezone(UTC)
    return f"{action_folder(f'at={moment:%Y-%m-%d}')}/{moment:%Y%m%dT%H%M%S%fZ}-{safe_name(action)}-{event}.json"


def edition_cells(edition: str, table: str | None = None, content: str | None = None) -> str:
    """Counts that an open table has shown, by the hash of its rows; without it the folder of the table, or of all."""
    folder = f"{EDITIONS}/{safe_name(edition)}/cells"
    if table is None:
        return folder
    folder = f"{folder}/{safe_name(table)}"
    return folder if content is None else f"{folder}/{safe_name(content)}.parquet"


def edition_cells_feed(edition: str, table: str, feed: str) -> str:
    """An empty object: the open table has shown counts made of this feed, whose rows are not shared."""
    return f"{edition_cells(edition, table)}/feeds/{safe_name(feed)}"


def edition_record(edition: str, release: str | None = None) -> str:
    """The private record of one release of an edition, or the folder of them all: never below `published/`."""
    folder = f"{EDITIONS}/{safe_name(edition)}/releases"
    return f"{folder}/{safe_name(release)}.json" if release else folder


def edition_hold(edition: str) -> str:
    """The hold of an edition whose readers may not know who set it and why."""
    return f"{EDITIONS}/{safe_name(edition)}/hold.json"


def edition_candidate(edition: str) -> str:
    """What waits for approval before it is published in an edition."""
    return f"{EDITIONS}/{safe_name(edition)}/candidate.json"


def edition_moving(edition: str) -> str:
    """The mark that older releases of an edition still show tables that are restricted now; deleted when none does."""
    return f"{EDITIONS}/{safe_name(edition.replace('/', '_'))}/moving.json"


def last_reconciliation() -> str:
    """The result of the last reconciliation."""
    return f"{RECONCILIATION}/last.json"


def incidents_active(kind: str | None = None, subject: str | None = None) -> str:
    """Folder of the incidents that last: all, or those of one subject."""
    parts = [f"{INCIDENTS}/active", *(safe_name(part) for part in (kind, subject) if part)]
    return "/".join(parts)


def incident_active(kind: str, subject: str, incident: str) -> str:
    """The state of one incident while it lasts."""
    return f"{incidents_active(kind, subject)}/{safe_name(incident)}.json"


def incidents_history(incident: str | None = None) -> str:
    """Folder of every incident's history, or of one's."""
    return f"{INCIDENTS}/history/{safe_name(incident)}" if incident else f"{INCIDENTS}/history"


def incident_event(incident: str, sequence: int, event: str) -> str:
    """One event of an incident, with its state after it."""
    return f"{incidents_history(incident)}/{sequence:06d}-{safe_name(event)}.json"


def outbox_folder(department: str, feed: str | None = None, dt: date | None = None, batch: str | None = None) -> str:
    """Folder of what is handed to the steward of one refused delivery, or of those of a feed or a department."""
    parts = [department, feed, f"dt={dt.isoformat()}" if dt else None, batch]
    return "/".join([OUTBOX, *(part for part in parts if part)])


def outbox_item(folder: str) -> str:
    """What is told of one refused delivery, and whether it was."""
    return f"{folder}/item.json"


def outbox_workbook(folder: str) -> str:
    """The refused rows of one delivery as a workbook."""
    return f"{folder}/workbook.xlsx"


def outbox_open(department: str | None = None, feed: str | None = None, batch: str | None = None) -> str:
    """The mark of a refused delivery that its steward has to hear of, or the folder of all (no department has `@`)."""
    folder = f"{OUTBOX}/@open"
    return f"{folder}/{department}.{feed}-{batch}.json" if batch else folder


def outbox_mail(until: date, at: datetime, name: str) -> str:
    """A mail to a steward as it was sent `at`, kept up to and including the day `until`."""
    return f"{outbox_mails(until)}/{at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{safe_name(name)}.json"


def outbox_mails(until: date | None = None) -> str:
    """Folder of the mails that are kept up to a day, or of all."""
    folder = f"{OUTBOX}/@mail"
    return f"{folder}/until={until.isoformat()}" if until else folder


def outbox_cursor() -> str:
    """The time of the newest receipt whose refused delivery is in the outbox."""
    return f"{OUTBOX}/@cursor.json"
