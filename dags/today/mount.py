"""How Airflow mounts the page: its app with Airflow's login and key, and its entry in the menu."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf

from dags.today.airflow_rest import AirflowRest
from dags.today.app import create_app
from dags.today.forms import Signer
from dags.today.lake import OneLake
from dags.today.render import Page
from ingestion.settings import Settings

PREFIX = "/today"


def app() -> dict[str, Any]:
    """The entry of `fastapi_apps`."""
    from dags.today.airflow_access import identifier

    settings = Settings()
    url, verify = _own_api()
    page = Page(
        lake=OneLake(Settings),
        signer=Signer(conf.get("api", "secret_key")),
        airflow=lambda token: AirflowRest(url, token, verify),
        instance=conf.get("api", "instance_name", fallback="citylake") or "citylake",
        address=conf.get("api", "base_url", fallback=None),
    )
    return {"app": create_app(page, identifier(settings.stewards)), "url_prefix": PREFIX, "name": "citylake today"}


def menu() -> dict[str, Any]:
    """The entry of `external_views`: a page of Airflow with this one in it, on the top level of the menu."""
    base = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
    return {
        "name": "今日 Today",
        "href": f"{base}{PREFIX}/",
        "url_route": "today",
        "destination": "nav",
        "nav_top_level": True,
    }


def _own_api() -> tuple[str, str | bool]:
    """Where this server answers itself, and with which certificate: calls for a caller do not leave the machine."""
    base = conf.get("api", "base_url", fallback="") or ""
    certificate = conf.get("api", "ssl_cert", fallback="") or ""
    if certificate:
        return base.rstrip("/"), certificate
    host = conf.get("api", "host", fallback="127.0.0.1")
    host = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound
    return f"http://{host}:{conf.getint('api', 'port', fallback=8080)}{urlsplit(base).path.rstrip('/')}", True
