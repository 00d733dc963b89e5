"""The caller as Airflow's login knows it: cookie of the page or bearer token, roles, rights on DAGs.

Works with every auth manager: it asks the one in force. Airflow's own endpoints keep their checks; a call of the REST
API on the caller's behalf carries the caller's own token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Request

from dags.today.access import Caller


def identifier(stewards: Mapping[str, Sequence[str]]) -> Any:
    """The app's dependency: finds the caller, or ends the request with 401. `stewards`: account to departments."""

    def identify(request: Request, user: GetUserDep) -> None:
        request.state.caller = caller(request, user, stewards)

    return identify


def caller(request: Request, user: Any, stewards: Mapping[str, Sequence[str]]) -> Caller:
    """The caller of a request that Airflow has authenticated as `user`."""
    manager = get_auth_manager()

    # A page asks of the same DAG more than once.
    @cache
    def may_read(dag: str) -> bool:
        return bool(manager.is_authorized_dag(method="GET", details=DagDetails(id=dag), user=user))

    @cache
    def may_run(dag: str) -> bool:
        entity, details = DagAccessEntity.RUN, DagDetails(id=dag)
        return bool(manager.is_authorized_dag(method="POST", access_entity=entity, details=details, user=user))

    account = user.get_name()
    return Caller(
        account=account,
        role=role_of(user),
        token=_token(request),
        may_read=may_read,
        may_run=may_run,
        departments=frozenset(stewards.get(account, ())),
    )


def role_of(user: Any) -> str:
    """The role as people know it: the simple auth manager has one, others may have several or none."""
    role = getattr(user, "role", None)
    if role:
        return str(role)
    names = sorted(str(getattr(role, "name", role)) for role in getattr(user, "roles", None) or [])
    return ", ".join(names) or "no role"


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")
