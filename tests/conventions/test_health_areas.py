"""Every feed and model of health names one of the six business areas of the plan, and no other word."""

from __future__ import annotations

import csv

import pytest
import yaml
from _tree import ROOT

from ingestion.contract.load import load_contracts

PROJECT = ROOT / "dbt_project"
AREAS = {
    row["business_area"]
    for row in csv.DictReader((PROJECT / "seeds/ref_health_business_area.csv").read_text(encoding="utf-8").splitlines())
}
CONTRACTS = {
    name: (one.product, yaml.load(one.path.read_text(encoding="utf-8"), yaml.CSafeLoader))
    for name, one in load_contracts(ROOT / "ingestion/contracts").items()
}
FEEDS = {name: said["tags"] for name, (_, said) in CONTRACTS.items() if said["domain"] == "health"}
"""Tags of the feeds of health."""


def _areas() -> dict[str, object]:
    """What every model of a product of health says; a product is one where a model names an area, or a feed's."""
    entries = [
        entry
        for path in (PROJECT / "models").rglob("_*__models.yml")
        if "staging" not in path.parts
        for entry in yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)["models"]
    ]
    configs = {one["name"]: one["config"] for one in entries}
    said = {name: (config["group"], config.get("meta", {}).get("business_area")) for name, config in configs.items()}
    products = {group for group, area in said.values() if area} | {CONTRACTS[name][0] for name in FEEDS}
    return {name: area for name, (group, area) in said.items() if group in products}


MODELS = _areas()


def test_there_are_six_areas() -> None:
    assert len(AREAS) == 6
    assert len(MODELS) > 20


@pytest.mark.parametrize("model", MODELS)
def test_a_model_of_health_names_its_area(model: str) -> None:
    assert MODELS[model] in AREAS, f"{model}.yml: config: {{meta: {{business_area: …}}}}, one of {', '.join(AREAS)}"


@pytest.mark.parametrize("feed", FEEDS)
def test_a_feed_of_health_names_its_area(feed: str) -> None:
    assert len(AREAS.intersection(FEEDS[feed])) == 1, f"contract of {feed}: `tags` names one of {', '.join(AREAS)}"
