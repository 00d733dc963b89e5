"""The page "today" over a lake, on 127.0.0.1 and without Airflow: an account that may do everything but approve.

What Airflow decides (who asks, and may they) is tested with a real one in tests/integration/browser.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI, Request

from dags.today.access import Caller
from dags.today.airflow_rest import AirflowRest
from dags.today.app import create_app
from dags.today.forms import Signer
from dags.today.render import Page
from ingestion.lake import Lake
from tests.support.ports import free_port

STEWARD = "steward"
_START_SECONDS = 30.0


@contextlib.contextmanager
def serving(lake: Lake) -> Iterator[str]:
    """The page's address. Its account is the steward of every department, and an operator."""
    departments = frozenset(contract.department for contract in lake.contracts.values())
    caller = Caller(STEWARD, "op", "", may_read=lambda _: True, may_run=lambda _: True, departments=departments)

    def identify(request: Request) -> None:
        request.state.caller = caller

    # Nothing answers there: the page must do without Airflow's runs.
    nowhere = f"http://127.0.0.1:{free_port()}"
    page = Page(lake=lambda: lake, signer=Signer("secret of a test"), airflow=lambda token: AirflowRest(nowhere, token))
    outer = FastAPI()
    outer.mount("/today", create_app(page, identify))
    with contextlib.closing(socket.socket()) as at:
        at.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(outer, log_level="critical", lifespan="off", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [at]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{at.getsockname()[1]}/today"
        finally:
            server.should_exit = server.force_exit = True
            thread.join(_START_SECONDS)
