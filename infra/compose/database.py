"""`python -m infra.compose.database`: the roles and databases of Airflow and of the locks; run by `init`.

In the environment: POSTGRES_ADDRESS (host:port), POSTGRES_ADMIN_PASSWORD, POSTGRES_PASSWORD (of Airflow's role),
POSTGRES_LOCKS_PASSWORD (of the role that takes locks).
Safe to repeat. In a volume of an earlier version, where Airflow was the administrator, Airflow gets a role of its own.
"""

from __future__ import annotations

import os
import sys

import psycopg2

from infra.stack.postgres_roles import ADMINISTRATOR, OWNER, Server, ensure_locks, ensure_roles


def main() -> int:
    """Exit code 0, or 1 where the server cannot be reached or refuses both passwords."""
    host, port = os.environ["POSTGRES_ADDRESS"].rsplit(":", 1)
    server = Server(host, int(port), os.environ["POSTGRES_ADMIN_PASSWORD"], os.environ["POSTGRES_PASSWORD"])
    try:
        was_administrator = ensure_roles(server)
        ensure_locks(server, os.environ["POSTGRES_LOCKS_PASSWORD"])
    except psycopg2.OperationalError as error:
        sys.stderr.write(
            f"database: {str(error).strip()}\n  next:  is .env.compose the one the volume was made with?\n"
        )
        return 1
    if was_administrator:
        sys.stdout.write(f"database: Airflow was the administrator {ADMINISTRATOR}; now it is {OWNER}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
