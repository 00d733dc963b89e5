"""Pages from templates: Jinja2 with escaping on, every text through `dags.today.display.shown_text`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dags.today.access import Caller
from dags.today.airflow_rest import AirflowRest
from dags.today.display import Clock, shown_text
from dags.today.forms import Signer
from dags.today.texts import LANGUAGES, Texts, language_of, texts
from ingestion.city_time import recorded_in_city
from warehouse.title import Language, Title

if TYPE_CHECKING:
    from datetime import datetime

    from ingestion.lake import Lake

TEMPLATES = Path(__file__).with_name("templates")
LANGUAGE_COOKIE = "today_language"
_YEAR_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True)
class Page:
    """What every route of the app is given.

    `instance` is the name of this Airflow, `address` that of its pages as people know it (None: the request's own).
    """

    lake: Callable[[], Lake]
    signer: Signer
    airflow: Callable[[str], AirflowRest]
    instance: str = "citylake"
    address: str | None = None


def page_of(request: Request) -> Page:
    """The page's parts."""
    page: Page = request.app.state.page
    return page


def language(request: Request) -> Language:
    """The language of a response."""
    kept = request.cookies.get(LANGUAGE_COOKIE)
    return language_of(request.query_params.get("lang"), kept, request.headers.get("accept-language", ""))


def clock_of(request: Request, lake: Lake, now: datetime | None = None) -> Clock:
    """The city's time for a response. Raises ConfigurationError."""
    zone, in_city = ZoneInfo(lake.settings.timezone), recorded_in_city(lake.settings, lake.clock)
    return Clock(now or lake.city_time(), zone, language(request), in_city)


def is_synthetic(lake: Lake) -> bool:
    """Does the lake take in anything of a simulated city?"""
    return any(contract.citylake.synthetic for contract in lake.contracts.values())


def show(request: Request, template: str, *, code: int = 200, **values: Any) -> HTMLResponse:
    """A page of a template. `values` are what it names; it also gets language, texts, base address and caller."""
    chosen = language(request)
    caller: Caller | None = getattr(request.state, "caller", None)
    page = page_of(request)
    base = request.scope.get("root_path", "")
    shared = {
        "t": texts(chosen),
        "language": chosen,
        "base": base,
        "airflow": base.rpartition("/")[0],
        "instance": page.instance,
        "caller": caller,
        "csrf": page.signer.csrf(caller.account) if caller else "",
        "languages": [(name, texts(name)("language.name"), _in_language(request, name)) for name in LANGUAGES],
        "result": _result(request, page, caller),
        "clock": None,
        "synthetic": False,
    }
    response = HTMLResponse(_templates().get_template(template).render({**shared, **values}), code)
    if request.query_params.get("lang") == chosen:
        path = base or "/"
        response.set_cookie(
            LANGUAGE_COOKIE, chosen, max_age=_YEAR_SECONDS, path=path, httponly=True, samesite="lax",
            secure=request.url.scheme == "https",
        )  # fmt: skip
    return response


def words(request: Request) -> Texts:
    """The texts of the response's language."""
    return texts(language(request))


def _result(request: Request, page: Page, caller: Caller | None) -> dict[str, Any] | None:
    return page.signer.read_result(request.query_params.get("result"), caller.account) if caller else None


def _in_language(request: Request, name: str) -> str:
    """This page's address in another language."""
    kept = [(key, value) for key, value in request.query_params.multi_items() if key not in ("lang", "result")]
    return f"?{urlencode([*kept, ('lang', name)])}"


def _delivery_words(rule: str) -> Title:
    """Why a delivery was refused whole."""
    from warehouse.refused.words import delivery_words

    return delivery_words(rule)[0]


def _delivery_mend(rule: str) -> Title:
    """What the steward can do about it."""
    from warehouse.refused.words import delivery_words

    return delivery_words(rule)[1]


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=shown_text,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(delivery_words=_delivery_words, delivery_mend=_delivery_mend)
    environment.filters["part"] = lambda text: quote(str(text), safe="")
    return environment
