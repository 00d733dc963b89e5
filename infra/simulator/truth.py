"""The truth about a run, for tests only: counts per feed and file, file events, planted effects."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra.simulator.city import City
from infra.simulator.credit_truth import credit_effects
from infra.simulator.deliver import arrivals, write_whole
from infra.simulator.effects import CLUSTER, FRONT, RAIN
from infra.simulator.feeds import FEEDS
from infra.simulator.health_truth import health_effects
from infra.simulator.model import Delivery

Json = dict[str, Any]


def truth(city: City) -> Json:
    """Everything that arrives in the run's days, counted; JSON-ready."""
    files = [_file(delivery) for day_no in range(1, city.days + 1) for delivery in arrivals(city, day_no)]
    return {
        "synthetic": True,
        "seed": city.seed,
        "start": city.start.isoformat(),
        "days": city.days,
        "scale": city.scale,
        "feeds": {feed: _feed([f for f in files if f["feed"] == feed]) for feed in sorted({f["feed"] for f in files})},
        "files": files,
        "effects": _effects(city),
        "unresolved": _unresolved(city),
    }


def write_truth(city: City, out: Path) -> Path:
    """Write `out/truth/truth.json`; the drop folder never holds it."""
    path = out / "truth" / "truth.json"
    write_whole(path, json.dumps(truth(city), ensure_ascii=False, indent=1).encode())
    return path


def _file(delivery: Delivery) -> Json:
    return {
        "feed": f"{delivery.department}.{delivery.feed}",
        "path": delivery.path,
        "interval_start": delivery.start.isoformat(),
        "revision": delivery.revision,
        "arrives_at": delivery.arrives_at.isoformat(),
        "note": delivery.note,
        "bytes": len(delivery.content),
        "sha256": hashlib.sha256(delivery.content).hexdigest(),
        "tables": {name: asdict(table) for name, table in delivery.tables.items()},
    }


def _feed(files: list[Json]) -> Json:
    tables: dict[str, Json] = {}
    for name in files[0]["tables"]:
        parts = [file["tables"][name] for file in files]
        tables[name] = {key: _summed([part[key] for part in parts]) for key in parts[0]}
    return {
        "files": len(files),
        "notes": dict(Counter(file["note"] for file in files if file["note"])),
        "tables": tables,
    }


def _summed(values: list[Any]) -> Any:
    if isinstance(values[0], dict):
        total: Counter[str] = Counter()
        for value in values:
            total.update(value)
        return dict(sorted(total.items()))
    return sum(values)


def _unresolved(city: City) -> Json:
    """What the last day leaves to people, by feed: first local hours without a file, and files that lose rows."""
    last, found = city.days, [entry for feed in FEEDS for entry in city.unresolved_in(feed.id, city.days)]
    day = city.date_of(last).isoformat()
    return {
        "absent": {entry.feed: f"{day}T{entry.hour:02d}:00" for entry in found if entry.kind == "absent"},
        "lost": {
            entry.feed: {"revision": entry.revision, "share": entry.share} for entry in found if entry.kind == "lost"
        },
    }


def _effects(city: City) -> Json:
    days = range(1, city.days + 1)
    return {
        "rain": [
            {
                "date": city.date_of(day).isoformat(),
                "local_hours": list(range(rain.first_hour, rain.first_hour + rain.hours)),
                "towns": list(rain.towns),
                "mean_mm": rain.mean_mm,
            }
            for day in days
            for rain in RAIN
            if rain.day == city.plan_day(day)
        ],
        "cold_fronts": [
            {"date": city.date_of(day).isoformat(), "local_hour": FRONT.hour, "drop_c": FRONT.drop_c}
            for day in days
            if city.plan_day(day) == FRONT.day
        ],
        "failing_cluster": {
            **asdict(CLUSTER),
            "dates": [city.date_of(day).isoformat() for day in days if city.plan_day(day) >= CLUSTER.first_day],
            "licence_no": sorted(city.businesses.licence_no[city.businesses.cluster()].tolist()),
        },
        "credit": credit_effects(city),
        "health": health_effects(city),
    }
