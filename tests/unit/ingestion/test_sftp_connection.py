"""Connections to SFTP servers: every way to give one, the host key without which there is none, and no value shown."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus

import asyncssh
import pytest

from ingestion.errors import ConfigurationError
from ingestion.settings import Settings
from ingestion.sftp_connection import SftpConnection, fingerprint, from_settings

KEYS = [asyncssh.generate_private_key(kind) for kind in ("ssh-ed25519", "ecdsa-sha2-nistp384", "ssh-rsa")]
PRINT = "SHA256:" + "a+/" * 14 + "a"
URI = f"sftp://lake:p%40ss@files.example.org:2222/out/box?host_key={PRINT}"


def test_a_uri_json_and_the_fields_of_airflow_are_one_connection() -> None:
    plain = {
        "host": "files.example.org", "port": 2222, "login": "lake", "password": "p@ss", "folder": "out/box",
        "host_key": PRINT,
    }  # fmt: skip
    airflow = {key: plain[key] for key in ("host", "port", "login", "password")}
    airflow |= {"conn_type": "sftp", "extra": json.dumps({"host_key": [PRINT], "folder": "out/box"})}
    found = [SftpConnection.from_text(text, name="b") for text in (URI, json.dumps(plain), json.dumps(airflow))]
    assert found[0] == found[1] == found[2]
    assert found[0].where == "files.example.org:2222"
    assert found[0].fingerprints == {PRINT}
    assert "p@ss" not in repr(found[0]) + str(found[0])


@pytest.mark.parametrize("key", KEYS)
def test_the_fingerprint_of_a_key_is_openssh_s(key: asyncssh.SSHKey) -> None:
    assert fingerprint(key.export_public_key().decode().strip()) == key.get_fingerprint("sha256")


def test_several_keys_while_one_replaces_the_other() -> None:
    other = KEYS[0].get_fingerprint()
    assert SftpConnection.from_text(f"{URI}&host_key={other}", name="b").fingerprints == {PRINT, other}
    text = json.dumps({"host": "h", "login": "l", "password": "p", "host_key": f"{PRINT}, {other}"})
    assert SftpConnection.from_text(text, name="b").fingerprints == {PRINT, other}


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
def test_a_key_whose_base64_has_a_plus_may_stand_in_a_uri(kind: str) -> None:
    key = next(
        made for made in (asyncssh.generate_private_key(kind) for _ in range(1000))
        if b"+" in made.export_public_key().split()[1]
    )  # fmt: skip
    text = " ".join(key.export_public_key().decode().split()[:2])
    base = URI.partition("?")[0]
    for written in (text, f"{text} of the server", text.replace(" ", "+"), quote(text), quote_plus(text)):
        found = SftpConnection.from_text(f"{base}?host_key={written}", name="b")
        assert found.fingerprints == {key.get_fingerprint("sha256")}
        assert found.key_types == (kind,)


@pytest.mark.parametrize("key", KEYS)
def test_a_part_of_a_key_is_none(key: asyncssh.SSHKey) -> None:
    kind, text = key.export_public_key().decode().split()[:2]
    blob = base64.b64decode(text)
    for part in (blob[:-3], blob[: len(kind) + 4], blob + b"\0\0\0\1a", blob[:-32] + b"\0" * 3):
        assert fingerprint(f"{kind} {base64.b64encode(part).decode()}") is None


def test_folders_of_the_account_and_from_the_root() -> None:
    assert SftpConnection.from_text(URI, name="b").folder == "out/box"
    assert SftpConnection.from_text(URI.replace("/out", "//out"), name="b").folder == "/out/box"
    assert SftpConnection.from_text(URI.replace("/out/box", ""), name="b").folder == ""


def test_airflows_names_of_a_key_file() -> None:
    extra = {"key_file": "/etc/key", "host_key": PRINT}
    found = SftpConnection.from_fields(name="b", host="h", login="l", password="open", extra=extra)  # noqa: S106
    assert found.private_key is not None
    assert found.passphrase is not None
    assert (found.private_key.get_secret_value(), found.passphrase.get_secret_value()) == ("/etc/key", "open")
    assert found.password is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sftp://lake:secret@host/out", "host_key: Field required"),
        ("sftp://lake:secret@host/out?host_key=SHA256:short", "must be public keys"),
        ("sftp://lake:secret@host/out?host_key=ssh-ed25519 AAAAsecret", "must be public keys"),
        (f"sftp://lake@host/out?host_key={PRINT}", "needs a password or a private_key"),
        (f"sftp://lake:secret@host/../up?host_key={PRINT}", "folder: Value error, is a path without"),
        (f"sftp://lake:secret@host/out?host_key={PRINT}&no_host_key_check=true", "has no_host_key_check; allowed"),
        ("ftp://lake:secret@host/out", "is not a URI such as sftp://"),
        ('{"host": "secret', "begins like JSON and is none"),
        ('{"host": "h", "passwd": "secret"}', "passwd: Extra inputs are not permitted"),
        ('{"conn_type": "ftp", "host": "h", "password": "secret"}', "is of the type ftp"),
    ],
)
def test_what_is_no_connection_is_told_without_a_value(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        SftpConnection.from_text(text, name="hospital_b")
    assert said in str(caught.value)
    assert "CITYLAKE_CONN_HOSPITAL_B" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_none_there_says_both_ways(tmp_path: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"set CITYLAKE_CONN_B=sftp://.*host_key=SHA256"):
        from_settings(Settings(home=tmp_path), "b")
