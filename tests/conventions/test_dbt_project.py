"""House rules of the dbt project: names, one yml per model, grain, key, both languages."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from _tree import ROOT, shown, tracked

PROJECT = ROOT / "dbt_project"
NAMES = {
    "staging": r"stg_[a-z]+__[a-z_]+",
    "intermediate": r"int_[a-z_]+",
    "marts": r"(dim|fct|mart|gov|pub)_[a-z_0-9]+",
}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def models() -> list[Path]:
    return [path for path in tracked("dbt_project/models/**/*.sql", "dbt_project/models/*.sql")]


@cache
def described() -> dict[str, tuple[Path, dict[str, Any]]]:
    found: dict[str, tuple[Path, dict[str, Any]]] = {}
    for path in tracked("dbt_project/models/**/*.yml"):
        for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models", []):
            found[model["name"]] = (path, model)
    return found


def test_there_are_models() -> None:
    assert len(models()) > 10


@pytest.mark.parametrize("path", models(), ids=lambda p: p.stem)
def test_model_is_named_and_described(path: Path) -> None:
    layer = path.relative_to(PROJECT / "models").parts[0]
    assert layer in NAMES, shown(path)
    assert re.fullmatch(NAMES[layer], path.stem), shown(path)
    assert path.stem in described(), f"{path.stem} has no yml"
    yml, model = described()[path.stem]
    assert yml.parent == path.parent
    assert model.get("description"), "a grain sentence is missing"
    assert CHINESE.search(model["description"]), "a Chinese title is missing"
    for column in model.get("columns", []):
        text = column.get("description", "")
        assert CHINESE.search(text), f"{path.stem}.{column['name']}: no Chinese title"
        assert re.search(r"[A-Za-z]{3}", text), f"{path.stem}.{column['name']}: no English text"


@pytest.mark.parametrize("path", models(), ids=lambda p: p.stem)
def test_only_staging_reads_sources_and_the_last_line_selects_final(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    is_staging = path.relative_to(PROJECT / "models").parts[0] == "staging"
    assert is_staging or "source(" not in text
    last = {"select * from final"} | ({"select * from renamed"} if is_staging else set())
    assert text.strip().splitlines()[-1].strip() in last
    assert len(re.findall(r"\bjoin\b", text)) <= 6


def test_marts_have_a_group_and_a_primary_key_test() -> None:
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    grouped = project["models"]["citylake"]["marts"]
    wrong = []
    for path in models():
        if path.relative_to(PROJECT / "models").parts[0] != "marts":
            continue
        _, model = described()[path.stem]
        text = yaml.safe_dump(model)
        folder = path.relative_to(PROJECT / "models").parts[1]
        if "group" not in model.get("config", {}) and "+group" not in grouped[folder]:
            wrong.append(f"{path.stem}: group")
        if not re.search(r"unique|primary_key", text):
            wrong.append(f"{path.stem}: primary key test")
    assert not wrong
