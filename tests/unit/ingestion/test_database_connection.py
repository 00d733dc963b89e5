"""Connections to databases: every way to give one, and messages that show no value."""

from __future__ import annotations

import json
from typing import Any

import psycopg2.extensions
import pytest

from ingestion.database_connection import DatabaseConnection
from ingestion.errors import ConfigurationError

URI = "postgresql://reader:p%40ss%27w%5Crd@db.example.org:5433/exchange?sslmode=verify-full&sslrootcert=/etc/ca.pem"
FIELDS = {
    "conn_type": "postgres", "host": "db.example.org", "port": 5433, "schema": "exchange", "login": "reader",
    "password": "p@ss'w\\rd", "extra": {"sslmode": "verify-full", "sslrootcert": "/etc/ca.pem"},
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [URI, json.dumps(FIELDS), json.dumps(FIELDS | {"conn_type": "generic", "extra": json.dumps(FIELDS["extra"])})],
)
def test_a_uri_and_the_fields_of_airflow_are_one_connection(text: str) -> None:
    found = DatabaseConnection.from_text(text, name="office")
    assert found.where == "db.example.org:5433/exchange"
    assert psycopg2.extensions.parse_dsn(found.conninfo(connect_timeout=3).get_secret_value()) == {
        "host": "db.example.org", "port": "5433", "dbname": "exchange", "user": "reader", "password": "p@ss'w\\rd",
        "sslmode": "verify-full", "sslrootcert": "/etc/ca.pem", "connect_timeout": "3",
    }  # fmt: skip
    assert "p@ss" not in repr(found) + str(found) + str(found.conninfo())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://reader:secret@db/exchange", "is not a URI such as postgresql://"),
        ("postgresql://reader:secret@db:port/exchange", "is not a URI such as"),
        ("postgresql://reader:secret@db", "database: String should have at least 1 character"),
        ("postgresql://db/exchange?password=secret", "login: String should have at least 1 character"),
        ("postgresql://reader:secret@db/exchange?options=secret", "has options; allowed: sslmode"),
        ('{"host": "db", ', "begins like JSON and is none"),
        ('{"host": "db", "passwrd": "secret"}', "has unknown keys: passwrd"),
        (json.dumps(FIELDS | {"conn_type": "mysql"}), "is of the type mysql"),
        (json.dumps(FIELDS | {"port": 99_999}), "port: Input should be less than"),
    ],
)
def test_what_is_no_connection_is_told_without_a_value(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DatabaseConnection.from_text(text, name="office")
    assert said in str(caught.value)
    assert "CITYLAKE_CONN_OFFICE" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_tasks_take_airflows_connection_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from dags.factory import runtime
    from ingestion.settings import Settings

    monkeypatch.setenv("AIRFLOW_CONN_OFFICE", json.dumps(FIELDS))
    assert runtime.database(Settings(home=tmp_path), "office").where == "db.example.org:5433/exchange"
