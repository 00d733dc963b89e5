"""When two spellings are one host, and when a declared host is meant."""

from __future__ import annotations

import pytest

from ingestion.values.hosts import declared_host, is_declared, same_host


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Example.ORG", "example.org", True),
        ("example.org.", "example.org", True),
        ("b\u00fccher.example", "xn--bcher-kva.example", True),
        ("B\u00dcCHER.example", "XN--BCHER-KVA.example", True),
        ("[::1]", "0:0:0:0:0:0:0:1", True),
        ("127.0.0.1", "localhost", False),
        ("127.0.0.1", "127.1", False),
        ("127.0.0.1", "2130706433", False),
        ("127.0.0.1", "0x7f000001", False),
        ("127.0.0.1", "::ffff:127.0.0.1", False),
        ("example.org", "www.example.org", False),
        ("example.org", "example.org.evil.org", False),
        ("example.org", "ex\u0430mple.org", False),
        ("", "", False),
        ("..", "..", False),
    ],
)
def test_same_host(one: str, other: str, is_same: bool) -> None:
    """By name alone; how a name resolves is not asked."""
    assert same_host(one, other) == same_host(other, one) == is_same


@pytest.mark.parametrize(
    ("host", "port", "scheme", "is_meant"),
    [
        ("a.org", None, "https", True),
        ("A.org.", 8443, "http", True),
        ("b.org", None, "https", True),
        ("b.org", 443, "https", True),
        ("b.org", None, "http", False),
        ("b.org", 8443, "https", False),
        ("::1", 80, "http", True),
        ("c.org", None, "https", False),
        ("..", None, "https", False),
    ],
)
def test_declared_with_and_without_a_port(host: str, port: int | None, scheme: str, is_meant: bool) -> None:
    assert is_declared(host, port, scheme, ("a.org", "b.org:443", "[::1]:80")) == is_meant


def test_a_declared_host_is_told_what_it_should_be() -> None:
    assert declared_host("Files.example.org:8443") == ("files.example.org", 8443)
    with pytest.raises(ValueError, match="is not a host such as files"):
        declared_host("https://files.example.org")
