"""A container's health check: `python -m infra.compose.health URL [COMPONENT]`; exit 0 when it is healthy.

It runs every half minute in every container and therefore uses the standard library only; Airflow's own check imports
all of Airflow, which takes seconds. With COMPONENT the URL must give Airflow's health document, in which that component
must be healthy.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

SECONDS = 8.0
MOST_BYTES = 64 * 1024


def find_problem(url: str, component: str | None = None) -> str | None:
    """What is wrong with the service; None when it is healthy."""
    # No proxy, since the service is in the same network.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(url, timeout=SECONDS) as response:
            if component is None:
                return None
            health = json.loads(response.read(MOST_BYTES))
            status = health[component]["status"]
    except (URLError, OSError) as error:
        return f"{url}: {error}"
    except (ValueError, KeyError, TypeError):
        return f"{url}: says nothing of {component}"
    return None if status == "healthy" else f"{component}: {status}"


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 or 1; the problem goes to standard error."""
    problem = find_problem(*arguments[:2])
    if problem:
        sys.stderr.write(f"{problem}\n")
    return int(problem is not None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
