"""The app of the page: routes, headers, errors as pages.

Handlers are plain functions and run in the server's thread pool; what they need is imported when first used, so that
the API server starts as fast as without the page.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import Scope

from dags.today import action_routes, pages, steward_routes
from dags.today.headers import SafeHeaders
from dags.today.render import Page, show
from ingestion.errors import CitylakeError

log = logging.getLogger("citylake.today")
STATIC = Path(__file__).with_name("static")
_BUSY, _ERROR, _NOT_FOUND = 503, 500, 404
_WORDS = {401: "error.login", 404: "error.not_found", 405: "error.method"}


def create_app(page: Page, identify: Callable[..., Any]) -> FastAPI:
    """The app. `identify` is a dependency that sets `request.state.caller`, or ends the request with 401."""
    app = FastAPI(
        title="today",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[Middleware(SafeHeaders, failed=_unexpected)],
    )
    app.state.page = page
    # Style and script are nobody's secret; everything else needs an account.
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in (pages.router, steward_routes.router, action_routes.router):
        app.include_router(router, dependencies=[Depends(identify)])
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(CitylakeError, _lake_error)
    return app


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else _ERROR
    key = getattr(error, "detail", None)
    return show(request, "error.html", code=status, key=_WORDS.get(status, key), message=None, known=key)


def _not_valid(request: Request, _: Exception) -> Response:
    return show(request, "error.html", code=_NOT_FOUND, key="error.not_found", message=None, known=None)


def _lake_error(request: Request, error: Exception) -> Response:
    """What an error of the lake says is for people: it holds no values of the data."""
    log.warning("%s: %s", request.url.path, type(error).__name__)
    return show(request, "error.html", code=_BUSY, key="error.title", message=str(error), known=None)


def _unexpected(scope: Scope, error: Exception) -> Response:
    """An unexpected error's text may hold values of the data: neither page nor log quotes it."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    line = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else "unknown"
    log.error("%s failed: %s at %s", scope.get("path"), type(error).__name__, line)
    return show(Request(scope), "error.html", code=_ERROR, key="error.internal", message=None, known=None)
