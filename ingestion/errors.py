"""The error tree of the package.

CitylakeError
├── ConfigurationError      a setting, key or folder is missing or contradicts another
├── ContractError           a contract file is wrong (file, key, allowed values)
├── StoreError              the object store refused or lost an operation
│   ├── DiskError           this machine's own disk refused: full, read-only, not permitted
│   └── ObjectNotFound      the key does not exist
├── SourceError             the department's side could not be read
│   └── SomeUnreadable      some items of an interval could not be read (ingestion.isolation)
├── DeliveryRefused         a delivery arrived and is refused whole; raw bytes are kept
├── NothingToDecide         no held delivery of that batch waits for a steward
├── LakeBusy                another process holds the lock this step needs
│   └── LockUnavailable     the locks' database cannot be reached, or a lock was lost while it was held
├── IntegrityError          counts or hashes that must agree do not; nothing was committed
└── UnexpectedError         a defect: an exception nobody expected; its crash log says where

Every message answers four questions: which feed and interval, what is wrong,
what state was left in the lake, and which command to run next.
Other packages derive their own errors from `CitylakeError`.
"""

from __future__ import annotations


class CitylakeError(Exception):
    """Base of every error this project raises on purpose.

    `message` says what is wrong; `left` what state the lake is in; `next_step`
    what the person at the console can do. All three are shown by `str()`.
    """

    def __init__(
        self,
        message: str,
        *,
        feed: str | None = None,
        interval: str | None = None,
        left: str | None = None,
        next_step: str | None = None,
    ) -> None:
        self.message = message
        self.feed = feed
        self.interval = interval
        self.left = left
        self.next_step = next_step
        super().__init__(self.render())

    def render(self) -> str:
        """The full message, with one fact per line."""
        where = " ".join(part for part in (self.feed, self.interval) if part)
        lines = [f"{where}: {self.message}" if where else self.message]
        if self.left:
            lines.append(f"  left:  {self.left}")
        if self.next_step:
            lines.append(f"  next:  {self.next_step}")
        return "\n".join(lines)


class ConfigurationError(CitylakeError):
    """A setting, key or folder is missing or contradicts another."""


class ContractError(CitylakeError):
    """A contract file is wrong."""


class StoreError(CitylakeError):
    """The object store refused or lost an operation."""


class DiskError(StoreError):
    """This machine's own disk refused to read or write: full, over quota, read-only, not permitted."""


class ObjectNotFound(StoreError):
    """The key does not exist in the store."""


class SourceError(CitylakeError):
    """The department's side could not be read.

    `is_whole_source` says that no other item of the feed can be read now either: the server cannot be reached, or
    asked to be left alone.
    """

    is_whole_source = False


class DeliveryRefused(CitylakeError):
    """A delivery is refused whole. Its raw bytes are kept.

    `rule` is a stable id (`encoding`, `header`, `html_page`, `unterminated_quote`,
    `refused_share`, `empty`, `zip_unsafe`, `zip_damaged`, `internal_error`, …) that goes into the receipt.
    `conformed` is the `Conformed` of a delivery whose rows were judged: counts and quarantine, no bronze.
    """

    conformed: object | None = None

    def __init__(self, message: str, *, rule: str, **facts: str | None) -> None:
        self.rule = rule
        super().__init__(message, **facts)


class NothingToDecide(CitylakeError):
    """No held delivery of that batch waits for a steward."""


class LakeBusy(CitylakeError):
    """Another process holds the lock this step needs."""


class LockUnavailable(LakeBusy):
    """The locks' database cannot be reached, or a lock was lost while it was held; this step committed nothing."""


class IntegrityError(CitylakeError):
    """Counts or hashes that must agree do not; nothing was committed."""


class UnexpectedError(CitylakeError):
    """An exception nobody expected: a defect of the lake, whatever the input. Its traceback is in a crash log."""
