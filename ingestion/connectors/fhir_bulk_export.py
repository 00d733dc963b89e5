"""One export of a FHIR server: kick-off, polling, the manifest, its files, and the end of it at the server.

Bulk Data Access IG 2.0, Export: the kick-off is answered 202 with the URL of the export's status, which is asked until
it answers with the manifest. A server may drop an export at any time (404 or 410): then `Expired` is raised, and
`ingestion.connectors.fhir_bulk` kicks it off again.
"""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from ingestion.connectors.allowed_hosts import origin, redacted, server
from ingestion.connectors.body import Download
from ingestion.connectors.fetch_errors import FetchError, RetryableFetchError, retry_after
from ingestion.connectors.fhir_bulk_manifest import TRANSIENT, ExportFile, ExportManifest, read_manifest
from ingestion.connectors.web import Session
from ingestion.contract.sources import FhirBulk
from ingestion.parsers.fhir import MAX_MANIFEST_BYTES, count_resources
from ingestion.parsers.fhir_outcomes import MAX_OUTCOME_BYTES, issue_codes

FHIR_JSON = "application/fhir+json"
FHIR_NDJSON = "application/fhir+ndjson"
_KICKED_OFF = {"accept": FHIR_JSON, "prefer": "respond-async"}
_GONE = (httpx.codes.NOT_FOUND, httpx.codes.GONE)
_STATUS = (httpx.codes.OK, httpx.codes.ACCEPTED, *_GONE)
_ENDED = (200, 202, 204, 404, 405, 410, 501)
_FIRST_WAIT = 1.0
"""Shortest wait between two polls, s, also where the server asks for none."""
_DENIED = (401, 403, 407, 429)
"""Statuses that are about the request, not about the export: a token has expired, the server is busy."""
_NUMBERS = re.compile(r"(?<![0-9.])(?:[0-9]{1,3}(?:\.[0-9])? ?%|[0-9]{1,5} ?(?:of|/) ?[0-9]{1,5}(?![0-9]))")

log = logging.getLogger(__name__)


class Expired(FetchError):
    """The server has no longer what it exported; another export may be asked for."""


@dataclass
class Export:
    """One export that a server has taken. `asked`: the request that began it; `status`: where it is followed."""

    session: Session
    source: FhirBulk
    asked: httpx.URL
    status: httpx.URL
    deadline: float

    @classmethod
    def begin(cls, session: Session, source: FhirBulk, asked: httpx.URL, deadline: float) -> Export:
        """Kick off an export. Raises FetchError."""

        def attempt() -> httpx.URL:
            answers, explain = (httpx.codes.OK, httpx.codes.ACCEPTED), partial(outcome, deadline=deadline)
            with session.request("GET", asked, deadline, _KICKED_OFF, answers=answers, explain=explain) as response:
                where, location = redacted(response.url), response.headers.get("content-location", "")
                if response.status_code == httpx.codes.OK:
                    raise FetchError("answered 200 at once, where an export is taken with 202", where, advice=_NOT_BULK)
                if not location:
                    raise FetchError("took the export, and named no Content-Location", where, advice=_NOT_BULK)
                return _linked(session, response.url, location, asked, "the status of the export")

        return cls(session, source, asked, session.with_retries(attempt, deadline), deadline)

    def manifest(self) -> ExportManifest:
        """The manifest, once the export is finished. Raises Expired, and FetchError where it does not end."""
        wait, polls = _FIRST_WAIT, 0
        while True:
            answer = self.session.with_retries(self._poll, self.deadline)
            polls += 1
            if answer.body is not None:
                return read_manifest(answer.body, self.asked, self.status)
            wait = max(_FIRST_WAIT, min(2 * wait, self.source.max_wait) if answer.wait is None else answer.wait)
            self._check_wait(wait, answer.progress, polls)
            log.info("%s exports: %s; asked again in %.0f s", redacted(self.status), answer.progress, wait)
            self.session.sleep(wait)

    def download(self, file: ExportFile, manifest: ExportManifest, path: Path, most: int, before: int) -> Path:
        """One file of the export at `path`, checked. Raises Expired, FetchError.

        `most`: bytes that the export may have, of which `before` came already.
        """
        where = redacted(file.url)
        self.session.allowed_hosts.check_next(file.url, start=self.asked, page=self.status, what="a file of the export")
        if manifest.needs_credential and origin(file.url) != origin(self.asked):
            raise FetchError(
                f"wants the credential for files on another server, {server(file.url)}, which is not given it",
                redacted(self.status),
                advice="ask the department to give files on its own server, or by links that need no credential",
            )
        download = Download(path, most, before=before)

        def attempt() -> Path:
            headers = {"accept": FHIR_NDJSON, **download.conditions()}
            anonymous = not manifest.needs_credential
            with self.session.request(
                "GET", file.url, self.deadline, headers, answers=(200, 206, 416, *_GONE), anonymous=anonymous,
                explain=partial(outcome, deadline=self.deadline),
            ) as response:  # fmt: skip
                if response.status_code in _GONE:
                    raise _expired(response, f"has no longer the file {file.member}")
                download.take(response, self.deadline)
            with path.open("rb") as stream:
                found = count_resources(stream)
            if file.count is not None and found != file.count:
                path.unlink()
                download.resumable = None
                raise RetryableFetchError(
                    f"declares {file.count:,} resources in {file.member} and sent {found:,}", where
                )
            return path

        return self.session.with_retries(attempt, self.deadline)

    def end(self) -> None:
        """Tell the server that the export is no longer needed (DELETE); what it answers is only logged."""
        deadline = time.monotonic() + self.source.timeouts.read
        try:
            with self.session.request("DELETE", self.status, deadline, {"accept": FHIR_JSON}, answers=_ENDED):
                pass
        except FetchError as error:
            log.info("the export was not deleted: %s", error)

    def _poll(self) -> _Progress:
        headers = {"accept": "application/json"}
        with self.session.request(
            "GET", self.status, self.deadline, headers, answers=_STATUS,
            explain=partial(_failure, deadline=self.deadline),
        ) as response:  # fmt: skip
            if response.status_code in _GONE:
                raise _expired(response, "knows no longer of the export")
            if response.status_code == httpx.codes.OK:
                return _Progress(short_body(response, MAX_MANIFEST_BYTES, self.deadline))
            asked = retry_after(response.headers.get("retry-after"), response.headers.get("date"))
            return _Progress(None, asked, _progress(response.headers.get("x-progress", "")))

    def _check_wait(self, wait: float, progress: str, polls: int) -> None:
        """Raise FetchError where the export is given up."""
        where, timeouts = redacted(self.status), self.source.timeouts
        if wait > max(self.source.max_wait, _FIRST_WAIT):
            raise FetchError(
                f"asks to wait {wait:.0f} s between two polls, longer than the contract's {self.source.max_wait:.0f} s",
                where, advice="raise `source.max_wait` in the contract, if that is right",
            )  # fmt: skip
        if time.monotonic() + wait >= self.deadline:
            raise FetchError(
                f"did not end its export in {timeouts.total:.0f} s ({polls} polls; {progress}): given up", where,
                advice="ask the department how long exports take, and raise `source.timeouts.total` in the contract",
            )  # fmt: skip


