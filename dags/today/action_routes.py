"""`POST /action/{verb}`: first the page that says what will happen and asks for a reason, then, confirmed, the action.

Each request is checked for its origin, its token, and the caller's right, in this order, also before the first page.
After an action the browser is sent to a page that says what was done (303), so that a reload repeats nothing.
"""

from __future__ import annotations

import logging
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from dags.today.access import caller_of
from dags.today.actions import FEED_VERBS, Asked, At, asked, perform, require_details, require_right
from dags.today.forms import check_origin, form_of
from dags.today.render import clock_of, is_synthetic, page_of, show, words
from ingestion.errors import CitylakeError

router = APIRouter()
log = logging.getLogger("citylake.today")
SEE_OTHER, CONFLICT, UNPROCESSABLE = 303, 409, 422


@router.post("/action/{verb}")
def action(request: Request, verb: str, form: Annotated[dict[str, str], Depends(form_of)]) -> Response:
    """Confirm, or do, one action."""
    caller, page = caller_of(request), page_of(request)
    check_origin(request, page.address)
    page.signer.check_csrf(form.get("csrf", ""), caller.account)
    at = At(page.lake(), caller, page.airflow(caller.token))
    wanted = asked(verb, form)
    require_right(at, wanted)
    try:
        require_details(at, wanted)
        if form.get("confirm") != "yes":
            return _confirm(request, at, wanted)
        if not wanted.reason:
            return _confirm(request, at, wanted, status=UNPROCESSABLE, error=words(request)("error.reason"))
        said = perform(at, wanted)
    except CitylakeError as error:
        log.warning("%s of %s by %s failed: %s", verb, wanted.subject, caller.actor.signature, type(error).__name__)
        return _confirm(request, at, wanted, status=CONFLICT, error=str(error))
    log.info("%s of %s by %s", verb, wanted.subject, caller.actor.signature)
    result = page.signer.result(caller.account, _result(request, wanted, said))
    place = f"feed/{quote(wanted.subject, safe='')}" if verb in FEED_VERBS else ""
    address = f"{request.scope.get('root_path', '')}/{place}?{urlencode({'result': result})}"
    return RedirectResponse(address, SEE_OTHER)


def _confirm(request: Request, at: At, wanted: Asked, *, status: int = 200, error: str | None = None) -> Response:
    return show(
        request,
        "confirm.html",
        synthetic=is_synthetic(at.lake),
        code=status,
        clock=clock_of(request, at.lake),
        asked=wanted,
        sentence=words(request)(f"confirm.{wanted.verb}", **_named(request, wanted)),
        error=error,
        is_feed=wanted.verb in FEED_VERBS,
    )


def _result(request: Request, wanted: Asked, said: dict[str, str]) -> dict[str, str]:
    """What the page after the action says: done, and where the catalogue has it, left and next.

    `said` may name the sentence that is next.
    """
    t, named = words(request), {**_named(request, wanted), **said}
    following = said.get("next", f"result.{wanted.verb}_next")
    keys = {"done": f"result.{wanted.verb}", "left": f"result.{wanted.verb}_left", "next": following}
    return {name: t(key, **named) for name, key in keys.items() if key in t}


def _named(request: Request, wanted: Asked) -> dict[str, str]:
    t, details = words(request), {f"{name}_day": text for name, text in wanted.details.items()}
    kind = wanted.subject.partition("/")[0]
    edition = t.edition(wanted.subject) if f"edition.{kind}" in t else wanted.subject
    return {**details, **wanted.details, "subject": wanted.subject, "edition": edition}
