"""What protects forms: a token bound to the account, and the request's origin. Airflow has neither for its own pages.

The token is signed with Airflow's secret key and lasts two hours. The same signature carries the result of an action
to the page that is shown after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import HTTPException, Request, status
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

LASTS_SECONDS = 7_200
RESULT_SECONDS = 300
MOST_BYTES = 16_384
"""The longest form."""
MOST_FIELDS = 40


@dataclass(frozen=True)
class Signer:
    """Makes and checks tokens. `secret` is Airflow's key for sessions."""

    secret: str = field(repr=False)

    def csrf(self, account: str) -> str:
        """The token for the forms of one account."""
        return self._of("csrf").dumps(account)

    def check_csrf(self, token: str, account: str) -> None:
        """Raises HTTPException 403 for a token that is missing, expired, changed, or another account's."""
        try:
            known = self._of("csrf").loads(token, max_age=LASTS_SECONDS)
        except SignatureExpired as error:
            raise HTTPException(status.HTTP_403_FORBIDDEN, "forbidden.expired") from error
        except BadSignature as error:
            raise HTTPException(status.HTTP_403_FORBIDDEN, "forbidden.csrf") from error
        if known != account:
            raise HTTPException(status.HTTP_403_FORBIDDEN, "forbidden.csrf")

    def result(self, account: str, result: dict[str, Any]) -> str:
        """The result of an action, for the address of the next page."""
        return self._of("result").dumps([account, result])

    def read_result(self, token: str | None, account: str) -> dict[str, Any] | None:
        """What `result` put in; None for anything else."""
        if not token:
            return None
        try:
            known, result = self._of("result").loads(token, max_age=RESULT_SECONDS)
        except (BadSignature, ValueError):
            return None
        return result if known == account and isinstance(result, dict) else None

    def _of(self, purpose: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.secret, salt=f"citylake.today.{purpose}")


def check_origin(request: Request, own: str | None) -> None:
    """Raises HTTPException 403 where a browser says that the form comes from another site.

    `own` is the address of Airflow's pages as people know it, behind a proxy; the request's own host counts too.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        raise HTTPException(status.HTTP_403_FORBIDDEN, "forbidden.origin")
    origin = request.headers.get("origin")
    hosts = {request.headers.get("host", ""), urlsplit(own or "").netloc} - {""}
    if origin is not None and urlsplit(origin).netloc not in hosts:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "forbidden.origin")


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form. Raises HTTPException 415 for another type of body, 413 for one too long, 422."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, "error.form")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, "error.form")
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, "error.form") from error
    return dict(fields)
