"""Ports for servers that tests start: below the range the system takes for outgoing connections, a part a worker.

A port the system hands out (bind to 0) lies in that range: between the probe that found it free and the server that
binds it, any connection of any process may be given it.
"""

from __future__ import annotations

import os
import random
import socket

LOWEST, HIGHEST, PARTS, ROW = 10_000, 32_000, 8, 50
"""Linux gives outgoing connections 32768 and up (`net.ipv4.ip_local_port_range`)."""

_size = (HIGHEST - LOWEST) // PARTS
_first = LOWEST + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PARTS * _size
# Somewhere in the part: another run of the tests beside this one has the same parts.
_offset = random.Random().randrange(_size)


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on; not given twice until the part is used up. Raises RuntimeError."""
    for _ in range(_size):
        port = _next(1)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise RuntimeError(f"no free port from {_first} to {_first + _size}")


def stack_base() -> int:
    """First port of a stack's rows: away from the parts of other workers and from a stack somebody runs."""
    return _next(ROW)


def _next(count: int) -> int:
    global _offset  # noqa: PLW0603 - a counter of this process
    if _offset + count > _size:
        _offset = 0
    _offset += count
    return _first + _offset - count
