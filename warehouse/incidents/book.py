"""Store incidents: the current state of those that are active, and an append-only history of all.

An incident is active while it is open or a notice of it is unsent; its state is then one object, which is replaced.
Each event is also added to the history, with the state after it. The state is written first, and the next write adds
an event that a killed process left out of the history. A lock of the lake for each subject keeps two hosts from
sending a notice twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from ingestion import keys
from ingestion.errors import IntegrityError, LakeBusy, ObjectNotFound
from ingestion.lake import Lake
from warehouse.incidents.model import Incident

LOCK_SECONDS = 30.0


@dataclass(frozen=True)
class Book:
    """The incidents of one lake."""

    lake: Lake

    def active(self, kind: str | None = None, subject: str | None = None) -> list[Incident]:
        """Incidents that are open or have an unsent notice, oldest first."""
        read = [self._read(info.key) for info in self.lake.store.list(f"{keys.incidents_active(kind, subject)}/")]
        return sorted((incident for incident in read if incident), key=lambda incident: incident.id)

    def load(self, kind: str, subject: str, incident: str) -> Incident | None:
        """The state of an active incident; None once it is resolved and its notices are sent."""
        return self._read(keys.incident_active(kind, subject, incident))

    def ended(self, limit: int) -> list[Incident]:
        """The newest `limit` incidents that are no longer active, newest first, from the history."""
        active = {incident.id for incident in self.active()}
        ended: list[Incident] = []
        for name in reversed(self.lake.store.list_folders(f"{keys.incidents_history()}/")):
            if len(ended) >= limit:
                break
            events = [info.key for info in self.lake.store.list(f"{keys.incidents_history(name)}/")]
            state = self._read(events[-1]) if events and name not in active else None
            ended += [state] if state else []
        return ended

    def write(self, incident: Incident, event: str) -> Incident:
        """Record an event: replace the state, add to the history; the incident as written.

        The state is deleted once the incident is resolved and its notices are sent, unless a person closed it.
        """
        written = incident.model_copy(update={"sequence": incident.sequence + 1, "event": event})
        key = keys.incident_active(incident.kind, incident.subject, incident.id)
        self._complete_history(incident)
        self.lake.store.replace(key, _bytes(written))
        self._complete_history(written)
        if not written.is_open and not written.pending() and written.closed_by is None:
            self.lake.store.delete(key)
        return written

    def touch(self, incident: Incident) -> None:
        """Replace the state without an event in the history, for changes of counts and times."""
        self.lake.store.replace(keys.incident_active(incident.kind, incident.subject, incident.id), _bytes(incident))

    def retire(self, incident: Incident) -> None:
        """Delete the state of an incident that is resolved; its history stays."""
        self._complete_history(incident)
        self.lake.store.delete(keys.incident_active(incident.kind, incident.subject, incident.id))

    @contextmanager
    def changing(self, kind: str, subject: str) -> Iterator[None]:
        """Lock the incidents of a subject for a short change; no notice is sent under this lock. Raises LakeBusy."""

        def busy(holder: str | None) -> LakeBusy:
            return LakeBusy(
                f"another process is recording an incident of {subject}{f' ({holder})' if holder else ''}",
                left="this occurrence was not recorded; the next sweep finds what the receipts and verdicts say",
                next_step="citylake incidents sweep",
            )

        with self.lake.locks.exclusive(_lock(f"{kind}.{subject}"), busy=busy, timeout=LOCK_SECONDS):
            yield

    @contextmanager
    def sending(self, kind: str, subject: str) -> Iterator[bool]:
        """Lock sending notices of a subject: True for the process that got the lock, False for others, without
        waiting."""
        with self.lake.locks.if_free(_lock(f"notify.{kind}.{subject}")) as is_mine:
            yield is_mine

    def _complete_history(self, incident: Incident) -> None:
        """Add the newest event of this state to the history where a killed process left it out."""
        if incident.sequence:
            key = keys.incident_event(incident.id, incident.sequence, incident.event)
            if self.lake.store.head(key) is None:
                self.lake.store.put_bytes(key, _bytes(incident))

    def _read(self, key: str) -> Incident | None:
        try:
            return Incident.model_validate_json(self.lake.store.get_bytes(key))
        except ObjectNotFound:
            return None
        except ValidationError as error:
            raise IntegrityError(
                f"object {key!r} is not an incident of this version",
                left="nothing was changed",
                next_step="move that object out of the store, then run the command again",
            ) from error


def new_id(opened_at: datetime, kind: str, subject: str) -> str:
    """An id that sorts by the time of opening: `<UTC time>-<kind>-<subject>`."""
    return f"{opened_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{kind}-{keys.safe_name(subject)}"


def _lock(name: str) -> str:
    return f"incidents/{keys.safe_name(name)}"


def _bytes(incident: Incident) -> bytes:
    return incident.model_dump_json(indent=1).encode()
