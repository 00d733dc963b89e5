"""Check the envelopes of HL7 files and batches: each is closed, and holds as many messages as its trailer says.

HL7 v2.5, 2.10.3: `FHS { BHS { messages } BTS } FTS`, where BTS-1 counts messages and FTS-1 batches. Envelopes are
optional; where one begins and does not end, the rest of the file is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.errors import DeliveryRefused

_END = {"file": "FTS", "batch": "BTS"}
_DIGITS = 18


@dataclass
class Batches:
    """What is open now, and how much came since."""

    count: int = 0
    """Envelope segments so far."""
    _file: bool = False
    _batch: int | None = None
    _in_file: int = 0
    _messages: int = 0
    _at_file: int = 0

    def add(self, segment: bytes, messages: int) -> None:
        """The next envelope segment, with the number of messages before it. Raises DeliveryRefused (`hl7_batch`)."""
        name = segment[:3].decode("ascii")
        self._messages = messages
        self.count += 1
        {"FHS": self._open_file, "BHS": self._open_batch, "BTS": self._close_batch, "FTS": self._close_file}[name](
            _count(segment)
        )

    def end(self) -> None:
        """The file ends here. Raises DeliveryRefused (`hl7_batch`)."""
        if self._batch is not None:
            raise _wrong("a batch begins (BHS) and does not end (BTS): the rest of the file is missing")
        if self._file:
            raise _wrong("the file begins with FHS and has no FTS: its end is missing")

    def _open_file(self, _: str) -> None:
        if self._file or self._batch is not None:
            raise _wrong(f"a file begins (FHS) where {_END['batch' if self._batch is not None else 'file']} was due")
        self._file, self._in_file, self._at_file = True, 0, self._messages

    def _open_batch(self, _: str) -> None:
        if self._batch is not None:
            raise _wrong("a batch begins (BHS) before the one before it ended (BTS)")
        self._batch = self._messages
        self._in_file += 1

    def _close_batch(self, declared: str) -> None:
        if self._batch is None:
            raise _wrong("a batch ends (BTS) that never began (BHS): the beginning of the file is missing")
        came, self._batch = self._messages - self._batch, None
        _compare("BTS-1", declared, {came}, f"{came:,} messages")

    def _close_file(self, declared: str) -> None:
        if self._batch is not None:
            raise _wrong("the file ends (FTS) within a batch: its BTS is missing")
        if not self._file:
            raise _wrong("the file ends (FTS) and never began (FHS): its beginning is missing")
        self._file = False
        came = self._messages - self._at_file
        if self._in_file:
            _compare("FTS-1", declared, {self._in_file}, f"{self._in_file:,} batches")
        else:  # messages without a batch around them are counted as one, as none or each
            _compare("FTS-1", declared, {0, 1, came}, f"{came:,} messages outside any batch")


def _count(segment: bytes) -> str:
    """Field 1 of a trailer."""
    parts = segment[3:].split(segment[3:4], 2) if len(segment) > len("BTS") else []
    return parts[1].decode("ascii", "replace").strip() if len(parts) > 1 else ""


def _compare(field: str, declared: str, right: set[int], came: str) -> None:
    if not declared:
        return
    is_number = declared.isascii() and declared.isdigit() and len(declared) <= _DIGITS
    number = int(declared) if is_number else None
    if number not in right:
        said = f"{number:,}" if number is not None else "no number"
        raise _wrong(f"{field} says {said}, and {came} came")


def _wrong(what: str) -> DeliveryRefused:
    return DeliveryRefused(
        f"the envelope of the HL7 file does not agree with what it holds: {what}",
        rule="hl7_batch",
        next_step="ask the department for the whole file: it was cut on the way, or written by a program with a fault",
    )