@dataclass(frozen=True)
class _Progress:
    """An answer of the status: the manifest's bytes, or how long to wait (s, None: not said) and the server's words."""

    body: bytes | None
    wait: float | None = None
    progress: str = ""


_NOT_BULK = "ask the department whether its server exports by the Bulk Data Access IG 2.0"


def outcome(response: httpx.Response, deadline: float) -> str:
    """What the OperationOutcome of an error says, in codes; empty where the body is none."""
    codes = issue_codes(short_body(response, MAX_OUTCOME_BYTES, deadline))
    return f" (OperationOutcome: {', '.join(f'{severity} {code}' for severity, code in codes[:5])})" if codes else ""


def _failure(response: httpx.Response, deadline: float) -> str:
    """As `outcome`, of an export's status: there it means that the export failed, unless it may pass or is denied.

    Raises FetchError then: the status would say the same again (IG 2.0, Response - Error Status).
    """
    codes = issue_codes(short_body(response, MAX_OUTCOME_BYTES, deadline))
    if codes and response.status_code not in _DENIED and not {code for _, code in codes} & TRANSIENT:
        told = ", ".join(f"{severity} {code}" for severity, code in codes[:5])
        raise FetchError(
            f"failed to export: it answered {response.status_code} (OperationOutcome: {told})", redacted(response.url),
            advice="ask the department what its server's log says of the export",
        )  # fmt: skip
    return f" (OperationOutcome: {', '.join(code for _, code in codes[:5])})" if codes else ""


def short_body(response: httpx.Response, most: int, deadline: float) -> bytes:
    """The body, where it is at most this long and comes by the deadline (monotonic clock); else that of an error is
    empty, and any other raises FetchError.
    """
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        is_late = time.monotonic() > deadline
        if len(body) > most or is_late:
            if response.status_code != httpx.codes.OK:
                return b""
            what = (
                "is too slow: the total time-out of the contract is over" if is_late else f"sends over {most:,} bytes"
            )
            raise FetchError(f"{what}, where a short answer was asked for", redacted(response.url))
    return bytes(body)


def _progress(said: str) -> str:
    """The shares and counts in the server's words on its progress: the words themselves may quote anything."""
    return ", ".join(_NUMBERS.findall(said)[:3]) or "no progress told"


def _expired(response: httpx.Response, what: str) -> Expired:
    return Expired(f"{what} (it answered {response.status_code})", redacted(response.url))


def _linked(session: Session, base: httpx.URL, link: str, start: httpx.URL, what: str) -> httpx.URL:
    try:
        url = base.join(link)
    except (httpx.InvalidURL, UnicodeError):
        raise FetchError(f"names {what} by something that is no URL", redacted(base)) from None
    session.allowed_hosts.check_next(url, start=start, page=base, what=what)
    return url
