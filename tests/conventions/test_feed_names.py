"""No test lists the shipped feeds: what holds for every feed is collected from the contracts, as tests/feeds does.

A list of feeds is right on the day it is written and silently incomplete from the next feed on. Tests of the engine
make up departments (`office.reading`) or collect the shipped contracts; only where a shipped feed is the very subject
may a test name one.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from _tree import ROOT, shown, tracked

from ingestion.contract.load import load_contracts
from ingestion.settings import Settings

SUBJECT = ("tests/acceptance/", "tests/integration/airflow/", "tests/unit/dbt_project/", "tests/unit/infra/simulator/")
"""The story of one bad file, days through Airflow, what single models compute, the simulated departments themselves."""


@cache
def named() -> re.Pattern[str]:
    """A shipped department, feed or model. A feed's name that is a plain word (`complaint`) is free by itself."""
    contracts = load_contracts(Settings(home=ROOT).contracts).values()
    departments = {contract.department for contract in contracts}
    feeds = {contract.feed for contract in contracts if "_" in contract.feed}
    models = {path.stem for path in tracked("dbt_project/models/**/*.sql")}
    assert len(departments) > 1
    assert len(models) > 10
    whole = "|".join(sorted(feeds | models))
    return re.compile(rf"(?<![a-z])(?:{'|'.join(sorted(departments))})(?![a-z])|(?<!\w)(?:{whole})(?!\w)", re.I)


def naming(path: Path) -> list[str]:
    """Lines of a file that name something shipped."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [f"{shown(path)}:{number}: {line.strip()}" for number, line in enumerate(lines, 1) if named().search(line)]


def files() -> list[Path]:
    """Every file of a test whose subject is not a shipped feed."""
    found = tracked("tests/*.py", "tests/*.sql", "tests/*.yml", "tests/*.yaml", "tests/*.csv")
    return [path for path in found if not shown(path).startswith(SUBJECT)]


def test_no_test_names_a_shipped_feed() -> None:
    assert len(files()) > 150
    found = [line for path in files() for line in naming(path)]
    assert not found, "make up a department, or collect load_contracts():\n" + "\n".join(found)


def test_each_way_to_name_a_feed_is_found() -> None:
    for contract in load_contracts(Settings(home=ROOT).contracts).values():
        ways = (contract.name, f"{contract.department}/{contract.feed}", f"CITYLAKE_CONN_{contract.department.upper()}")
        assert all(named().search(f'x = "{way}"') for way in ways), contract.name
    (model, *_) = (path.stem for path in tracked("dbt_project/models/**/fct_*.sql"))
    assert named().search(f"select * from {model}")
    assert not named().search("office.reading, fct_reading")
