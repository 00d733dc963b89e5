"""The containers' health check, against a real server."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from infra.compose.health import main

PARTS = {"scheduler": {"status": "healthy"}, "triggerer": {"status": "unhealthy"}, "dag_processor": {"status": None}}


class _Airflow(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/health"
        body = json.dumps(PARTS).encode() if found else b"<html>"
        self.send_response(500 if self.path == "/broken" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Airflow) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["/health"], None),
        (["/health", "scheduler"], None),
        (["/health", "triggerer"], "triggerer: unhealthy"),
        (["/health", "dag_processor"], "dag_processor: None"),
        (["/health", "worker"], "says nothing of worker"),
        (["/page", "scheduler"], "says nothing of scheduler"),
        (["/broken"], "500"),
    ],
)
def test_only_what_is_well_passes(
    url: str, arguments: list[str], says: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([url + arguments[0], *arguments[1:]]) == (0 if says is None else 1)
    assert (says or "") in capsys.readouterr().err


def test_nobody_there_is_not_well(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["http://127.0.0.1:1/"]) == 1
    assert "refused" in capsys.readouterr().err


def test_a_proxy_of_the_environment_is_not_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert main([f"{url}/health"]) == 0
