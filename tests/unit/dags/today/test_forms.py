"""Tokens are one account's and do not last; forms of other sites are refused."""

from __future__ import annotations

import itsdangerous.timed
import pytest
from fastapi import HTTPException, Request

from dags.today.forms import LASTS_SECONDS, RESULT_SECONDS, Signer, check_origin

SIGNER = Signer("secret")


def request(**headers: str) -> Request:
    named = {"host": "lake.example:8080", **headers}
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()]
    return Request({"type": "http", "headers": raw, "scheme": "https", "path": "/", "query_string": b""})


def test_a_token_is_good_for_its_account_only() -> None:
    token = SIGNER.csrf("operator")
    SIGNER.check_csrf(token, "operator")
    for wrong, account in ((token, "viewer"), (token + "x", "operator"), ("", "operator"), (token[1:], "operator")):
        with pytest.raises(HTTPException) as refused:
            SIGNER.check_csrf(wrong, account)
        assert (refused.value.status_code, refused.value.detail) == (403, "forbidden.csrf")
    with pytest.raises(HTTPException):
        SIGNER.check_csrf(Signer("another").csrf("operator"), "operator")
    with pytest.raises(HTTPException):
        SIGNER.check_csrf(SIGNER.result("operator", {}), "operator")


def test_a_token_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    token, result = SIGNER.csrf("operator"), SIGNER.result("operator", {"done": "x"})
    at = itsdangerous.timed.TimestampSigner.get_timestamp
    monkeypatch.setattr(itsdangerous.timed.TimestampSigner, "get_timestamp", lambda self: at(self) + RESULT_SECONDS + 1)
    assert SIGNER.read_result(result, "operator") is None
    SIGNER.check_csrf(token, "operator")
    monkeypatch.setattr(itsdangerous.timed.TimestampSigner, "get_timestamp", lambda self: at(self) + LASTS_SECONDS + 1)
    with pytest.raises(HTTPException) as refused:
        SIGNER.check_csrf(token, "operator")
    assert refused.value.detail == "forbidden.expired"


def test_a_result_is_shown_to_its_account_only() -> None:
    token = SIGNER.result("operator", {"done": "rolled back"})
    assert SIGNER.read_result(token, "operator") == {"done": "rolled back"}
    assert SIGNER.read_result(token, "viewer") is None
    for other in ("made up", None, SIGNER.csrf("operator")):
        assert SIGNER.read_result(other, "operator") is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://lake.example:8080"},
        {"origin": "http://lake.example:8080", "sec_fetch_site": "same-origin"},
        {"origin": "https://airflow.city.example"},
    ],
)
def test_its_own_forms_pass(headers: dict[str, str]) -> None:
    check_origin(request(**headers), "https://airflow.city.example/airflow/")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "https://lake.example"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": "https://lake.example:8080"},
        {"sec_fetch_site": "none"},
    ],
)
def test_forms_of_other_sites_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(HTTPException) as refused:
        check_origin(request(**headers), None)
    assert (refused.value.status_code, refused.value.detail) == (403, "forbidden.origin")
