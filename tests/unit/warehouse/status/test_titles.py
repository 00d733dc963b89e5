"""What departments, feeds and products are called, and from which day on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from ingestion.settings import PROJECT_ROOT
from tests.support.lakes import contract
from warehouse.status import titles
from warehouse.title import Title

PROJECT = PROJECT_ROOT / "dbt_project"


def test_every_shipped_product_has_a_name_of_its_own_in_both_languages() -> None:
    found = titles.products(PROJECT)
    assert found
    for name, title in found.items():
        assert any(letter >= "\u4e00" for letter in title.zh), name
        assert title.en[0].isupper(), name
    assert len({title.zh for title in found.values()}) == len(found)


def test_a_group_without_a_title_is_called_by_its_name(tmp_path: Path) -> None:
    assert titles.products(tmp_path) == {}
    path = tmp_path / titles.GROUPS
    path.parent.mkdir()
    path.write_text("groups:\n  - name: food_safety\n    owner: {name: a}\n", encoding="utf-8")
    assert titles.products(tmp_path) == {"food_safety": Title(zh="food safety", en="food safety")}


def test_a_department_is_called_as_on_that_day(tmp_path: Path) -> None:
    assert titles.departments(tmp_path, date(2026, 3, 2)) == {}
    path = tmp_path / titles.DEPARTMENTS
    path.parent.mkdir()
    path.write_text(
        "department_code,name_zh,name_en,valid_from,valid_to\n"
        "office,环境保护局,Environmental Protection,2016-01-01,2019-03-01\n"
        "office,生态环境局,Ecology and Environment,2019-03-01,\n",
        encoding="utf-8",
    )
    before, after = titles.departments(tmp_path, date(2019, 2, 28)), titles.departments(tmp_path, date(2019, 3, 1))
    assert (before["office"].en, after["office"].en) == ("Environmental Protection", "Ecology and Environment")


def test_a_feed_is_called_by_its_contract() -> None:
    said = replace(contract(), title="读数", description="Readings of No. 7 meters, daily. Synthetic: made up.")
    assert titles.feed_title(said) == Title(zh="读数", en="Readings of No. 7 meters, daily")
    assert titles.feed_title(contract()) == Title(zh="readings", en="readings")
