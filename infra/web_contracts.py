"""The shipped contracts with three feeds read from the departments' web servers in place of the drop folder.

    python -m infra.web_contracts FOLDER      # then: CITYLAKE_CONTRACTS=FOLDER and a running `infra.simulator serve`

Weather is one file an hour over HTTP, complaints and traffic incidents are paged JSON APIs. Only `source` changes, and
with it how the records are wrapped (`format`): what the rows mean is the shipped contracts' business.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

SHIPPED = Path(__file__).resolve().parents[1] / "ingestion" / "contracts"


def _paged(department: str, feed: str) -> dict[str, Any]:
    """The records of a day by the department's API, page by page."""
    return {
        "source": {
            "connector": "json_api",
            "connection": department,
            "url": f"api/{feed}",
            "params": {"date": "{start:%Y-%m-%d}"},
            "paging": {
                "by": "cursor",
                "parameter": "cursor",
                "next": "$.next",
                "size_parameter": "limit",
                "size": 200,
            },
            "total": "$.total",
            "snapshot": "$.snapshot",
        },
        "format": {"type": "json", "encoding": "utf-8", "records": "$.data"},
    }


CHANGES: dict[str, dict[str, Any]] = {
    "qxj/wx_station_hourly.yaml": {
        "source": {
            "connector": "http",
            "connection": "qxj",
            "url": "files/wx_station_hourly/SURF_CHN_MUL_HOR_{interval:%Y%m%d%H}.csv",
            "media_types": ["text/csv"],
        }
    },
    "syj/complaint.yaml": _paged("syj", "complaint"),
    "gaj/traffic_incident.yaml": _paged("gaj", "traffic_incident"),
}
"""By file below the contracts folder, what replaces the keys of its `citylake` value."""


def web_contracts(folder: Path) -> Path:
    """Write the shipped contracts with `CHANGES` below `folder`, replacing what lies there; the folder."""
    return overlaid(SHIPPED, CHANGES, folder)


def overlaid(contracts: Path, changes: Mapping[str, Mapping[str, Any]], folder: Path) -> Path:
    """Write `contracts` below `folder` with keys of their `citylake` values replaced, by file as in `CHANGES`."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(contracts, folder)
    for name, changed in changes.items():
        path = folder / name
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        (value,) = (entry["value"] for entry in document["customProperties"] if entry["property"] == "citylake")
        value.update(changed)
        path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return folder


if __name__ == "__main__":
    sys.stdout.write(f"{web_contracts(Path(sys.argv[1]))}\n")
