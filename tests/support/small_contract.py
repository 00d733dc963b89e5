"""A small complete contract that tests change one thing in."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.contract.load import load_contract
from ingestion.contract.problem import InvalidContract

BASE: dict[str, Any] = yaml.safe_load(
    """
apiVersion: v3.2.0
kind: DataContract
id: office.visit
version: "1.0.0"
status: active
name: 检查
domain: food_safety
dataProduct: food_safety
description: {purpose: Visits. Synthetic.}
schema:
  - name: visit
    physicalType: table
    businessName: 检查
    description: Visits.
    dataGranularityDescription: One row per visit.
    properties:
      - {name: visit_id, physicalName: id, businessName: 编号, description: Identifies the visit., logicalType: string,
         physicalType: VARCHAR, required: true, primaryKey: true, primaryKeyPosition: 1}
      - {name: visited_on, physicalName: day, businessName: 日期, description: Day., logicalType: date,
         physicalType: DATE}
      - {name: score, physicalName: score, businessName: 得分, description: Score., logicalType: integer,
         physicalType: INTEGER, logicalTypeOptions: {minimum: 0, maximum: 100}}
      - {name: badge, physicalName: badge, businessName: 证号, description: Badge., logicalType: string,
         physicalType: VARCHAR, classification: personal}
customProperties:
  - property: citylake
    value:
      department: office
      feed: visit
      delivery: interval
      correction: full
      calendar: {every: day, start: 2026-03-01}
      schedule: 0 8 * * *
      deadline: PT12H
      steward: {name: 管理员, email: steward.office@example.invalid}
      source: {path: "office/visit/visit_{interval:%Y%m%d}*.csv"}
      format: {type: csv}
      tables:
        visit:
          event_time: visited_on
          columns:
            visited_on: {format: "%Y-%m-%d"}
            badge: {deidentify: {method: pseudonym, purpose: staff}}
          rules:
            - {id: passable, expression: "score >= 0 or badge is null", title: 得分不得为负,
               description: Scores are not negative.}
      catalogue: {resource_code: 2/07, category: 食品, provider: 食药监局, share_type: 无条件共享,
        open_attribute: 无条件开放, update_cycle: 每日, published: 2026-03-01}
      licence: CC-BY-4.0
      retention: {raw: P365D, quarantine: P90D, basis: Records schedule.}
      synthetic: true
"""
)


@pytest.fixture
def base() -> dict[str, Any]:
    """A document to change; equal for every test."""
    return copy.deepcopy(BASE)


@pytest.fixture
def citylake(base: dict[str, Any]) -> dict[str, Any]:
    """The extension inside `base`."""
    value: dict[str, Any] = base["customProperties"][0]["value"]
    return value


@pytest.fixture
def columns(base: dict[str, Any]) -> list[dict[str, Any]]:
    """The properties of the one table inside `base`."""
    value: list[dict[str, Any]] = base["schema"][0]["properties"]
    return value


Problems = Callable[[], dict[str, str]]


@pytest.fixture
def problems(base: dict[str, Any], tmp_path: Path) -> Problems:
    """Loads `base` as it is by then; gives key path → message, empty where the contract is accepted."""

    def run() -> dict[str, str]:
        path = tmp_path / "visit.yaml"
        path.write_text(yaml.safe_dump(base, allow_unicode=True, sort_keys=False), encoding="utf-8")
        try:
            load_contract(path)
        except InvalidContract as error:
            assert all(p.file == str(path) and p.line for p in error.problems), str(error)
            return {p.path: p.message for p in error.problems}
        return {}

    return run
