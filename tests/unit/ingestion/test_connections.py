"""Connections: from the environment, from what Airflow has, and what a wrong one may never show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingestion.connections import Connection, from_settings
from ingestion.errors import ConfigurationError
from ingestion.settings import Settings

SECRET = "pa55-word"  # noqa: S105  made up, to be looked for


def given(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Connection:
    monkeypatch.setenv("CITYLAKE_CONN_OFFICE", text)
    return from_settings(Settings(home=tmp_path), "office")


def shown(connection: Connection) -> tuple[object, ...]:
    secrets = [s.get_secret_value() if s else None for s in (connection.password, connection.token)]
    return connection.base_url, connection.auth, connection.login, *secrets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://host/data", ("https://host/data/", "none", None, None, None)),
        ("http://me:p%40ss@host:8080/", ("http://host:8080/", "basic", "me", "p@ss", None)),
        ("https://host?auth=bearer&token=t", ("https://host/", "bearer", None, None, "t")),
        ("https://host?auth=header&parameter=X-Key&token=t", ("https://host/", "header", None, None, "t")),
        ("http://[::1]:80/x", ("http://[::1]:80/x/", "none", None, None, None)),
        ('{"base_url": "https://host", "token": "t"}', ("https://host/", "bearer", None, None, "t")),
        (
            '{"conn_type": "http", "host": "host", "schema": "https", "port": 8443, "login": "me", "password": "p",'
            ' "extra": "{}"}',
            ("https://host:8443/", "basic", "me", "p", None),
        ),
    ],
)
def test_from_the_environment(
    text: str, expected: tuple[object, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert shown(given(text, monkeypatch, tmp_path)) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"conn_type": "http", "host": "host"}, ("http://host/", "none", None, None, None)),
        (
            {"conn_type": "http", "host": "https://host/api", "port": 8443},
            ("https://host:8443/api/", "none") + (None,) * 3,
        ),
        ({"host": "host", "login": "me", "password": "p"}, ("https://host/", "basic", "me", "p", None)),
        ({"host": "host", "password": "t", "extra": {"auth": "bearer"}}, ("https://host/", "bearer", None, None, "t")),
    ],
)
def test_from_what_airflow_has(fields: dict[str, object], expected: tuple[object, ...]) -> None:
    assert shown(Connection.from_fields(name="office", **fields)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        f"ftp://me:{SECRET}@host/",
        f"https://me:{SECRET}@",
        f"https://me:{SECRET}@host:port/",
        f"me:{SECRET}",
        f"https://host?auth=bearer&password={SECRET}&unknown=1",
        f"https://host?auth=header&token={SECRET}",
        f"https://host?auth={SECRET}",
        f'{{"base_url": "https://me:{SECRET}@host"}}',
        f'{{"base_url": "https://host", "token": ["{SECRET}"]}}',
        f'{{"host": "host", "secret": "{SECRET}"}}',
        f'{{"host": "host", "password": "{SECRET}"',
        f'{{"host": "host", "extra": "{SECRET}"}}',
        f'{{"base_url": "https://host", "token": "{SECRET}\\n"}}',
        f'{{"base_url": "https://host", "token": " {SECRET}"}}',
        f'{{"base_url": "https://host", "auth": "header", "parameter": "X Key", "token": "{SECRET}"}}',
        f'{{"base_url": "https://host", "proxy": "me:{SECRET}@proxy:8080"}}',
        f'{{"base_url": "https://host", "proxy": "socks5://me:{SECRET}@proxy:8080"}}',
        f'{{"base_url": "https://host", "proxy": "http://me:{SECRET}@[proxy"}}',
        f'{{"base_url": "https://host", "proxy": "http://me:{SECRET}@proxy:port"}}',
        f'{{"base_url": "https://host", "auth": "oauth2", "login": "me", "password": "{SECRET}", "token_url": "ftp://x"}}',
        f'{{"base_url": "https://host", "auth": "oauth2", "login": "me", "password": "{SECRET}", "token_url": "https://["}}',
    ],
)
def test_a_wrong_one_is_told_without_its_values(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        given(text, monkeypatch, tmp_path)
    message = str(wrong.value)
    assert "connection 'office'" in message
    assert "CITYLAKE_CONN_OFFICE" in message
    assert SECRET not in message
    assert SECRET not in repr(wrong.value.__cause__)


def test_a_missing_one_says_both_ways_to_give_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as missing:
        from_settings(Settings(home=tmp_path), "nobody")
    assert "CITYLAKE_CONN_NOBODY=" in str(missing.value)
    assert "Airflow connection" in str(missing.value)


def test_secrets_are_not_in_what_is_printed() -> None:
    made = Connection.model_validate(
        {"base_url": "https://host", "login": "me", "password": SECRET, "proxy": f"http://me:{SECRET}@proxy"}
    )
    assert SECRET not in repr(made) + str(made) + json.dumps(made.model_dump(mode="json"))


def test_settings_still_refuse_what_they_do_not_know(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        Settings(home=tmp_path, conn_office="x")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "text",
    [
        "https://host?redirect_hosts=a.org,[::1]:8080",
        '{"base_url": "https://host", "redirect_hosts": ["a.org", "[::1]:8080"]}',
        '{"host": "host", "extra": "{\\"redirect_hosts\\": \\"a.org, [::1]:8080\\"}"}',
    ],
)
def test_redirect_hosts_as_a_list_or_as_text(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert given(text, monkeypatch, tmp_path).redirect_hosts == ("a.org", "[::1]:8080")


def test_a_whole_url_among_the_hosts_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = json.dumps({"base_url": "https://host", "redirect_hosts": [f"https://me:{SECRET}@a.org"]})
    with pytest.raises(ConfigurationError, match=r"redirect_hosts: .*must be hosts such as") as raised:
        given(text, monkeypatch, tmp_path)
    assert SECRET not in str(raised.value)
