"""A container's health check: `python -m infra.compose.health URL [COMPONENT]`; exit 0 when it is well.

Standard library only: it runs every half minute in every container. With COMPONENT the answer is Airflow's
health document, and that component's heartbeat is what counts. Airflow's own command imports all of Airflow
for the same answer, some seconds of a processor each time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

SECONDS = 8.0
MOST_BYTES = 64 * 1024


def well(url: str, component: str | None = None) -> str | None:
    """None when it is well, else what is wrong."""
    # No proxy: the service is in this network.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(url, timeout=SECONDS) as answer:
            if component is None:
                return None
            found = json.loads(answer.read(MOST_BYTES))
            status = found[component]["status"]
    except (URLError, OSError) as error:
        return f"{url}: {error}"
    except (ValueError, KeyError, TypeError):
        return f"{url}: says nothing of {component}"
    return None if status == "healthy" else f"{component}: {status}"


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 or 1; what is wrong goes to standard error."""
    wrong = well(*arguments[:2])
    if wrong:
        sys.stderr.write(f"{wrong}\n")
    return int(wrong is not None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
