"""Compare host names that contracts and connections declare with those of URLs.

Only names are compared, never what they resolve to: ignoring case, in ASCII form (RFC 5891), without the trailing dot
of an absolute name, an IP address in its shortest form (RFC 5952). Other spellings of an address, such as `127.1` or
`::ffff:127.0.0.1` for 127.0.0.1, are different names.
"""

from __future__ import annotations

import ipaddress
import re

_ENTRY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s/@:?#\[\]\\*%,]+)(?::([0-9]{1,5}))?")
_LONGEST = 253
_PORTS = {"http": 80, "https": 443}


def normal_host(host: str) -> str:
    """The normalised spelling of a host name or address, without brackets. Raises ValueError where it is none."""
    bare = host.removeprefix("[").removesuffix("]").lower().removesuffix(".")
    try:
        return ipaddress.ip_address(bare).compressed
    except ValueError:
        pass
    if not bare.isascii():
        import idna

        bare = idna.encode(bare, uts46=True).decode("ascii")
    if not bare or len(bare) > _LONGEST or ".." in bare or bare.startswith(".") or ":" in bare:
        raise ValueError("is no host name")
    return bare


def declared_host(text: str) -> tuple[str, int | None]:
    """Host and port of a declared `host` or `host:port`; port None means any. Raises ValueError with the reason."""
    found = _ENTRY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a host such as files.example.org, files.example.org:8443 or [::1]:8080")
    port = int(found[2]) if found[2] else None
    if port is not None and not 0 < port < 2**16:
        raise ValueError(f"{text!r} has a port outside 1 to 65535")
    try:
        return normal_host(found[1]), port
    except ValueError:
        raise ValueError(f"{text!r} is not a host name") from None


def is_declared(host: str, port: int | None, scheme: str, declared: tuple[str, ...]) -> bool:
    """Whether host and port are among the declared ones; `port` None is the scheme's default port."""
    try:
        name = normal_host(host)
    except ValueError:
        return False
    here = port or _PORTS.get(scheme)
    return any(name == known and at in (None, here) for known, at in map(declared_host, declared))


def same_host(one: str, other: str) -> bool:
    """Whether two spellings are the same host name."""
    try:
        return normal_host(one) == normal_host(other)
    except ValueError:
        return False
