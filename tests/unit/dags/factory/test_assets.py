"""The assets of data products: one each, known before anything was released, under names of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ingestion.contract.load import load_contracts
from ingestion.settings import Settings

CONTRACTS = load_contracts(Settings().contracts)


def test_one_asset_for_each_product_that_is_declared() -> None:
    from dags.factory.assets import product, products
    from dags.factory.words import both

    found = products(Settings())
    assert {contract.product for contract in CONTRACTS.values()} <= set(found)
    groups = yaml.safe_load((Settings().dbt_project / "models" / "_groups.yml").read_text(encoding="utf-8"))["groups"]
    assert list(found) == [group["name"] for group in groups]
    for name, title in found.items():
        assert product(name, title).extra == {"title": both(title)}


def test_no_two_assets_share_a_name_or_an_address() -> None:
    """Airflow would keep the second from being used, and say so only in a warning."""
    from dags.factory.assets import bronze, history, product, products, release

    assets = [product(name) for name in products(Settings())]
    assets += [*(bronze(contract) for contract in CONTRACTS.values()), history(), release()]
    assert len({asset.name for asset in assets}) == len({asset.uri for asset in assets}) == len(assets)
    assert {asset.group for asset in assets} == {"product", "warehouse", *(c.department for c in CONTRACTS.values())}


def test_products_are_known_before_a_release_and_rung_only_by_one() -> None:
    from dags.factory.assets import product, products
    from dags.factory.maintenance import maintenance_dags
    from dags.factory.warehouse import warehouse_dag

    (docs,) = maintenance_dags()["maintenance.docs"].tasks
    assert [asset.name for asset in docs.inlets] == list(products(Settings()))
    outlets: list[Any] = warehouse_dag().task_dict["publish"].outlets
    assert [(type(one).__name__, one.name) for one in outlets] == [("Asset", "release"), ("AssetAlias", "released")]
    assert product("weather").uri == "citylake://product/weather"


def test_a_declaration_that_cannot_be_read_costs_no_dag(tmp_path: Path) -> None:
    from dags.factory.assets import products

    settings = Settings(dbt_project=tmp_path)
    assert products(settings) == {}
    (tmp_path / "models").mkdir()
    for text in ("groups: [", "groups:", "nothing", "groups: [1, {owner: x}]"):
        (tmp_path / "models" / "_groups.yml").write_text(text, encoding="utf-8")
        assert products(settings) == {}
