"""The shipped contracts with some feeds read from the departments' servers in place of the drop folder.

    python -m infra.web_contracts FOLDER      # then: CITYLAKE_CONTRACTS=FOLDER and a running `infra.simulator serve`

Weather and report cards are one file an hour over HTTP; complaints, traffic incidents, permits and penalties are paged
JSON APIs; hospital A is a FHIR server; hospital B and the laboratories put files on an SFTP server. With `--exchange`,
market entities and their weekly list are read from one table of the exchange database. Only `source` changes, and
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


def _hourly(department: str, file: str, media_type: str) -> dict[str, Any]:
    """A file an hour over HTTP; `file` is its path below `files/`."""
    url = f"files/{file}"
    return {
        "source": {"connector": "http", "connection": department, "url": url, "media_types": [media_type]},
    }


def _over_sftp(path: str) -> dict[str, Any]:
    """Files on the health department's SFTP server, where they appear whole and bear the city's time."""
    return {"source": {"connector": "sftp", "connection": "wjj_sftp", "path": path, "settle_seconds": 0}}


def _table(**more: Any) -> dict[str, Any]:
    """The table of market entities in the exchange database, which `infra.simulator.exchange` writes."""
    source = {"connector": "database", "connection": "gsj_exchange", "schema": "qzk", "table": "market_entity"}
    return {"source": {**source, **more}}


CHANGES: dict[str, dict[str, Any]] = {
    "qxj/wx_station_hourly.yaml": _hourly(
        "qxj", "wx_station_hourly/SURF_CHN_MUL_HOR_{interval:%Y%m%d%H}.csv", "text/csv"
    ),
    "syj/complaint.yaml": _paged("syj", "complaint"),
    "gaj/traffic_incident.yaml": _paged("gaj", "traffic_incident"),
    "fgj/admin_permit.yaml": _paged("fgj", "admin_permit"),
    "fgj/admin_penalty.yaml": _paged("fgj", "admin_penalty"),
    "wjj/hospital_a_record.yaml": {"source": {"connector": "fhir_bulk", "connection": "wjj_his_a"}},
    "wjj/hospital_b_visit.yaml": _over_sftp("hospital_b_visit/hospital_b_visit_{interval:%Y%m%d}*.csv"),
    "wjj/lab_report.yaml": _over_sftp("lab_report/lab_report_{interval:%Y%m%d}*.hl7"),
    "wjj/notifiable_disease_card.yaml": _hourly(
        "wjj",
        "notifiable_disease_card/notifiable_disease_card_{interval:%Y%m%d%H}.ndjson",
        "application/x-ndjson",
    ),
}
"""By file below the contracts folder, what replaces the keys of its `citylake` value."""

CONNECTIONS = sorted({change["source"]["connection"] for change in CHANGES.values()})
"""Names of the connections to the departments' servers that `CHANGES` needs."""
DEPARTMENTS = sorted({name.partition("/")[0] for name in CHANGES})
"""The departments whose feeds `CHANGES` reads from servers."""


EXCHANGE: dict[str, dict[str, Any]] = {
    "gsj/market_entity.yaml": _table(cursor="gxsj", overlap="PT2H", full_snapshot="gsj.market_entity_register"),
    "gsj/market_entity_register.yaml": _table(columns="declared"),
}
"""The same of what is read from the exchange database."""


def web_contracts(folder: Path, *, exchange: bool = False) -> Path:
    """Write the shipped contracts with `CHANGES`, and with `EXCHANGE` where there is such a database, below `folder`,
    replacing what lies there; the folder."""
    return overlaid(SHIPPED, CHANGES | EXCHANGE if exchange else CHANGES, folder)


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
    sys.stdout.write(f"{web_contracts(Path(sys.argv[1]), exchange='--exchange' in sys.argv[2:])}\n")
