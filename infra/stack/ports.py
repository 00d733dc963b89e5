"""Ports of a stack on 127.0.0.1: five consecutive numbers from 4420 where they are free, else the next five
that are."""

from __future__ import annotations

import socket
from dataclasses import asdict, dataclass

from infra.stack.processes import StackError

BASE, STEP, ROWS = 4420, 10, 40


@dataclass(frozen=True)
class Ports:
    """The port of each service."""

    airflow: int
    pages: int
    departments: int
    postgres: int
    store: int

    @classmethod
    def row(cls, first: int) -> Ports:
        """Five ports in a row."""
        return cls(*range(first, first + 5))


def free_ports(base: int = BASE) -> Ports:
    """The first row from `base` on in which nothing listens. Raises StackError."""
    for number in range(ROWS):
        ports = Ports.row(base + number * STEP)
        if all(_is_free(port) for port in asdict(ports).values()):
            return ports
    raise StackError(f"no five free ports from {base} on", next_step="end what listens there, or set another --port")


def listens(port: int) -> bool:
    """Whether a server listens on the port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
