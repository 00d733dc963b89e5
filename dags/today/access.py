"""Who asks for a page and what they may do; Airflow decides both (dags.today.airflow_access).

Reading: whoever may read the DAG `warehouse`, and of feeds those whose DAG they may read. Acting: whoever may start
runs of the feed's DAG, or of `warehouse` for what is of no feed. The text of refused rows: accounts that
CITYLAKE_STEWARDS names for the feed's department, whatever their role.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import HTTPException, Request, status

from warehouse.actions.model import Actor

if TYPE_CHECKING:
    from warehouse.status.model import FeedLine

WAREHOUSE = "warehouse"
"""The DAG whose rights are those of everything that belongs to no feed."""


def _none(_: str) -> bool:
    return False


@dataclass(frozen=True)
class Caller:
    """One account. `token` is its own, for calls of Airflow's REST API on its behalf.

    `may_read` and `may_run` say of a DAG id whether the account may read it and start runs of it. `departments` are
    those whose refused rows it may see.
    """

    account: str
    role: str
    token: str = field(repr=False)
    may_read: Callable[[str], bool] = field(default=_none, repr=False)
    may_run: Callable[[str], bool] = field(default=_none, repr=False)
    departments: frozenset[str] = frozenset()

    @property
    def actor(self) -> Actor:
        """How the ledger names this account."""
        return Actor(account=self.account, role=self.role, via="page")

    @property
    def is_operator(self) -> bool:
        """May it act on editions, incidents and approvals?"""
        return self.may_run(WAREHOUSE)

    @property
    def is_steward(self) -> bool:
        """Is it the steward of any department?"""
        return bool(self.departments)

    def is_steward_of(self, feed: str) -> bool:
        """May it see the text of refused rows of this feed?"""
        return feed.split(".", 1)[0] in self.departments

    def readable(self, feeds: Iterable[FeedLine]) -> list[FeedLine]:
        """The feeds that this account may read."""
        return [line for line in feeds if self.may_read(line.feed)]


def caller_of(request: Request) -> Caller:
    """The account that the app's dependency found. Raises HTTPException 403 where it may not read the page."""
    caller: Caller = request.state.caller
    if not caller.may_read(WAREHOUSE):
        raise forbidden("forbidden.read")
    return caller


def require(allowed: bool, why: str) -> None:
    """Raises HTTPException 403 with the text of the catalogue unless `allowed`."""
    if not allowed:
        raise forbidden(why)


def forbidden(why: str) -> HTTPException:
    """403; `why` is a key of the catalogue of texts."""
    return HTTPException(status.HTTP_403_FORBIDDEN, why)


def not_found(why: str = "error.not_found") -> HTTPException:
    """404; `why` is a key of the catalogue of texts."""
    return HTTPException(status.HTTP_404_NOT_FOUND, why)
