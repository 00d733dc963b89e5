"""Airflow's own REST API on behalf of the caller, with the caller's token: Airflow checks the right again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ingestion.errors import CitylakeError

TIMEOUT_SECONDS = 20.0
_QUOTED = 300


class AirflowRefused(CitylakeError):
    """Airflow answered a call with an error, or not at all."""


@dataclass(frozen=True)
class AirflowRest:
    """The API at `url` (without /api/v2) as the account of `token`. `verify`: a certificate file for https."""

    url: str
    token: str = field(repr=False)
    verify: str | bool = True

    def get(self, path: str, **query: Any) -> Any:
        """GET below /api/v2. Raises AirflowRefused."""
        return self._call("GET", path, params=query)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """POST below /api/v2. Raises AirflowRefused."""
        return self._call("POST", path, json=body)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """PATCH below /api/v2. Raises AirflowRefused."""
        return self._call("PATCH", path, json=body)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        import httpx

        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            with httpx.Client(verify=self.verify, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
                response = client.request(method, f"{self.url}/api/v2{path}", headers=headers, **options)
        except httpx.HTTPError as error:
            raise _refused(f"Airflow does not answer ({type(error).__name__})") from error
        if response.is_error:
            raise _refused(f"Airflow answers {response.status_code}: {_detail(response)}")
        return response.json()


def _detail(response: Any) -> str:
    try:
        detail = response.json().get("detail")
    except (ValueError, AttributeError):
        detail = None
    return str(detail or response.reason_phrase)[:_QUOTED]


def _refused(message: str) -> AirflowRefused:
    return AirflowRefused(
        message, left="nothing was started or changed in Airflow", next_step="try again; see Airflow's page of the run"
    )
