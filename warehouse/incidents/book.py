"""Where incidents are kept: their state while they last, and their append-only history.

Owns object keys, the two locks of an incident and the order of writes. While an incident is open, or a notice of
it waits, its state is one object that is replaced; each event is also put into the history with the state
after it. State comes first, and whoever writes next repairs a history that a killed process left short.
Locks are files, so they hold on one host (the design has one); two hosts at once could tell twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from ingestion import keys
from ingestion.errors import IntegrityError, LakeBusy, ObjectNotFound
from ingestion.lake import Lake
from ingestion.machine.locks import exclusive, if_free
from warehouse.incidents.model import Incident

LOCK_SECONDS = 30.0


@dataclass(frozen=True)
class Book:
    """The incidents of one lake."""

    lake: Lake

    def active(self, kind: str | None = None, subject: str | None = None) -> list[Incident]:
        """Incidents that are open or still to be told, oldest first."""
        found = [self._read(info.key) for info in self.lake.store.list(f"{keys.incidents_active(kind, subject)}/")]
        return sorted((incident for incident in found if incident), key=lambda incident: incident.id)

    def load(self, kind: str, subject: str, incident: str) -> Incident | None:
        """Its state, None once it is over and told."""
        return self._read(keys.incident_active(kind, subject, incident))

    def ended(self, limit: int) -> list[Incident]:
        """The newest `limit` incidents that are over and told, newest first, from the history."""
        lasting = {incident.id for incident in self.active()}
        found: list[Incident] = []
        for name in reversed(self.lake.store.list_folders(f"{keys.incidents_history()}/")):
            if len(found) >= limit:
                break
            events = [info.key for info in self.lake.store.list(f"{keys.incidents_history(name)}/")]
            state = self._read(events[-1]) if events and name not in lasting else None
            found += [state] if state else []
        return found

    def write(self, incident: Incident, event: str) -> Incident:
        """Record an event: state replaced, then history; the state goes once nothing more can happen to it."""
        written = incident.model_copy(update={"sequence": incident.sequence + 1, "event": event})
        key = keys.incident_active(incident.kind, incident.subject, incident.id)
        self._mend_history(incident)
        self.lake.store.replace(key, _bytes(written))
        self._mend_history(written)
        if not written.is_open and not written.pending() and written.closed_by is None:
            self.lake.store.delete(key)
        return written

    def touch(self, incident: Incident) -> None:
        """Replace the state only: counts and times, which are not worth a line of history."""
        self.lake.store.replace(keys.incident_active(incident.kind, incident.subject, incident.id), _bytes(incident))

    def retire(self, incident: Incident) -> None:
        """Forget the state of an incident that is over; its history stays."""
        self._mend_history(incident)
        self.lake.store.delete(keys.incident_active(incident.kind, incident.subject, incident.id))

    @contextmanager
    def changing(self, kind: str, subject: str) -> Iterator[None]:
        """One change of a subject's incidents at a time; short, nothing is sent meanwhile. Raises LakeBusy."""

        def busy() -> LakeBusy:
            return LakeBusy(
                f"another process is recording an incident of {subject}",
                left="this occurrence was not recorded; the next sweep finds what the receipts and verdicts say",
                next_step="citylake incidents sweep",
            )

        with exclusive(self._lock_path(f"{kind}.{subject}"), busy=busy, timeout=LOCK_SECONDS):
            yield

    @contextmanager
    def sending(self, kind: str, subject: str) -> Iterator[bool]:
        """True for the one process that may send notices of a subject now; the others leave it to that one."""
        with if_free(self._lock_path(f"notify.{kind}.{subject}")) as is_mine:
            yield is_mine

    def _lock_path(self, name: str) -> Path:
        return self.lake.settings.state_root / "locks" / "incidents" / f"{keys.safe_name(name)}.lock"

    def _mend_history(self, incident: Incident) -> None:
        """Put the event the state stands for, where it is missing. A state that was only touched since has it."""
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
    """Sorts by time of opening."""
    return f"{opened_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{kind}-{keys.safe_name(subject)}"


def _bytes(incident: Incident) -> bytes:
    return incident.model_dump_json(indent=1).encode()
