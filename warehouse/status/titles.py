"""What departments, feeds and products are called in Chinese and English.

Declared elsewhere: departments in the reference data (`ref_department.csv`, dated), products beside their dbt group
(`_groups.yml`, `config.meta.title`), feeds in their contract (its name, and the first sentence of its purpose).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ingestion.contract.model import Contract
from warehouse.title import Title

GROUPS = Path("models", "_groups.yml")
DEPARTMENTS = Path("seeds", "ref_department.csv")
_SENTENCE_END = re.compile(r"\. (?=[A-Z])")


def spelled(name: str) -> str:
    """A technical name as words: `food_safety` is `food safety`."""
    return name.replace("_", " ")


def feed_title(contract: Contract) -> Title:
    """The contract's name, and the first sentence of its English purpose without its stop."""
    sentence = _SENTENCE_END.split(contract.description.strip(), maxsplit=1)[0].rstrip(". ")
    name = spelled(contract.feed)
    return Title(zh=contract.title or name, en=sentence or name)


def departments(project: Path, day: date) -> dict[str, Title]:
    """The departments by code, as they are called on a local day; empty without the reference data."""
    path = project / DEPARTMENTS
    return _current(_departments(path, _state(path)), day)


def products(project: Path) -> dict[str, Title]:
    """The data products of the project by name, with what they are called; the name as words where nothing is said."""
    path = project / GROUPS
    return _products(path, _state(path))


def _current(rows: Iterable[dict[str, str]], day: date) -> dict[str, Title]:
    found: dict[str, Title] = {}
    for row in rows:
        if row["valid_from"] <= day.isoformat() < (row["valid_to"] or "9999"):
            found[row["department_code"]] = Title(zh=row["name_zh"], en=row["name_en"])
    return found


def _state(path: Path) -> tuple[int, int]:
    """Changes when the file does."""
    if not path.is_file():
        return 0, 0
    info = path.stat()
    return info.st_mtime_ns, info.st_size


@lru_cache(maxsize=8)
def _departments(path: Path, state: tuple[int, int]) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@lru_cache(maxsize=8)
def _products(path: Path, state: tuple[int, int]) -> dict[str, Title]:
    if not path.is_file():
        return {}
    groups: list[dict[str, Any]] = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("groups") or []
    return {group["name"]: _title(group) for group in groups}


def _title(group: dict[str, Any]) -> Title:
    said = (((group.get("config") or {}).get("meta")) or {}).get("title") or {}
    words = spelled(group["name"])
    return Title(zh=said.get("zh") or words, en=said.get("en") or words)
