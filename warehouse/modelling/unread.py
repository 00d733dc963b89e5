"""Feeds that end in bronze: no model beyond staging reads them, so nothing of them is ever published.

Owns the question, asked of a project's files (`unread_feeds`, for who writes a contract) and of a build's report
(`unread_in`, for who operates the lake). That a shipped feed has its product is tested in tests/feeds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ingestion.contract.model import Contract
from warehouse.build.report import BuildReport
from warehouse.build.sources import source_name
from warehouse.modelling.select_list import refs

_SOURCE = re.compile(r"\bsource\(\s*'(\w+)'\s*,\s*'(\w+)'\s*\)")
_STAGING = "stg_"


def unread_feeds(contracts: Mapping[str, Contract], project: Path) -> list[str]:
    """`department.feed` of those whose bronze no model beyond staging reads, sorted."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (project / "models").rglob("*.sql")}
    sources = {name: set(_SOURCE.findall(text)) for name, text in texts.items()}
    reads = {name: set(refs(text)) for name, text in texts.items()}
    return sorted(name for name, one in contracts.items() if not _is_read(one, sources, reads))


def unread_in(report: BuildReport) -> list[str]:
    """`department.feed` of those whose files a build had and no released model is made of, sorted."""
    read = {feed for model in report.models if model.public for feed in model.feeds}
    return sorted(set(report.inputs) - read)


def message(feeds: Iterable[str]) -> str:
    """One line for both."""
    return f"in bronze only, no model publishes it: {', '.join(feeds)}; add a `fact` to the contract, or write a model"


def _is_read(contract: Contract, sources: Mapping[str, set[tuple[str, str]]], reads: Mapping[str, set[str]]) -> bool:
    wanted = {(contract.department, source_name(contract, table)) for table in contract.tables}
    found = {name for name, read in sources.items() if read & wanted}
    while more := {name for name, read in reads.items() if read & found} - found:
        found |= more
    return any(not name.startswith(_STAGING) for name in found)
