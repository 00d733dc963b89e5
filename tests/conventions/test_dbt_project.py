"""House rules of the dbt project's files: names, declarations, grain, both languages, groups, who reads sources.

What the checks of a product must be is tested in tests/feeds; what only a build shows, in tests/integration/build.
"""

from __future__ import annotations

import re

import pytest
from _tree import ROOT, shown

from tests.support.dbt_files import DbtFiles, Model
from warehouse.modelling.texts import is_generated

PROJECT = DbtFiles(ROOT / "dbt_project")
NAMES = {
    "staging": r"stg_[a-z]+__[a-z_]+",
    "intermediate": r"int_[a-z_]+",
    "marts": r"(dim|fct|mart|gov|pub)_[a-z_0-9]+",
}
BOTH = re.compile(r"[^·]*[\u4e00-\u9fff][^·]* · .*[A-Za-z]{3}", re.DOTALL)
"""A Chinese title, then English text."""

every_model = pytest.mark.parametrize("model", PROJECT.models.values(), ids=PROJECT.models)


def test_there_are_models() -> None:
    assert len(PROJECT.models) > 10


@every_model
def test_model_is_named_and_described(model: Model) -> None:
    assert model.layer in NAMES, shown(model.path)
    assert re.fullmatch(NAMES[model.layer], model.name), shown(model.path)
    yml, _ = PROJECT.described.get(model.name, (None, {}))
    folder = model.path.parent
    assert yml == folder / f"_{folder.name}__models.yml", f"{model.name}: run `make generate`"
    assert is_generated(model.text) or model.path.with_suffix(".yml").is_file(), f"{model.name} has no yml of its own"
    description = model.described["description"]
    assert "Grain: " in description, f"{model.name}: a grain sentence is missing"
    for name, text in {model.name: description, **model.columns}.items():
        assert BOTH.match(text), f"{model.name}: {name} needs a Chinese title, ` · ` and English text"


@every_model
def test_only_staging_reads_sources_and_the_last_line_selects_final(model: Model) -> None:
    assert bool(model.sources) == (model.layer == "staging")
    assert model.text.endswith("\nselect * from final\n")
    assert len(re.findall(r"\bjoin\b", model.text)) <= 6


@every_model
def test_model_has_a_group(model: Model) -> None:
    assert model.group in PROJECT.groups
